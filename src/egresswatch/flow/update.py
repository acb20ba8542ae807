# SPDX-License-Identifier: Apache-2.0
"""The flow kernel: packet rows into the biflow table, in frame order, shard by shard.

Theory of operation. Packets come with their packet clock. When it enters a new second, every shard
turns its wheel to it first, so that a record's tick is a function of the packets alone, not of how
they were cut into batches. Then the packet is looked up (duplicate? fragment? which row?), counted,
and its payload, while somebody may want it, is tried against the patterns. Slots and rows are
prefetched AHEAD packets before they are needed. The kernel stops early, to be called again at the
packet it names, when one of its output arrays is nearly full: nothing is dropped for want of room.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.flow.guards import (
    dup_place,
    host_place,
    is_duplicate,
    join_fragment,
    note_fragment,
    show_host,
)
from egresswatch.flow.handup import hand_up, is_over
from egresswatch.flow.layout import (
    END_END,
    END_LACK,
    HOSTS,
    N_CROSSING,
    N_HOST,
    N_NEAR,
    N_REPLY,
    S_FIRST_A,
    S_FIRST_B,
    S_JOINED,
    S_NEAR,
    S_ORIENTED,
    S_ORIG_B,
    S_UNREACHABLE,
    Tally,
)
from egresswatch.flow.record import outcome
from egresswatch.flow.rows import ROOM, count, create, end_row, read_mac, turn_all
from egresswatch.flow.slots import VLAN_IGNORE, find, find_any, first_row
from egresswatch.flow.tcp import ACK, FIN, RST, SYN, in_order, orient, track
from egresswatch.flow.wheel import NS, hang, is_closed, take_down
from egresswatch.jit import inline, kernel, prefetch
from egresswatch.packets import PF_FRAG_FIRST, PF_FRAG_LATER, PF_PAYLOAD, Bucket

AHEAD = 16
NEXT = 5
B_ACCOUNTED = int(Bucket.accounted)
B_DUPLICATE = int(Bucket.duplicate)
C_DUPLICATES = int(Tally.duplicates)
C_DUP_BYTES = int(Tally.duplicate_bytes)
C_JOINED = int(Tally.vlan_joined)
C_CONTRADICTED = int(Tally.vlan_contradicted)
C_EVICTED = int(Tally.evicted)
C_MARKED = int(Tally.icmp_marked)
_U0 = np.uint64(0)
_U8 = np.uint64(8)
_LOW = np.uint64(0xFFFFFFFF)


@inline
def _look_ahead(
    d: Any, off: Any, packets: Any, i: Any, n: Any, slots: Any, size: Any, rows: Any, row_bytes: Any,
    dups: Any, dup_window: Any, host_bytes: Any,
) -> None:  # fmt: skip
    """Prefetch the slot of a packet 2 AHEAD, the row and the duplicate set of a packet AHEAD; of one that is
    next and the first of its end, what is told of it."""
    ahead = i + 2 * AHEAD
    if ahead < n:
        pkt = packets[np.uint64(ahead)]
        prefetch(slots, np.uint64(np.int64(pkt["shard"]) * size + (np.int64(pkt["hash"]) & (size - 1))))
    ahead = i + AHEAD
    if ahead < n:
        pkt = packets[np.uint64(ahead)]
        s = np.int64(pkt["shard"])
        slot = slots[np.uint64(s * size + (np.int64(pkt["hash"]) & (size - 1)))]
        if slot != _U0:
            place = (np.int64(slot & _LOW) - 1) * 256
            prefetch(row_bytes, place)
            prefetch(row_bytes, place + 64)
        if dup_window > 0:
            prefetch(dups, dup_place(s, pkt["dup"]))
    ahead = i + NEXT
    if ahead < n:
        pkt = packets[np.uint64(ahead)]
        s, side = np.int64(pkt["shard"]), np.int64(pkt["side"])
        slot = slots[np.uint64(s * size + (np.int64(pkt["hash"]) & (size - 1)))]
        first = slot == _U0
        if not first:
            place = np.int64(slot & _LOW) - 1
            first = rows[np.uint64(place)]["state"] & (S_FIRST_A if side == 0 else S_FIRST_B) == 0
            if first:
                prefetch(row_bytes, place * 256 + 128)
                prefetch(row_bytes, place * 256 + 192)
        if first and pkt["bucket"] == B_ACCOUNTED:
            mac = read_mac(d, np.int64(off[ahead]), np.int64(pkt["mac_src"]))
            hi, lo = (pkt["a_hi"], pkt["a_lo"]) if side == 0 else (pkt["b_hi"], pkt["b_lo"])
            inside, outside = host_place(mac, hi, lo, pkt["vlan"]), host_place(mac, _U0, _U0, _U0)
            prefetch(host_bytes, (s * HOSTS + inside) * 32)
            prefetch(host_bytes, (s * HOSTS + outside) * 32)


@inline
def _tell(
    d: Any, frame: Any, pkt: Any, row: Any, when: Any, packet: Any, side: Any, kind: Any,
    parser: Any, recogniser: Any, start: Any, note: Any,
) -> None:
    """Fill a NOTE."""
    note["flow"], note["uid"], note["ts_flow"] = row["flow"], row["uid"], row["ts_flow"]
    note["ts"], note["clock"], note["meta"] = when, pkt["clock"], row["meta"]
    note["a_hi"], note["a_lo"] = row["a_hi"], row["a_lo"]
    note["b_hi"], note["b_lo"] = row["b_hi"], row["b_lo"]
    note["bytes_a"] = row["bytes_a"] + row["sum_bytes_a"]
    note["bytes_b"] = row["bytes_b"] + row["sum_bytes_b"]
    note["pkts_a"], note["pkts_b"] = row["pkts_a"] + row["sum_pkts_a"], row["pkts_b"] + row["sum_pkts_b"]
    note["missed"] = row["missed_a"] + row["missed_b"] + row["sum_missed"]
    note["src_mac"] = read_mac(d, frame, np.int64(pkt["mac_src"]))
    note["dst_mac"] = read_mac(d, frame, np.int64(pkt["mac"]))
    note["index"], note["vlan"] = packet, pkt["vlan"]
    head = np.int64(0)
    if pkt["flags"] & PF_FRAG_FIRST != 0:  # a fragment is told with all of its IP payload
        head = np.int64(pkt["head"])
    note["pay"] = pkt["pay"] - head
    note["pay_len"], note["pay_cap"] = np.int64(pkt["pay_len"]) + head, np.int64(pkt["pay_cap"]) + head
    syn = 1 if pkt["tcp_flags"] & SYN != 0 else 0  # a SYN takes a number before its payload (RFC 7413)
    note["seq"] = (np.int64(pkt["seq"]) + syn) & 0xFFFFFFFF
    note["frag_id"], note["frag_off"] = pkt["frag_key"] >> _U8, pkt["frag_off"]
    note["parser"], note["recogniser"], note["start"] = parser, recogniser, start
    note["kind"], note["side"] = kind | N_NEAR if row["state"] & S_NEAR != 0 else kind, side
    note["orig"] = 1 if row["state"] & S_ORIG_B != 0 else 0
    note["oriented"] = 1 if row["state"] & S_ORIENTED != 0 else 0
    note["class_ab"], note["outcome"] = row["class_ab"], outcome(row)
    note["tcp_flags"], note["flags"] = pkt["tcp_flags"], pkt["flags"]
    note["number"] = row["probes_a"] if side == 0 else row["probes_b"]


@inline
def _first_of_end(
    d: Any, frame: Any, pkt: Any, row: Any, s: Any, side: Any, vlan: Any, between: Any, hosts: Any
) -> Any:
    """What the first packet of an end shows (N_* bits): a crossing of the perimeter (or, when
    ``between`` is set, a flow from one inside host to another), a host."""
    total = np.int64(row["pkts_a"]) + row["pkts_b"] + row["sum_pkts_a"] + row["sum_pkts_b"]
    kind = 0
    both = np.int64(row["class_ab"])
    if both == 0x10 or both == 0x01 or (between != 0 and both == 0x11):
        kind |= N_CROSSING
    mine = both >> 4 if side == 0 else both & 15
    mac = read_mac(d, frame, np.int64(pkt["mac_src"]))
    if show_host(hosts, s, row, side, mine, mac, vlan):
        kind |= N_HOST
    return kind | N_REPLY if kind != 0 and total != 1 else kind


@inline
def _mark_quoted(
    quotes: Any, nq: Any, quote: Any, i: Any, low: Any, high: Any, slots: Any, size: Any, rows: Any,
    tally: Any,
) -> Any:
    """Mark flows that an ICMP error in packet i speaks of; gives the next quote to look at."""
    while quote < nq and np.int64(quotes[quote]["index"]) == i:
        s = np.int64(quotes[quote]["shard"])
        if s >= low and s < high:
            marked = find_any(slots, s * size, size - 1, rows, quotes[quote])
            if marked >= 0:
                rows[marked]["state"] |= S_UNREACHABLE
                tally[C_MARKED] += np.uint64(1)
        quote += 1
    return quote


@kernel
def update(
    first: Any, d: Any, off: Any, ts: Any, packets: Any, quotes: Any, nq: Any, low: Any, high: Any,
    vlan_mode: Any, dup_window: Any, budget: Any, max_probes: Any, between: Any, timeouts: Any, nets: Any,
    named: Any, named_v6: Any, patterns: Any, starts: Any, order: Any,
    slots: Any, rows: Any, row_bytes: Any, heads: Any, shards: Any, dups: Any, frags: Any, hosts: Any,
    host_bytes: Any, out: Any, notes: Any, cursor: Any, tally: Any,
) -> Any:
    """Run packets ``first`` .. of a batch through shards ``low`` .. ``high - 1``.

    ``cursor`` int64[2]: records and notes written so far, and advanced here.
    Gives the packet to go on at: ``len(packets)`` when the batch is done.
    """
    n = len(packets)
    size = len(slots) // len(shards)
    nn = cursor[1]
    keep_vlan = np.int64(0) if vlan_mode == VLAN_IGNORE else np.int64(-1)
    quote = 0
    while quote < nq and np.int64(quotes[quote]["index"]) < first:
        quote += 1
    turn_at = (shards[low]["second"] + 1) * NS
    i = first
    while i < n:
        _look_ahead(d, off, packets, i, n, slots, size, rows, row_bytes, dups, dup_window, host_bytes)
        if cursor[0] + ROOM > len(out) or nn + ROOM > len(notes):
            break
        pkt = packets[np.uint64(i)]
        clock = np.int64(pkt["clock"])
        if clock >= turn_at:
            if not turn_all(clock // NS, low, high, slots, rows, heads, shards, timeouts, out, cursor):
                break
            turn_at = (clock // NS + 1) * NS
        if quote < nq:
            quote = _mark_quoted(quotes, nq, quote, i, low, high, slots, size, rows, tally)
        s = np.int64(pkt["shard"])
        if pkt["bucket"] != B_ACCOUNTED or s < low or s >= high:
            i += 1
            continue
        if dup_window > 0 and is_duplicate(dups, s, pkt["dup"], clock, dup_window, tally):
            pkt["bucket"] = B_DUPLICATE
            tally[C_DUPLICATES] += np.uint64(1)
            tally[C_DUP_BYTES] += np.uint64(pkt["ip_bytes"])
            i += 1
            continue
        side, vlan, flags = np.int64(pkt["side"]), np.int64(pkt["vlan"]), np.int64(pkt["flags"])
        if flags & PF_FRAG_LATER != 0:
            join_fragment(frags, s, pkt, side, vlan & keep_vlan, clock, tally)
        elif flags & PF_FRAG_FIRST != 0:
            note_fragment(frags, s, pkt, side, vlan & keep_vlan, clock, tally)
        told = cursor[0]
        index, how = first_row(slots, s * size, size - 1, rows, pkt, side, vlan, vlan_mode), np.int64(0)
        if index == -1:
            index, how = find(slots, s * size, size - 1, rows, pkt, side, vlan, vlan_mode)
        tcp_flags = np.int64(pkt["tcp_flags"])
        when = np.int64(ts[i])
        if how == 3:
            cursor[0] = end_row(slots, rows, heads, shards, s, index, END_LACK, clock, out, cursor[0])
            tally[C_EVICTED] += np.uint64(1)
            index = np.int64(-1)
        if index >= 0 and tcp_flags & (SYN | ACK) == SYN and is_closed(rows[index]):
            cursor[0] = end_row(slots, rows, heads, shards, s, index, END_END, clock, out, cursor[0])
            index, how = np.int64(-1), np.int64(0)
        if index < 0:
            if how == 2:
                tally[C_CONTRADICTED] += np.uint64(1)
            index, cursor[0] = create(
                d, np.int64(off[i]), when, pkt, side, vlan, nets, named, named_v6, budget, slots, rows,
                row_bytes, heads, shards, s, timeouts, out, cursor[0], tally,
            )
        row = rows[np.uint64(index)]
        seen = row["state"] & (S_FIRST_A if side == 0 else S_FIRST_B) != 0
        # the record's first time lies in a line of its own, and only a late packet or a first one is earlier
        if (when < clock or row["pkts_a"] | row["pkts_b"] == 0) and when < row["ts"]:
            row["ts"] = when
            if when < row["ts_flow"]:
                row["ts_flow"] = when
        if not seen:
            if side == 0:
                row["vlan_a"] = vlan
            else:
                row["vlan_b"] = vlan
            if how == 1:
                row["state"] |= S_JOINED
                tally[C_JOINED] += np.uint64(1)
        count(row, side, when, clock, np.uint64(pkt["ip_bytes"]), tcp_flags)
        if tcp_flags != 0:
            seq, ack, pay_len = np.int64(pkt["seq"]), np.int64(pkt["ack"]), np.int64(pkt["pay_len"])
            if not in_order(row, side, tcp_flags, seq, ack, pay_len):
                orient(row, tcp_flags, side)
                track(row, side, tcp_flags, seq, ack, pay_len)
            if tcp_flags & (FIN | RST) != 0 and is_closed(row):  # its deadline has come nearer
                take_down(heads, s, rows, index)
                hang(heads, shards, s, rows, index, timeouts)
        kind = np.int64(0)
        if not seen:
            kind = np.int64(_first_of_end(d, np.int64(off[i]), pkt, row, s, side, vlan, between, hosts))
        parser, recogniser, start = np.int64(0), np.int64(0), np.int64(0)
        if flags & PF_PAYLOAD != 0 and max_probes > 0 and not is_over(pkt, row, side, max_probes):
            parser, recogniser, start = hand_up(
                d, pkt, row, side, budget, max_probes, patterns, starts, order, tally
            )
        if kind | parser | recogniser != 0:
            _tell(
                d, np.int64(off[i]), pkt, row, when, i, side, kind, parser, recogniser, start,
                notes[nn],
            )
            nn += 1
        while told < cursor[0]:  # records that this packet ended
            out[told]["at"] = i
            told += 1
        i += 1
    cursor[1] = nn
    return i
