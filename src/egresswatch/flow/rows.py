# SPDX-License-Identifier: Apache-2.0
"""A row's life: created for a new key, counted packet by packet, ended and freed; wheels turned.

The device functions of the flow kernel that write rows. They know shards and slots; what a packet
means is decided in ``update``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.flow.layout import (
    END_ACTIVE,
    END_END,
    END_EOF,
    END_IDLE,
    END_LACK,
    NO_VLAN,
    S_FIRST_A,
    S_FIRST_B,
    S_NEAR,
    S_ORIG_B,
    S_SEEN_A,
    S_SEEN_B,
    WHEEL,
    Tally,
)
from egresswatch.flow.record import export
from egresswatch.flow.slots import insert, remove
from egresswatch.flow.tcp import RST
from egresswatch.flow.wheel import NS, T_ACTIVE, hang, idle_at, is_closed, oldest, take_down
from egresswatch.jit import inline, kernel, prefetch
from egresswatch.loads import be16, be32, mix
from egresswatch.packets import KEY_V6

C_CREATED = int(Tally.created)
C_EVICTED = int(Tally.evicted)
ROW_LINES = 4  # cache lines of a row
ROOM = 4  # records a single packet can export at most, with a margin
_U0 = np.uint64(0)
_U8 = np.uint64(8)
_U32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_NEVER = np.int64(0x7FFFFFFFFFFFFFFF)


@kernel
def address_class(hi: Any, lo: Any, v6: Any, nets: Any) -> Any:
    """AddressClass number: multicast and broadcast by address, inside by the site's networks.

    ``nets`` uint64[n, 4]: first address (hi, lo) and last address (hi, lo) of each inside network.
    """
    if v6:
        if hi >> np.uint64(56) == np.uint64(0xFF):
            return 2
    else:
        v4 = lo & _LOW
        if v4 == _LOW:
            return 3
        if v4 >> np.uint64(28) == np.uint64(14):
            return 2
    for k in range(len(nets)):
        if (hi > nets[k, 0] or (hi == nets[k, 0] and lo >= nets[k, 1])) and (
            hi < nets[k, 2] or (hi == nets[k, 2] and lo <= nets[k, 3])
        ):
            return 1
    return 0


@inline
def is_named(named: Any, lo: Any) -> Any:
    """Does an IPv4 address lie in one of the spans ``named`` uint64[n, 2] (first and last, ascending)?"""
    low, high = 0, len(named)
    while low < high:
        middle = (low + high) // 2
        if named[middle, 1] < lo:
            low = middle + 1
        else:
            high = middle
    return low < len(named) and named[low, 0] <= lo


@inline
def read_mac(d: Any, frame: Any, place: Any) -> Any:
    """48-bit MAC at ``place`` from the frame's start; 0 when the link type has none."""
    if place < 0:
        return _U0
    at = frame + place
    return np.uint64(be16(d, at)) << _U32 | np.uint64(be32(d, at + 2))


@kernel
def end_row(
    slots: Any, rows: Any, heads: Any, shards: Any, s: Any, index: Any, end: Any, tick: Any,
    out: Any, no: Any,
) -> Any:
    """Export a row for the last time and free it; gives the records written so far."""
    size = len(slots) // len(shards)
    row = rows[index]
    export(row, end, tick, out[no])
    if row["second"] >= 0:
        take_down(heads, s, rows, index)
    remove(slots, s * size, size - 1, np.int64(row["hash"]), index)
    row["after"] = shards[s]["free"]
    shards[s]["free"] = index + 1
    shards[s]["live"] -= 1
    return no + 1


@kernel
def turn(
    second: Any, s: Any, slots: Any, rows: Any, heads: Any, shards: Any, timeouts: Any, out: Any, no: Any
) -> Any:
    """Turn one shard's wheel to ``second``; the records written, or -1 - that many when out is full."""
    while shards[s]["second"] < second:
        if shards[s]["live"] == 0:
            shards[s]["second"] = second
            break
        before = shards[s]["second"]
        now = before + 1
        bucket = now % WHEEL
        tick = now * NS
        while heads[s, bucket] != 0:
            if no + ROOM > len(out):
                return -1 - no
            index = np.int64(heads[s, bucket]) - 1
            row = rows[index]
            take_down(heads, s, rows, index)
            if tick >= idle_at(row, timeouts):
                end = END_END if is_closed(row) else END_IDLE
                no = end_row(slots, rows, heads, shards, s, index, end, tick, out, no)
                continue
            if tick >= row["opened"] + timeouts[T_ACTIVE]:
                if row["pkts_a"] != 0 or row["pkts_b"] != 0:
                    export(row, END_ACTIVE, tick, out[no])
                    no += 1
                row["opened"] = tick
                row["ts"], row["ts_end"] = _NEVER, -_NEVER
            shards[s]["second"] = now  # hang() must keep clear of the bucket that is being emptied
            hang(heads, shards, s, rows, index, timeouts)
            shards[s]["second"] = before
        shards[s]["second"] = now
    return no


@kernel
def create(
    d: Any, frame: Any, ts: Any, pkt: Any, side: Any, vlan: Any, nets: Any, named: Any, named_v6: Any,
    budget: Any, slots: Any, rows: Any, row_bytes: Any, heads: Any, shards: Any, s: Any, timeouts: Any,
    out: Any, no: Any, tally: Any,
) -> Any:
    """A row for a key that has none, evicting when the shard is full; (row, records written)."""
    size = len(slots) // len(shards)
    per_shard = len(rows) // len(shards)
    if shards[s]["live"] >= per_shard:
        victim = oldest(heads, shards, s, rows, timeouts)
        no = end_row(slots, rows, heads, shards, s, victim, END_LACK, np.int64(pkt["clock"]), out, no)
        tally[C_EVICTED] += np.uint64(1)
    if shards[s]["free"] != 0:
        index = shards[s]["free"] - 1
        shards[s]["free"] = np.int64(rows[index]["after"])
    else:
        index = s * per_shard + shards[s]["used"]
        shards[s]["used"] += 1
        for line in range(ROW_LINES):  # of the row that comes next
            prefetch(row_bytes, ((index + 1) * ROW_LINES + line) * 64)
    shards[s]["live"] += 1
    shards[s]["created"] += 1
    row = rows[index]
    row["a_hi"], row["a_lo"], row["b_hi"], row["b_lo"] = pkt["a_hi"], pkt["a_lo"], pkt["b_hi"], pkt["b_lo"]
    row["meta"], row["hash"], row["icmp"] = pkt["meta"], pkt["hash"], pkt["icmp"]
    row["vlan_a"] = vlan if side == 0 else NO_VLAN
    row["vlan_b"] = vlan if side == 1 else NO_VLAN
    row["last"], row["opened"] = pkt["clock"], pkt["clock"]
    row["ts"], row["ts_end"], row["ts_flow"] = ts, ts, ts
    row["bytes_a"], row["bytes_b"], row["pkts_a"], row["pkts_b"] = 0, 0, 0, 0
    row["gap_a"], row["gap_b"], row["hole_a"], row["hole_b"] = 0, 0, 0, 0
    row["next_a"], row["next_b"] = 0, 0
    row["flags_a"], row["flags_b"], row["ever_a"], row["ever_b"] = 0, 0, 0, 0
    row["state"] = S_ORIG_B if side == 1 else 0
    v6 = pkt["meta"] & np.uint64(KEY_V6) != _U0
    if (v6 and named_v6 != 0) or (not v6 and (is_named(named, pkt["a_lo"]) or is_named(named, pkt["b_lo"]))):
        row["state"] |= S_NEAR
    row["parser"], row["probes_a"], row["probes_b"], row["every"] = 0, 0, 0, 0
    row["missed_a"], row["missed_b"], row["sum_missed"], row["seq"] = 0, 0, 0, 0
    row["budget_a"], row["budget_b"] = budget, budget
    row["sum_bytes_a"], row["sum_bytes_b"], row["sum_pkts_a"], row["sum_pkts_b"] = 0, 0, 0, 0
    src, dst = np.int64(pkt["mac_src"]), np.int64(pkt["mac"])
    row["mac_a"] = read_mac(d, frame, src if side == 0 else dst)
    row["mac_b"] = read_mac(d, frame, src if side == 1 else dst)
    row["class_ab"] = (
        address_class(pkt["a_hi"], pkt["a_lo"], v6, nets) << 4
        | address_class(pkt["b_hi"], pkt["b_lo"], v6, nets)
    )
    row["flow"] = np.uint64(shards[s]["created"] * len(shards) + s)
    h = mix(mix(mix(_U0, np.uint64(ts)), pkt["a_lo"]), pkt["b_lo"])
    h = mix(mix(mix(h, pkt["a_hi"]), pkt["b_hi"]), pkt["meta"])
    isn = np.uint64(pkt["seq"]) if (pkt["meta"] >> _U8) & np.uint64(0xFF) == np.uint64(6) else _U0
    # how late it came: a capture that holds the same packets twice has the same first times and keys again
    late = np.uint64(pkt["clock"] - ts)
    h = mix(mix(mix(mix(h, np.uint64(vlan)), np.uint64(side)), isn), late)
    # a key that ends and begins again within the same nanosecond (a reset and a SYN, a full table)
    shards[s]["same"] = shards[s]["same"] + 1 if shards[s]["clock"] == pkt["clock"] else 0
    shards[s]["clock"] = pkt["clock"]
    row["uid"] = h if shards[s]["same"] == 0 else mix(h, np.uint64(shards[s]["same"]))
    insert(slots, s * size, size - 1, np.int64(pkt["hash"]), index)
    hang(heads, shards, s, rows, index, timeouts)
    tally[C_CREATED] += np.uint64(1)
    return index, no


@inline
def count(row: Any, side: Any, ts: Any, clock: Any, size: Any, flags: Any) -> None:
    """Add one packet to the open record."""
    row["last"] = clock
    if ts > row["ts_end"]:
        row["ts_end"] = ts
    if side == 0:
        row["pkts_a"] += np.uint32(1)
        row["bytes_a"] += size
        row["flags_a"] |= flags
        row["state"] |= S_FIRST_A if flags & RST != 0 else S_FIRST_A | S_SEEN_A
    else:
        row["pkts_b"] += np.uint32(1)
        row["bytes_b"] += size
        row["flags_b"] |= flags
        row["state"] |= S_FIRST_B if flags & RST != 0 else S_FIRST_B | S_SEEN_B


@kernel
def flush(
    low: Any, high: Any, rows: Any, row_bytes: Any, heads: Any, shards: Any, out: Any, cursor: Any
) -> Any:
    """Export every live row of the shards at the end of input; True when all are out. The shards can hold
    nothing more after that: slots are left as they are."""
    no = cursor[0]
    for s in range(low, high):
        for bucket in range(WHEEL):
            while heads[s, bucket] != 0:
                if no + ROOM > len(out):
                    cursor[0] = no
                    return False
                row = rows[np.int64(heads[s, bucket]) - 1]
                heads[s, bucket] = row["after"]
                for line in range(ROW_LINES):
                    prefetch(row_bytes, ((np.int64(row["after"]) - 1) * ROW_LINES + line) * 64)
                end = END_END if is_closed(row) else END_EOF
                tick = shards[s]["second"] * NS + NS - 1  # after all that happened in the last second
                export(row, end, tick, out[no])
                shards[s]["live"] -= 1
                no += 1
    cursor[0] = no
    return True


@kernel
def turn_all(
    second: Any, low: Any, high: Any, slots: Any, rows: Any, heads: Any, shards: Any, timeouts: Any,
    out: Any, cursor: Any,
) -> Any:
    """Turn the wheels of the shards to ``second``; True when done, False when ``out`` is full.

    The lowest shard comes last: its second says that all of them were turned.
    """
    for s in range(high - 1, low - 1, -1):
        no = turn(second, s, slots, rows, heads, shards, timeouts, out, cursor[0])
        if no < 0:
            cursor[0] = -1 - no
            return False
        cursor[0] = no
    return True
