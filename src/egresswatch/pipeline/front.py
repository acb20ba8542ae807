# SPDX-License-Identifier: Apache-2.0
"""The fast half: batches of frames in, seconds of packet time out.

Runs decode and flow over each batch and sorts what they wrote into whole seconds of the packet clock.
A second is given out only once the clock has passed it, so what comes after never depends on how the
input was cut into batches, nor on the number of workers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from egresswatch.config import Settings
from egresswatch.decode.kernels import decode
from egresswatch.flow.table import FlowTable, Output
from egresswatch.packets import COUNTS, PACKET, QUOTE, TUNNEL_BITS, Bucket, Count
from egresswatch.pipeline.notes import NS, payloads
from egresswatch.records import Array, FrameBatch

_START = -(1 << 62)


class Notes(NamedTuple):
    """Notes of one batch within one second, in frame order."""

    first: int
    """Number of the batch's first frame."""
    rows: Array
    payloads: list[bytes | None]


@dataclass(slots=True)
class Second:
    """What happened in one second of packet time."""

    number: int
    notes: list[Notes] = field(default_factory=list)
    records: list[Array] = field(default_factory=list)


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
        self._scratch = np.zeros(1, PACKET)
        self._scratch_counts = np.zeros(COUNTS, np.uint64)
        self._clock = _START
        self._pending: dict[int, Second] = {}

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
        packets = self._packets[:n]
        clock, quoted = decode(
            batch.data, batch.off, batch.cap, batch.wire, batch.ts, batch.link, np.int64(self._clock),
            self._wanted, self._dedup, packets, self._quotes, self._scratch, self.buckets, self.counts,
            self._scratch_counts, self.unsupported,
        )
        self._clock = int(clock)
        self.frames += n
        low, high = int(batch.ts.min()), int(batch.ts.max())
        self.first_ts = low if self.first_ts is None else min(self.first_ts, low)
        self.last_ts = high if self.last_ts is None else max(self.last_ts, high)
        outputs = list(self.table.run(batch, packets, self._quotes, int(quoted)))
        self._keep_notes(batch, [output.notes for output in outputs if len(output.notes)])
        self._keep_records(outputs)
        yield from self._complete(self._clock // NS)

    def finish(self) -> Iterator[Second]:
        """End of input: what is left, in order."""
        if self.frames:
            self._keep_records(list(self.table.finish(self._clock // NS)))
        yield from self._complete(None)
        self.table.close()

    def counters(self) -> dict[str, int]:
        """Decode's counters by name."""
        return {count.name: int(self.counts[count.value]) for count in Count}

    def _keep_notes(self, batch: FrameBatch, parts: list[Array]) -> None:
        if not parts:
            return
        rows = np.concatenate(parts)
        rows = rows[np.argsort(rows["index"], kind="stable")]  # one note a packet; the clock never falls
        held = payloads(batch, rows)
        seconds = rows["clock"] // NS
        edges = [0, *(np.flatnonzero(np.diff(seconds)) + 1).tolist(), len(rows)]
        for low, high in pairwise(edges):
            second = self._second(int(seconds[low]))
            second.notes.append(Notes(batch.first, rows[low:high], held[low:high]))

    def _keep_records(self, outputs: list[Output]) -> None:
        records = [output.records for output in outputs if len(output.records)]
        if not records:
            return
        rows = np.concatenate(records)
        seconds = rows["tick"] // NS
        order = np.argsort(seconds, kind="stable")
        rows, seconds = rows[order], seconds[order]
        for part in np.split(rows, np.flatnonzero(np.diff(seconds)) + 1):
            self._second(int(part["tick"][0]) // NS).records.append(part)

    def _second(self, number: int) -> Second:
        second = self._pending.get(number)
        if second is None:
            second = self._pending[number] = Second(number)
        return second

    def _complete(self, now: int | None) -> Iterator[Second]:
        for number in sorted(self._pending):
            if now is not None and number >= now:
                break
            yield self._pending.pop(number)
