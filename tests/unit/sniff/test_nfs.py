# SPDX-License-Identifier: Apache-2.0
"""NFS: calls of three programs, over both transports."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import nfs

Build = Callable[..., Message]
Read = Callable[..., list[Item]]

USER = b"\0\0\0\x01\0\0\0\x09" + b"\x12" * 9 + bytes(3)
"""Credentials of nine bytes, padded."""


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in numbers)


def call(program: int, version: int, procedure: int, arguments: bytes = b"") -> bytes:
    return words(77, 0, 2, program, version, procedure) + USER + bytes(8) + arguments


def record(data: bytes) -> bytes:
    return (0x80000000 | len(data)).to_bytes(4, "big") + data


MOUNT = call(100005, 3, 1, words(8) + b"/rec/cam")
WRITE = call(100003, 3, 7, bytes(5000))


@pytest.mark.parametrize(
    ("wire", "item"),
    [
        (MOUNT, Item("nfs", "mount v3", "MNT /rec/cam")),
        (call(100003, 3, 7), Item("nfs", "nfs v3", "WRITE")),
        (call(100003, 3, 6), Item("nfs", "nfs v3", "")),
        (call(100003, 2, 8), Item("nfs", "nfs v2", "WRITE")),
        (call(100003, 4, 1), Item("nfs", "nfs v4", "")),
        (call(100000, 2, 3, words(100003, 3, 17, 0)), Item("nfs", "portmap v2", "GETPORT nfs v3")),
    ],
)
def test_one_call(datagram: Build, wire: bytes, item: Item) -> None:
    """Program and version; what sends something, what is mounted and asked for."""
    assert nfs.parse(datagram(wire)) == (item,)


def test_over_tcp_calls_are_told_once(whole_or_not: Read) -> None:
    """What is written is stepped over."""
    wire = record(call(100003, 3, 1)) + record(WRITE) + record(MOUNT) + record(WRITE)
    assert [item.detail for item in whole_or_not(nfs.Reader, wire)] == ["", "WRITE", "MNT /rec/cam"]


def test_a_record_may_have_fragments(read: Read) -> None:
    """RFC 5531 §11: only the first one has a header of RPC."""
    pieces = len(WRITE).to_bytes(4, "big") + WRITE + record(b"m" * 4000) + record(MOUNT)
    assert [item.detail for item in read(nfs.Reader(), pieces)] == ["WRITE", "MNT /rec/cam"]


@pytest.mark.parametrize(
    "wire",
    [
        b"", bytes(60), words(77, 1, 0) + bytes(40), call(100003, 9, 1), call(200000, 1, 1), MOUNT[:39],
        words(77, 0, 3, 100003, 3, 1) + USER + bytes(8),
    ],
)  # fmt: skip
def test_other_traffic_is_not_nfs(datagram: Build, segment: Build, wire: bytes) -> None:
    """Answers, other programs, other versions of RPC."""
    assert nfs.parse(datagram(wire)) is None
    assert nfs.Reader()(record(wire) + bytes(8), segment(b""))[0] is Verdict.NOT_MINE


def test_a_path_longer_than_the_call_is_what_is_there(datagram: Build) -> None:
    """And an absurd one is nothing."""
    assert nfs.parse(datagram(call(100005, 3, 1, words(500) + b"/a"))) == (Item("nfs", "mount v3", "MNT /a"),)
    assert nfs.parse(datagram(call(100005, 3, 1, words(1 << 31) + b"/a"))) == (
        Item("nfs", "mount v3", "MNT"),
    )


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_raise(datagram: Build, read: Read, tail: bytes, cut: bool) -> None:
    """Any arguments and credentials."""
    for wire in (tail, MOUNT[:24] + tail, words(7, 0, 2, 100005, 3, 1) + tail):
        nfs.parse(datagram(wire))
        read(nfs.Reader(), record(wire) + tail, cut=cut)
