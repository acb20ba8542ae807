# SPDX-License-Identifier: Apache-2.0
"""TCP as far as accounting needs it: who opened, who closed, and which bytes were never seen.

Missing bytes of one end are the holes in its sequence space that were not filled later, and what
the other end acknowledged without our seeing it (RFC 9293 §3.4; the idea is Zeek's missed_bytes).
Only the youngest hole can still be filled; when a newer one opens, the older counts as missed.
A jump of more than MAX_HOLE is a new numbering (a reused port, a middlebox), not a loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.flow.layout import (
    S_FIN_A,
    S_FIN_B,
    S_FLIPPED,
    S_ORIENTED,
    S_ORIG_B,
    S_RST,
    S_SEQ_A,
    S_SEQ_B,
)
from egresswatch.jit import inline, kernel

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MAX_HOLE = 1 << 26
S_SEQS = S_SEQ_A | S_SEQ_B
_M32 = np.int64(0xFFFFFFFF)


@inline
def _distance(a: Any, b: Any) -> Any:
    """a - b in sequence space, signed."""
    gap = (np.int64(a) - np.int64(b)) & _M32
    return gap if gap < 0x80000000 else gap - 0x100000000


@inline
def orient(row: Any, flags: Any, side: Any) -> None:
    """A SYN comes from the originator, a SYN-ACK from the responder; the first one seen decides."""
    if flags & SYN == 0 or row["state"] & S_ORIENTED != 0:
        return
    orig = side if flags & ACK == 0 else 1 - side
    now_b = row["state"] & S_ORIG_B != 0
    if (orig == 1) != now_b:
        row["state"] = (row["state"] ^ S_ORIG_B) | S_FLIPPED
    row["state"] |= S_ORIENTED


@kernel
def _see_a(row: Any, seq: Any, size: Any) -> None:
    """Account [seq, seq + size) of end a."""
    if row["state"] & S_SEQ_A == 0:
        row["state"] |= S_SEQ_A
        row["next_a"] = (seq + size) & _M32
        return
    ahead = _distance(seq, row["next_a"])
    if ahead > 0:
        if ahead <= MAX_HOLE:
            row["missed_a"] += np.uint64(row["gap_a"])
            row["hole_a"], row["gap_a"] = row["next_a"], ahead
        row["next_a"] = (seq + size) & _M32
        return
    end = _distance(seq + size, row["next_a"])
    if end > 0:
        row["next_a"] = (seq + size) & _M32
    gap = np.int64(row["gap_a"])
    if gap > 0:  # how much of the youngest hole does this fill?
        low = max(np.int64(0), _distance(seq, row["hole_a"]))
        high = min(_distance(seq + size, row["hole_a"]), gap)
        if high > low:
            if high == gap:
                row["gap_a"] = low
            else:  # the part before can no longer be filled; it is 0 when filled in order
                row["missed_a"] += np.uint64(low)
                row["hole_a"], row["gap_a"] = (np.int64(row["hole_a"]) + high) & _M32, gap - high
    if ahead < -MAX_HOLE:
        row["next_a"] = (seq + size) & _M32


@kernel
def _see_b(row: Any, seq: Any, size: Any) -> None:
    """Account [seq, seq + size) of end b."""
    if row["state"] & S_SEQ_B == 0:
        row["state"] |= S_SEQ_B
        row["next_b"] = (seq + size) & _M32
        return
    ahead = _distance(seq, row["next_b"])
    if ahead > 0:
        if ahead <= MAX_HOLE:
            row["missed_b"] += np.uint64(row["gap_b"])
            row["hole_b"], row["gap_b"] = row["next_b"], ahead
        row["next_b"] = (seq + size) & _M32
        return
    end = _distance(seq + size, row["next_b"])
    if end > 0:
        row["next_b"] = (seq + size) & _M32
    gap = np.int64(row["gap_b"])
    if gap > 0:  # how much of the youngest hole does this fill?
        low = max(np.int64(0), _distance(seq, row["hole_b"]))
        high = min(_distance(seq + size, row["hole_b"]), gap)
        if high > low:
            if high == gap:
                row["gap_b"] = low
            else:  # the part before can no longer be filled; it is 0 when filled in order
                row["missed_b"] += np.uint64(low)
                row["hole_b"], row["gap_b"] = (np.int64(row["hole_b"]) + high) & _M32, gap - high
    if ahead < -MAX_HOLE:
        row["next_b"] = (seq + size) & _M32


@inline
def in_order(row: Any, side: Any, flags: Any, seq: Any, ack: Any, size: Any) -> Any:
    """Account a packet of an open connection without holes that follows the one before it, as ``track``
    would; False, and nothing done, for any other."""
    if flags & (SYN | FIN | RST) != 0 or row["state"] & S_SEQS != S_SEQS or row["gap_a"] | row["gap_b"] != 0:
        return False
    mine, other = (row["next_a"], row["next_b"]) if side == 0 else (row["next_b"], row["next_a"])
    if (size > 0 and seq != np.int64(mine)) or size > MAX_HOLE:
        return False
    if flags & ACK != 0 and (np.int64(other) - ack) & _M32 > MAX_HOLE:
        return False
    if size > 0:
        if side == 0:
            row["next_a"] = (seq + size) & _M32
        else:
            row["next_b"] = (seq + size) & _M32
    return True


@kernel
def track(row: Any, side: Any, flags: Any, seq: Any, ack: Any, size: Any) -> None:
    """One TCP packet of ``side``: sequence space, acknowledged but unseen bytes, closing."""
    span = size
    if flags & SYN != 0:
        span += 1
        row["state"] &= ~(S_SEQ_A if side == 0 else S_SEQ_B) & 0xFFFF
    if flags & FIN != 0:
        span += 1
        row["state"] |= S_FIN_A if side == 0 else S_FIN_B
    if flags & RST != 0:
        row["state"] |= S_RST
        return
    if side == 0:
        if span > 0 or row["state"] & S_SEQ_A == 0:
            _see_a(row, seq, span)
        if flags & ACK != 0:
            _see_b(row, ack, np.int64(0))
    else:
        if span > 0 or row["state"] & S_SEQ_B == 0:
            _see_b(row, seq, span)
        if flags & ACK != 0:
            _see_a(row, ack, np.int64(0))
