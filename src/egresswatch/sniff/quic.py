# SPDX-License-Identifier: Apache-2.0
"""QUIC Initial packets of a client: the ClientHello in their CRYPTO frames (RFC 9000 §17.2.2, RFC 9001).

Gives quic_sni and ja4. The hello may be spread over frames, packets and datagrams in any order; packets
may share a datagram. The keys come from the first Destination Connection ID that opens a packet; a Retry
or a new connection on the same ports brings its own. The sender whose packet opened is the client, and
the other side is not tried. State per flow is bounded: see the constants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from egresswatch.records import Item, Message
from egresswatch.sniff import hello, quic_keys

_MAX_FAILURES = 12
"""Initials of a flow that may fail to open before no more are tried."""
_MAX_CRYPTO = 64 << 10
_MAX_PIECES = 256
_INITIAL, _HANDSHAKE, _RETRY = 0, 2, 3
_PADDING, _PING, _ACK, _ACK_ECN, _CRYPTO = 0, 1, 2, 3, 6
_OTHER = re.compile(rb"[^\0]").search
"""The end of padding, which is most of an Initial."""


class LongPacket(NamedTuple):
    """A long-header packet within a datagram, still protected."""

    version: int
    kind: int                 # 0 Initial, 1 0-RTT, 2 Handshake, 3 Retry, as version 1 numbers them
    connection_id: bytes      # Destination Connection ID
    data: bytes               # from the first byte to the end of this packet
    number_at: int            # where the packet number begins; 0 for a Retry
    token: int                # bytes of the token of an Initial


def varint(data: bytes, pos: int) -> tuple[int, int]:
    """Variable-length integer and the place behind it; place -1 when the data ends (RFC 9000 §16)."""
    if not 0 <= pos < len(data):
        return 0, -1
    size = 1 << (data[pos] >> 6)
    if pos + size > len(data):
        return 0, -1
    return int.from_bytes(data[pos : pos + size], "big") & ((1 << (8 * size - 2)) - 1), pos + size


def packets(datagram: bytes) -> Iterator[LongPacket]:
    """The long-header packets of a datagram in order; ends at the first that is short, unknown or cut."""
    while len(datagram) > 7 and datagram[0] & 0xC0 == 0xC0:
        version = int.from_bytes(datagram[1:5], "big")
        if not quic_keys.known(version):
            return
        size = datagram[5]
        connection_id = datagram[6 : 6 + size]
        pos = 6 + size
        if size > 20 or pos >= len(datagram) or datagram[pos] > 20:
            return
        pos += 1 + datagram[pos]
        kind = datagram[0] >> 4 & 3
        if version == quic_keys.V2:
            kind = (kind - 1) & 3  # RFC 9369 §3.2
        if kind == _RETRY:
            yield LongPacket(version, kind, connection_id, datagram, 0, 0)
            return
        token = 0
        if kind == _INITIAL:
            token, pos = varint(datagram, pos)
            pos = pos + token if pos > 0 else -1
        length, pos = varint(datagram, pos)
        if pos < 0 or pos + length > len(datagram):
            return
        yield LongPacket(version, kind, connection_id, datagram[: pos + length], pos, token)
        datagram = datagram[pos + length :]


def crypto_frames(frames: bytes) -> list[tuple[int, bytes]]:
    """Offset and data of the CRYPTO frames of an opened Initial (RFC 9000 §12.4 allows few others)."""
    found: list[tuple[int, bytes]] = []
    pos = 0
    while 0 <= pos < len(frames) and len(found) < _MAX_PIECES:
        kind = frames[pos]
        pos += 1
        if kind == _CRYPTO:
            offset, pos = varint(frames, pos)
            length, pos = varint(frames, pos)
            if pos < 0 or pos + length > len(frames):
                break
            found.append((offset, frames[pos : pos + length]))
            pos += length
        elif kind == _PADDING:
            other = _OTHER(frames, pos)
            if other is None:
                break
            pos = other.start()
        elif kind in (_ACK, _ACK_ECN):
            pos = _after_ack(frames, pos, 3 if kind == _ACK_ECN else 0)
        elif kind != _PING:
            break
    return found


def _gone_on(datagram: bytes) -> bool:
    """Does a server show that it took the hello (a Retry or a HelloRetryRequest would be alone)?"""
    short = len(datagram) > 0 and datagram[0] & 0x80 == 0
    return short or any(packet.kind == _HANDSHAKE for packet in packets(datagram))


def _after_ack(frames: bytes, pos: int, counts: int) -> int:
    """The place behind an ACK frame (RFC 9000 §19.3)."""
    _, pos = varint(frames, pos)
    _, pos = varint(frames, pos)
    ranges, pos = varint(frames, pos)
    for _ in range(min(1 + 2 * ranges + counts, len(frames))):
        _, pos = varint(frames, pos)
    return pos


class Connection:
    """What one flow's client Initials have shown so far."""

    __slots__ = ("_client", "_failures", "_keys", "_pieces", "_read", "_retried", "answered", "found")

    def __init__(self) -> None:
        self._keys: tuple[quic_keys.Keys, ...] = ()
        self._client = -1
        self._failures = 0
        self._pieces: dict[int, bytes] = {}
        self._read = 0
        self._retried = False
        self.found = False
        """A ClientHello was read."""
        self.answered = False
        """The other side has gone on to the next keys after that: no other hello will come."""

    @property
    def done(self) -> bool:
        """Nothing more is wanted from this flow."""
        return (self.found and self.answered) or self._failures >= _MAX_FAILURES

    @property
    def held(self) -> int:
        """Bytes of payload kept."""
        return sum(map(len, self._pieces.values()))

    def feed(self, m: Message) -> tuple[Item, ...] | None:
        """One datagram; None when nothing in it could be opened."""
        if self._client not in (-1, m.side):
            self.answered = self.answered or (self.found and _gone_on(m.payload))
            return ()
        opened = False
        for packet in packets(m.payload):
            if packet.kind != _INITIAL or self._failures >= _MAX_FAILURES:
                continue
            frames = self._open(packet)
            if frames is None:
                self._failures += 1
                continue
            opened, self._client = True, m.side
            for offset, data in crypto_frames(frames):
                self._keep(offset, data)
        return self._hellos() if opened else None

    def _open(self, packet: LongPacket) -> bytes | None:
        for keys in self._keys:
            if keys.version == packet.version:
                frames = quic_keys.open_initial(keys, packet.data, packet.number_at)
                if frames is not None:
                    return frames
        keys = quic_keys.client_keys(packet.version, packet.connection_id)
        frames = quic_keys.open_initial(keys, packet.data, packet.number_at)
        if frames is not None:
            # a new connection, or the same after a Retry: its CRYPTO stream begins again
            self._keys, self._pieces, self._read, self.answered = (keys,), {}, 0, False
            # after a Retry the client repeats its hello, which was told already (RFC 9000 §17.2.5.2)
            self._retried = self.found and packet.token > 0
        return frames

    def _keep(self, offset: int, data: bytes) -> None:
        if offset + len(data) <= self._read or offset + len(data) > self._read + _MAX_CRYPTO:
            return
        if len(self._pieces) < _MAX_PIECES and len(data) > len(self._pieces.get(offset, b"")):
            self._pieces[offset] = data

    def _hellos(self) -> tuple[Item, ...]:
        """Every ClientHello that is whole now (after a HelloRetryRequest there is a second one)."""
        out: list[Item] = []
        stream = self._contiguous()
        while len(stream) >= 4 and stream[0] == hello.CLIENT_HELLO:
            size = 4 + int.from_bytes(stream[1:4], "big")
            if len(stream) < size:
                break
            offer = hello.parse(stream[4:size])
            if offer is not None:
                out += () if self._retried else hello.items(offer, "q")
                self.found, self._retried = True, False
            stream = stream[size:]
            self._read += size
        self._pieces = {at: data for at, data in self._pieces.items() if at + len(data) > self._read}
        return tuple(out)

    def _contiguous(self) -> bytes:
        stream = bytearray()
        for offset in sorted(self._pieces):
            gap = offset - self._read - len(stream)
            if gap > 0:
                break
            stream += self._pieces[offset][-gap:]
        return bytes(stream)
