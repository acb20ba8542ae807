# SPDX-License-Identifier: Apache-2.0
"""SRT handshakes: the steps, the cipher, the stream id that is never told; UDT apart where it can be."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message
from egresswatch.sniff import srt

Build = Callable[..., Message]
INDUCTION, CONCLUSION, MAGIC = 1, 0xFFFFFFFF, 0x4A17


def handshake(
    version: int, extension: int, step: int, *extensions: bytes, cipher: int = 0, mtu: int = 1500
) -> bytes:
    fields = struct.pack(">IHHIIIIII", version, cipher, extension, 1, mtu, 8192, step, 77, 0)
    return b"\x80\0\0\0" + bytes(12) + fields + bytes(16) + b"".join(extensions)


def extension(kind: int, data: bytes) -> bytes:
    return struct.pack(">HH", kind, len(data) // 4) + data


def stream_id(text: bytes) -> bytes:
    text = text.ljust(len(text) + 3 & ~3, b"\0")
    return extension(5, b"".join(text[at : at + 4][::-1] for at in range(0, len(text), 4)))


HELLO = extension(1, b"\x00\x01\x05\x03" + bytes(8))


@pytest.mark.parametrize(
    ("wire", "value", "detail"),
    [
        (handshake(4, 2, INDUCTION), "srt", "induction, version 4, UDT asks with the same bytes"),
        (handshake(5, MAGIC, INDUCTION), "srt", "induction, version 5"),
        (handshake(5, 1, CONCLUSION, HELLO), "srt", "conclusion, version 5, SRT 1.5.3"),
        (handshake(5, 3, CONCLUSION, HELLO, cipher=2), "srt",
         "conclusion, version 5, encrypted AES-128, SRT 1.5.3"),
        (handshake(5, 5, CONCLUSION, HELLO, stream_id(b"#!::r=cam,m=request")), "srt",
         "conclusion, version 5, SRT 1.5.3, stream id given"),
        (handshake(5, 5, CONCLUSION, HELLO, stream_id(b"#!::u=me,s=pw,m=publish")), "srt",
         "conclusion, version 5, SRT 1.5.3, stream id given, publishes"),
        (handshake(5, 0, 1002), "srt", "rejected, reason 1002, version 5"),
        (handshake(4, 1, INDUCTION), "udt", "induction, version 4"),
        (handshake(5, 1, CONCLUSION, HELLO[:-4]), "srt", "conclusion, version 5"),
    ],
)  # fmt: skip
def test_handshakes_are_told_in_words(datagram: Build, wire: bytes, value: str, detail: str) -> None:
    """Step, version, encryption; of a stream id only that there is one."""
    assert srt.parse(datagram(wire)) == (Item("srt", value, detail),)


@pytest.mark.parametrize(
    "wire",
    [
        handshake(5, 0, INDUCTION)[:63],
        b"\x80\x01" + handshake(5, 0, INDUCTION)[2:],         # keep-alive
        handshake(3, 0, INDUCTION),
        handshake(4, 9, INDUCTION),                           # neither stream nor datagrams
        handshake(5, 0, 2),                                   # no such step
        handshake(5, 0, INDUCTION, mtu=20),
        b"\x80\0\0\0" + bytes(60),
    ],
)  # fmt: skip
def test_other_traffic_is_not_srt(datagram: Build, wire: bytes) -> None:
    """Every field that a handshake fixes is asked for."""
    assert srt.parse(datagram(wire)) is None


@given(st.binary(max_size=120), st.sampled_from([4, 5]), st.sampled_from([0, 1, 2, 7, MAGIC]))
def test_no_extensions_raise(datagram: Build, rest: bytes, version: int, kind: int) -> None:
    """Any bytes behind the fixed part, and any instead of it."""
    for wire in (handshake(version, kind, CONCLUSION) + rest, b"\x80\0\0\0" + rest, rest):
        for item in srt.parse(datagram(wire)) or ():
            assert item.detail.isprintable()
