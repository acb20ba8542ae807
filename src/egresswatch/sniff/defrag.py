# SPDX-License-Identifier: Apache-2.0
"""Puts fragmented IP datagrams together, for reading only (RFC 791 §3.2, RFC 8200 §4.5).

Flow accounting never depends on this. Where fragments overlap, the bytes that came first stay.
Memory is bounded in datagrams and bytes; what was given up is counted by reason.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from egresswatch.patterns import Parser
from egresswatch.records import Message

TIMEOUT = 30_000_000_000
"""Nanoseconds of packet time after which an unfinished datagram is given up (RFC 791: 15 s to 255 s;
Linux takes 30 s)."""
MAX_SIZE = 65_535
MAX_PIECES = 512
PIECE_COST = 128
"""What a piece costs beside its bytes, so that many small ones are bounded as well."""
TCP, UDP = 6, 17

Key = tuple[str, str, int, int, int | None]


@dataclass(slots=True)
class _Datagram:
    first_ts: int
    starts: list[int] = field(default_factory=list)
    """Offset of each piece, ascending; pieces never overlap."""
    pieces: list[bytes] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    """Where each piece ends as declared; its bytes may be fewer when the capture cut them."""
    total: int = -1
    held: int = 0
    head: Message | None = None
    """The first fragment: its flow has the ports."""


class Defrag:
    """Fragments in, whole datagrams out."""

    def __init__(self, max_datagrams: int = 1024, max_bytes: int = 8 << 20) -> None:
        self._max_datagrams = max_datagrams
        self._max_bytes = max_bytes
        self._table: dict[Key, _Datagram] = {}
        self._bytes = 0
        self.counts: dict[str, int] = {
            "completed": 0, "overlaps": 0, "duplicates": 0, "timeouts": 0, "shed": 0, "refused": 0,
        }

    @property
    def pending(self) -> int:
        """Datagrams not complete yet."""
        return len(self._table)

    def feed(self, m: Message) -> Message | None:
        """Takes one fragment; the whole datagram when this one completes it.

        The result has ports, payload and flow of the first fragment and the time and frame of the
        completing one; where the capture cut a fragment, its payload ends there.
        """
        end = m.frag_off + m.length
        if m.frag_off < 0 or m.length <= 0 or end > MAX_SIZE or (m.frag_more and m.length % 8):
            self.counts["refused"] += 1
            return None
        key = (m.src, m.dst, m.proto, m.frag_id, m.vlan)
        self._expire(m.ts)
        datagram = self._table.get(key)
        if datagram is None:
            datagram = self._table[key] = _Datagram(m.ts)
        if not self._insert(datagram, m, end):
            return None
        if datagram.total >= 0 and self._covered(datagram):
            self._drop(key)
            self.counts["completed"] += 1
            return _deliver(datagram, m)
        self._shed()
        return None

    def _insert(self, datagram: _Datagram, m: Message, end: int) -> bool:
        """Adds what of the fragment is new; False when it is refused."""
        if len(datagram.starts) >= MAX_PIECES or (datagram.total >= 0 and end > datagram.total):
            self.counts["refused"] += 1
            return False
        if not m.frag_more and datagram.total < 0:
            if datagram.ends and datagram.ends[-1] > end:
                self.counts["refused"] += 1
                return False
            datagram.total = end
        if m.frag_off == 0 and datagram.head is None:
            datagram.head = m
        start, payload = m.frag_off, m.payload[: m.length]
        at = bisect_left(datagram.starts, start)
        if at < len(datagram.starts) and datagram.starts[at] == start and datagram.ends[at] == end:
            self.counts["duplicates"] += 1
            return True
        overlap = False
        if at and datagram.ends[at - 1] > start:
            overlap = True
            payload = payload[datagram.ends[at - 1] - start :]
            start = datagram.ends[at - 1]
        while start < end:
            stop = datagram.starts[at] if at < len(datagram.starts) else end
            overlap |= stop < end
            upto = min(stop, end)
            if start < upto:
                self._add(datagram, at, start, payload[: upto - start], upto)
                at += 1
            if at >= len(datagram.starts) or upto == end:
                break
            payload = payload[datagram.ends[at] - start :]
            start = datagram.ends[at]
            at += 1
        self.counts["overlaps"] += overlap
        return True

    def _add(self, datagram: _Datagram, at: int, start: int, piece: bytes, end: int) -> None:
        datagram.starts.insert(at, start)
        datagram.pieces.insert(at, piece)
        datagram.ends.insert(at, end)
        datagram.held += len(piece) + PIECE_COST
        self._bytes += len(piece) + PIECE_COST

    @staticmethod
    def _covered(datagram: _Datagram) -> bool:
        at = 0
        for start, end in zip(datagram.starts, datagram.ends, strict=True):
            if start != at:
                return False
            at = end
        return at == datagram.total

    def _expire(self, now: int) -> None:
        # The table is in order of arrival; packet time that runs backwards expires nothing early.
        while self._table:
            key, oldest = next(iter(self._table.items()))
            if now - oldest.first_ts <= TIMEOUT:
                return
            self._drop(key)
            self.counts["timeouts"] += 1

    def _shed(self) -> None:
        while len(self._table) > self._max_datagrams or (self._bytes > self._max_bytes and self._table):
            self._drop(next(iter(self._table)))
            self.counts["shed"] += 1

    def _drop(self, key: Key) -> None:
        self._bytes -= self._table.pop(key).held


def _deliver(datagram: _Datagram, last: Message) -> Message | None:
    """The datagram with its transport header taken off; None when there is nothing to read in it."""
    head = datagram.head
    if head is None:
        return None
    data = bytearray()
    for piece, start, end in zip(datagram.pieces, datagram.starts, datagram.ends, strict=True):
        data += piece
        if len(piece) < end - start:
            break
    declared = datagram.total
    seq = flags = 0
    if head.proto == UDP and len(data) >= 8:
        size = int.from_bytes(data[4:6], "big")
        body = 8
        declared = size if body <= size <= declared else declared
    elif head.proto == TCP and len(data) >= 20 and 20 <= (data[12] >> 4) * 4 <= declared:
        body = (data[12] >> 4) * 4
        seq, flags = int.from_bytes(data[4:8], "big"), data[13]
    else:
        return None
    return head._replace(
        ts=last.ts, frame=last.frame, parser=int(Parser.NONE), start=True, seq=seq, tcp_flags=flags,
        sport=int.from_bytes(data[0:2], "big"), dport=int.from_bytes(data[2:4], "big"),
        payload=bytes(data[body:declared]), length=declared - body,
        frag_id=0, frag_off=0, frag_more=False,
    )
