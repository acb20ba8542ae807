# SPDX-License-Identifier: Apache-2.0
"""Several time-ordered inputs as one: files that overlap are merged, all others passed through.

The order is that of (time, input, place in the input), where a frame whose time steps back inside
its file takes the time of the frame before it: so every file keeps its own order, and the result
depends on nothing but the frames, not on how they were cut into chunks. While a single input is
open its chunks go through uncopied; while more are, frames are gathered in a merge arena.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from egresswatch.records import U8, Array, FrameBatch
from egresswatch.source.kernels import scatter


class Chunks(Protocol):
    """An open input."""

    def chunk(self, limit: int, max_bytes: int) -> FrameBatch | None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """An input that is not open yet: its first frame's time, and how to open it."""

    first: int
    open: Callable[[int], Chunks]
    """Called with the number of inputs that are open already."""


class _Head:
    """An open input with the part of its chunk that was not given yet."""

    def __init__(self, chunks: Chunks, order: int):
        self.order = order
        self.chunks = chunks
        self.frames: FrameBatch | None = None
        self.keys: Array = np.empty(0, np.int64)
        self.given = 0
        self._latest = np.iinfo(np.int64).min

    @property
    def key(self) -> int:
        """Time of the next frame to give."""
        return int(self.keys[self.given])

    def ready(self, limit: int, max_bytes: int) -> bool:
        """Have frames to give; False at the input's end."""
        if self.given < len(self.keys):
            return True
        self.frames = self.chunks.chunk(limit, max_bytes)
        self.given = 0
        if self.frames is None:
            self.keys = np.empty(0, np.int64)
            self.chunks.close()
            return False
        self.keys = np.maximum(np.maximum.accumulate(self.frames.ts), self._latest)
        self._latest = self.keys[-1]
        return True

    def take(self, upto: int) -> FrameBatch | None:
        """The frames from the first not given up to place ``upto`` of the chunk."""
        begin, self.given = self.given, upto
        return _cut(self.frames, begin, upto) if self.frames is not None and upto > begin else None

    def until(self, key: int, *, through: bool) -> int:
        """Place of the first frame behind ``key`` (``through``: frames of that key are before it)."""
        return int(np.searchsorted(self.keys, key, side="right" if through else "left"))


def merge(entries: Sequence[Entry], batch: int, max_bytes: int) -> Iterator[FrameBatch]:
    """All frames of inputs that are sorted by ``first``; no piece is longer than ``batch``."""
    waiting = list(reversed(entries))
    heads: list[_Head] = []
    while waiting or heads:
        while waiting and (not heads or waiting[-1].first <= min(head.key for head in heads)):
            head = _Head(waiting[-1].open(len(heads)), len(entries) - len(waiting))
            waiting.pop()
            if head.ready(*_share(batch, max_bytes, len(heads) + 1)):
                heads.append(head)
        if not heads:
            continue
        coming = waiting[-1].first if waiting else None
        if len(heads) == 1:
            yield from _alone(heads[0], coming)
        else:
            yield from _together(heads, coming, batch)
        share = _share(batch, max_bytes, len(heads))
        heads = [head for head in heads if head.ready(*share)]


def _alone(head: _Head, coming: int | None) -> Iterator[FrameBatch]:
    upto = len(head.keys) if coming is None else head.until(coming, through=True)
    piece = head.take(max(upto, head.given))
    if piece is not None:
        yield piece


def _together(heads: Sequence[_Head], coming: int | None, batch: int) -> Iterator[FrameBatch]:
    """Give all frames whose place in the order is known: up to the chunk that ends first."""
    last = min(heads, key=lambda head: (int(head.keys[-1]), head.order))
    bound, order = int(last.keys[-1]), last.order
    if coming is not None and coming < bound:
        bound, order = coming, len(heads) + max(head.order for head in heads)
    taken = []
    for head in heads:
        begin = head.given
        upto = max(begin, head.until(bound, through=head.order <= order))
        piece = head.take(upto)
        if piece is not None:
            taken.append((piece, head.keys[begin:upto]))
    if not taken:
        return
    keys = np.concatenate([keys for _, keys in taken])
    gathered = _gather([piece for piece, _ in taken], np.argsort(keys, kind="stable"))
    for begin in range(0, len(gathered), batch):
        yield _cut(gathered, begin, begin + batch)


def _gather(pieces: Sequence[FrameBatch], order: Array) -> FrameBatch:
    """The frames of all pieces (in sequence) in this order, copied into one buffer."""
    cap = np.concatenate([piece.cap for piece in pieces])
    sorted_cap = cap[order].astype(np.int64)
    off = np.cumsum(sorted_cap) - sorted_cap
    place = np.empty(len(order), np.int64)
    place[order] = off
    target: U8 = np.empty(int(sorted_cap.sum()), np.uint8)
    begin = 0
    for piece in pieces:
        scatter(piece.data, piece.off, piece.cap, target, place[begin : begin + len(piece)])
        begin += len(piece)
    target.flags.writeable = False
    wire, ts, link, iface = (
        np.concatenate([columns(piece)[at] for piece in pieces])[order] for at in range(2, 6)
    )
    return FrameBatch(target, off, cap[order], wire, ts, link, iface, 0)


def _cut(frames: FrameBatch, begin: int, end: int) -> FrameBatch:
    if begin == 0 and end == len(frames):
        return frames
    off, cap, wire, ts, link, iface = (column[begin:end] for column in columns(frames))
    return FrameBatch(frames.data, off, cap, wire, ts, link, iface, frames.first + begin)


def columns(frames: FrameBatch) -> tuple[Array, ...]:
    """The row columns of a batch, in the order of ``FrameBatch``."""
    return frames.off, frames.cap, frames.wire, frames.ts, frames.link, frames.iface


def _share(batch: int, max_bytes: int, parts: int) -> tuple[int, int]:
    return max(1, batch // parts), max(1, max_bytes // parts)
