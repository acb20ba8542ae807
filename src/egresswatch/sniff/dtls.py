# SPDX-License-Identifier: Apache-2.0
"""DTLS handshake messages in the clear: ClientHello and server certificate (RFC 6347 §4.2, RFC 9147 §5).

Gives tls_sni, ja4, tls_cert_subject, and dtls_srtp when keys for media are asked for (RFC 5764 §4.1).
A message may be sent in fragments, in any order and again; each is read once per flow and content. State
per flow is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from egresswatch.records import Item, Message
from egresswatch.sniff import certificate, hello

_HANDSHAKE, _CERTIFICATE = 22, 11
_USE_SRTP = 14
_RECORD_HEADER, _FRAGMENT_HEADER = 13, 12
_MAX_OPEN = 8
_MAX_MESSAGE = 32 << 10


class Fragment(NamedTuple):
    """A piece of a handshake message."""

    kind: int
    total: int
    number: int
    offset: int
    data: bytes


def fragments(datagram: bytes) -> Iterator[Fragment]:
    """Handshake fragments of the unencrypted records of a datagram."""
    pos = 0
    while pos + _RECORD_HEADER <= len(datagram):
        header = datagram[pos : pos + _RECORD_HEADER]
        length = int.from_bytes(header[11:13], "big")
        content = datagram[pos + _RECORD_HEADER : pos + _RECORD_HEADER + length]
        if header[1] != 0xFE or header[3:5] != b"\0\0" or len(content) < length:
            return
        pos += _RECORD_HEADER + length
        if header[0] == _HANDSHAKE:
            yield from _of_record(content)


def _of_record(content: bytes) -> Iterator[Fragment]:
    while len(content) >= _FRAGMENT_HEADER:
        number, offset, size = (int.from_bytes(content[a:b], "big") for a, b in ((4, 6), (6, 9), (9, 12)))
        total = int.from_bytes(content[1:4], "big")
        data = content[_FRAGMENT_HEADER : _FRAGMENT_HEADER + size]
        if len(data) < size or offset + size > total:
            return
        yield Fragment(content[0], total, number, offset, data)
        content = content[_FRAGMENT_HEADER + size :]


class Connection:
    """The handshake messages of one flow that are not whole yet."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[tuple[int, int, int, int], list[Fragment]] = {}

    @property
    def done(self) -> bool:
        """Never: a handshake may be repeated on the same ports at any time."""
        return False

    @property
    def held(self) -> int:
        """Bytes of payload kept."""
        return sum(len(piece.data) for pieces in self._open.values() for piece in pieces)

    def feed(self, m: Message) -> tuple[Item, ...] | None:
        """One datagram; None when it holds no handshake in the clear."""
        out: list[Item] = []
        seen = False
        for piece in fragments(m.payload):
            seen = True
            if piece.kind in (hello.CLIENT_HELLO, _CERTIFICATE) and piece.total <= _MAX_MESSAGE:
                body = piece.data if len(piece.data) == piece.total else self._collect(m.side, piece)
                if body is not None:
                    out += _read(piece.kind, body)
        return tuple(out) if seen else None

    def _collect(self, side: int, piece: Fragment) -> bytes | None:
        key = (side, piece.kind, piece.number, piece.total)
        if key not in self._open and len(self._open) >= _MAX_OPEN:
            del self._open[next(iter(self._open))]  # the oldest: a retransmission will bring it again
        pieces = self._open.setdefault(key, [])
        if sum(len(other.data) for other in pieces) + len(piece.data) <= 2 * _MAX_MESSAGE:
            pieces.append(piece)
        body = bytearray()
        for other in sorted(pieces, key=lambda p: p.offset):
            skip = len(body) - other.offset
            if skip < 0:
                return None
            body += other.data[skip:]
        if len(body) < piece.total:
            return None
        del self._open[key]
        return bytes(body)


def _read(kind: int, body: bytes) -> tuple[Item, ...]:
    if kind == _CERTIFICATE:
        return certificate.items(body)
    offer = hello.parse(body, datagram=True)
    if offer is None:
        return ()
    media = (Item("dtls_srtp", "offered"),) if _USE_SRTP in offer.extensions else ()
    return *hello.items(offer, "d"), *media
