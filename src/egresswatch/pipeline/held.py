# SPDX-License-Identifier: Apache-2.0
"""Flow records that are held, those of one host among them, and the way out in the order of time.

Records lie in blocks, oldest first. A small block is joined with its neighbour when that is not much larger,
so there are few of them and each record is moved a few times only, however many came at a time. All records
together are never copied: only their sort keys are, and they leave in parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from egresswatch.records import Array

_JOINED = 1 << 16
"""Records that joined blocks have at most."""


class _Block:
    """Some records; their order by each end's address is made when it is first asked for."""

    __slots__ = ("_orders", "rows")

    def __init__(self, rows: Array) -> None:
        self.rows = rows
        self._orders: list[tuple[Array, Array]] = []

    def of(self, words: Array) -> Array:
        """Places of the records of which an end has one of these low address words, ascending."""
        if not self._orders:
            for end in ("orig_lo", "resp_lo"):
                column = np.ascontiguousarray(self.rows[end])
                order = np.argsort(column, kind="stable")
                self._orders.append((column.take(order), order))
        places = []
        for column, order in self._orders:
            lows, highs = np.searchsorted(column, words), np.searchsorted(column, words, "right")
            places += [order[low:high] for low, high in zip(lows.tolist(), highs.tolist(), strict=True)]
        return np.unique(np.concatenate(places))


class Held:
    """Blocks of FLOW_RECORD rows."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, rows: Array) -> None:
        """Hold rows that are younger than all others."""
        parts = [rows]
        self._count += len(rows)
        size = len(rows)
        while self._blocks and (last := len(self._blocks[-1].rows)) <= 2 * size and last + size <= _JOINED:
            parts.append(self._blocks.pop().rows)
            size += last
        self._blocks.append(_Block(np.concatenate(parts[::-1]) if len(parts) > 1 else rows))

    def of(self, words: Sequence[int]) -> list[Array]:
        """The rows of hosts with these low address words, oldest first."""
        if not words:
            return []
        wanted = np.array(words, np.uint64)
        return [block.rows.take(places) for block in self._blocks if len(places := block.of(wanted))]

    def drain(self, size: int) -> Iterator[Array]:
        """All rows by time, uid and number, ``size`` at a time; from the first one on nothing is held."""
        blocks = [block.rows for block in self._blocks]
        self._blocks, self._count = [], 0
        if not blocks:
            return
        lengths = np.array([len(rows) for rows in blocks])
        ends = np.cumsum(lengths)
        order = np.lexsort([np.concatenate([rows[key] for rows in blocks]) for key in ("seq", "uid", "ts")])
        for start in range(0, len(order), size):
            places = order[start : start + size]
            block_of = np.searchsorted(ends, places, "right")
            out = np.empty(len(places), blocks[0].dtype)
            for number in np.unique(block_of).tolist():
                mine = np.flatnonzero(block_of == number)
                rows = blocks[number]
                _bytes(out)[mine] = _bytes(rows).take(places[mine] - (ends[number] - len(rows)), axis=0)
            lengths -= np.bincount(block_of, minlength=len(blocks))
            for number in np.flatnonzero(lengths == 0).tolist():
                blocks[number] = blocks[number][:0].copy()  # its memory is free for what is made of the rows
            yield out


def _bytes(rows: Array) -> Array:
    """Rows as lines of bytes: NumPy moves those ten times as fast as records with fields."""
    lines: Array = rows.view(np.uint8).reshape(len(rows), rows.dtype.itemsize)
    return lines
