# SPDX-License-Identifier: Apache-2.0
"""TURN and ICE: relays asked for and used, paths between two ends; each told once a flow."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import turn

Build = Callable[..., Message]

COOKIE, TRANSACTION = b"\x21\x12\xa4\x42", bytes(range(12))
BINDING, ALLOCATE, CHANNEL_BIND = 0x0001, 0x0003, 0x0009
USER, CHANNEL, TRANSPORT = (0x0006, b"admin"), (0x000C, b"\x40\x01\0\0"), (0x0019, b"\x11\0\0\0")
PRIORITY, NOMINATED = (0x0024, b"\x6e\x00\x1e\xff"), (0x0025, b"")
FIRST = f"priority {0x6E001EFF}"
CONTROLLED, CONTROLLING = (0x8029, bytes(8)), (0x802A, bytes(8))


def message(kind: int, *attributes: tuple[int, bytes]) -> bytes:
    body = b"".join(
        struct.pack(">HH", number, len(value)) + value.ljust(len(value) + 3 & ~3, b"\0")
        for number, value in attributes
    )
    return struct.pack(">HH", kind, len(body)) + COOKIE + TRANSACTION + body


def channel(number: int, data: bytes) -> bytes:
    return struct.pack(">HH", number, len(data)) + data


def told(connection: turn.Connection, m: Message) -> list[tuple[str, str, str]] | None:
    items = connection.feed(m)
    return None if items is None else [item[:3] for item in items]


@pytest.mark.parametrize(
    ("kind", "attributes", "expected"),
    [
        (ALLOCATE, [TRANSPORT], ("turn", "allocate request", "over udp")),
        (ALLOCATE, [TRANSPORT, USER], ("turn", "allocate request", "over udp, user name given")),
        (ALLOCATE, [(0x0019, b"\x06\0\0\0")], ("turn", "allocate request", "over tcp")),
        (ALLOCATE, [(0x0019, b"")], ("turn", "allocate request", "")),
        (0x0103, [], ("turn", "allocate success", "")),
        (0x0113, [], ("turn", "allocate error", "")),
        (0x0004, [USER], ("turn", "refresh request", "user name given")),
        (0x0016, [], ("turn", "send indication", "")),
        (CHANNEL_BIND, [CHANNEL, USER], ("turn", "channel bind request", "user name given")),
        (BINDING, [PRIORITY, CONTROLLING, USER], ("ice", "controlling", f"{FIRST}, user name given")),
        (BINDING, [PRIORITY, CONTROLLED], ("ice", "controlled", FIRST)),
        (BINDING, [PRIORITY, CONTROLLING, NOMINATED], ("ice", "controlling", f"{FIRST}, nominated")),
    ],
)  # fmt: skip
def test_steps_towards_a_relay_and_a_peer_are_told(
    datagram: Build, kind: int, attributes: list[tuple[int, bytes]], expected: tuple[str, str, str]
) -> None:
    """What is asked for, and that a user name is given, never which."""
    assert told(turn.Connection(), datagram(message(kind, *attributes))) == [expected]


@pytest.mark.parametrize("attributes", [[], [USER], [PRIORITY], [CONTROLLING], [(0x0020, bytes(8))]])
def test_a_plain_binding_is_neither(datagram: Build, attributes: list[tuple[int, bytes]]) -> None:
    """A device that only asks for its public address."""
    found = told(turn.Connection(), datagram(message(BINDING, *attributes)))
    assert found is not None
    assert not {"turn", "ice"} & {kind for kind, _, _ in found}


def test_what_repeats_is_told_once(datagram: Build) -> None:
    """Checks go on for the whole call; the other flow has its own."""
    connection = turn.Connection()
    m = datagram(message(BINDING, PRIORITY, CONTROLLING))
    assert len(told(connection, m) or []) == 1
    assert told(connection, m) == []
    assert len(told(turn.Connection(), m) or []) == 1


def test_relayed_data_counts_in_a_bound_channel_only(datagram: Build) -> None:
    """Four bytes of header could be anything else."""
    connection = turn.Connection()
    data = datagram(channel(0x4001, b"media"))
    assert connection.feed(data) is None
    connection.feed(datagram(message(CHANNEL_BIND, CHANNEL)))
    assert told(connection, data) == [("turn", "channel data", "channel 0x4001")]
    assert told(connection, data) == []
    assert connection.feed(datagram(channel(0x4002, b"media"))) is None
    assert connection.feed(datagram(data.payload[:-1])) is None
    assert connection.feed(datagram(b"\x40\x01")) is None


@pytest.mark.parametrize("number", [b"\x3f\xff\0\0", b"\x50\x00\0\0", b"\x40", b""])
def test_other_channel_numbers_bind_nothing(datagram: Build, number: bytes) -> None:
    """RFC 8656 §12 reserves the rest."""
    connection = turn.Connection()
    connection.feed(datagram(message(CHANNEL_BIND, (0x000C, number))))
    assert connection.feed(datagram(channel(int.from_bytes(number[:2], "big"), b"media"))) is None


def test_over_tcp_data_follows_messages(segment: Build) -> None:
    """Padded to four bytes; at the beginning of a connection it is not taken for data."""
    bind, data = message(CHANNEL_BIND, CHANNEL), channel(0x4001, b"media")
    reader = turn.Reader()
    assert reader(data + bytes(30), segment(data))[0] is Verdict.NOT_MINE
    verdict, items, used = reader(bind + data, segment(bind))
    assert (verdict, items[0].value, used) == (Verdict.MATCH, "channel bind request", len(bind))
    padded = data + bytes(3)
    assert reader(padded, segment(padded)) == (
        Verdict.MATCH, (Item("turn", "channel data", "channel 0x4001"),), len(padded),
    )  # fmt: skip
    assert reader(padded[:6], segment(padded)) == (Verdict.MATCH, (), 6)
    assert reader(bind, segment(bind)) == (Verdict.MATCH, (), len(bind))


def test_state_is_bounded(datagram: Build) -> None:
    """A flow cannot bind or tell without end."""
    connection = turn.Connection()
    for number in range(0x4000, 0x4100):
        connection.feed(datagram(message(CHANNEL_BIND, (0x000C, number.to_bytes(2, "big") + b"\0\0"))))
    bound = [n for n in range(0x4000, 0x4100) if connection.feed(datagram(channel(n, b"x"))) is not None]
    assert len(bound) == 32
    rows = sum(len(connection.feed(datagram(message(kind))) or ()) for kind in range(3, 0x3FFF))
    assert rows <= 32
    assert (connection.held, connection.done) == (0, False)


@given(st.lists(st.binary(max_size=60), max_size=6), st.booleans())
def test_no_bytes_raise(datagram: Build, pieces: list[bytes], cut: bool) -> None:
    """Any bytes, behind a bound channel too."""
    connection, reader = turn.Connection(), turn.Reader()
    bind = message(CHANNEL_BIND, CHANNEL)
    for piece in (bind, *pieces, *(b"\x40\x01" + piece for piece in pieces)):
        m = datagram(piece, length=len(piece) + cut)
        connection.feed(m)
        verdict, _, used = reader(piece, m)
        assert (0 < used <= len(piece)) == (verdict is Verdict.MATCH)
