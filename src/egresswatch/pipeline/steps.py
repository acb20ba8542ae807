# SPDX-License-Identifier: Apache-2.0
"""The way from batches of frames to seconds of packet time, in the caller's thread or ahead of it.

With one worker everything happens when it is asked for. With more, one thread reads and indexes, another one
decodes and runs the flow table (which has threads of its own from three workers on), and the caller
interprets; bounded queues lie between. Kernels and reads hold no interpreter lock, so the threads need it for
moments only, but each time may have to wait until the caller gives it up: it is asked for that often
(``SWITCH``). What comes out is the same, step by step.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from egresswatch.pipeline.front import Front, Second
from egresswatch.records import FrameBatch
from egresswatch.source import Replay
from egresswatch.source.ahead import Ahead

BATCHES = 4
"""Batches that exist at a time when a thread reads them: one is read, one worked on, the others wait."""
STEPS = 6
"""Steps that exist at a time when a thread makes them."""
QUIET = 32
"""Batches without a complete second after which there is a step all the same: it tells the progress."""
SWITCH = 0.0001
"""Seconds after which a thread that waits for the interpreter lock gets it (Python's own: 0.005)."""


class Step(NamedTuple):
    """What a batch, or the end of the input, brought."""

    seconds: list[Second]
    bytes_read: int
    frames: int
    last: bool = False
    """The input has ended; ``seconds`` are those that were still to come."""


class Steps:
    """All steps of a run; to be closed whatever happens, the source before it is closed itself."""

    def __init__(self, source: Replay, front: Front, workers: int) -> None:
        self._front = front
        self._switch = sys.getswitchinterval()
        self._ahead: Ahead[Step] | None = None
        if workers > 1:
            sys.setswitchinterval(SWITCH)
            self._ahead = Ahead(_pipelined(source, front), STEPS, "flow", source.stop)
            self._steps: Iterator[Step] = self._ahead
        else:
            self._steps = _steps(source, source.batches(), front)

    def __iter__(self) -> Iterator[Step]:
        return self._steps

    def close(self) -> None:
        """End the threads."""
        if self._ahead is not None:
            self._ahead.close()
            sys.setswitchinterval(self._switch)
        self._front.table.close()


def _steps(source: Replay, batches: Iterator[FrameBatch], front: Front, quiet: int = 1) -> Iterator[Step]:
    """``quiet``: batches without a complete second until there is a step without one."""
    without = 0
    for batch in batches:
        seconds, without = list(front.feed(batch)), without + 1
        if seconds or without >= quiet:
            yield Step(seconds, source.bytes_read, front.frames)
            without = 0
    yield Step(list(front.finish()), source.bytes_read, front.frames, last=True)


def _pipelined(source: Replay, front: Front) -> Iterator[Step]:
    with closing(Ahead(source.batches(), BATCHES, "read", source.stop)) as batches:
        # what is interpreted comes second by second: to count steps that bring nothing would keep the table
        # from working ahead while one second is interpreted
        yield from _steps(source, batches, front, QUIET)
