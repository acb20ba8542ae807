# SPDX-License-Identifier: Apache-2.0
"""pcapng: sections and interfaces; the packet blocks between them are the kernel's.

Layout: draft-ietf-opsawg-pcapng §4. Each section brings its own byte order and interfaces, each
interface its link type, time resolution and offset. Interface statistics give received and drop
counters. A simple packet block has no time of its own: it takes that of the packet before it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from egresswatch.source.arena import Arena
from egresswatch.source.interfaces import Counters, InterfaceTable
from egresswatch.source.kernels import (
    BLOCK_LIMIT,
    IFACE,
    STOP_CONTROL,
    STOP_FULL,
    STOP_INTERFACE,
    STOP_LENGTH,
    STOP_MORE,
    STOP_TRAILER,
    TS_CAP,
    index_pcapng,
)
from egresswatch.source.walk import FRAME_LIMIT, FRAME_LIMITS, HeaderError, Rows, Step, frame_limit
from egresswatch.source.words import name, size

MAGIC = b"\x0a\x0d\x0d\x0a"
SECTION, INTERFACE, STATISTICS = 0x0A0D0D0A, 1, 5
MAX_INTERFACES = 65_536
"""Interfaces of a section that are believed; packet blocks of the obsolete kind can name no more."""
OPT_END, IF_NAME, IF_TSRESOL, IF_TSOFFSET = 0, 2, 9, 14
ISB_START, ISB_RECEIVED, ISB_DROPPED = 2, 4, 5
_NS = 1_000_000_000
_OFFSET_CAP = 4_600_000_000
"""Seconds of if_tsoffset at most (the sum with TS_CAP must fit)."""
_U64 = (1 << 64) - 1


class PcapngWalker:
    """Walks the blocks of a pcapng file."""

    def __init__(self, arena: Arena, table: InterfaceTable, rows: Rows):  # noqa: ARG002 -- walkers open alike
        self._table = table
        self._big = False
        self._ifaces = np.zeros(8, IFACE)
        self._known = 0
        self._counters: list[Counters] = []
        self._now = 0
        self._limit = FRAME_LIMIT
        self.format = "pcapng"
        begun = self._section(arena)
        if begun is None:
            raise HeaderError("its first section header is cut")
        if begun:
            raise HeaderError(f"its first section header {begun}")
        self.format = f"pcapng, {'big' if self._big else 'little'}-endian"

    def walk(self, arena: Arena, rows: Rows, limit: int, max_bytes: int) -> Step:
        """Take packets up to the next control block; take control blocks when they come first."""
        while True:
            n, arena.pos, stop, self._now = index_pcapng(
                arena.data, arena.pos, arena.end, self._big, self._ifaces, self._known, self._now,
                self._limit, limit, max_bytes, *rows,
            )  # fmt: skip
            if n or stop in (STOP_FULL, STOP_MORE):
                return Step(n, more=stop == STOP_MORE)
            if stop != STOP_CONTROL:
                return Step(0, damage=self._wrong(arena, stop))
            problem = self._control(arena)
            if problem is None:
                return Step(0, more=True)
            if problem:
                return Step(0, damage=problem)

    def finish(self) -> None:
        """Bring the section's counters into the interface table."""
        for row, told in zip(self._ifaces[: self._known], self._counters, strict=True):
            if row["lost_told"] and told.dropped is None:
                told.dropped = int(row["lost"])
            self._table.add_packets(int(row["index"]), int(row["packets"]))
            self._table.end_section(int(row["index"]), told)
        self._known = 0
        self._counters = []

    def _control(self, arena: Arena) -> str | None:
        """Take one control block: empty when taken, None when it is not complete, else what is wrong."""
        kind, total = self._unpack("II", arena.data[arena.pos : arena.pos + 8].tobytes())
        if kind == SECTION:
            problem = self._section(arena)
            return f"(a section header) {problem}" if problem else problem
        if total < 20 or total % 4 or total > BLOCK_LIMIT:
            return f"(a block of type {kind}) says {size(total)}"
        if arena.left < total:
            return None
        block = arena.data[arena.pos : arena.pos + total].tobytes()
        if self._unpack("I", block[-4:]) != (total,):
            return f"(a block of type {kind}) ends with another length than it begins with"
        if kind == INTERFACE:
            problem = self._interface(block)
            if problem:
                return problem
        elif total >= 24:
            self._statistics(block)
        arena.pos += total
        return ""

    def _section(self, arena: Arena) -> str | None:
        """Begin the section at the arena's position (RFC draft §4.1)."""
        head = arena.peek(28)
        if len(head) < 28:
            return None
        order = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}.get(head[8:12])
        if order is None:
            return "has no byte-order mark"
        total, major, minor = struct.unpack(order + "4xI4xHH", head[:16])
        if total < 28 or total % 4 or total > BLOCK_LIMIT:
            return f"says {size(total)}"
        if major != 1:
            return f"says pcapng version {major}.{minor}; only version 1 is known"
        while arena.left < total:
            if not arena.more():
                return None
        after = arena.pos + total
        if struct.unpack(order + "I", arena.data[after - 4 : after].tobytes()) != (total,):
            return "ends with another length than it begins with"
        self.finish()
        self._big = order == ">"
        arena.pos = after
        return ""

    def _interface(self, block: bytes) -> str:
        if self._known == MAX_INTERFACES:
            return f"is interface number {MAX_INTERFACES + 1} of its section"
        link, _reserved, snaplen = self._unpack("HHI", block[8:16])
        options = dict(self._options(block[16:-4]))
        if self._known == len(self._ifaces):
            self._ifaces = np.concatenate((self._ifaces, np.zeros_like(self._ifaces)))
        self._ifaces[self._known] = 0  # counters of the section before
        row = self._ifaces[self._known]
        resolution = options.get(IF_TSRESOL, b"\x06")[:1] or b"\x06"
        shift, mul, div, max_ticks = time_scale(resolution[0])
        row["binary"], row["shift"] = (shift is not None), shift or 0
        row["mul"], row["div"], row["max_ticks"] = mul, div, max_ticks
        offset = options.get(IF_TSOFFSET, b"")
        seconds = self._unpack("q", offset[:8])[0] if len(offset) >= 8 else 0
        row["offset"] = max(-_OFFSET_CAP, min(_OFFSET_CAP, seconds)) * _NS
        row["link"], row["snaplen"] = link, snaplen
        called = name(options.get(IF_NAME, b""))
        row["index"] = self._table.index(called, link, snaplen or None, self._known)
        self._known += 1
        self._counters.append(Counters())
        if link in FRAME_LIMITS:
            self._limit = max(self._limit, frame_limit(link))
        return ""

    def _statistics(self, block: bytes) -> None:
        (which,) = self._unpack("I", block[8:12])
        if which >= self._known:
            return
        told = self._counters[which]
        for code, value in self._options(block[20:-4]):
            if len(value) < 8:
                continue
            if code == ISB_RECEIVED:
                (told.received,) = self._unpack("Q", value[:8])
            elif code == ISB_DROPPED:
                (told.dropped,) = self._unpack("Q", value[:8])
            elif code == ISB_START:
                high, low = self._unpack("II", value[:8])
                told.start = high << 32 | low

    def _options(self, raw: bytes) -> Iterator[tuple[int, bytes]]:
        """Code and value of each option; an option that does not fit ends the list."""
        at = 0
        while at + 4 <= len(raw):
            code, length = self._unpack("HH", raw[at : at + 4])
            if code == OPT_END or at + 4 + length > len(raw):
                return
            yield code, raw[at + 4 : at + 4 + length]
            at += 4 + (length + 3 & ~3)

    def _unpack(self, layout: str, raw: bytes) -> tuple[int, ...]:
        return struct.unpack((">" if self._big else "<") + layout, raw)

    def _wrong(self, arena: Arena, stop: int) -> str:
        head = arena.data[arena.pos : min(arena.pos + 24, arena.end)].tobytes()
        kind, total = self._unpack("II", head[:8])
        if stop == STOP_TRAILER:
            return f"(a block of type {kind}) ends with another length than it begins with"
        if stop == STOP_INTERFACE:
            return "is of an interface that is not described"
        sound = total >= 32 and total % 4 == 0 and total <= self._limit + BLOCK_LIMIT
        if stop == STOP_LENGTH and kind in (2, 6) and sound:
            return f"says {size(self._unpack('I', head[20:24])[0])} in a block of {size(total)}"
        return f"(a block of type {kind}) says {size(total)}"


def time_scale(resolution: int) -> tuple[int | None, int, int, int]:
    """if_tsresol as (binary shift or None, multiplier, divisor, largest tick count) for the kernel."""
    exponent = resolution & 0x7F
    if resolution & 0x80:
        return exponent, 1, 1, min(_U64, ((TS_CAP // _NS + 1) << exponent) - 1)
    if exponent <= 9:
        mul = 10 ** (9 - exponent)
        return None, mul, 1, TS_CAP // mul
    if exponent > 28:  # 2**64 such ticks are less than a nanosecond
        return None, 0, 1, _U64
    div = 10 ** (exponent - 9)
    return None, 1, div, min(_U64, (TS_CAP + 1) * div - 1)
