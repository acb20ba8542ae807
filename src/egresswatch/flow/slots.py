# SPDX-License-Identifier: Apache-2.0
"""Finding, adding and removing rows: open addressing with linear probing, one table per shard.

A slot is ``hash << 32 | row + 1`` (0 = empty), so a probe reads rows only when the hash fits, and a
removal can close the chain behind it without tombstones (Knuth, TAOCP 6.4 R). The hash leaves the
VLAN out: every tag stack of the same endpoints lies in one chain, which is what vlan_in_key=auto
needs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.flow.layout import NO_VLAN, S_JOINED
from egresswatch.jit import inline, kernel

VLAN_IGNORE, VLAN_KEY, VLAN_AUTO = 0, 1, 2
NOBODY = -2
MAX_STACKS = 4096
"""Live flows of one hash: those of the same endpoints differ in their tags alone, and every VID has room (a
DHCP broadcast is the same flow in all VLANs). Two million pairs of tags, or keys made to fall together, would
make each look-up a walk past all of them."""
_S32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_U0 = np.uint64(0)


@inline
def same_key(row: Any, pkt: Any) -> Any:
    """Same protocol, ports and addresses?"""
    return (
        row["a_lo"] == pkt["a_lo"]
        and row["b_lo"] == pkt["b_lo"]
        and row["meta"] == pkt["meta"]
        and row["a_hi"] == pkt["a_hi"]
        and row["b_hi"] == pkt["b_hi"]
    )


@inline
def first_row(slots: Any, base: Any, mask: Any, rows: Any, pkt: Any, side: Any, vlan: Any, mode: Any) -> Any:
    """The row of the key's first slot, when it is this packet's beyond doubt; NOBODY when that slot is empty;
    -1 leaves the answer to ``find``."""
    slot = slots[np.uint64(base + (np.int64(pkt["hash"]) & mask))]
    if slot == _U0:
        return np.int64(NOBODY)
    if slot >> _S32 != np.uint64(pkt["hash"]):
        return np.int64(-1)
    index = np.int64(slot & _LOW) - 1
    row = rows[np.uint64(index)]
    if not same_key(row, pkt):
        return np.int64(-1)
    mine = np.int64(row["vlan_a"] if side == 0 else row["vlan_b"])
    return index if mine == vlan or mode == VLAN_IGNORE else np.int64(-1)


@kernel
def find(slots: Any, base: Any, mask: Any, rows: Any, pkt: Any, side: Any, vlan: Any, mode: Any) -> Any:
    """(row or -1, how): how is 0 exact, 1 to be joined, 2 none but a joined flow was contradicted,
    3 none, and the row told must make room: there are MAX_STACKS of this hash."""
    want = np.uint64(pkt["hash"])
    at = np.int64(pkt["hash"]) & mask
    join, contradicted = np.int64(-1), 0
    first, stacks = np.int64(-1), 0
    while True:
        slot = slots[base + at]
        if slot == _U0:
            break
        if slot >> _S32 == want:
            index = np.int64(slot & _LOW) - 1
            row = rows[index]
            if same_key(row, pkt):
                if mode == VLAN_IGNORE:
                    return index, 0
                mine = np.int64(row["vlan_a"] if side == 0 else row["vlan_b"])
                other = np.int64(row["vlan_b"] if side == 0 else row["vlan_a"])
                if mine == vlan:
                    return index, 0
                if mine == NO_VLAN:
                    if other == vlan:
                        return index, 0
                    if mode == VLAN_AUTO and join < 0:
                        join = index
                elif row["state"] & S_JOINED != 0 and other == vlan:
                    contradicted = 1
            if first < 0:
                first = index
            stacks += 1
            if stacks >= MAX_STACKS:
                break
        at = (at + 1) & mask
    if join >= 0:
        return join, 1
    if stacks >= MAX_STACKS:
        return first, 3
    return np.int64(-1), 2 if contradicted != 0 else 0


@kernel
def find_any(slots: Any, base: Any, mask: Any, rows: Any, quote: Any) -> Any:
    """First row with the quoted endpoints whatever its VLAN, or -1."""
    want = np.uint64(quote["hash"])
    at = np.int64(quote["hash"]) & mask
    while True:
        slot = slots[base + at]
        if slot == _U0:
            return np.int64(-1)
        if slot >> _S32 == want:
            index = np.int64(slot & _LOW) - 1
            if same_key(rows[index], quote):
                return index
        at = (at + 1) & mask


@inline
def insert(slots: Any, base: Any, mask: Any, hash32: Any, index: Any) -> None:
    """Put a row behind the last of its chain."""
    at = np.int64(hash32) & mask
    while slots[base + at] != _U0:
        at = (at + 1) & mask
    slots[base + at] = np.uint64(hash32) << _S32 | np.uint64(index + 1)


@kernel
def remove(slots: Any, base: Any, mask: Any, hash32: Any, index: Any) -> None:
    """Take a row out and close the gap."""
    want = np.uint64(hash32) << _S32 | np.uint64(index + 1)
    at = np.int64(hash32) & mask
    while slots[base + at] != want:
        at = (at + 1) & mask
    hole = at
    while True:
        at = (at + 1) & mask
        slot = slots[base + at]
        if slot == _U0:
            break
        home = np.int64(slot >> _S32) & mask
        if ((at - home) & mask) >= ((at - hole) & mask):
            slots[base + hole] = slot
            hole = at
    slots[base + hole] = _U0
