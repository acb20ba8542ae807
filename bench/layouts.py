# SPDX-License-Identifier: Apache-2.0
"""``python -m bench.layouts``: how the rows of a flow table lie in memory, measured.

The least that a packet does to a flow, found by a number in random order: compare the five words of its
key, add to two counters, set a time and flags. Once over packed rows (all fields of a flow side by side, as
``flow.layout.ROW``), once over columns (an array a field); with and without asking for the row sixteen
packets ahead. Told are CPU nanoseconds a packet, the least of the rounds. The answer is in docs/design.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bench.draw import Draw
from bench.report import table
from egresswatch.flow.layout import ROW
from egresswatch.jit import kernel, prefetch

PACKETS = 2_000_000
FLOWS = (5_000, 50_000, 1_000_000)
AHEAD = 16
KEY = ("a_hi", "a_lo", "b_hi", "b_lo", "meta")
COUNTED = ("last", "bytes_a", "pkts_a", "state")
WAYS = ("packed rows", "packed rows, asked for ahead", "columns", "columns, asked for ahead")


@kernel
def packed(order: Any, ahead: Any, rows: Any, row_bytes: Any) -> Any:
    """Packets over packed rows; gives how many keys fitted."""
    n, fits = len(order), 0
    for i in range(n):
        if ahead > 0 and i + ahead < n:
            place = np.int64(order[i + ahead]) * 256
            prefetch(row_bytes, place)
            prefetch(row_bytes, place + 64)
        row, key = rows[np.uint64(order[i])], np.uint64(order[i])
        if (
            row["a_hi"] == key and row["a_lo"] == key and row["b_hi"] == key and row["b_lo"] == key
            and row["meta"] == key
        ):  # fmt: skip
            row["last"] = i
            row["bytes_a"] += np.uint64(100)
            row["pkts_a"] += np.uint32(1)
            row["state"] |= 3
            fits += 1
    return fits


@kernel
def columns(
    order: Any, ahead: Any, a_hi: Any, a_lo: Any, b_hi: Any, b_lo: Any, meta: Any, last: Any, size: Any,
    count: Any, state: Any,
) -> Any:  # fmt: skip
    """The same over columns."""
    n, fits = len(order), 0
    for i in range(n):
        if ahead > 0 and i + ahead < n:
            place = np.int64(order[i + ahead])
            prefetch(a_hi, place)
            prefetch(a_lo, place)
            prefetch(b_hi, place)
            prefetch(b_lo, place)
            prefetch(meta, place)
            prefetch(last, place)
            prefetch(size, place)
            prefetch(count, place)
            prefetch(state, place)
        k = np.uint64(order[i])
        if a_hi[k] == k and a_lo[k] == k and b_hi[k] == k and b_lo[k] == k and meta[k] == k:
            last[k] = i
            size[k] += np.uint64(100)
            count[k] += np.uint32(1)
            state[k] |= 3
            fits += 1
    return fits


def measure(flows: int, packets: int = PACKETS, rounds: int = 5) -> list[float]:
    """Nanoseconds a packet of each of WAYS."""
    order = Draw(1).below(flows, packets)
    rows = np.zeros(flows, ROW)
    for name in KEY:
        rows[name] = np.arange(flows)
    fields = [np.ascontiguousarray(rows[name]) for name in (*KEY, *COUNTED)]
    steps, memory = (np.int64(0), np.int64(AHEAD)), rows.view(np.uint8)
    calls: list[Callable[[], Any]] = [partial(packed, order, ahead, rows, memory) for ahead in steps]
    calls += [partial(columns, order, ahead, *fields) for ahead in steps]
    best = [float("inf")] * len(calls)
    for _ in range(rounds + 1):
        for k, call in enumerate(calls):
            begun = time.process_time()
            assert call() == packets
            best[k] = min(best[k], time.process_time() - begun)
    return [seconds / packets * 1e9 for seconds in best]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="bench.layouts")
    parser.add_argument("--packets", type=int, default=PACKETS)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args(arguments)
    found = [measure(flows, asked.packets, asked.rounds) for flows in FLOWS]
    print(table(
        ("ns a packet, flows", *(f"{flows:,}" for flows in FLOWS)),
        [(way, *(f"{one[k]:.0f}" for one in found)) for k, way in enumerate(WAYS)],
    ))  # fmt: skip


if __name__ == "__main__":
    main()
