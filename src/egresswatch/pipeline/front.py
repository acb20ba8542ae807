# SPDX-License-Identifier: Apache-2.0
"""The fast half: batches of frames in, seconds of packet time out.

Runs decode and flow over each batch and sorts what they wrote into whole seconds of the packet clock.
A second is given out only once the clock has passed it, so what comes after never depends on how the
input was cut into batches, nor on the number of workers. A second of very many frames is given out in
parts, cut at frames counted from its first: a clock that stands still (one frame with a time far ahead is
enough) must not gather the rest of the input in memory.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from egresswatch.config import Settings
from egresswatch.decode.kernels import decode
from egresswatch.flow.table import NOTHING, FlowTable
from egresswatch.packets import ASIDE, COUNTS, PACKET, QUOTE, TUNNEL_BITS, Bucket, Count
from egresswatch.pipeline.asides import Aside, read_asides
from egresswatch.pipeline.blocks import joined, picked
from egresswatch.pipeline.notes import NS, payloads
from egresswatch.pipeline.watched import Networks
from egresswatch.records import NO_PACKET, Array, FrameBatch

_START = -(1 << 62)
_LATE = int(Count.late_frames)
_FEW = 64
"""Seconds in a batch that are looked for one by one."""
PART = 1 << 16
"""Frames of a second that are given out together."""


class Span(NamedTuple):
    """Frames of a batch that lie in one part of a second: from place ``start`` up to ``stop``."""

    number: int
    part: int
    start: int
    stop: int


class Notes(NamedTuple):
    """Notes of one batch within one second, in frame order."""

    first: int
    """Number of the batch's first frame."""
    rows: Array
    payloads: list[bytes | None]


@dataclass(slots=True)
class Second:
    """What happened in one second of packet time, or in a part of one that had many frames."""

    number: int
    part: int = 0
    closed: bool = True
    """No further part of this second comes."""
    notes: list[Notes] = field(default_factory=list)
    records: list[Array] = field(default_factory=list)
    asides: list[Aside] = field(default_factory=list)
    """Frames outside flows that say who is where, in frame order."""

    def hand_over(self) -> tuple[list[Notes], list[Array]]:
        """Notes and records, which are not kept here: whoever is done with them can let go of them."""
        notes, records = self.notes, self.records
        self.notes, self.records = [], []
        return notes, records


class Front:
    """decode ▸ flow, with their counters."""

    def __init__(
        self, settings: Settings, patterns: Array, networks: Array, named: Networks | None = None, *,
        between: bool,
    ) -> None:  # fmt: skip
        self._workers = max(1, settings.replay.workers - 1)  # one is the interpreter's
        self.table = FlowTable(
            settings, patterns, networks, self._workers, between=between,
            named=NOTHING if named is None else named.spans, named_v6=named is not None and named.v6,
        )  # fmt: skip
        self.buckets = np.zeros(len(Bucket), np.uint64)
        self.counts = np.zeros(COUNTS, np.uint64)
        self.unsupported = np.zeros(65536, np.uint64)
        self.first_ts: int | None = None
        self.frames = 0
        self._wanted = np.int64(sum(TUNNEL_BITS[name] for name in settings.decode.decapsulate))
        self._dedup = bool(settings.decode.dedup)
        self._packets = np.zeros(0, PACKET)
        self._quotes = np.zeros(0, QUOTE)
        self._asides = np.zeros(0, ASIDE)
        self._scratch = np.zeros(1, PACKET)
        self._scratch_counts = np.zeros(COUNTS, np.uint64)
        self._clock = _START
        self._pending: dict[tuple[int, int], Second] = {}
        self._present = (0, 0)
        """Second and part of the newest frame."""
        self._begun = 0
        """First frame of that second."""

    @property
    def clock(self) -> int:
        """Packet clock: the highest capture time so far, ns."""
        return self._clock

    @property
    def last_ts(self) -> int | None:
        """Latest capture time, ns."""
        return self._clock if self.frames else None

    def feed(self, batch: FrameBatch) -> Iterator[Second]:
        """Take a batch; give the seconds that are complete now, in order."""
        n = len(batch)
        if n == 0:
            return
        if n > len(self._packets):
            self._packets, self._quotes = np.zeros(n, PACKET), np.zeros(n, QUOTE)
            self._asides = np.zeros(n, ASIDE)
        packets = self._packets[:n]
        late = int(self.counts[_LATE])
        clock, quoted, aside = decode(
            batch.data, batch.off, batch.cap, batch.wire, batch.ts, batch.link, np.int64(self._clock),
            self._wanted, self._dedup, packets, self._quotes, self._asides, self._scratch, self.buckets,
            self.counts, self._scratch_counts, self.unsupported,
        )
        self._clock = int(clock)
        self.frames += n
        low = int(batch.ts[0] if int(self.counts[_LATE]) == late else batch.ts.min())
        self.first_ts = low if self.first_ts is None else min(self.first_ts, low)
        spans = self._spans(batch.first, packets["clock"])
        several = []
        for output in self.table.run(batch, packets, self._quotes, int(quoted)):
            self._keep_records(spans, output.records)
            if self._workers == 1:
                self._keep_notes(batch, spans, output.notes)
            else:
                several.append(output.notes)
        if several:
            notes = joined(several)
            self._keep_notes(batch, spans, notes.take(np.argsort(notes["index"])))  # one note a packet
        if aside:
            self._keep_asides(spans, read_asides(batch, packets, self._asides[: int(aside)]))
        yield from self._complete(self._present)

    def finish(self) -> Iterator[Second]:
        """End of input: what is left, in order."""
        if self.frames:
            last = self._second(*self._present)
            for output in self.table.finish(self._clock // NS):
                if len(output.records):
                    last.records.append(output.records)
        yield from self._complete(None)
        self.table.close()

    def counters(self) -> dict[str, int]:
        """Decode's counters by name."""
        return {count.name: int(self.counts[count.value]) for count in Count}

    def _spans(self, first: int, clocks: Array) -> list[Span]:
        """Where the seconds and parts of a batch lie, of which ``first`` is the first frame's number."""
        spans = []
        for low, high in pairwise(_edges(clocks)):
            number = int(clocks[low]) // NS
            if number != self._present[0] or first + low == 0:
                self._begun = first + low
            while low < high:
                part = (first + low - self._begun) // PART
                stop = min(high, self._begun + (part + 1) * PART - first)
                spans.append(Span(number, part, low, stop))
                self._present = (number, part)
                if part:  # also when nothing happens in it: the one before is not the last
                    self._second(number, part)
                low = stop
        return spans

    def _keep_notes(self, batch: FrameBatch, spans: list[Span], rows: Array) -> None:
        """Notes of a call of the kernel, in frame order."""
        if not len(rows):
            return
        held = payloads(batch, rows)
        for span, low, high in _cuts(spans, rows["index"]):
            notes = Notes(batch.first, rows[low:high], held[low:high])
            self._second(span.number, span.part).notes.append(notes)

    def _keep_asides(self, spans: list[Span], found: list[Aside]) -> None:
        for span, low, high in _cuts(spans, [aside.place for aside in found]):
            self._second(span.number, span.part).asides += found[low:high]

    def _keep_records(self, spans: list[Span], rows: Array) -> None:
        """What time ended belongs to the beginning of its second, what a packet ended to that packet. Within
        a part of a second the order is free: records tell when they were exported."""
        if not len(rows):
            return
        timed = rows["at"] == NO_PACKET
        if timed.any():
            early = picked(rows, timed)
            seconds = early["tick"] // NS
            for number in np.unique(seconds).tolist():
                self._second(number, 0).records.append(picked(early, seconds == number))
            rows = picked(rows, ~timed)
        if len(rows):
            for span, low, high in _cuts(spans, rows["at"]):
                self._second(span.number, span.part).records.append(rows[low:high])

    def _second(self, number: int, part: int) -> Second:
        second = self._pending.get((number, part))
        if second is None:
            second = self._pending[number, part] = Second(number, part)
        return second

    def _complete(self, now: tuple[int, int] | None) -> Iterator[Second]:
        """What lies before ``now``, in order; None: everything."""
        for number, part in sorted(self._pending):
            if now is not None and (number, part) >= now:
                break
            second = self._pending.pop((number, part))
            second.closed = (number, part + 1) not in self._pending
            yield second


def _edges(clocks: Array) -> list[int]:
    """Where a new second begins among ascending packet clocks; first 0, last their number."""
    n = len(clocks)
    begin, end = int(clocks[0]) // NS, int(clocks[n - 1]) // NS
    if begin == end:
        return [0, n]
    if end - begin > _FEW:
        return [0, *(np.flatnonzero(np.diff(clocks // NS)) + 1).tolist(), n]
    edges = [0]
    for second in range(begin + 1, end + 1):
        edge = bisect_left(clocks, second * NS, edges[-1])
        if edge > edges[-1]:
            edges.append(edge)
    return [*edges, n]


def _cuts(spans: list[Span], places: Any) -> Iterator[tuple[Span, int, int]]:
    """The spans in which something lies, with where it begins and ends among ascending ``places``."""
    low, count = 0, len(places)
    for span in spans:
        high = count if span.stop > int(places[count - 1]) else bisect_left(places, span.stop, low)
        if low < high:
            yield span, low, high
        low = high
