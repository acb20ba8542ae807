# SPDX-License-Identifier: Apache-2.0
"""Flow records that are held, those of one host among them, and the way out in the order of time.

Records stay where they were written, in pieces as they came. Only when somebody asks for those of a host are
pieces put together: a small block is joined with its neighbour when that is not much larger, so there are few
of them and each record is moved a few times only. On the way out nothing but the keys is copied as a whole;
the records themselves leave in parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from egresswatch.pipeline.blocks import joined
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
    """Pieces of FLOW_RECORD rows."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._loose: list[Array] = []
        """What came after the blocks, as it came."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, rows: Array) -> None:
        """Hold rows that are younger than all others; nobody may write there any more."""
        self._loose.append(rows)
        self._count += len(rows)

    def of(self, words: Sequence[int]) -> list[Array]:
        """The rows of hosts with these low address words, oldest first."""
        if not words:
            return []
        self._join()
        wanted = np.array(words, np.uint64)
        return [block.rows.take(places) for block in self._blocks if len(places := block.of(wanted))]

    def drain(self, size: int) -> Iterator[Array]:
        """All rows by time, uid and number, ``size`` at a time; from the first one on nothing is held."""
        pieces = [block.rows for block in self._blocks] + self._loose
        self._blocks, self._loose, self._count = [], [], 0
        if not pieces:
            return
        left = np.array([len(rows) for rows in pieces])
        ends, order = np.cumsum(left), _order(pieces)
        for start in range(0, len(order), size):
            yield _gathered(pieces, left, ends, order[start : start + size])

    def _join(self) -> None:
        """Put loose pieces to the blocks."""
        loose, self._loose = self._loose, []
        for rows in loose:
            parts, size = [rows], len(rows)
            while (
                self._blocks and (last := len(self._blocks[-1].rows)) <= 2 * size and last + size <= _JOINED
            ):
                parts.append(self._blocks.pop().rows)
                size += last
            self._blocks.append(_Block(joined(parts[::-1])))


def _order(pieces: Sequence[Array]) -> Array:
    """Places of the rows of all pieces by time, uid and number. Few have the same time, so the others' uids
    and numbers are not looked at."""
    times = _column(pieces, "ts")
    order = np.argsort(times)
    times = times.take(order)
    same = times[1:] == times[:-1]
    if not same.any():
        return order
    tied = np.zeros(len(order), bool)
    tied[1:] = same
    tied[:-1] |= same
    at = np.flatnonzero(tied)
    rows = order.take(at)
    keys = [_column(pieces, name).take(rows) for name in ("seq", "uid")]
    order[at] = rows.take(np.lexsort((rows, *keys, times.take(at))))
    return order


def _column(pieces: Sequence[Array], name: str) -> Array:
    return np.concatenate([rows[name] for rows in pieces])


def _gathered(pieces: list[Array], left: Array, ends: Array, places: Array) -> Array:
    """The rows at these places, piece ``k`` ending at ``ends[k]``. What is ``left`` in the pieces gets less;
    one of which nothing is left is given up, its memory is free for what is made of the rows."""
    ranks = np.argsort(places)  # piece by piece
    ascending = places.take(ranks)
    out = np.empty(len(places), pieces[0].dtype)
    into = _bytes(out)
    cuts = np.searchsorted(ascending, ends)
    counts = np.diff(cuts, prepend=0)
    for number in np.flatnonzero(counts).tolist():
        mine = slice(cuts[number] - counts[number], cuts[number])
        rows = pieces[number]
        into[ranks[mine]] = _bytes(rows).take(ascending[mine] - (ends[number] - len(rows)), axis=0)
    left -= counts
    for number in np.flatnonzero((left == 0) & (counts > 0)).tolist():
        pieces[number] = pieces[number][:0].copy()
    return out


def _bytes(rows: Array) -> Array:
    """Rows as lines of bytes: NumPy moves those ten times as fast as records with fields."""
    lines: Array = rows.view(np.uint8).reshape(len(rows), rows.dtype.itemsize)
    return lines
