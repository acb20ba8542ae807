# SPDX-License-Identifier: Apache-2.0
"""NetBIOS names: whose name it is, what is done with it, and that it is not a group's."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message
from egresswatch.sniff import nbns

Build = Callable[..., Message]
QUESTION, ANSWER = (1, 0), (0, 1)
GROUP = 0x8000


def encoded(name: bytes, use: int = 0, scope: bytes = b"") -> bytes:
    raw = name.ljust(15) + bytes([use])
    letters = bytes(half + 0x41 for byte in raw for half in (byte >> 4, byte & 15))
    return b"\x20" + letters + scope + b"\0"


def message(flags: int, counts: tuple[int, int], name: bytes, kind: int = 0x20, rest: bytes = b"") -> bytes:
    return struct.pack(">HHHHHH", 7, flags, *counts, 0, 0) + name + struct.pack(">HH", kind, 1) + rest


def claim(flags: int) -> bytes:
    return struct.pack(">HHHIHH4s", 0xC00C, 0x20, 1, 300, 6, flags, bytes([192, 0, 2, 10]))


def told(build: Build, wire: bytes, **fields: int) -> list[tuple[str, str]] | None:
    items = nbns.parse(build(wire, **{"dport": 137, **fields}))
    return None if items is None else [(item.value, item.detail) for item in items]


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (message(0x2910, QUESTION, encoded(b"NVR-4"), rest=claim(0)), ("NVR-4", "register workstation")),
        (message(0x2910, QUESTION, encoded(b"NVR", 0x20), rest=claim(0)), ("NVR", "register file server")),
        (message(0x2910, QUESTION, encoded(b"BUREAU"), rest=claim(GROUP)),
         ("BUREAU", "group register workstation")),
        (message(0x3010, QUESTION, encoded(b"NVR-4"), rest=claim(0)), ("NVR-4", "release workstation")),
        (message(0x4010, QUESTION, encoded(b"NVR-4"), rest=claim(0)), ("NVR-4", "refresh workstation")),
        (message(0x0110, QUESTION, encoded(b"PRINTER", 0x77)), ("PRINTER", "query use 77")),
        (message(0x0010, QUESTION, encoded(b"*"), 0x21), ("*", "query workstation")),
        (message(0x8500, ANSWER, encoded(b"NVR-4", 0x20), rest=bytes(12)), ("NVR-4", "answer file server")),
        (message(0x2910, QUESTION, encoded(b"NVR-4", scope=b"\x03abc"), rest=claim(0)),
         ("NVR-4", "register workstation")),
    ],
)  # fmt: skip
def test_names_are_told_with_what_is_done(datagram: Build, wire: bytes, expected: tuple[str, str]) -> None:
    """Registered, looked for, answered; the last byte says for what it is used."""
    assert told(datagram, wire) == [expected]


def test_a_status_answer_lists_the_names_of_a_host(datagram: Build) -> None:
    """Groups are not the host's own."""
    table = b"".join(
        name.ljust(15) + bytes([use]) + flags.to_bytes(2, "big")
        for name, use, flags in ((b"NVR-4", 0, 0x0400), (b"OFFICE", 0, 0x8400), (b"NVR-4", 0x20, 0x0400))
    )
    rest = struct.pack(">IHB", 0, 1 + len(table), 3) + table + bytes(46)
    wire = message(0x8400, ANSWER, encoded(b"*"), 0x21, rest)
    assert told(datagram, wire) == [("NVR-4", "status workstation"), ("NVR-4", "status file server")]
    assert nbns.parse(datagram(wire, sport=137))[0] == Item("nbns", "NVR-4", "status workstation")
    assert told(datagram, wire[:-60]) == [("NVR-4", "status workstation")]


@pytest.mark.parametrize(
    "wire",
    [message(0x8583, ANSWER, encoded(b"NVR-4")), message(0xAD80, ANSWER, encoded(b"NVR-4"))],
)
def test_refusals_and_outcomes_tell_nothing(datagram: Build, wire: bytes) -> None:
    """No such name; a registration that went through."""
    assert told(datagram, wire) == []


@pytest.mark.parametrize(
    "wire",
    [
        b"", bytes(12), message(0x0110, (2, 0), encoded(b"X")), message(0x7810, QUESTION, encoded(b"X")),
        message(0x0110, QUESTION, b"\x03www\0"), message(0x0110, QUESTION, encoded(b"X").replace(b"F", b"Z")),
        message(0x0110, QUESTION, encoded(b"X"), kind=1), message(0x0110, QUESTION, encoded(b"X")[:20]),
        message(0x0110, QUESTION, encoded(b"")), message(0x0110, QUESTION, encoded(b"X", scope=b"\xc0\x0c")),
        message(0x8500, ANSWER, encoded(b"X"), kind=1),
    ],
)  # fmt: skip
def test_other_payloads_are_no_name(datagram: Build, wire: bytes) -> None:
    """One question or one answer about one name."""
    assert told(datagram, wire) is None


def test_the_port_is_asked_for(datagram: Build) -> None:
    """137, on either side."""
    wire = message(0x0110, QUESTION, encoded(b"PRINTER"))
    assert nbns.parse(datagram(wire)) is None
    assert nbns.parse(datagram(wire, sport=137)) is not None


@given(st.integers(0, 0xFFFF), st.binary(max_size=80), st.integers(0, 60))
def test_no_bytes_raise(datagram: Build, flags: int, rest: bytes, cut: int) -> None:
    """Any flags, anything behind the name, anything instead of it."""
    for counts in (QUESTION, ANSWER):
        wire = message(flags, counts, encoded(b"NVR"), 0x21, rest)
        for payload in (wire, wire[: len(wire) - cut], wire[:12] + rest):
            for value, _ in told(datagram, payload) or ():
                assert value.isprintable()
