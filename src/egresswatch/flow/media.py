# SPDX-License-Identifier: Apache-2.0
"""Is this UDP flow RTP? A single packet says little, so packets of one source are followed (RFC 3550 §5.1).

Sure is: three packets in sequence whose timestamps moved as a clock of media does, or six within one
frame. Kept per side in fields of the flow's row that only TCP uses: ``next`` the source, ``hole`` the
timestamp, ``gap`` sequence number, count and two marks. One source a side is followed; another one that
comes between begins anew. Packets of RTCP that share the port (RFC 5761 §4) are not looked at.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.jit import inline, kernel
from egresswatch.loads import be16, be32, u8

IN_SEQUENCE, IN_ONE_FRAME = 3, 6
"""Packets that must follow each other; more of them while the timestamp stands still."""
MOST_STEP, MOST_LOST = 900_000, 50
"""Ten seconds of a 90 kHz clock; packets that may be lost between two."""
MOVED, TOLD, COUNT_SHIFT = 1, 2, 8
"""``gap`` = sequence number << 16 | count << 8 | marks."""


@inline
def is_report(d: Any, at: Any) -> Any:
    """Is the second byte a packet type of RTCP?"""
    return u8(d, at + 1) >= 192 and u8(d, at + 1) < 224


@inline
def _fits(d: Any, at: Any, cap: Any, size: Any) -> Any:
    """Do the sources and the extension that the header announces leave room for media?"""
    flags, kind = u8(d, at), u8(d, at + 1) & 0x7F
    if (kind >= 64 and kind < 96) or be32(d, at + 8) == 0:
        return False
    need = 12 + 4 * (flags & 15)
    if flags & 0x10 != 0:
        if need + 4 > cap:
            return False
        need += 4 + 4 * be16(d, at + need + 2)
    if flags & 0x20 != 0 and cap == size:
        need += u8(d, at + size - 1)
    return need <= size


@kernel
def is_media(d: Any, at: Any, cap: Any, size: Any, row: Any, side: Any) -> Any:
    """Follow one packet of ``side``; True with the packet that makes it sure, once for a source."""
    if cap < 12 or not _fits(d, at, cap, size):
        return False
    source, stamp, seq = be32(d, at + 8), be32(d, at + 4), be16(d, at + 2)
    if side == 0:
        known, before, state = np.int64(row["next_a"]), np.int64(row["hole_a"]), np.int64(row["gap_a"])
    else:
        known, before, state = np.int64(row["next_b"]), np.int64(row["hole_b"]), np.int64(row["gap_b"])
    count, marks = state >> COUNT_SHIFT & 255, state & 3
    if known == source and count != 0:
        step = (seq - (state >> 16)) & 0xFFFF
        if step == 0 or step > 0xFFFF - MOST_LOST:
            return False
        ahead = ((stamp - before + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
        if step > MOST_LOST or ahead > MOST_STEP or ahead < -MOST_STEP:
            count, marks = np.int64(1), marks & TOLD
        else:
            count = min(count + 1, np.int64(255))
            if ahead != 0:
                marks |= MOVED
    else:
        count, marks = np.int64(1), np.int64(0)
    sure = marks & TOLD == 0 and count >= (IN_SEQUENCE if marks & MOVED != 0 else IN_ONE_FRAME)
    if sure:
        marks |= TOLD
    state = seq << 16 | count << COUNT_SHIFT | marks
    if side == 0:
        row["next_a"], row["hole_a"], row["gap_a"] = source, stamp, state
    else:
        row["next_b"], row["hole_b"], row["gap_b"] = source, stamp, state
    return sure
