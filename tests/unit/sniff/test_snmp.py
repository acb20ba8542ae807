# SPDX-License-Identifier: Apache-2.0
"""SNMP answers: what a device says it is, and never the community."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message
from egresswatch.sniff import snmp

Build = Callable[..., Message]
SYSTEM = bytes.fromhex("2b0601020101")


def ber(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = bytes([len(body)]) if len(body) < 128 else b"\x82" + len(body).to_bytes(2, "big")
    return bytes([tag]) + size + body


HEAD = (ber(2, b"\x01"), ber(4, b"public"))


def binding(number: int, value: bytes, tag: int = 4, system: bytes = SYSTEM) -> bytes:
    return ber(0x30, ber(6, system + bytes([number, 0])), ber(tag, value))


def message(*bindings: bytes, pdu: int = 0xA2, version: bytes = b"\x01") -> bytes:
    numbers = [ber(2, b"\x07"), ber(2, b"\0"), ber(2, b"\0")]
    return ber(0x30, ber(2, version), ber(4, b"private"), ber(pdu, *numbers, ber(0x30, *bindings)))


def told(build: Build, wire: bytes, **fields: int) -> list[tuple[str, str]] | None:
    items = snmp.parse(build(wire, **{"sport": 161, **fields}))
    return None if items is None else [(item.kind, item.value) for item in items]


@pytest.mark.parametrize("version", [b"\0", b"\x01"])
def test_an_answer_tells_the_system_group(datagram: Build, version: bytes) -> None:
    """Description, name and the maker's number; the community is not among it."""
    wire = message(
        binding(1, b"Network Camera DM-4\n"), binding(5, b"gate-cam"),
        binding(2, bytes.fromhex("2b0601040181e44801"), 6), version=version,
    )  # fmt: skip
    assert told(datagram, wire) == [
        ("snmp_sysdescr", "Network Camera DM-4\\n"),
        ("snmp_sysname", "gate-cam"),
        ("snmp_object_id", "1.3.6.1.4.1.29256.1"),
    ]
    items = snmp.parse(datagram(wire, sport=161))
    assert items is not None
    assert items[1] == Item("snmp_sysname", "gate-cam", "answer")


def test_a_long_description_has_a_long_length(datagram: Build) -> None:
    """Lengths over 127 take more bytes; the text is cut where all texts are."""
    assert told(datagram, message(binding(1, b"x" * 900))) == [("snmp_sysdescr", "x" * 512)]


@pytest.mark.parametrize("pdu", [0xA0, 0xA1, 0xA3, 0xA4, 0xA7])
def test_questions_tell_nothing(datagram: Build, pdu: int) -> None:
    """A manager's question is SNMP, but says nothing of a device."""
    assert told(datagram, message(binding(1, b"x"), pdu=pdu)) == []


@pytest.mark.parametrize(
    "binding_",
    [
        binding(3, b"12345"),                          # another object
        binding(1, b"", 5),                            # null
        binding(1, b"\x07", 2),                        # a number
        binding(1, b""),
        binding(1, b"x", system=SYSTEM[:-1] + b"\x02"),
        ber(0x30, ber(4, SYSTEM + b"\x01\x00"), ber(4, b"x")),
        b"\x04\x01x",
    ],
)  # fmt: skip
def test_other_objects_are_not_told(datagram: Build, binding_: bytes) -> None:
    """Three objects of the system group and no more."""
    assert told(datagram, message(binding_)) == []


@pytest.mark.parametrize(
    "wire",
    [
        b"", b"\x30", b"\x30\x80", b"\x30\x85\0\0\0\0\1", message(version=b"\x03"), b"\x31" + message()[1:],
        ber(0x30, *HEAD), ber(0x30, *HEAD, ber(0x30)), ber(0x30, *HEAD, ber(0xA2, ber(2, b"\x01"))),
    ],
)  # fmt: skip
def test_other_payloads_are_not_snmp(datagram: Build, wire: bytes) -> None:
    """Version 3 included: it says nothing in the clear."""
    assert told(datagram, wire) is None


def test_the_port_is_asked_for(datagram: Build) -> None:
    """161 for agents, 162 for traps."""
    wire = message(binding(1, b"x"))
    assert snmp.parse(datagram(wire)) is None
    assert snmp.parse(datagram(wire, dport=162)) is not None


def test_a_cut_answer_gives_what_is_there(datagram: Build) -> None:
    """A capture that cuts packets."""
    wire = message(binding(1, b"Network Camera"))
    assert told(datagram, wire[:-7], length=len(wire)) == [("snmp_sysdescr", "Network")]


@given(st.binary(max_size=80), st.integers(0, 60))
def test_no_bytes_raise(datagram: Build, rest: bytes, at: int) -> None:
    """Any bytes, and any damage to a message; values are one line."""
    wire = message(binding(1, b"Network Camera"), binding(2, b"\x2b\x06\x01", 6))
    for payload in (rest, wire[:at] + rest, wire[:at] + rest + wire[at + len(rest) :]):
        for _, value in told(datagram, payload) or ():
            assert value.isprintable()
