# SPDX-License-Identifier: Apache-2.0
"""One input, from its first byte to its last: recognised, unpacked, walked, and its end told.

Owns ``FileFacts`` of the input. A file that cannot be read at all, or is no capture, gives one line
in ``SourceFacts.errors``; damage further in ends the file there and stands in ``FileFacts.damage``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from egresswatch.records import FileFacts, FrameBatch
from egresswatch.source import pcap, pcapng, snoop
from egresswatch.source.arena import ARENA, Arena
from egresswatch.source.interfaces import InterfaceTable
from egresswatch.source.streams import Plain, Tap, Unpacked, UnpackedAhead
from egresswatch.source.unpack import packed_kind
from egresswatch.source.walk import HeaderError, Opener, Rows, Step
from egresswatch.source.words import READS, count, percent, shown, size

_MAGIC_BYTES = 8


@dataclass(frozen=True, slots=True)
class Input:
    """One thing to read: a path, or standard input when a stream is given."""

    path: str
    size: int
    stream: BinaryIO | None = None


class FileReader:
    """Reads one input as chunks of frames."""

    def __init__(
        self,
        what: Input,
        facts: FileFacts,
        table: InterfaceTable,
        error: Callable[[str], None],
        *,
        batch: int,
        digest: bool = False,
        follow: threading.Event | None = None,
        stopped: threading.Event | None = None,
        arena: int = ARENA,
        keep: int = 1,
    ):
        """``keep``: chunks that are valid at a time, the latest among them; with more than one, a packed
        input is unpacked by a thread of its own."""
        self.facts = facts
        self._what = what
        self._table = table
        self._error = error
        self._digest = digest
        self._follow = follow
        self._stopped = stopped
        self._arena_bytes = arena
        self._keep = keep
        self._batch = batch
        self._name = shown(what.path)
        self._tap: Tap | None = None
        self._packing = ""
        self._rows: list[Rows] = []
        self._turn = 0
        self.ended = False
        """Nothing more will come."""

    @property
    def position(self) -> int:
        """Bytes read of the (packed) input."""
        return self._tap.count if self._tap is not None else 0

    def chunk(self, limit: int, max_bytes: int) -> FrameBatch | None:
        """The next frames, None at the end; valid until ``keep`` more were given."""
        if self._tap is None and not self.ended:
            self.ended = not self._open()
        while not self.ended:
            rows = self._rows[self._turn]
            step = self._walker.walk(self._arena, rows, min(limit, self._batch), max_bytes)
            if step.rows:
                self._turn = (self._turn + 1) % self._keep
                return self._frames(rows, step.rows)
            if step.damage or (step.more and not self._arena.more()):
                self._end(step)
        return None

    def close(self) -> None:
        """Let go of the file; the facts stay."""
        self.ended = True
        if self._tap is not None:
            self._arena.stream.close()
            self._tap.close()

    def _frames(self, rows: Rows, n: int) -> FrameBatch:
        first = self.facts.frames
        self.facts.frames += n
        off, cap, wire, ts, link, iface = (column[:n] for column in rows)
        return FrameBatch(self._arena.give(), off, cap, wire, ts, link, iface, first)

    def _open(self) -> bool:
        try:
            stream = self._what.stream or open(self._what.path, "rb", buffering=0)  # noqa: SIM115 -- closed by the tap
        except OSError as error:
            self._error(unreadable(self._what.path, error))
            return False
        path = "" if self._what.stream else self._what.path
        tap = Tap(stream, digest=self._digest, follow=self._follow, path=path, stopped=self._stopped)
        self._arena = Arena(Plain(tap), self._arena_bytes, self._keep)
        self._tap = tap
        if path and hasattr(os, "posix_fadvise"):
            with suppress(OSError):  # a named pipe takes no advice
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        try:
            self._begin(tap)
        except HeaderError as error:
            self._error(f"{self._name}: {error}. Nothing was read from it.")
            self._close_facts()
            return False
        return True

    def _begin(self, tap: Tap) -> None:
        head = self._arena.peek(_MAGIC_BYTES)
        self._packing = packed_kind(head)
        if self._packing:
            tap.push_back(self._arena.peek(self._arena.left))
            tap.follow_no_more()
            unpacked = Unpacked if self._keep == 1 else UnpackedAhead
            self._arena = Arena(unpacked(tap, self._packing), self._arena_bytes, self._keep)
            head = self._arena.peek(_MAGIC_BYTES)
        walker = opener(head)
        if walker is None:
            raise HeaderError(self._unknown(head))
        rows = Rows.make(self._batch * self._keep)  # a walker sets what is the same in all its rows
        self._rows = [
            Rows(*(column[begin : begin + self._batch] for column in rows))
            for begin in range(0, self._batch * self._keep, self._batch)
        ]
        try:
            self._walker = walker(self._arena, self._table, rows)
        except HeaderError as error:
            failed = self._arena.stream.failed
            raise HeaderError(f"{error} ({failed})" if failed else str(error)) from None
        self.facts.format = self._walker.format + (f", {self._packing}" if self._packing else "")

    def _unknown(self, head: bytes) -> str:
        failed = self._arena.stream.failed
        if failed:
            return f"cannot be read: {failed}"
        if not head:
            return f"holds nothing inside its {self._packing}" if self._packing else "is empty (0 bytes)"
        inside = f" inside its {self._packing}" if self._packing else ""
        return f"is no capture{inside} (begins with {head.hex(' ')}); {READS}"

    def _end(self, step: Step) -> None:
        """The input has ended, well or not: write down how."""
        self.ended = True
        self._walker.finish()
        arena, facts = self._arena, self.facts
        place, failed = arena.place, arena.stream.failed
        record = f"record {count(facts.frames + 1)}"
        if step.damage:
            unread = int(arena.drain())
            words = f"{record} {step.damage}: damaged from byte {count(place)} on"
        else:
            unread = int(arena.left)
            words = f"ends inside {record}: cut at byte {count(place)}" if unread else ""
            if failed:
                words = f"{failed}, at byte {count(place + unread)} of the capture in it"
        if words:
            share = 100 * unread / max(1, place + unread)
            lost = f"{size(unread)}, {percent(share)} not read" if unread else "how much was lost is unknown"
            facts.damaged_tail_bytes = unread
            facts.damage = f"{words} ({lost}). What came before is complete."
        self._close_facts()

    def _close_facts(self) -> None:
        if self._tap is None:
            return
        self._arena.stream.close()
        self.facts.sha256 = self._tap.sha256()
        self.facts.size = max(self.facts.size, self._tap.count)
        self._tap.close()


def unreadable(path: str, error: OSError) -> str:
    """The error line for an input that the system does not let us read."""
    return f"{shown(path)}: cannot be read: {error.strerror}. Nothing was read from it."


def opener(head: bytes) -> Opener | None:
    """The walker for a file that begins with these 8 bytes."""
    if head[:4] in pcap.MAGICS:
        return pcap.PcapWalker
    if head[:4] == pcapng.MAGIC:
        return pcapng.PcapngWalker
    if head == snoop.MAGIC:
        return snoop.SnoopWalker
    return None
