# SPDX-License-Identifier: Apache-2.0
"""The replay source: many inputs as one sequence of frames in time order.

Owns the order of files, the frame numbers and the progress counters. Inputs are read in the order
of their first frame's time; those that overlap are merged (merge.py). Opened lazily: nothing is
read before ``batches`` is asked, so a file that does not exist yet in full can be followed.
"""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

from egresswatch.errors import UsageError
from egresswatch.records import FileFacts, FrameBatch, SourceFacts
from egresswatch.source.arena import ARENA
from egresswatch.source.inputs import expand
from egresswatch.source.interfaces import InterfaceTable
from egresswatch.source.merge import Entry, merge
from egresswatch.source.reader import FileReader, Input

BATCH_BYTES = 8 << 20
"""Captured bytes after which a batch ends, however few frames it holds."""
ARENA_AHEAD = 4 << 20
"""Bytes of each buffer when a thread reads ahead: what it saves in copying to a nearer cache, a smaller one
loses by handing over more often (docs/input.md)."""
ARENA_LEAST = 256 << 10
"""Bytes of a buffer when many inputs are open at once."""


def open_replay(
    paths: Sequence[str],
    *,
    batch: int = 16384,
    follow: bool = False,
    digest: bool = False,
    stdin: BinaryIO | None = None,
    keep: int = 1,
) -> Replay:
    """Capture files, folders of them, or ``-`` for standard input, as a Source.

    ``follow``: the one file given is still being written; frames come as they appear, until
    ``stop()`` is called or the file is replaced. ``digest``: compute each input's sha256. ``keep``: batches
    valid at a time, the latest among them; with more than one, packed inputs are unpacked by threads.
    """
    if not paths:
        raise UsageError("no capture was given")
    if "-" in paths and len(paths) > 1:
        raise UsageError("- (standard input) is read alone: give either it or paths")
    return Replay(paths, batch=batch, follow=follow, digest=digest, stdin=stdin, keep=keep)


class Replay:
    """A Source over capture files."""

    def __init__(
        self, paths: Sequence[str], *, batch: int, follow: bool, digest: bool, stdin: BinaryIO | None,
        keep: int,
    ):  # fmt: skip
        self.facts = SourceFacts()
        self._table = InterfaceTable(self.facts.interfaces)
        self._stopped = threading.Event()
        self._follow = follow
        self._digest = digest
        self._batch = batch
        self._keep = keep
        self._done = 0
        self._active: list[FileReader] = []
        if list(paths) == ["-"]:
            facts = FileFacts("-", 0)
            self._found = [(Input("standard input", 0, stdin or sys.stdin.buffer), facts)]
            self.facts.files.append(facts)
        else:
            inputs = expand(paths, self.facts.errors.append)
            self._found = inputs.found
            self.facts.files.extend(inputs.facts)
            if follow and len(self._found) > 1:
                raise UsageError("--follow reads one file that is being written: give exactly one")
        streamed = follow or any(what.stream for what, _ in self._found)
        self.total_bytes: int | None = None if streamed else sum(what.size for what, _ in self._found)

    @property
    def bytes_read(self) -> int:
        """Bytes of the (packed) inputs read so far."""
        return self._done + sum(reader.position for reader in self._active)

    def batches(self) -> Iterator[FrameBatch]:
        """All frames, each batch valid until ``keep`` more are given. Can be called once."""
        first = 0
        for piece in merge(self._entries(), self._batch, BATCH_BYTES):
            yield dataclasses.replace(piece, first=first)
            first += len(piece)
            if self._stopped.is_set() and not self._follow:
                break

    def stop(self) -> None:
        """End after the batch at hand; a followed file is read up to what it holds now."""
        self._stopped.set()

    def close(self) -> None:
        """Stop and let go of all files."""
        self.stop()
        for reader in self._active:
            reader.close()
            self._done += reader.position
        self._active.clear()

    def _entries(self) -> list[Entry]:
        """The inputs in time order; those without a frame come first, so that their facts get told."""
        if len(self._found) == 1:
            return [Entry(0, partial(self._open, *self._found[0]))]
        times = [first_time(what) for what, _ in self._found]
        order = sorted(range(len(times)), key=lambda index: (times[index], index))
        return [Entry(times[index], partial(self._open, *self._found[index])) for index in order]

    def _open(self, what: Input, facts: FileFacts, active: int) -> FileReader:
        self._retire()
        size = ARENA if self._keep == 1 else ARENA_AHEAD
        reader = FileReader(
            what, facts, self._table, self.facts.errors.append, batch=self._batch, digest=self._digest,
            follow=self._stopped if self._follow else None, stopped=self._stopped,
            arena=max(size // (active + 1), ARENA_LEAST), keep=self._keep,
        )  # fmt: skip
        self._active.append(reader)
        return reader

    def _retire(self) -> None:
        """Fold the progress of readers that have ended into one number."""
        self._done += sum(reader.position for reader in self._active if reader.ended)
        self._active = [reader for reader in self._active if not reader.ended]


def first_time(what: Input) -> int:
    """Time of an input's first frame; -1 when it has none (or cannot be read: told when it is)."""
    facts, table = FileFacts("", 0), InterfaceTable([])
    reader = FileReader(what, facts, table, lambda _: None, batch=1, arena=ARENA_LEAST)
    try:
        frames = reader.chunk(1, 1)
        return int(frames.ts[0]) if frames is not None else -1
    finally:
        reader.close()
