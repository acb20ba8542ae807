# SPDX-License-Identifier: Apache-2.0
"""Bytes of one input, in order: a file, a pipe, a file still being written, or any of them unpacked.

Owns the reading calls, the running sha256, the waiting for a growing file and the four unpackers.
Gives ``fill(view)``: at least one byte unless the input has ended, more as long as they come
without waiting. A read or unpack error never escapes: it ends the input and stands in ``failed``.
Memory of an unpacker is bounded (xz and zstd files can ask for gigabytes).
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import select
import stat
import threading
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol, cast

import zstandard

PACKED = (
    (b"\x1f\x8b", "gz"),  # RFC 1952 §2.3.1
    (b"\x28\xb5\x2f\xfd", "zst"),  # RFC 8878 §3.1.1
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bz2"),
)
WINDOW_LIMIT = 1 << 27
"""Bytes an unpacker may keep (zstd window, xz dictionary): what zstd allows by default."""
POLL_SECONDS = 0.2
_INPUT = 1 << 18


class Tap(io.RawIOBase):
    """The raw input: counts what it gives, hashes it when asked, waits for a growing file."""

    def __init__(
        self, stream: BinaryIO, *, digest: bool, follow: threading.Event | None = None, path: str = ""
    ):
        super().__init__()
        self.count = 0
        self.failed = ""
        self._stream = cast("io.RawIOBase", getattr(stream, "raw", stream))
        self._hash = hashlib.sha256() if digest else None
        self._follow = follow
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
        if self._hash is None:
            return None
        scratch = memoryview(bytearray(_INPUT))
        self.follow_no_more()
        while self.readinto(scratch):
            pass
        return self._hash.hexdigest()

    def close(self) -> None:
        if not self.closed and self._path:
            self._stream.close()
        super().close()

    def _read(self, view: memoryview) -> int:
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
            there = os.stat(self._path)
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


class Unpacked:
    """The bytes inside a packed tap."""

    def __init__(self, tap: Tap, kind: str):
        self.kind = kind
        self._failed = ""
        self._tap = tap
        self._stream = _OPENERS[kind](io.BufferedReader(tap, _INPUT))

    @property
    def failed(self) -> str:
        return self._failed or self._tap.failed

    def fill(self, view: memoryview) -> int:
        got = 0
        while got < len(view) and not self._failed:
            try:
                step = self._stream.readinto(view[got:])
            except EOFError:
                self._failed = f"the {self.kind} data ends early"
            except (OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError, MemoryError) as error:
                self._failed = f"the {self.kind} data is damaged or asks for too much memory: {error}"
            else:
                if not step:
                    break
                got += step
        return got


class _Members(io.RawIOBase):
    """Concatenated xz or zstd members (the libraries' own files have no memory limit, or do not
    tell an early end)."""

    def __init__(self, packed: io.BufferedReader, member: Callable[[], Any], step: int):
        super().__init__()
        self._packed = packed
        self._make = member
        self._member = member()
        self._step = step

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        while True:
            more = b""
            if self._member.eof:
                more = self._member.unused_data or self._packed.read(self._step)
                more = more.lstrip(b"\0")  # xz stream padding; no member begins with a zero byte
                if not more:
                    if self._packed.peek(1):
                        continue
                    return 0
                self._member = self._make()
            elif self._member.needs_input:
                more = self._packed.read(self._step)
                if not more:
                    raise EOFError
            data = self._member.decompress(more, len(view))
            if data:
                view[: len(data)] = data
                return len(data)


class _Zstd:
    """One zstd frame behind the interface of lzma's decompressor: output held until wanted."""

    def __init__(self) -> None:
        self._frame = zstandard.ZstdDecompressor(max_window_size=WINDOW_LIMIT).decompressobj()
        self._held = b""

    @property
    def eof(self) -> bool:
        return not self._held and self._frame.eof

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._held

    def decompress(self, data: bytes, limit: int) -> bytes:
        held = self._held or self._frame.decompress(data)
        self._held = held[limit:]
        return held[:limit]


def _lzma() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(memlimit=WINDOW_LIMIT + (1 << 20))


_ZSTD_STEP = 4096
"""Packed bytes given at once: an RLE block turns 4 bytes into 128 KiB, so 128 MiB at most."""

_OPENERS: dict[str, Callable[[io.BufferedReader], io.RawIOBase | io.BufferedIOBase]] = {
    "gz": lambda packed: gzip.GzipFile(fileobj=packed),
    "bz2": bz2.BZ2File,
    "xz": lambda packed: _Members(packed, _lzma, _INPUT),
    "zst": lambda packed: _Members(packed, _Zstd, _ZSTD_STEP),
}


def packed_kind(head: bytes) -> str:
    """Name of the packing that these first bytes announce, or an empty text."""
    for magic, kind in PACKED:
        if head.startswith(magic):
            return kind
    return ""
