# SPDX-License-Identifier: Apache-2.0
"""One side of a TCP connection put in order, as far as a parser needs it.

Owns the bytes between the point where reading began (a segment that matched a pattern: the anchor)
and the first byte that is not known. Gives them as one buffer; takes back how much was read. It is
not a TCP: nothing is waited for by time, what is missing stays missing, and a later anchor makes a
new beginning.

Sequence numbers are compared modulo 2**32 (RFC 9293 §3.4). Three places order what arrives:

    low ........ base ............. next ............. ahead
    read before  the last anchor    first unknown      kept until the gap closes
                                    byte               (bounded; the oldest anchor there
                                                       becomes the base when it is full)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from egresswatch.records import Item, Message, Verdict

MAX_AHEAD = 24
"""Segments kept beyond a gap, per side."""
MAX_AHEAD_BYTES = 32 << 10
_FAR = 1 << 20
"""An anchor this far before what was read belongs to a new connection on the same ports."""
_HALF = 1 << 31
MASK = (1 << 32) - 1
"""Of sequence numbers."""


def distance(a: int, b: int) -> int:
    """``a - b`` in sequence space: negative when ``a`` is before ``b``."""
    return ((a - b + _HALF) & MASK) - _HALF


def repeats(seq: int, length: int, end: int) -> bool:
    """Do ``length`` bytes at ``seq`` lie before ``end``, near enough to be the same connection's?"""
    return -_FAR <= distance((seq + length) & MASK, end) <= 0


class Segment(NamedTuple):
    """A captured payload; ``length`` is what it had on the wire."""

    seq: int
    payload: bytes
    length: int
    start: bool
    parser: int


Piece = Segment | Message
"""A message of the packet path has all that a segment has."""


class Stream:
    """One side of a connection; ``buffer`` is what is in order and not read yet."""

    __slots__ = (
        "_ahead", "_ahead_bytes", "_low", "base", "buffer", "cut", "idle", "next", "parser", "reader",
    )  # fmt: skip

    def __init__(self) -> None:
        self.buffer = b""
        self.parser = 0
        """Which parser reads; 0 before the first anchor."""
        self.reader: Callable[[bytes, Message], tuple[Verdict, tuple[Item, ...], int]] | None = None
        """That parser with what it keeps of the stream; a new beginning makes a new one."""
        self.cut = False
        """The last byte of ``buffer`` is followed by bytes that the capture does not have."""
        self.idle = True
        """Nothing is read before the next anchor."""
        self.base = self.next = self._low = 0
        self._ahead: list[Piece] = []
        self._ahead_bytes = 0

    @classmethod
    def behind(cls, parser: int, seq: int, end: int) -> Stream:
        """A stream of which a first segment was read, to its end."""
        stream = cls()
        stream.parser, stream.idle = parser, False
        stream.base = stream._low = seq
        stream.next = end
        return stream

    @property
    def held(self) -> int:
        """Bytes of payload kept, those that the reader keeps among them."""
        return len(self.buffer) + self._ahead_bytes + getattr(self.reader, "held", 0)

    def add(self, segment: Piece) -> bool:
        """Take a segment; True when there is something new to read."""
        if self.parser == 0:
            return self._first(segment)
        gap = distance(segment.seq, self.next)
        if segment.start and self._begins(segment, gap):
            self._anchor(segment)
            return True
        if self.idle:
            self._seen(segment)
            return False
        if gap > 0:
            return self._keep(segment)
        return self._append(segment, -gap) and self._close_gaps()

    def drop(self) -> None:
        """Read no more until the next anchor."""
        self.idle = True
        self.reader = None
        self.buffer = b""
        if self._ahead:
            self._forget_ahead()

    def consume(self, count: int) -> None:
        """``count`` bytes at the beginning were read."""
        self.buffer = self.buffer[count:]

    def _first(self, segment: Piece) -> bool:
        if not segment.start:
            if not self._keep_pending(segment):
                self._forget_ahead()
            return False
        self.next = self._low = segment.seq
        if self._ahead or segment.length <= 0:
            self._anchor(segment)
            return True
        # nearly every stream begins so: its first segment is the buffer, without a copy
        self.parser, self.base, self.idle = segment.parser, segment.seq, False
        self.buffer, self.cut = segment.payload, len(segment.payload) < segment.length
        self.next = (segment.seq + segment.length) & MASK
        return True

    def _begins(self, segment: Piece, gap: int) -> bool:
        """Is this anchor a new beginning (and not a repetition, nor the next piece, nor just early)?"""
        if gap == 0:
            return self.idle or segment.parser != self.parser
        if gap < 0:
            # before the last anchor and never read: an earlier message that comes late
            late = distance(segment.seq, self._low) >= 0 and distance(segment.seq, self.base) < 0
            return gap < -_FAR or (late and not self.buffer)
        return self.idle or not self.buffer or segment.parser != self.parser

    def _anchor(self, segment: Piece) -> None:
        gap = distance(segment.seq, self.next)
        if gap >= 0:
            self._low = self.next
        elif gap < -_FAR:
            self._low = segment.seq
        kept = self._ahead
        self._ahead, self._ahead_bytes = [], 0
        self.parser, self.base, self.next = segment.parser, segment.seq, segment.seq
        self.idle, self.cut = False, False
        self.buffer, self.reader = b"", None
        self._append(segment, 0)
        for other in kept:
            if distance(other.seq, self.next) >= 0:
                self._keep_pending(other)
        self._close_gaps()

    def _append(self, segment: Piece, skip: int) -> bool:
        """The part of a segment beyond ``next``; False when all of it is known already."""
        if skip >= segment.length or self.cut:
            return False
        self.buffer += segment.payload[skip:]
        self.next = (segment.seq + segment.length) & MASK
        self.cut = len(segment.payload) < segment.length
        return True

    def _close_gaps(self) -> bool:
        while self._ahead and not self.cut:
            index = next((i for i, s in enumerate(self._ahead) if distance(s.seq, self.next) <= 0), None)
            if index is None:
                break
            segment = self._ahead.pop(index)
            self._ahead_bytes -= len(segment.payload)
            self._append(segment, -distance(segment.seq, self.next))
        return True

    def _keep(self, segment: Piece) -> bool:
        """Beyond a gap. When no more can be kept, the gap is taken for lost."""
        if self.cut or self._keep_pending(segment):
            return False
        anchors = [s for s in self._ahead if s.start]
        if not anchors:
            self.drop()
            return False
        self._anchor(min(anchors, key=lambda s: distance(s.seq, self.next)))
        return True

    def _keep_pending(self, segment: Piece) -> bool:
        if len(self._ahead) >= MAX_AHEAD or self._ahead_bytes + len(segment.payload) > MAX_AHEAD_BYTES:
            return False
        self._ahead.append(segment)
        self._ahead_bytes += len(segment.payload)
        return True

    def _seen(self, segment: Piece) -> None:
        end = (segment.seq + segment.length) & MASK
        if distance(end, self.next) > 0:
            self.next = end

    def _forget_ahead(self) -> None:
        self._ahead.clear()
        self._ahead_bytes = 0
