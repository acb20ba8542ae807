# SPDX-License-Identifier: Apache-2.0
"""A stream against its slow twin, which takes every first segment the general way into a growing buffer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from egresswatch.sniff import reassembly
from egresswatch.sniff.reassembly import Segment, Stream, distance

BASE = 0xFFFF_FFE0  # arrivals cross the end of sequence space


# --- the twin --------------------------------------------------------------------------------------
class SlowStream:
    """One side of a connection; ``buffer`` is what is in order and not read yet."""

    __slots__ = ("_ahead", "_ahead_bytes", "_low", "base", "buffer", "cut", "idle", "next", "parser")

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.parser = 0
        """Which parser reads; 0 before the first anchor."""
        self.cut = False
        """The last byte of ``buffer`` is followed by bytes that the capture does not have."""
        self.idle = True
        """Nothing is read before the next anchor."""
        self.base = self.next = self._low = 0
        self._ahead: list[Segment] = []
        self._ahead_bytes = 0

    @property
    def held(self) -> int:
        """Bytes of payload kept."""
        return len(self.buffer) + self._ahead_bytes

    def add(self, segment: Segment) -> bool:
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
        self.buffer.clear()
        self._forget_ahead()

    def consume(self, count: int) -> None:
        """``count`` bytes at the beginning were read."""
        del self.buffer[:count]

    def _first(self, segment: Segment) -> bool:
        if not segment.start:
            if not self._keep_pending(segment):
                self._forget_ahead()
            return False
        self.base = self.next = self._low = segment.seq
        self._anchor(segment)
        return True

    def _begins(self, segment: Segment, gap: int) -> bool:
        """Is this anchor a new beginning (and not a repetition, nor the next piece, nor just early)?"""
        if gap == 0:
            return self.idle or segment.parser != self.parser
        if gap < 0:
            # before the last anchor and never read: an earlier message that comes late
            late = distance(segment.seq, self._low) >= 0 and distance(segment.seq, self.base) < 0
            return gap < -reassembly._FAR or (late and not self.buffer)
        return self.idle or not self.buffer or segment.parser != self.parser

    def _anchor(self, segment: Segment) -> None:
        gap = distance(segment.seq, self.next)
        if gap >= 0:
            self._low = self.next
        elif gap < -reassembly._FAR:
            self._low = segment.seq
        kept = self._ahead
        self._ahead, self._ahead_bytes = [], 0
        self.parser, self.base, self.next = segment.parser, segment.seq, segment.seq
        self.idle, self.cut = False, False
        self.buffer.clear()
        self._append(segment, 0)
        for other in kept:
            if distance(other.seq, self.next) >= 0:
                self._keep_pending(other)
        self._close_gaps()

    def _append(self, segment: Segment, skip: int) -> bool:
        """The part of a segment beyond ``next``; False when all of it is known already."""
        if skip >= segment.length or self.cut:
            return False
        fresh = segment.payload[skip:]
        self.buffer += fresh
        self.next = (segment.seq + segment.length) & reassembly.MASK
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

    def _keep(self, segment: Segment) -> bool:
        """Beyond a gap. When no more can be kept, the gap is taken for lost."""
        if self.cut or self._keep_pending(segment):
            return False
        anchors = [s for s in self._ahead if s.start]
        if not anchors:
            self.drop()
            return False
        self._anchor(min(anchors, key=lambda s: distance(s.seq, self.next)))
        return True

    def _keep_pending(self, segment: Segment) -> bool:
        size = self._ahead_bytes + len(segment.payload)
        if len(self._ahead) >= reassembly.MAX_AHEAD or size > reassembly.MAX_AHEAD_BYTES:
            return False
        self._ahead.append(segment)
        self._ahead_bytes += len(segment.payload)
        return True

    def _seen(self, segment: Segment) -> None:
        end = (segment.seq + segment.length) & reassembly.MASK
        if distance(end, self.next) > 0:
            self.next = end

    def _forget_ahead(self) -> None:
        self._ahead.clear()
        self._ahead_bytes = 0


# --- the comparison --------------------------------------------------------------------------------
@given(
    st.lists(
        st.tuples(
            st.integers(0, 60), st.integers(0, 30), st.integers(0, 3), st.booleans(), st.integers(6, 8)
        ),
        max_size=40,
    ),
    st.integers(0, 40),
)  # fmt: skip
def test_any_segments_make_the_twins_stream(
    arrivals: list[tuple[int, int, int, bool, int]], used: int
) -> None:
    """Every answer and every place, with reading in between."""
    text = bytes(range(100))
    fast, slow = Stream(), SlowStream()
    for at, size, more, start, parser in arrivals:
        piece = Segment((BASE + at) & 0xFFFFFFFF, text[at : at + size], size + more, start, parser)
        assert fast.add(piece) == slow.add(piece)
        for stream in (fast, slow):
            if len(stream.buffer) > used:
                stream.consume(used)
            if stream.cut:
                stream.drop()
        for name in ("parser", "cut", "idle", "next", "held", "base", "_low"):
            assert getattr(fast, name) == getattr(slow, name)
        assert fast.buffer == slow.buffer
