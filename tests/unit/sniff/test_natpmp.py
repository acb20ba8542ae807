# SPDX-License-Identifier: Apache-2.0
"""Ports that a device asks its router to open: NAT-PMP and PCP, asked and answered."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message
from egresswatch.sniff import natpmp

Build = Callable[..., Message]
ANY4 = bytes(10) + b"\xff\xff" + bytes(4)
OUTSIDE = ANY4[:12] + bytes([203, 0, 113, 7])
HOME = ANY4[:12] + bytes([192, 0, 2, 10])


def pmp(opcode: int, inner: int, outer: int, lifetime: int) -> bytes:
    return struct.pack(">BBHHHI", 0, opcode, 0, inner, outer, lifetime)


def pmp_answer(opcode: int, result: int, inner: int, outer: int, lifetime: int) -> bytes:
    return struct.pack(">BBHIHHI", 0, 128 + opcode, result, 9, inner, outer, lifetime)


def pcp(
    opcode: int, lifetime: int, protocol: int, inner: int, outer: int, address: bytes, result: int = -1
) -> bytes:
    if result < 0:
        head = struct.pack(">BBHI", 2, opcode, 0, lifetime) + HOME
    else:
        head = struct.pack(">BBBBI", 2, 128 + opcode, 0, result, lifetime) + bytes(16)
    return head + bytes(12) + struct.pack(">B3xHH", protocol, inner, outer) + address


PCP = pcp(1, 1, 6, 1, 1, ANY4)


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (b"\0\0", ("natpmp", "external address", "request")),
        (struct.pack(">BBHI", 0, 128, 0, 9) + OUTSIDE[12:],
         ("natpmp", "external address", "answer, address 203.0.113.7, success")),
        (pmp(2, 554, 8554, 3600), ("natpmp", "map tcp", "request, port 554 to outside port 8554 for 3600 s")),
        (pmp(1, 37778, 0, 60), ("natpmp", "map udp", "request, port 37778 to outside port any for 60 s")),
        (pmp(2, 554, 0, 0), ("natpmp", "map tcp", "request, port 554 no longer")),
        (pmp(2, 0, 0, 0), ("natpmp", "map tcp", "request, port all no longer")),
        (pmp_answer(2, 0, 554, 8554, 7200),
         ("natpmp", "map tcp", "answer, port 554 to outside port 8554 for 7200 s, success")),
        (struct.pack(">BBHI", 0, 130, 2, 9), ("natpmp", "map tcp", "answer, not authorised")),
        (pcp(1, 3600, 6, 554, 8554, ANY4),
         ("pcp", "map tcp", "request, port 554 to outside port 8554 for 3600 s")),
        (pcp(1, 60, 17, 554, 0, ANY4), ("pcp", "map udp", "request, port 554 to outside port any for 60 s")),
        (pcp(1, 120, 6, 554, 8554, OUTSIDE, result=0),
         ("pcp", "map tcp", "answer, port 554 to outside port 8554 for 120 s, address 203.0.113.7, success")),
        (pcp(1, 120, 0, 0, 0, bytes.fromhex("20010db8" + "0" * 23 + "7"), result=8),
         ("pcp", "map all protocols",
          "answer, port 0 to outside port any for 120 s, address 2001:db8::7, no resources")),
        (pcp(2, 60, 6, 554, 8554, ANY4) + bytes(20),
         ("pcp", "peer tcp", "request, port 554 to outside port 8554 for 60 s")),
        (struct.pack(">BBHI", 2, 0, 0, 0) + HOME, ("pcp", "announce", "request")),
        (struct.pack(">BBBBI", 2, 129, 0, 3, 0) + bytes(16), ("pcp", "map", "answer, malformed request")),
        (struct.pack(">BBBBI", 2, 129, 0, 99, 0) + bytes(16), ("pcp", "map", "answer, result 99")),
    ],
)  # fmt: skip
def test_mappings_are_told_in_words(datagram: Build, wire: bytes, expected: tuple[str, str, str]) -> None:
    """Which port is to be open to the outside, for how long, and what the router said."""
    assert natpmp.parse(datagram(wire, dport=5351)) == (Item(*expected),)


@pytest.mark.parametrize(
    "wire",
    [
        b"\0", b"\x01\x00", b"\0\0\0", pmp(2, 1, 1, 1)[:-1], pmp(3, 1, 1, 1), pmp(2, 1, 1, 1) + b"\0",
        b"\0\x81\0\0", PCP[:-4], pcp(3, 1, 6, 1, 1, ANY4), PCP + b"\0", PCP[:37] + b"\1" + PCP[38:],
        b"\x02\x00",
        b"\x02\x01" + bytes(1200),
    ],
)  # fmt: skip
def test_other_payloads_are_no_mapping(datagram: Build, wire: bytes) -> None:
    """Sizes and reserved bytes must be as they have to."""
    assert natpmp.parse(datagram(wire, dport=5351)) is None


def test_the_port_is_asked_for_and_a_cut_packet_left(datagram: Build) -> None:
    """Two zero bytes are a request on this port only."""
    assert natpmp.parse(datagram(b"\0\0")) is None
    assert natpmp.parse(datagram(b"\0\0", sport=5351)) is not None
    assert natpmp.parse(datagram(b"\0\0", dport=5351, length=9)) is None


@given(st.sampled_from([0, 2]), st.integers(0, 255), st.binary(max_size=70))
def test_no_bytes_raise(datagram: Build, version: int, opcode: int, rest: bytes) -> None:
    """Any bytes of either version."""
    natpmp.parse(datagram(bytes([version, opcode]) + rest, dport=5351))
