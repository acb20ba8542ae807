# SPDX-License-Identifier: Apache-2.0
"""Bytes of one input, in order: a file, a pipe, a file still being written, or any of them unpacked.

Owns the reading calls, the running sha256 and the waiting for a growing file.
Gives ``fill(view)``: at least one byte unless the input has ended, more as long as they come
without waiting. A read or unpack error never escapes: it ends the input and stands in ``failed``.
"""

from __future__ import annotations

import hashlib
import io
import os
import select
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from egresswatch.source.ahead import Ahead
from egresswatch.source.unpack import PackedError, Unpacker

POLL_SECONDS = 0.2
_INPUT = 1 << 18
_BLOCK, _BLOCKS = 1 << 19, 4


class Tap(io.RawIOBase):
    """The raw input: counts what it gives, hashes it when asked, waits for a growing file."""

    def __init__(
        self,
        stream: BinaryIO,
        *,
        digest: bool,
        follow: threading.Event | None = None,
        path: str = "",
        stopped: threading.Event | None = None,
    ):
        """``follow``: wait for what a growing file gets, until this is set. ``stopped``: a pipe that gives
        nothing is waited for until this is set."""
        super().__init__()
        self.count = 0
        self.failed = ""
        self._stream = cast("io.RawIOBase", getattr(stream, "raw", stream))
        self._hash = hashlib.sha256() if digest else None
        self._follow = follow
        self._stopped = stopped
        self._path = path
        self._pushed = b""
        try:
            self._fd = stream.fileno()
        except (OSError, AttributeError):
            self._fd = -1
        mode = os.fstat(self._fd).st_mode if self._fd >= 0 else 0
        self._waits = self._fd >= 0 and not stat.S_ISREG(mode)

    def readable(self) -> bool:
        return True

    def push_back(self, data: bytes) -> None:
        """Give these bytes again (a format was recognised by looking at them)."""
        self._pushed = data + self._pushed

    def follow_no_more(self) -> None:
        """A packed file is read once to its end: its packing cannot be cut at will."""
        self._follow = None

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        if self._pushed:
            got = min(len(view), len(self._pushed))
            view[:got] = self._pushed[:got]
            self._pushed = self._pushed[got:]
            return got
        got = self._read(view)
        while not got and self._growing():
            got = self._read(view)
        self.count += got
        if self._hash is not None:
            self._hash.update(view[:got])
        return got

    def ready(self) -> bool:
        """Whether a read would give bytes, or the end, without waiting."""
        if self._pushed:
            return True
        if self._follow is not None:
            return os.fstat(self._fd).st_size > self.count
        if self._waits:
            return bool(select.select([self._fd], [], [], 0)[0])
        return True

    def sha256(self) -> str | None:
        """Digest of all bytes of the input (reads what is left of it)."""
        if self._hash is None or self.failed:
            return None
        scratch = memoryview(bytearray(_INPUT))
        self.follow_no_more()
        while self.readinto(scratch):
            pass
        return None if self.failed else self._hash.hexdigest()

    def close(self) -> None:
        if not self.closed and self._path:
            self._stream.close()
        super().close()

    def _read(self, view: memoryview) -> int:
        if self._waits and self._stopped is not None:
            while not select.select([self._fd], [], [], POLL_SECONDS)[0]:
                if self._stopped.is_set():
                    return 0
        try:
            return self._stream.readinto(view) or 0
        except OSError as error:
            self.failed = error.strerror or str(error)
            return 0

    def _growing(self) -> bool:
        """Wait a little for the writer; False when it has stopped or the file is another one."""
        if self._follow is None or self.failed:
            return False
        mine = os.fstat(self._fd)
        try:
            there = Path(self._path).stat()
        except OSError:
            return mine.st_size > self.count
        if (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino) or mine.st_size < self.count:
            return mine.st_size > self.count
        if self._follow.is_set():
            return False
        self._follow.wait(POLL_SECONDS)
        return True


class Stream(Protocol):
    """What the arena reads from."""

    @property
    def failed(self) -> str:
        """Why the input ended before its time; empty when it did not."""

    def fill(self, view: memoryview) -> int:
        """Put bytes at the front of the view; how many, 0 at the end."""

    def close(self) -> None:
        """Touch the input no more."""


class Plain:
    """The bytes of a tap as they are."""

    def __init__(self, tap: Tap):
        self._tap = tap

    @property
    def failed(self) -> str:
        return self._tap.failed

    def fill(self, view: memoryview) -> int:
        got = 0
        while got < len(view) and (not got or self._tap.ready()):
            step = self._tap.readinto(view[got:])
            if not step:
                break
            got += step
        return got

    def close(self) -> None:
        """Nothing runs beside the caller."""


class Unpacked:
    """The bytes inside a packed tap."""

    def __init__(self, tap: Tap, kind: str):
        self._failed = ""
        self._tap = tap
        self._unpacker = Unpacker(kind, tap)

    @property
    def failed(self) -> str:
        return self._failed or self._tap.failed

    def fill(self, view: memoryview) -> int:
        got = 0
        while got < len(view) and not self._failed:
            try:
                step = self._unpacker.readinto(view[got:])
            except PackedError as error:
                self._failed = str(error)
                break
            if not step:
                break
            got += step
        return got

    def close(self) -> None:
        """Nothing runs beside the caller."""


class UnpackedAhead:
    """The bytes inside a packed tap, unpacked by a thread some blocks before they are asked for."""

    def __init__(self, tap: Tap, kind: str):
        self._unpacked = Unpacked(tap, kind)
        self._left = memoryview(b"")
        self._blocks = Ahead(self._unpack(), _BLOCKS, "unpack")

    @property
    def failed(self) -> str:
        """Told once all that came before has been given."""
        return self._unpacked.failed

    def fill(self, view: memoryview) -> int:
        got = 0
        while got < len(view):
            if not self._left:
                block = next(self._blocks, None)
                if block is None:
                    break
                self._left = block
            step = min(len(self._left), len(view) - got)
            view[got : got + step] = self._left[:step]
            self._left = self._left[step:]
            got += step
        return got

    def close(self) -> None:
        self._blocks.close()

    def _unpack(self) -> Iterator[memoryview]:
        while True:
            block = memoryview(bytearray(_BLOCK))
            got = self._unpacked.fill(block)
            if not got:
                return
            yield block[:got]
