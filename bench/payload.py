# SPDX-License-Identifier: Apache-2.0
"""Payloads: a template for each kind and size, and the few bytes of it that differ from packet to packet.

What differs stands at even places, so that its share of a checksum can be added word by word.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from bench.draw import Array, Draw
from bench.traffic import ANSWER_SIZE, Kind

DIGITS = 5
_NOISE = (Draw(4).bits(256) & np.uint64(255)).astype(np.uint8).tobytes() * 8
_QUESTION = b"\x08cam00000\x06vendor\x07example\x03com\x00" + struct.pack(">HH", 1, 1)
_TTL = 120
_CIPHERS = bytes.fromhex("130113021303c02f")
_SERVER_NAME = b"cam00000.p2p-cloud.vendor.example"


def template(kind: Kind, size: int) -> bytes:
    """A payload of this kind, ``size`` bytes long, with zeros where packets differ."""
    body = _MAKERS[kind](size)
    if len(body) != size:
        raise ValueError(f"{kind.name}: {len(body)} bytes instead of {size}")
    blank = bytearray(body)
    for at, width in places(kind, size):
        blank[at : at + width] = bytes(width)
    return bytes(blank)


def places(kind: Kind, size: int) -> tuple[tuple[int, int], ...]:
    """(where, how many bytes) of what differs, in the order ``values`` gives it."""
    if kind == Kind.RTP and size < 20:
        return ((2, 10),)
    return _PLACES[kind]


def values(
    kind: Kind, size: int, serial: Array, seq: Array, time: Array, flow: Array, name: Array
) -> list[Array]:
    """Bytes of what differs: one array uint8[packets, width] for each of ``places``."""
    wide = serial.astype(">u8").view(np.uint8).reshape(-1, 8)
    if kind in (Kind.NOISE, Kind.TLS_DATA):
        return [wide]
    if kind == Kind.RTP:
        head = np.empty(len(serial), [("seq", ">u2"), ("time", ">u4"), ("source", ">u4")])
        head["seq"], head["time"], head["source"] = (
            seq & 0xFFFF,
            time * 9 // 100 & 0xFFFFFFFF,
            flow + 0x5EED0000,
        )
        rows = [head.view(np.uint8).reshape(-1, 10)]
        return rows if size < 20 else [*rows, wide]
    digits = np.stack([48 + name // 10 ** (DIGITS - 1 - k) % 10 for k in range(DIGITS)], 1).astype(np.uint8)
    if kind in (Kind.DNS_QUERY, Kind.DNS_ANSWER):
        number = (flow & 0xFFFF).astype(">u2").view(np.uint8).reshape(-1, 2)
        return [number, _even(digits, b"\x06")]
    if kind == Kind.CLIENT_HELLO:
        return [wide, _even(digits, b".")]
    return [wide]


def _even(digits: Array, after: bytes) -> Array:
    """The digits and the byte behind them: whole words."""
    return np.concatenate([digits, np.full((len(digits), 1), after[0], np.uint8)], axis=1)


def _noise(size: int) -> bytes:
    return _NOISE[:size]


def _tls_data(size: int) -> bytes:
    return b"\x17\x03\x03" + struct.pack(">H", size - 5) + _NOISE[: size - 5]


def _rtp(size: int) -> bytes:
    return b"\x80\x60" + bytes(10) + _NOISE[: size - 12]


def _client_hello(size: int) -> bytes:
    """TLS 1.3 offer of a device, one record, padded (RFC 8446 section 4.1.2, RFC 7685)."""
    entry = b"\x00" + struct.pack(">H", len(_SERVER_NAME)) + _SERVER_NAME
    alpn = b"\x08http/1.1"
    extensions = b"".join((
        _extension(0, struct.pack(">H", len(entry)) + entry),
        _extension(10, struct.pack(">HHHH", 6, 29, 23, 24)),
        _extension(13, struct.pack(">HHH", 4, 0x0403, 0x0804)),
        _extension(16, struct.pack(">H", len(alpn)) + alpn), _extension(43, b"\x04\x03\x04\x03\x03"),
    ))  # fmt: skip
    head = b"\x03\x03" + bytes(32) + b"\x20" + bytes(range(32))
    head += struct.pack(">H", len(_CIPHERS)) + _CIPHERS + b"\x01\x00"
    pad = size - (5 + 4 + len(head) + 2 + len(extensions) + 4)
    extensions += _extension(21, bytes(pad))
    body = head + struct.pack(">H", len(extensions)) + extensions
    return _record(22, b"\x01" + len(body).to_bytes(3, "big") + body, 0x0301)


def _server_hello(size: int) -> bytes:
    """The answer, and the encrypted rest of the server's flight behind it."""
    extensions = _extension(43, b"\x03\x04")
    body = b"\x03\x03" + bytes(32) + b"\x20" + bytes(range(32)) + b"\x13\x01\x00"
    body += struct.pack(">H", len(extensions)) + extensions
    hello = _record(22, b"\x02" + len(body).to_bytes(3, "big") + body)
    return hello + _record(23, _NOISE[: size - len(hello) - 5])


def _extension(number: int, content: bytes) -> bytes:
    return struct.pack(">HH", number, len(content)) + content


def _record(kind: int, content: bytes, version: int = 0x0303) -> bytes:
    return struct.pack(">BHH", kind, version, len(content)) + content


def _dns(size: int) -> bytes:
    """One question; the answer adds an address of the documentation range."""
    answer = b"\xc0\x0c" + struct.pack(">HHIH4s", 1, 1, _TTL, 4, b"\xcb\x00\x71\x07")
    is_answer = size == ANSWER_SIZE
    head = struct.pack(">HHHHHH", 0, 0x8180 if is_answer else 0x0100, 1, int(is_answer), 0, 0)
    return head + _QUESTION + (answer if is_answer else b"")


_MAKERS: dict[Kind, Callable[[int], bytes]] = {
    Kind.NONE: bytes, Kind.NOISE: _noise, Kind.TLS_DATA: _tls_data, Kind.CLIENT_HELLO: _client_hello,
    Kind.SERVER_HELLO: _server_hello, Kind.DNS_QUERY: _dns, Kind.DNS_ANSWER: _dns, Kind.RTP: _rtp,
}  # fmt: skip
_NAME_AT = _client_hello(536).index(b"00000.")
_PLACES = {
    Kind.NONE: (), Kind.NOISE: ((0, 8),), Kind.TLS_DATA: ((6, 8),), Kind.RTP: ((2, 10), (12, 8)),
    Kind.CLIENT_HELLO: ((12, 8), (_NAME_AT, DIGITS + 1)), Kind.SERVER_HELLO: ((12, 8),),
    Kind.DNS_QUERY: ((0, 2), (16, DIGITS + 1)), Kind.DNS_ANSWER: ((0, 2), (16, DIGITS + 1)),
}  # fmt: skip
