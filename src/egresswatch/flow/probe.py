# SPDX-License-Identifier: Apache-2.0
"""Which parser wants this payload: the PATTERN table, reached by protocol and first byte.

``probe`` tries only the patterns whose first byte can fit, in table order, and gives the first
built-in parser and the first recogniser of the rule pack that match. A comparison that would read
past the captured bytes does not match. A pattern can ask who sent the payload and which of its side's
it is. The lists are built by ``pattern_lists``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.jit import inline, kernel
from egresswatch.loads import be16, be32, be64, le16, le32, u8
from egresswatch.records import PATTERN, RECOGNISER_BASE, Array

_U0 = np.uint64(0)
_TOP = np.uint64(56)


@inline
def _word(d: Any, at: Any, n: Any) -> Any:
    """n bytes (1-8) as the upper bytes of a big-endian word."""
    if n == 8:
        return be64(d, at)
    value = _U0
    for k in range(8):
        value = value << np.uint64(8)
        if k < n:
            value |= np.uint64(d[np.uint64(at + k)])
    return value


@inline
def _related(d: Any, p: Any, cap: Any, size: Any, pattern: Any) -> Any:
    """Does the length relation hold?"""
    kind = pattern["rel"]
    at = np.int64(pattern["rel_off"])
    if at + (2 if kind <= 2 else 4) > cap:
        return False
    if kind == 1:
        value = be16(d, p + at)
    elif kind == 2:
        value = le16(d, p + at)
    elif kind == 3:
        value = be32(d, p + at)
    else:
        value = le32(d, p + at)
    return value + np.int64(pattern["rel_add"]) == size


@inline
def _fits(
    d: Any, p: Any, cap: Any, size: Any, sport: Any, dport: Any, sender: Any, number: Any, pattern: Any
) -> Any:
    port = np.int64(pattern["port"])
    if port != 0 and port != sport and port != dport:
        return False
    if size < np.int64(pattern["min_len"]):
        return False
    if pattern["max_len"] != 0 and size > np.int64(pattern["max_len"]):
        return False
    n = np.int64(pattern["n1"])
    if n != 0:
        at = np.int64(pattern["off1"])
        if at + n > cap or _word(d, p + at, n) & pattern["mask1"] != pattern["value1"]:
            return False
    n = np.int64(pattern["n2"])
    if n != 0:
        at = np.int64(pattern["off2"])
        if at + n > cap or _word(d, p + at, n) & pattern["mask2"] != pattern["value2"]:
            return False
    if pattern["sender"] != 0 and np.int64(pattern["sender"]) != sender:
        return False
    if pattern["last"] != 0 and (number < np.int64(pattern["first"]) or number > np.int64(pattern["last"])):
        return False
    return pattern["rel"] == 0 or _related(d, p, cap, size, pattern)


@kernel
def probe(
    d: Any, p: Any, cap: Any, size: Any, proto: Any, sport: Any, dport: Any, sender: Any, number: Any,
    patterns: Any, starts: Any, order: Any,
) -> Any:
    """(built-in parser or 0, recogniser or 0, every flag) for the payload at p: the ``number``-th of its
    side (0: not known), from the flow's originator (1) or responder (2)."""
    found, recogniser, every = np.int64(0), np.int64(0), np.int64(0)
    if cap < 1:
        return found, recogniser, every
    lane = (0 if proto == 6 else 256) + u8(d, p)
    for k in range(np.int64(starts[lane]), np.int64(starts[lane + 1])):
        pattern = patterns[np.int64(order[k])]
        parser = np.int64(pattern["parser"])
        if parser < RECOGNISER_BASE:
            if found != 0:
                continue
        elif recogniser != 0:
            continue
        if _fits(d, p, cap, size, sport, dport, sender, number, pattern):
            if parser < RECOGNISER_BASE:
                found, every = parser, np.int64(pattern["every"])
            else:
                recogniser = parser
            if found != 0 and recogniser != 0:
                break
    return found, recogniser, every


def pattern_lists(patterns: Array) -> tuple[Array, Array]:
    """(starts int32[513], order int32[n]): pattern numbers by protocol (TCP, UDP) and first byte."""
    assert patterns.dtype == PATTERN
    byte = np.arange(256, dtype=np.uint64)[:, None]
    fits = np.ones((256, len(patterns)), np.bool_)
    for k in ("1", "2"):
        elsewhere = (patterns["n" + k] == 0) | (patterns["off" + k] != 0)
        mask, value = patterns["mask" + k] >> _TOP, patterns["value" + k] >> _TOP
        fits &= elsewhere | (byte & mask == value)
    lanes = np.concatenate([fits & (patterns["proto"] == proto) for proto in (6, 17)])
    order = lanes.nonzero()[1] if lanes.any() else np.zeros(1)
    starts = np.concatenate([[0], lanes.sum(axis=1).cumsum()])
    return starts.astype(np.int32), order.astype(np.int32)
