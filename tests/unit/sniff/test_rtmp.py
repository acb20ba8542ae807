# SPDX-License-Identifier: Apache-2.0
"""RTMP: the application that media goes to; never the stream's key."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import rtmp

Build = Callable[..., Message]
Read = Callable[..., list[Item]]

HANDSHAKE = b"\x03" + bytes(8) + b"\x5a" * 1528 + bytes(8) + b"\xa5" * 1528


def string(text: bytes) -> bytes:
    return b"\x02" + len(text).to_bytes(2, "big") + text


def number(value: float) -> bytes:
    return b"\0" + struct.pack(">d", value)


def fields(**values: bytes) -> bytes:
    named = b"".join(len(k).to_bytes(2, "big") + k.encode() + v for k, v in values.items())
    return b"\x03" + named + b"\0\0\x09"


def message(
    body: bytes, kind: int = 20, chunk: int = 128, stream: bytes = b"\x03", continued: bytes = b"\xc3"
) -> bytes:
    head = stream + bytes(3) + len(body).to_bytes(3, "big") + bytes([kind]) + bytes(4)
    cuts = [body[at : at + chunk] for at in range(0, len(body), chunk)]
    return head + continued.join(cuts)


CONNECT = message(
    string(b"connect") + number(1)
    + fields(
        app=string(b"live/key9?auth=abc"), type=string(b"nonprivate"), flashVer=string(b"FMLE/3.0"),
        objectEncoding=number(0), fpad=b"\x01\0", tcUrl=string(b"rtmp://u:pw@push.example.net:1935/live/key9"),
    )
)  # fmt: skip
PUBLISH = message(string(b"publish") + number(5) + b"\x05" + string(b"key-geheim") + string(b"live"))
MEDIA = message(b"\x17" + b"v" * 999, kind=9, stream=b"\x06", continued=b"\xc6")


def test_a_push_is_told_without_its_key(whole_or_not: Read) -> None:
    """Where to, with what, and that it publishes; neither key nor credentials."""
    told = whole_or_not(rtmp.Reader, HANDSHAKE + CONNECT + MEDIA + PUBLISH + MEDIA)
    assert told == [
        Item("rtmp", "live", "connect push.example.net:1935 FMLE/3.0"), Item("rtmp", "live", "publish")
    ]  # fmt: skip


def test_playing_is_told(read: Read) -> None:
    """The other way."""
    play = message(string(b"play") + number(0) + b"\x05" + string(b"secret"))
    assert [item.detail for item in read(rtmp.Reader(), HANDSHAKE, CONNECT, play)][1:] == ["play"]


def test_the_chunk_size_can_change(whole_or_not: Read) -> None:
    """§5.4.1; and what was told once is not told again."""
    wire = HANDSHAKE + message((4096).to_bytes(4, "big"), kind=1, stream=b"\x02")
    wire += message(CONNECT[12:140] + CONNECT[141:], chunk=4096) * 2
    assert len(whole_or_not(rtmp.Reader, wire)) == 1


def test_the_servers_side_tells_nothing(read: Read) -> None:
    """Its answers are no calls."""
    answer = message(string(b"_result") + number(1) + fields(level=string(b"status")))
    assert read(rtmp.Reader(), HANDSHAKE + message(bytes(4), kind=5, stream=b"\x02") + answer) == []


def test_long_headers_of_chunks(read: Read) -> None:
    """Streams of more than six bits (§5.3.1.1)."""
    wide = message(CONNECT[12:140] + CONNECT[141:], stream=b"\x00\x40", continued=b"\xc0\x40")
    assert len(read(rtmp.Reader(), HANDSHAKE + message(bytes(4), kind=5), wide)) == 1


@pytest.mark.parametrize(
    "wire",
    [
        b"\x16\x03\x01", b"\x06" + HANDSHAKE[1:], HANDSHAKE + b"\xff" * 20,
        HANDSHAKE + b"\x03" + bytes(6) + b"\x63" + bytes(12),
    ],
)  # fmt: skip
def test_other_traffic_is_not_rtmp(segment: Build, wire: bytes) -> None:
    """Another version, or no message after the handshake."""
    assert rtmp.Reader()(wire, segment(wire))[0] is Verdict.NOT_MINE


def test_a_cut_handshake_is_not_waited_for(segment: Build) -> None:
    """What the capture does not hold will not come."""
    assert rtmp.Reader()(HANDSHAKE[:900], segment(HANDSHAKE[:900], length=1400))[0] is Verdict.NOT_MINE


def test_streams_are_bounded(segment: Build) -> None:
    """A seventeenth chunk stream ends it."""
    reader = rtmp.Reader()
    reader(HANDSHAKE + message(bytes(4), kind=5), segment(b""))
    wires = [message(b"", kind=9, stream=bytes([3 + k])) for k in range(17)]
    verdicts = [reader(wire, segment(b""))[0] for wire in wires]
    assert verdicts == [Verdict.MATCH] * 16 + [Verdict.NOT_MINE]


@given(st.binary(max_size=200))
def test_no_values_raise(data: bytes) -> None:
    """AMF0 of any bytes, also nested without end."""
    rtmp.amf0(data, 5)
    rtmp.amf0(b"\x03\0\x01a" * 50 + data, 5)


@given(st.binary(max_size=300))
def test_no_bytes_raise(read: Read, data: bytes) -> None:
    """Any chunks behind a sound beginning."""
    read(rtmp.Reader(), HANDSHAKE + message(bytes(4), kind=5) + data)
    read(rtmp.Reader(), HANDSHAKE + CONNECT[:60] + data, cut=True)


@pytest.mark.parametrize("mark", [b"&auth=key9", b"?key9", b"=key9", b";key9", b"/key9"])
def test_a_key_in_the_name_of_an_application_is_not_told(read: Read, mark: bytes) -> None:
    """Wherever services let their users put it; nor one behind the host."""
    wire = message(
        string(b"connect") + number(1)
        + fields(app=string(b"live" + mark), tcUrl=string(b"rtmp://h:1935" + mark))
    )  # fmt: skip
    told = read(rtmp.Reader(), HANDSHAKE + wire)
    assert told == [Item("rtmp", "live", "connect h:1935")]
