# SPDX-License-Identifier: Apache-2.0
"""Which way a flow goes through the perimeter, for rows and for events alike.

The originator of a flow is whoever sent the first packet seen, unless a SYN says otherwise. A TCP
connection that was open before the capture began shows no SYN, and as often as not its first packet
seen comes from the server. Then the ports decide: from a high port to a well-known one is outward.
"""

from __future__ import annotations

import numpy as np

from egresswatch.records import AddressClass, Array, Direction

TCP = 6
WELL_KNOWN = 1024
"""Ports below are the system ports of RFC 6335 §6: a client does not send from one."""


def opened_inside(inside_is_orig: bool, oriented: bool, proto: int, lport: int, rport: int) -> bool:
    """Was a flow that crosses the perimeter opened by its inside end (``lport``)?"""
    if oriented or proto != TCP:
        return inside_is_orig
    if lport >= WELL_KNOWN > rport:
        return True
    return inside_is_orig and not lport < WELL_KNOWN <= rport


def opener(originator: int, oriented: bool, proto: int, ports: tuple[int, int]) -> int:
    """Which of two inside ends (0, 1) opened their flow; ``ports`` in the same order."""
    end = opened_inside(True, oriented, proto, ports[originator], ports[1 - originator])
    return originator if end else 1 - originator


def directions(rows: Array) -> Array:
    """Direction codes (int32) of flow records."""
    a, b = rows["orig_class"], rows["resp_class"]
    inside, outside = int(AddressClass.inside), int(AddressClass.outside)
    out = np.full(len(rows), int(Direction.external), np.int32)
    out[(a == inside) & (b == inside)] = Direction.internal
    guess = (rows["oriented"] == 0) & (rows["proto"] == TCP)
    orig_low, resp_low = rows["orig_p"] < WELL_KNOWN, rows["resp_p"] < WELL_KNOWN
    flip = guess & orig_low & ~resp_low
    outward = (a == inside) & (b == outside)
    inward = (a == outside) & (b == inside)
    out[(outward & ~flip) | (inward & flip)] = Direction.outbound
    out[(inward & ~flip) | (outward & flip)] = Direction.inbound
    out[b >= AddressClass.multicast] = Direction.multicast
    return out
