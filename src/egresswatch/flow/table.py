# SPDX-License-Identifier: Apache-2.0
"""The flow table as Python sees it: owns the memory, runs the kernel, hands out what it wrote.

``run`` takes a decoded batch and yields Output pieces until the batch is done; ``finish`` exports
what is left. With several workers each takes a range of the virtual shards, over the same packets,
in threads (the kernel holds no interpreter lock); what they wrote is told worker by worker, and
the caller orders it, so results do not depend on their number.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from egresswatch.config import Settings
from egresswatch.flow.layout import (
    DUP,
    DUP_SETS,
    DUP_WAYS,
    FRAG,
    FRAG_SETS,
    FRAG_WAYS,
    HOST,
    HOSTS,
    NOTE,
    ROW,
    SHARD,
    TALLIES,
    WHEEL,
    Tally,
)
from egresswatch.flow.probe import pattern_lists
from egresswatch.flow.rows import ROOM, flush, turn_all
from egresswatch.flow.slots import VLAN_AUTO, VLAN_IGNORE, VLAN_KEY
from egresswatch.flow.update import update
from egresswatch.packets import SHARDS
from egresswatch.records import FLOW_RECORD, Array, FrameBatch

_MODES = {"auto": VLAN_AUTO, "true": VLAN_KEY, "false": VLAN_IGNORE}
_RECORDS, _NOTES = 1 << 15, 1 << 15
"""Rows of a block that a worker writes into: enough for huge pages, few enough to be given back soon."""
_KEPT = 6
"""Blocks of a worker that are used again and again."""


def _own() -> int:
    for rows in [object()]:
        return sys.getrefcount(rows)
    raise AssertionError


_OWN = _own()
"""References to a block that is only kept: the list's, the loop's and the one that asks, as far as this
interpreter counts them (from 3.14 on it borrows the last)."""
NOTHING: Array = np.zeros((0, 2), np.uint64)
FIRST_SECOND = np.int64(-(1 << 62) // 10**9)


@dataclass(slots=True)
class Output:
    """What one call of the kernel wrote. Nothing is written there again: free to keep."""

    records: Array
    """FLOW_RECORD[n]"""
    notes: Array
    """NOTE[n], with places in the batch, in frame order"""


class _Memory:
    """Zeroed rows in huge pages where the system gives them: they are touched in random order."""

    def __init__(self, dtype: np.dtype[np.void], count: int):
        size = max(1, count) * dtype.itemsize
        self._map = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            self._map.madvise(mmap.MADV_HUGEPAGE)
        self.rows = np.frombuffer(self._map, dtype, count)

    def give_back(self, low: int, high: int) -> None:
        """These rows are not needed any more: give the whole pages between them back to the system."""
        low, high = (row * self.rows.dtype.itemsize for row in (low, high))
        low = -(-low // mmap.PAGESIZE) * mmap.PAGESIZE
        high -= high % mmap.PAGESIZE
        if high > low:
            self._map.madvise(mmap.MADV_DONTNEED, low, high - low)


class Block:
    """Rows handed out piece by piece from memory that is not written again while anybody holds a piece of it,
    so that nobody has to copy them. Memory that nobody holds is used again: fresh pages are dear."""

    def __init__(self, dtype: np.dtype[np.void], size: int):
        self._dtype, self._size = dtype, size
        self._kept: list[Array] = []
        self.room = np.empty(0, dtype)
        """What is still free."""

    def refill(self, least: int) -> None:
        """Have room for ``least`` rows."""
        if len(self.room) < least:
            self.room = np.empty(0, self._dtype)
            self.room = self._unheld()[:]

    def _unheld(self) -> Array:
        for rows in self._kept:
            if sys.getrefcount(rows) == _OWN:  # a piece of it, wherever it is, refers to it
                return rows
        rows = np.empty(self._size, self._dtype)
        if len(self._kept) < _KEPT:
            self._kept.append(rows)
        return rows

    def take(self, count: int) -> Array:
        """The first ``count`` rows, which have been written."""
        taken, self.room = self.room[:count], self.room[count:]
        return taken


class _Worker:
    """The shards ``low`` .. ``high - 1``, what they write, and their counters."""

    def __init__(self, low: int, high: int):
        self.low, self.high = low, high
        self.records = Block(FLOW_RECORD, _RECORDS)
        self.notes = Block(NOTE, _NOTES)
        self.cursor = np.zeros(2, np.int64)
        self.tally = np.zeros(TALLIES, np.uint64)

    def refill(self) -> None:
        """Room for what a call of a kernel may want to write, before it."""
        self.records.refill(4 * ROOM)
        self.notes.refill(4 * ROOM)

    def take(self) -> Output:
        records, notes = (int(n) for n in self.cursor)
        self.cursor[:] = 0
        return Output(self.records.take(records), self.notes.take(notes))


class FlowTable:
    """A bounded biflow table in ``SHARDS`` virtual shards."""

    def __init__(
        self, settings: Settings, patterns: Array, networks: Array, workers: int = 1, *,
        between: bool = False, named: Array = NOTHING, named_v6: bool = False,
    ):  # fmt: skip
        """``networks`` uint64[n, 4] of the inside; ``between``: note flows between inside hosts as well;
        ``named`` uint64[n, 2], first and last of the IPv4 networks that rules name, ascending and apart, and
        whether they name any of IPv6."""
        flow = settings.flow
        per_shard = max(1, -(-flow.table_size // SHARDS))
        self.capacity = per_shard * SHARDS
        slots = 1 << max(3, (2 * per_shard - 1).bit_length())
        self._memory = _Memory(ROW, self.capacity)
        self._rows = self._memory.rows
        self._row_bytes = self._rows.view(np.uint8)
        self._slots = np.zeros(slots * SHARDS, np.uint64)
        self._heads = np.zeros((SHARDS, WHEEL), np.uint32)
        self._shards = np.zeros(SHARDS, SHARD)
        self._shards["second"] = FIRST_SECOND
        dedup = settings.decode.dedup
        self._dups = _Memory(DUP, SHARDS * DUP_SETS * DUP_WAYS).rows
        self._dups["clock"] = np.iinfo(np.int64).min // 2
        self._frags = np.zeros((SHARDS, FRAG_SETS * FRAG_WAYS), FRAG)
        self._frags["clock"] = np.iinfo(np.int64).min // 2
        self._hosts = np.zeros((SHARDS, HOSTS), HOST)
        self._host_bytes = self._hosts.reshape(-1).view(np.uint8)
        self._timeouts = np.array(
            [flow.tcp_idle_timeout, flow.udp_idle_timeout, flow.other_idle_timeout, flow.active_timeout,
             flow.end_linger], np.int64,
        )
        self._mode = _MODES[settings.decode.vlan_in_key]
        self._window = np.int64(settings.decode.dedup_window if dedup else 0)
        self._budget = np.int64(settings.sniff.flow_bytes)
        self._probes = np.int64(min(255, settings.sniff.probe_packets) if settings.sniff.enabled else 0)
        self._between = np.int64(between)
        self._patterns = patterns
        self._starts, self._order = pattern_lists(patterns)
        self._nets, self._named, self._named_v6 = networks, named, np.int64(named_v6)
        count = max(1, min(workers, SHARDS))
        edges = [SHARDS * k // count for k in range(count + 1)]
        self._workers = [_Worker(low, high) for low, high in pairwise(edges)]
        self._pool = ThreadPoolExecutor(count) if count > 1 else None

    def run(self, batch: FrameBatch, packets: Array, quotes: Array, quoted: int) -> Iterator[Output]:
        """Put a decoded batch (PACKET rows) through the table."""
        def work(worker: _Worker, first: int) -> int:
            worker.refill()
            return int(update(
                np.int64(first), batch.data, batch.off, batch.ts, packets, quotes, np.int64(quoted),
                np.int64(worker.low), np.int64(worker.high), np.int64(self._mode), self._window,
                self._budget, self._probes, self._between, self._timeouts, self._nets, self._named,
                self._named_v6, self._patterns, self._starts, self._order, self._slots, self._rows,
                self._row_bytes, self._heads, self._shards, self._dups, self._frags, self._hosts,
                self._host_bytes, worker.records.room, worker.notes.room, worker.cursor, worker.tally,
            ))

        places = [0] * len(self._workers)
        n = len(packets)
        while True:
            todo = [k for k, place in enumerate(places) if place < n]
            if not todo:
                return
            if self._pool is None:
                places[0] = work(self._workers[0], places[0])
            else:
                futures = {k: self._pool.submit(work, self._workers[k], places[k]) for k in todo}
                for k, future in futures.items():
                    places[k] = future.result()
            for k in todo:
                yield self._workers[k].take()

    def finish(self, second: int) -> Iterator[Output]:
        """End of input at packet-clock ``second``: turn all wheels to it, then export what lives."""
        for worker in self._workers:
            done = False
            while not done:
                worker.refill()
                done = bool(turn_all(
                    np.int64(second), np.int64(worker.low), np.int64(worker.high), self._slots, self._rows,
                    self._heads, self._shards, self._timeouts, worker.records.room, worker.cursor,
                ))
                yield worker.take()
            for shard in range(worker.low, worker.high):
                done = False
                while not done:
                    worker.refill()
                    done = bool(flush(
                        np.int64(shard), np.int64(shard + 1), self._rows, self._row_bytes, self._heads,
                        self._shards, worker.records.room, worker.cursor,
                    ))
                    yield worker.take()
                self._give_back(shard)

    def _give_back(self, shard: int) -> None:
        """The rows of a shard that has nothing left: records of the end of input take their place."""
        per_shard = self.capacity // SHARDS
        self._memory.give_back(shard * per_shard, (shard + 1) * per_shard)

    @property
    def live(self) -> int:
        """Flows alive now."""
        return int(self._shards["live"].sum())

    def tally(self) -> dict[str, int]:
        """Counters over all workers, by name."""
        total = sum((worker.tally for worker in self._workers), np.zeros(TALLIES, np.uint64))
        return {name.name: int(total[name.value]) for name in Tally}

    def close(self) -> None:
        """Let threads and memory go; counters stay. What was handed out stays with those who hold it."""
        if self._pool is not None:
            self._pool.shutdown()
        nothing = _Memory(ROW, 0)
        self._memory, self._rows, self._row_bytes = nothing, nothing.rows, nothing.rows.view(np.uint8)
        self._slots, self._dups = self._slots[:0].copy(), self._dups[:0].copy()
        for worker in self._workers:
            worker.records, worker.notes = Block(FLOW_RECORD, _RECORDS), Block(NOTE, _NOTES)
