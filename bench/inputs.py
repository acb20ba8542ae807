# SPDX-License-Identifier: Apache-2.0
"""``python -m bench.inputs CAPTURE ...``: ways to bring a capture's bytes to the kernels, measured.

Each way runs the same two kernels (index and decode, as the pipeline calls them) over the same pcap file, so
what differs is the input alone: the copy of a read, the page faults and far cache misses of a mapping. Told
are CPU nanoseconds a packet (the least of the rounds, the machine may be shared) with the file in the page
cache, and seconds on the wall with the file dropped from it (``posix_fadvise`` DONTNEED, mapped by nobody).
Each round takes all ways in turn. The answers are in docs/input.md.
"""

from __future__ import annotations

import argparse
import mmap
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.report import table
from egresswatch.decode.kernels import decode
from egresswatch.packets import ASIDE, COUNTS, PACKET, QUOTE, Bucket
from egresswatch.source.kernels import STOP_FULL, index_pcap
from egresswatch.source.walk import FRAME_LIMIT, Rows

BATCH = 16384
ROOM = 512 << 10
"""Before a buffer's place for new bytes: where the record that its bytes before cut is put together."""
OVERLAP = 16 << 10
"""The same where bytes are read again instead (the workloads' frames are shorter)."""
POPULATE_READ = 22
"""madvise (Linux 5.14) of which Python has no name."""
PAGE = 4096

Piece = tuple[Any, int, int]
"""Array, first byte, end."""
Source = Callable[[str], Iterator[Piece]]
"""Gives pieces of the file in order. Sent back: the array, where what is left begins, its size."""


@dataclass(slots=True)
class Kernels:
    """The state of one walk over a capture."""

    rows: Rows = field(default_factory=lambda: Rows.make(BATCH))
    packets: Any = field(default_factory=lambda: np.zeros(BATCH, PACKET))
    quotes: Any = field(default_factory=lambda: np.zeros(BATCH, QUOTE))
    asides: Any = field(default_factory=lambda: np.zeros(BATCH, ASIDE))
    buckets: Any = field(default_factory=lambda: np.zeros(len(Bucket), np.uint64))
    counts: Any = field(default_factory=lambda: np.zeros(COUNTS, np.uint64))
    scratch: Any = field(default_factory=lambda: np.zeros(1, PACKET))
    scratch_counts: Any = field(default_factory=lambda: np.zeros(COUNTS, np.uint64))
    unsupported: Any = field(default_factory=lambda: np.zeros(65536, np.uint64))
    clock: int = -(1 << 62)
    frames: int = 0

    def __post_init__(self) -> None:
        self.rows.link[:] = 1

    def walk(self, data: Any, at: int, end: int) -> int:
        """Index and decode the whole records between; gives where the first that is not whole begins."""
        while True:
            r = self.rows
            n, at, stop = index_pcap(
                data, at, end, False, 16, 1000, 0, FRAME_LIMIT, BATCH, 8 << 20, r.off, r.cap, r.wire, r.ts
            )
            if n:
                self.clock, _, _ = decode(
                    data, r.off[:n], r.cap[:n], r.wire[:n], r.ts[:n], r.link[:n], np.int64(self.clock),
                    np.int64(0), True, self.packets[:n], self.quotes, self.asides, self.scratch,
                    self.buckets, self.counts, self.scratch_counts, self.unsupported,
                )  # fmt: skip
                self.frames += n
            if stop != STOP_FULL:
                return int(at)


def run(source: Source, path: str) -> int:
    """All frames of a file through the kernels; how many they were."""
    kernels, left, begun = Kernels(), 0, False
    pieces: Any = source(path)
    for data, at, end in pieces:
        first = at - left
        if not begun:
            first, begun = at + 24, True
        stop = kernels.walk(data, first, end)
        left = end - stop
        pieces.send((data, stop, left))
    return kernels.frames


@contextmanager
def _opened(path: str, flags: int = 0) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | flags)
    try:
        yield fd
    finally:
        os.close(fd)


def _buffer(size: int) -> tuple[Any, memoryview, Any]:
    """(read-only array of room and place, view of the place, writable array), page-aligned."""
    memory = mmap.mmap(-1, ROOM + size)
    whole = np.frombuffer(memory, np.uint8)
    shown = whole.view()
    shown.flags.writeable = False
    return shown, memoryview(memory)[ROOM:], whole


def reads(path: str, *, size: int, direct: bool = False, ahead: bool = False) -> Generator[Any, Any, None]:
    """readinto one buffer that is used again and again."""
    data, place, whole = _buffer(size)
    with _opened(path, os.O_DIRECT if direct else 0) as fd:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        at, stop, left = 0, 0, 0
        while got := os.readv(fd, [place]):
            at += got
            if ahead:
                os.posix_fadvise(fd, at, 8 * size, os.POSIX_FADV_WILLNEED)
            _, stop, left = yield data, ROOM, ROOM + got
            whole[ROOM - left : ROOM] = whole[stop : stop + left]
            yield


def uring(path: str, *, size: int, depth: int = 2) -> Generator[Any, Any, None]:
    """io_uring: while one buffer is walked the others are filled. The package reads into bytearrays only, so
    a buffer begins with the last bytes of the one before instead of a copy of what was left of it."""
    import liburing as u  # type: ignore[import-not-found]  # not a dependency: measured where it is there

    buffers = [bytearray(OVERLAP + size) for _ in range(depth)]
    ring, cqe, done = u.Ring(), u.Cqe(), {}
    u.io_uring_queue_init(depth, ring)

    def ask(number: int) -> None:
        sqe = u.io_uring_get_sqe(ring)
        u.io_uring_prep_read(sqe, fd, buffers[number % depth], offset=number * size)
        sqe.user_data = number + 1
        u.io_uring_submit(ring)

    with _opened(path) as fd:
        pieces = -(-os.fstat(fd).st_size // size)
        for number in range(min(depth - 1, pieces)):
            ask(number)
        for number in range(pieces):
            while number not in done:
                u.io_uring_wait_cqe(ring, cqe)
                entry = cqe[0]
                done[entry.user_data - 1] = entry.res
                u.io_uring_cqe_seen(ring, entry)
            if number + depth - 1 < pieces:
                ask(number + depth - 1)
            data: Any = np.frombuffer(buffers[number % depth], np.uint8)
            data.flags.writeable = False
            yield data, OVERLAP if number else 0, done.pop(number)
            yield
    u.io_uring_queue_exit(ring)


def maps(path: str, *, flags: int = 0, advice: int = 0, window: int = 0) -> Generator[Any, Any, None]:
    """A mapping of the whole file; with a ``window``, its pages are asked for so many bytes ahead."""
    with _opened(path) as fd:
        size = os.fstat(fd).st_size
        memory = mmap.mmap(fd, size, mmap.MAP_SHARED | flags, mmap.PROT_READ)
        if advice and not window:
            memory.madvise(advice)
        data = np.frombuffer(memory, np.uint8)
        for at in range(0, size, window or size):
            end = min(size, at + (window or size))
            if window:
                memory.madvise(advice, at, end - at)
            yield data, at, end
            yield


WAYS: dict[str, Source] = {
    **{
        f"read, {size >> 10} KiB": partial(reads, size=size)
        for size in (128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20, 8 << 20)
    },
    "read, 512 KiB, fadvise WILLNEED ahead": partial(reads, size=512 << 10, ahead=True),
    "read, 1 MiB, O_DIRECT": partial(reads, size=1 << 20, direct=True),
    "read, 4 MiB, O_DIRECT": partial(reads, size=4 << 20, direct=True),
    "io_uring, 2 x 512 KiB": partial(uring, size=512 << 10),
    "io_uring, 4 x 1 MiB": partial(uring, size=1 << 20, depth=4),
    "mmap": maps,
    "mmap, MADV_SEQUENTIAL": partial(maps, advice=mmap.MADV_SEQUENTIAL),
    "mmap, MAP_POPULATE": partial(maps, flags=mmap.MAP_POPULATE),
    "mmap, MADV_WILLNEED": partial(maps, advice=mmap.MADV_WILLNEED),
    "mmap, MADV_POPULATE_READ by 4 MiB": partial(maps, advice=POPULATE_READ, window=4 << 20),
    "mmap, MADV_POPULATE_READ by 64 MiB": partial(maps, advice=POPULATE_READ, window=64 << 20),
}  # fmt: skip


def warm(path: str) -> None:
    """Bring a file into the page cache."""
    with open(path, "rb", buffering=0) as file:
        scratch = bytearray(8 << 20)
        while file.readinto(scratch):
            pass


def drop(path: str) -> None:
    """Take a file out of the page cache."""
    with _opened(path) as fd:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def measure(path: str, rounds: int, ways: dict[str, Source], *, cold: bool) -> dict[str, tuple[float, float]]:
    """Way -> (CPU ns a packet from the page cache, seconds on the wall from the disk or nan)."""
    least: dict[str, list[float]] = {name: [float("inf"), float("inf")] for name in ways}
    drop(path)  # a file that was just written lies in the cache in smaller pages, which a mapping feels
    for _ in range(rounds):
        for name, source in ways.items():
            warm(path)
            began = time.process_time()
            frames = run(source, path)
            least[name][0] = min(least[name][0], (time.process_time() - began) / max(1, frames) * 1e9)
    for name, source in ways.items():
        if cold:
            drop(path)
            clock = time.perf_counter()
            run(source, path)
            least[name][1] = time.perf_counter() - clock
    return {name: (cpu, wall) for name, (cpu, wall) in least.items()}


def main() -> None:
    """Measure what is asked and print it as a table."""
    parser = argparse.ArgumentParser(prog="bench.inputs", description="Ways to read a capture, measured.")
    parser.add_argument("captures", nargs="+", type=Path, help="classic pcap, microseconds, little-endian")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cold", action="store_true", help="also from the disk")
    asked = parser.parse_args()
    try:
        import liburing  # noqa: F401 -- is it there?
    except ImportError:
        ways = {name: way for name, way in WAYS.items() if "uring" not in name}
    else:
        ways = WAYS
    found = [measure(str(path), asked.rounds, ways, cold=asked.cold) for path in asked.captures]
    head = ["index + decode, least of the rounds"]
    units = ("ns a packet", "s cold")[: 1 + asked.cold]
    head += [f"{path.stem}, {unit}" for path in asked.captures for unit in units]
    rows = []
    for name in ways:
        measured = (one[name] for one in found)
        cells = [(f"{cpu:.0f}", f"{wall:.2f}")[: 1 + asked.cold] for cpu, wall in measured]
        rows.append((name, *(part for cell in cells for part in cell)))
    print(table(head, rows))


if __name__ == "__main__":
    main()
