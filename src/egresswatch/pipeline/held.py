# SPDX-License-Identifier: Apache-2.0
"""Flow records that are held, and those of one host among them without looking at all the others.

Records lie in blocks, oldest first. A block is joined with its neighbour when that is not much larger, so
there are few of them and each record is moved a few times only, however many came at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from egresswatch.records import Array


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
                order = np.argsort(self.rows[end], kind="stable")
                self._orders.append((self.rows[end][order], order))
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
        while self._blocks and len(self._blocks[-1].rows) <= 2 * size:
            parts.append(self._blocks.pop().rows)
            size += len(parts[-1])
        self._blocks.append(_Block(np.concatenate(parts[::-1]) if len(parts) > 1 else rows))

    def of(self, words: Sequence[int]) -> list[Array]:
        """The rows of hosts with these low address words, oldest first."""
        if not words:
            return []
        wanted = np.array(words, np.uint64)
        return [block.rows[places] for block in self._blocks if len(places := block.of(wanted))]

    def take(self) -> Array:
        """All rows, oldest first; nothing is held any more."""
        blocks = [block.rows for block in self._blocks]
        self._blocks, self._count = [], 0
        return np.concatenate(blocks)
