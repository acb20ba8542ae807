# SPDX-License-Identifier: Apache-2.0
"""The frames of one flow out of any input, as a small pcapng that every tshark can read.

Gets frame batches (so compressed, damaged and odd captures work as in replay), keeps frames of the
flow's time that hold both addresses, and remembers each frame's number in the input. A frame too
many is harmless: tshark's display filter decides. Stops reading when it has enough.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from egresswatch.errors import OutputError
from egresswatch.records import U8, Array, FrameBatch

REACH = 160
"""Bytes from a frame's start in which its addresses are looked for: link, tags, one tunnel, IP."""
_EPB, _IDB, _SHB = 6, 1, 0x0A0D0D0A  # pcapng draft §4.3, §4.2, §4.1


@dataclass(slots=True)
class Cut:
    """What was kept."""

    path: Path
    frames: list[int] = field(default_factory=list)
    """Number in the whole input, from 1 as Wireshark counts, of each frame kept."""
    complete: bool = True
    """False when there were more frames than the limit."""


def cut(
    batches: Iterable[FrameBatch], addresses: tuple[str, str], window: tuple[int, int], limit: int, path: Path
) -> Cut:
    """Write up to ``limit`` frames between both ``addresses`` within ``window`` to ``path``."""
    first, last = window
    needles = [_needle(address) for address in addresses]
    result = Cut(path)
    links: dict[int, int] = {}
    try:
        with path.open("wb") as out:
            out.write(_block(_SHB, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
            for batch in batches:
                rows = np.flatnonzero((batch.ts >= first) & (batch.ts <= last) & (batch.cap > 0))
                for needle in needles:
                    rows = rows[_holds(batch, rows, needle)]
                for row in rows[: limit - len(result.frames)]:
                    link = int(batch.link[row])
                    if link not in links:
                        links[link] = len(links)
                        # option 9, if_tsresol = 9: nanoseconds (pcapng draft §4.2)
                        out.write(_block(_IDB, struct.pack("<HHIHHB3xHH", link, 0, 0, 9, 1, 9, 0, 0)))
                    out.write(_packet(batch, int(row), links[link]))
                    result.frames.append(batch.first + int(row) + 1)
                if len(result.frames) >= limit:
                    result.complete = False
                    break
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", path) from error
    return result


def _packet(batch: FrameBatch, row: int, interface: int) -> bytes:
    start, captured = int(batch.off[row]), int(batch.cap[row])
    ts = int(batch.ts[row]) & 0xFFFF_FFFF_FFFF_FFFF
    head = struct.pack("<IIIII", interface, ts >> 32, ts & 0xFFFFFFFF, captured, int(batch.wire[row]))
    return _block(_EPB, head + batch.data[start : start + captured].tobytes())


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _needle(address: str) -> U8:
    """The last four bytes of an address as they stand in a frame."""
    return np.frombuffer(ipaddress.ip_address(address).packed[-4:], np.uint8)


def _holds(batch: FrameBatch, rows: Array, needle: U8) -> Array:
    """For each of ``rows``: do the frame's first bytes hold ``needle``?"""
    hit = np.zeros(len(rows), bool)
    start = batch.off[rows].astype(np.int64)
    room = np.minimum(batch.cap[rows].astype(np.int64), REACH) - len(needle)
    for shift in range(REACH):
        open_ = np.flatnonzero((room >= shift) & ~hit)
        if not len(open_):
            if not (room >= shift).any():
                break
            continue
        at = start[open_] + shift
        same = batch.data[at] == needle[0]
        open_, at = open_[same], at[same]
        for index in range(1, len(needle)):
            same = batch.data[at + index] == needle[index]
            open_, at = open_[same], at[same]
        hit[open_] = True
    return hit
