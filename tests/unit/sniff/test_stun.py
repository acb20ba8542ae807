# SPDX-License-Identifier: Apache-2.0
"""STUN and TURN addresses, with and without the magic cookie."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import stun

Build = Callable[..., Message]

COOKIE = b"\x21\x12\xa4\x42"
TRANSACTION = bytes(range(12))


def attribute(number: int, value: bytes) -> bytes:
    return struct.pack(">HH", number, len(value)) + value.ljust(len(value) + 3 & ~3, b"\x00")


def message(kind: int, *attributes: bytes, cookie: bytes = COOKIE) -> bytes:
    body = b"".join(attributes)
    return struct.pack(">HH", kind, len(body)) + cookie + TRANSACTION + body


def address(raw: bytes, port: int, mask: bytes = bytes(16)) -> bytes:
    masked = bytes(a ^ b for a, b in zip(raw, mask, strict=False))
    family = b"\x00\x01" if len(raw) == 4 else b"\x00\x02"
    return family + (port ^ int.from_bytes(mask[:2], "big")).to_bytes(2, "big") + masked


V4 = bytes([203, 0, 113, 7])
V6 = bytes.fromhex("20010db8000000000000000000000007")
XOR = COOKIE + TRANSACTION


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ([attribute(0x0001, address(V4, 5000))], ("stun_mapped_address", "203.0.113.7")),
        ([attribute(0x0020, address(V4, 5000, XOR))], ("stun_mapped_address", "203.0.113.7")),
        ([attribute(0x8020, address(V4, 5000, XOR))], ("stun_mapped_address", "203.0.113.7")),
        ([attribute(0x0020, address(V6, 5000, XOR))], ("stun_mapped_address", "2001:db8::7")),
        ([attribute(0x0016, address(V4, 5000, XOR))], ("stun_relayed_address", "203.0.113.7")),
        ([attribute(0x0012, address(V4, 5000, XOR))], ("stun_peer_address", "203.0.113.7")),
        ([attribute(0x0001, address(V4, 5000) + b"\0")], ("stun_mapped_address", "203.0.113.7")),
        ([attribute(0x0012, address(V4, 5000, XOR) + V6)], ("stun_peer_address", "203.0.113.7")),
    ],
)
def test_addresses_are_unmasked(datagram: Build, attributes: list[bytes], expected: tuple[str, str]) -> None:
    """Plain and masked forms give the same address and port."""
    items = stun.parse(datagram(message(0x0101, *attributes)))
    assert items == (Item(*expected, "port 5000 binding success", (expected[1], 5000)),)


def test_the_same_address_in_two_attributes_is_told_once(datagram: Build) -> None:
    """Servers send the plain form for old clients too."""
    both = [attribute(0x0001, address(V4, 9)), attribute(0x0020, address(V4, 9, XOR))]
    items = stun.parse(datagram(message(0x0101, *both)))
    assert items is not None
    assert len(items) == 1


def test_software_and_realm_are_told_and_the_user_is_not(datagram: Build) -> None:
    """What a relay says about itself; who logs in is nobody's business."""
    wire = message(
        0x0113,
        attribute(0x8022, b"Coturn-4.5"),
        attribute(0x0014, b"example.org"),
        attribute(0x0006, b"user"),
    )
    assert stun.parse(datagram(wire)) == (
        Item("stun_software", "Coturn-4.5", "allocate error"),
        Item("stun_realm", "example.org", "allocate error"),
        Item("turn", "allocate error", "user name given"),
    )


def test_a_classic_message_counts_when_every_byte_fits(datagram: Build) -> None:
    """RFC 3489 had no cookie."""
    wire = message(0x0101, attribute(0x0001, address(V4, 5000)), cookie=b"\x01\x02\x03\x04")
    items = stun.parse(datagram(wire))
    assert items is not None
    assert items[0].value == "203.0.113.7"


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        bytes(19),
        message(0x0101) + b"\x00",                                             # longer than it says
        message(0x0101, attribute(0x0001, address(V4, 1)))[:-4],               # shorter
        b"\xc0" + message(0x0101)[1:],                                         # first bits set
        message(0x0103, cookie=bytes(4)),                                      # classic, but allocate
        message(0x0101, attribute(0x0020, address(V4, 1)), cookie=bytes(4)),   # classic with a new attribute
        message(0x0101, b"\x00\x01\x00\xff", cookie=bytes(4)),                 # attribute beyond the end
    ],
)
def test_other_traffic_is_not_stun(datagram: Build, wire: bytes) -> None:
    """Without the cookie only a perfect message counts, with it the length must fit."""
    assert stun.parse(datagram(wire)) is None


def test_a_cut_capture_gives_the_whole_attributes(datagram: Build) -> None:
    """The declared length is what must fit."""
    wire = message(0x0101, attribute(0x0020, address(V4, 5000, XOR)), attribute(0x8022, b"x" * 40))
    items = stun.parse(datagram(wire[:-20], length=len(wire)))
    assert items is not None
    assert [item.kind for item in items] == ["stun_mapped_address"]


def test_over_tcp_messages_follow_one_another(segment: Build) -> None:
    """Bare (RFC 8489) and framed by a length (RFC 4571)."""
    wire = message(0x0101, attribute(0x0020, address(V4, 5000, XOR)))
    for size in range(len(wire)):
        assert stun.parse_stream(wire[:size], segment(wire[:size]))[0] is Verdict.NEED_MORE, size
    verdict, items, used = stun.parse_stream(wire + wire, segment(wire))
    assert (verdict, len(items), used) == (Verdict.MATCH, 1, len(wire))
    framed = len(wire).to_bytes(2, "big") + wire
    for size in range(len(framed)):
        assert stun.parse_stream(framed[:size], segment(framed[:size]))[0] is Verdict.NEED_MORE, size
    assert stun.parse_stream(framed, segment(framed))[2] == len(framed)
    assert stun.parse_stream(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", segment(b""))[0] is Verdict.NOT_MINE


@given(st.integers(0, 0x3FFF), st.binary(max_size=200), st.sampled_from([COOKIE, bytes(4)]), st.booleans())
def test_no_attributes_raise(datagram: Build, kind: int, body: bytes, cookie: bytes, cut: bool) -> None:
    """Any bytes as attributes, whole or cut."""
    body += bytes(-len(body) % 4)
    wire = message(kind, body, cookie=cookie)
    stun.parse(datagram(wire))
    verdict, _, used = stun.parse_stream(wire, datagram(wire, length=len(wire) + cut))
    assert (0 < used <= len(wire)) == (verdict is Verdict.MATCH)


@given(st.binary(max_size=100), st.booleans())
def test_no_bytes_raise(datagram: Build, payload: bytes, cut: bool) -> None:
    """Any bytes at all."""
    stun.parse(datagram(payload))
    stun.parse_stream(payload, datagram(payload, length=len(payload) + cut))
