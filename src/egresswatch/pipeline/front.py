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
from typing import NamedTuple

import numpy as np

from egresswatch.config import Settings
from egresswatch.decode.kernels import decode
from egresswatch.flow.table import FlowTable
from egresswatch.packets import ASIDE, COUNTS, PACKET, QUOTE, TUNNEL_BITS, Bucket, Count
from egresswatch.pipeline.asides import Aside, read_asides
from egresswatch.pipeline.notes import NS, payloads
from egresswatch.records import NO_PACKET, Array, FrameBatch

_START = -(1 << 62)
PART = 1 << 16
"""Frames of a second that are given out together."""


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


class Front:
    """decode ▸ flow, with their counters."""

    def __init__(self, settings: Settings, patterns: Array, networks: Array, *, between: bool) -> None:
        self.table = FlowTable(settings, patterns, networks, settings.replay.workers, between=between)
        self.buckets = np.zeros(len(Bucket), np.uint64)
        self.counts = np.zeros(COUNTS, np.uint64)
        self.unsupported = np.zeros(65536, np.uint64)
        self.first_ts: int | None = None
        self.last_ts: int | None = None
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

    def feed(self, batch: FrameBatch) -> Iterator[Second]:
        """Take a batch; give the seconds that are complete now, in order."""
        n = len(batch)
        if n == 0:
            return
        if n > len(self._packets):
            self._packets, self._quotes = np.zeros(n, PACKET), np.zeros(n, QUOTE)
            self._asides = np.zeros(n, ASIDE)
        packets = self._packets[:n]
        clock, quoted, aside = decode(
            batch.data, batch.off, batch.cap, batch.wire, batch.ts, batch.link, np.int64(self._clock),
            self._wanted, self._dedup, packets, self._quotes, self._asides, self._scratch, self.buckets,
            self.counts, self._scratch_counts, self.unsupported,
        )
        self._clock = int(clock)
        self.frames += n
        low, high = int(batch.ts.min()), int(batch.ts.max())
        self.first_ts = low if self.first_ts is None else min(self.first_ts, low)
        self.last_ts = high if self.last_ts is None else max(self.last_ts, high)
        outputs = list(self.table.run(batch, packets, self._quotes, int(quoted)))
        spans = self._spans(batch.first, packets["clock"] // NS)
        self._keep_notes(batch, spans, [output.notes for output in outputs if len(output.notes)])
        self._keep_records(spans, [output.records for output in outputs if len(output.records)])
        if aside:
            self._keep_asides(spans, read_asides(batch, packets, self._asides[: int(aside)]))
        yield from self._complete(self._present)

    def finish(self) -> Iterator[Second]:
        """End of input: what is left, in order."""
        if self.frames:
            last = list(self.table.finish(self._clock // NS))
            self._second(*self._present).records += [output.records for output in last if len(output.records)]
        yield from self._complete(None)
        self.table.close()

    def counters(self) -> dict[str, int]:
        """Decode's counters by name."""
        return {count.name: int(self.counts[count.value]) for count in Count}

    def _spans(self, first: int, seconds: Array) -> list[tuple[int, int, int, int]]:
        """(second, part, from, to) of the frames of a batch, of which ``first`` is the first's number."""
        spans = []
        for low, high in pairwise([0, *(np.flatnonzero(np.diff(seconds)) + 1).tolist(), len(seconds)]):
            number = int(seconds[low])
            if number != self._present[0] or first + low == 0:
                self._begun = first + low
            while low < high:
                part = (first + low - self._begun) // PART
                stop = min(high, self._begun + (part + 1) * PART - first)
                spans.append((number, part, low, stop))
                self._present = (number, part)
                if part:  # also when nothing happens in it: the one before is not the last
                    self._second(number, part)
                low = stop
        return spans

    def _keep_notes(
        self, batch: FrameBatch, spans: list[tuple[int, int, int, int]], parts: list[Array]
    ) -> None:
        if not parts:
            return
        rows = np.concatenate(parts)
        rows = rows[np.argsort(rows["index"], kind="stable")]  # one note a packet
        held = payloads(batch, rows)
        for number, part, *edges in spans:
            low, high = np.searchsorted(rows["index"], edges).tolist()
            if low < high:
                notes = Notes(batch.first, rows[low:high], held[low:high])
                self._second(number, part).notes.append(notes)

    def _keep_asides(self, spans: list[tuple[int, int, int, int]], found: list[Aside]) -> None:
        places = [aside.place for aside in found]  # ascending
        for number, part, *edges in spans:
            low, high = (bisect_left(places, edge) for edge in edges)
            if low < high:
                self._second(number, part).asides += found[low:high]

    def _keep_records(self, spans: list[tuple[int, int, int, int]], parts: list[Array]) -> None:
        """What time ended belongs to the beginning of its second, what a packet ended to that packet."""
        if not parts:
            return
        rows = np.concatenate(parts)
        timed = rows["at"] == NO_PACKET
        early, rows = rows[timed], rows[~timed]
        early = early[np.argsort(early["tick"], kind="stable")]
        if len(early):
            for some in np.split(early, np.flatnonzero(np.diff(early["tick"] // NS)) + 1):
                self._second(int(some["tick"][0]) // NS, 0).records.append(some)
        rows = rows[np.argsort(rows["at"], kind="stable")]
        for number, part, *edges in spans:
            low, high = np.searchsorted(rows["at"], edges).tolist()
            if low < high:
                self._second(number, part).records.append(rows[low:high])

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
