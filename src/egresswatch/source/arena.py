# SPDX-License-Identifier: Apache-2.0
"""A reused buffer that slides over a stream of bytes.

Owns the one copy every byte makes. Gives ``data[pos:end]``, the bytes not yet taken, and ``more()``
to bring further ones behind them; ``base + pos`` is their place in the (unpacked) input. The buffer
grows only when it is full and nothing of it is taken, so its size follows the longest record, which
the walkers bound. With several buffers (``keep``) the bytes not taken move to the next one instead, so
that what was given out stays as it is for that long.

Plain files are read the same way: measured on the bench captures (docs/input.md), reading into a buffer
that stays in the processor's cache beats a mapping, however that is asked for, O_DIRECT and io_uring; and a
file cut by somebody else while it is read cannot kill the process.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from egresswatch.records import U8
from egresswatch.source.streams import Stream

ARENA = 2 << 20
"""Bytes: stays in the outer caches until the frames are decoded, and holds thousands of them."""
FIRST = 64 << 10
"""Bytes brought by the first call: enough for a header and the first frame of many files."""


class Arena:
    """The buffer over one stream."""

    def __init__(self, stream: Stream, size: int = ARENA, keep: int = 1):
        """``keep``: buffers used in turn; the next one is taken when bytes of this one were given out."""
        self.stream = stream
        self.base = 0
        self.pos = 0
        self.end = 0
        self._keep = keep
        self._given = False
        self._spare: deque[U8] = deque()
        self._use(np.empty(size, np.uint8))

    data: U8
    """Read-only view of the whole buffer; another one after ``more``."""

    def give(self) -> U8:
        """The buffer, for somebody who looks at it for as long as ``keep`` promises."""
        self._given = True
        return self.data

    def _use(self, buffer: U8) -> None:
        self._bytes = buffer
        self.data = self._bytes.view()
        self.data.flags.writeable = False
        self._view = memoryview(self._bytes.data)

    @property
    def left(self) -> int:
        """Bytes brought and not taken."""
        return self.end - self.pos

    @property
    def place(self) -> int:
        """Position of the next byte in the input."""
        return self.base + self.pos

    def peek(self, count: int) -> bytes:
        """The next ``count`` bytes, fewer when the input ends before."""
        while self.left < count and self.more():
            pass
        return self.data[self.pos : min(self.pos + count, self.end)].tobytes()

    def more(self) -> bool:
        """Bring bytes behind those not taken, which move to the front; False at the end."""
        left = self.left
        if self.pos:
            held = self._bytes
            if self._given:
                self._turn()
            self._bytes[:left] = held[self.pos : self.end]
            self.base += self.pos
            self.pos, self.end = 0, left
        elif self.end == len(self._bytes):
            held = self._bytes
            self._use(np.empty(2 * len(held), np.uint8))
            self._bytes[:left] = held
        first = self.base == 0 and self.end == 0
        upto = min(FIRST, len(self._bytes)) if first else len(self._bytes)
        got = self.stream.fill(self._view[self.end : upto])
        self.end += got
        return got > 0

    def _turn(self) -> None:
        """Go on in the buffer that was given out longest ago."""
        self._given = False
        if self._keep > 1:
            self._spare.append(self._bytes)
            old = self._spare.popleft() if len(self._spare) >= self._keep else None
            fits = old is not None and len(old) == len(self._bytes)
            self._use(old if fits and old is not None else np.empty_like(self._bytes))

    def drain(self) -> int:
        """Take all that is left of the input; how many bytes that was."""
        total = self.left
        self._use(np.empty_like(self._bytes))
        self.base, self.pos, self.end = self.base + self.end, 0, 0
        while got := self.stream.fill(self._view):
            total += got
            self.base += got
        return total
