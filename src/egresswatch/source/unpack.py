# SPDX-License-Identifier: Apache-2.0
"""gzip, zstd, xz and bzip2, each as a sequence of members, with bounded memory.

Owns the four decompressors behind one small face. Gives what could be unpacked before an error:
nothing of a cut file is lost (the libraries' own file objects drop what one call had read when it
fails, and have no memory limit or do not tell an early end).
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import Protocol

import zstandard

PACKED = (
    (b"\x1f\x8b", "gz"),  # RFC 1952 §2.3.1
    (b"\x28\xb5\x2f\xfd", "zst"),  # RFC 8878 §3.1.1
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bz2"),
)
WINDOW_LIMIT = 1 << 27
"""Bytes a decompressor may keep (zstd window, xz dictionary): what zstd allows by default."""
_INPUT = 1 << 18
_ZSTD_INPUT = 4096
"""Packed bytes given to zstd at once: an RLE block turns 4 bytes into 128 KiB, so 128 MiB at most."""


class PackedError(Exception):
    """The packed data is damaged, cut, or asks for too much memory; the text says which."""


class _Member(Protocol):
    """One member, as lzma's and bz2's decompressors behave."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gzip:
    """A gzip member: zlib keeps input that it had no room to unpack."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._full and not self._member.unconsumed_tail

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        given = self._member.decompress(self._member.unconsumed_tail + data, max_length)
        self._full = len(given) == max_length
        return given


class _Zstd:
    """A zstd frame: the library unpacks all it is given, so the output waits here."""

    def __init__(self) -> None:
        self._frame = zstandard.ZstdDecompressor(max_window_size=WINDOW_LIMIT).decompressobj()
        self._held = memoryview(b"")

    @property
    def eof(self) -> bool:
        return not self._held and self._frame.eof

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._held

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        held = self._held or memoryview(self._frame.decompress(data))
        self._held = held[max_length:]
        return bytes(held[:max_length])


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(memlimit=WINDOW_LIMIT + (1 << 20))


_MEMBERS: dict[str, tuple[Callable[[], _Member], int]] = {
    "gz": (_Gzip, _INPUT),
    "bz2": (bz2.BZ2Decompressor, _INPUT),
    "xz": (_xz, _INPUT),
    "zst": (_Zstd, _ZSTD_INPUT),
}


class Unpacker:
    """Reads the members of a packed input one after the other."""

    def __init__(self, kind: str, packed: io.RawIOBase):
        self._kind = kind
        self._packed = io.BufferedReader(packed, _INPUT)
        self._make, self._step = _MEMBERS[kind]
        self._member = self._make()

    def readinto(self, view: memoryview) -> int:
        """Some bytes of the content, 0 at its end; PackedError when it ends before its time."""
        try:
            while True:
                more = b""
                if self._member.eof:
                    more = self._next_member()
                    if not more:
                        return 0
                elif self._member.needs_input:
                    more = self._packed.read(self._step)
                    if not more:
                        raise PackedError(f"the {self._kind} data ends early")
                data = self._member.decompress(more, len(view))
                if data:
                    view[: len(data)] = data
                    return len(data)
        except (OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError, MemoryError) as error:
            raise PackedError(f"the {self._kind} data cannot be unpacked ({error})") from None

    def _next_member(self) -> bytes:
        """Begin another member: its first bytes, or none at the end. Zeros between them are padding."""
        more = self._member.unused_data.lstrip(b"\0")
        while not more:
            block = self._packed.read(self._step)
            if not block:
                return b""
            more = block.lstrip(b"\0")
        self._member = self._make()
        return more


def packed_kind(head: bytes) -> str:
    """Name of the packing that these first bytes announce, or an empty text."""
    for magic, kind in PACKED:
        if head.startswith(magic):
            return kind
    return ""
