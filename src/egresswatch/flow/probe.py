# SPDX-License-Identifier: Apache-2.0
"""Which parser wants this payload: the PATTERN table, reached by protocol and first byte.

``probe`` tries only the patterns whose first byte can fit, in table order, and gives the first
built-in parser and the first recogniser of the rule pack that match. A comparison that would read
past the captured bytes does not match. A pattern can ask who sent the payload and which of its side's
it is. The lists are built by ``pattern_lists``: one for packets with a port that some pattern asks for,
and a shorter one for all the others, which most packets are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.jit import inline, kernel
from egresswatch.loads import be16, be32, be64, le16, le32, u8
from egresswatch.patterns import PATTERN, RECOGNISER_BASE
from egresswatch.records import Array

_U0 = np.uint64(0)
_TOP = np.uint64(56)
_LANES = 512
"""Protocol (TCP, UDP) and first byte."""
_FREE = _LANES + 1
"""Where the lists without ports begin in ``starts``."""
_PORTS = 2 * _FREE
"""Where ``starts`` goes on as a set of bits: protocol and lower bits of every port that is asked for."""
_PORT_BITS = 12
_PORT_MASK = (1 << _PORT_BITS) - 1


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


@inline
def _asked_for(starts: Any, udp: Any, port: Any) -> Any:
    """Can some pattern ask for this port? (Always yes when one does.)"""
    bit = udp << _PORT_BITS | (port & _PORT_MASK)
    return np.int64(starts[_PORTS + (bit >> 5)]) >> (bit & 31) & 1 != 0


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
    udp = np.int64(0 if proto == 6 else 1)
    lane = 256 * udp + u8(d, p)
    if not _asked_for(starts, udp, sport) and not _asked_for(starts, udp, dport):
        lane += _FREE
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
    """(starts, order int32[n]): pattern numbers by protocol (TCP, UDP) and first byte, all of them, and
    once more those without a port; ``starts`` int32 ends with the ports that are asked for."""
    assert patterns.dtype == PATTERN
    byte = np.arange(256, dtype=np.uint64)[:, None]
    fits = np.ones((256, len(patterns)), np.bool_)
    for k in ("1", "2"):
        elsewhere = (patterns["n" + k] == 0) | (patterns["off" + k] != 0)
        mask, value = patterns["mask" + k] >> _TOP, patterns["value" + k] >> _TOP
        fits &= elsewhere | (byte & mask == value)
    lanes = np.concatenate([fits & (patterns["proto"] == proto) for proto in (6, 17)])
    free = lanes & (patterns["port"] == 0)
    order = np.concatenate([lanes.nonzero()[1], free.nonzero()[1], [0]])
    starts = np.concatenate([[0], lanes.sum(axis=1).cumsum()])
    starts = np.concatenate([starts, starts[-1] + np.concatenate([[0], free.sum(axis=1).cumsum()])])
    bits = np.zeros(2 << _PORT_BITS, np.uint8)
    asked = patterns[patterns["port"] != 0]
    bits[(asked["proto"] != 6).astype(np.int64) << _PORT_BITS | (asked["port"] & _PORT_MASK)] = 1
    words = np.packbits(bits, bitorder="little").view("<u4").astype(np.uint32).view(np.int32)
    return np.concatenate([starts.astype(np.int32), words]), order.astype(np.int32)
