# SPDX-License-Identifier: Apache-2.0
"""Slow twin of the flow kernels: dictionaries and lists, one flow an object that keeps all its packets.

Gets what decode says of each packet (``Seen``), gives FLOW_RECORD contents as dictionaries. What a
record says is worked out anew from the flow's packets each time; nothing is counted along the way
but TCP's missing bytes (tcp_twin). Only the uid is not made here: it is a hash.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from tcp_twin import Stream

NS = 10**9
WHEEL = 1024
FRAGMENT_LIFE = 30 * NS
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
IDLE, ACTIVE, END, EOF, LACK = 1, 2, 3, 4, 5
ANSWERED, UNANSWERED, REFUSED, ONE_SIDED = 1, 2, 3, 4


class Seen(NamedTuple):
    """A packet as the flow stage gets it; ``ends`` and ``macs`` are (a, b) of the key."""

    ts: int
    clock: int
    ends: tuple[bytes, bytes]
    meta: int
    side: int
    tags: tuple[int, ...]
    macs: tuple[int, int]
    size: int
    flags: int
    seq: int
    ack: int
    payload: int
    icmp: int
    copy: int
    fragment: tuple[int, str] | None
    """(identification and protocol, "first" or "later")"""
    shard: int
    quotes: tuple | None = None
    """(ends, meta) of the packet that an ICMP error quotes."""


@dataclass
class Flow:
    """A live flow."""

    number: int
    shard: int
    opened: int
    packets: list[Seen] = field(default_factory=list)
    told: int = 0
    """Packets that earlier records have told."""
    records: int = 0
    tags: list = field(default_factory=lambda: [None, None])
    joined: bool = False
    unreachable: bool = False
    streams: tuple[Stream, Stream] = field(default_factory=lambda: (Stream(), Stream()))
    sum_missed: int = 0
    hung: int = 0
    """Second at which the flow is looked at next, and in which order it was put there."""
    serial: int = 0

    @property
    def key(self):
        return self.packets[0].ends, self.meta

    meta: int = 0

    def side_flags(self, side, packets=None):
        total = 0
        for p in self.packets if packets is None else packets:
            total |= p.flags if p.side == side else 0
        return total

    @property
    def closed(self):
        a, b = self.side_flags(0), self.side_flags(1)
        return bool((a | b) & RST or a & b & FIN)

    @property
    def syn(self):
        return next((p for p in self.packets if p.flags & SYN), None)

    @property
    def originator(self):
        first = self.syn
        if first is None:
            return self.packets[0].side
        return 1 - first.side if first.flags & ACK else first.side

    @property
    def outcome(self):
        orig, resp = self.originator, 1 - self.originator
        sides = {p.side for p in self.packets}
        willing = {p.side for p in self.packets if not p.flags & RST}
        if orig in sides and resp in willing:
            return ANSWERED
        if resp in sides and resp not in willing:
            mine = self.side_flags(orig, self.packets)
            if mine & ACK and mine & (FIN | PSH):
                return ANSWERED  # a connection older than the capture, torn down
            return REFUSED
        if any(p.flags & ACK for p in self.packets):
            return ONE_SIDED
        if self.unreachable:
            return REFUSED
        return UNANSWERED if orig in sides else ONE_SIDED

    @property
    def shown_tags(self):
        a, b = self.tags
        if a is None or b is None:
            return b if a is None else a
        if len(a) != len(b):
            return max(a, b, key=len)
        return self.tags[self.originator]


class TwinTable:
    """The table: ``feed`` packets in order, ``finish``; ``records`` and ``tally`` say what came of it."""

    def __init__(self, flow, *, window, mode, classes, near):
        """``flow`` FlowSettings; ``window`` of duplicates, 0 = off; ``classes``, ``near``: of addresses."""
        self.timeouts = {6: flow.tcp_idle_timeout, 17: flow.udp_idle_timeout}
        self.settings, self.window, self.mode, self.classes, self.near = flow, window, mode, classes, near
        self.room = -(-flow.table_size // 16)
        self.live: list[Flow] = []
        self.created = Counter()
        self.copies: dict = {}
        self.fragments: dict = {}
        self.second = -(1 << 62) // NS
        self.serial = 0
        self.records: list[dict] = []
        self.tally = Counter()
        self.duplicate_bytes = 0

    def feed(self, p: Seen) -> None:
        self.turn(p.clock // NS)
        if p.quotes is not None:
            spoken = next((f for f in self.live if f.key == p.quotes), None)
            if spoken is not None:
                spoken.unreachable = True
                self.tally["icmp_marked"] += 1
        if self.is_copy(p):
            self.tally["duplicates"] += 1
            self.tally["duplicate_bytes"] += p.size
            return
        p = p._replace(meta=self.reassembled(p))
        flow, joins = self.find(p)
        if flow is not None and p.flags & (SYN | ACK) == SYN and flow.closed:
            self.end(flow, END, p.clock)
            flow = joins = None
        if flow is None:
            flow = self.create(p)
        if p.side not in {q.side for q in flow.packets}:
            flow.tags[p.side] = p.tags
            if joins:
                flow.joined = True
                self.tally["vlan_joined"] += 1
        flow.packets.append(p)
        if p.flags:
            self.track(flow, p)
            if p.flags & (FIN | RST) and flow.closed:
                self.hang(flow, self.second)

    def is_copy(self, p):
        if not self.window:
            return False
        before = self.copies.get(p.copy)
        if before is not None and p.clock - before <= self.window:
            return True
        self.copies[p.copy] = p.clock
        return False

    def reassembled(self, p):
        """The key word of a fragment: a later one has that of its first one when it was seen before."""
        if p.fragment is None:
            return p.meta
        ident, which = p.fragment
        key = (p.ends, p.side, ident, None if self.mode == "false" else p.tags)
        if which == "first":
            self.fragments[key] = (p.clock, p.meta)
            return p.meta
        noted, meta = self.fragments.get(key, (None, 0))
        known = noted is not None and p.clock - noted <= FRAGMENT_LIFE
        self.tally["frag_joined" if known else "frag_orphans"] += 1
        return meta if known else p.meta

    def find(self, p):
        """The flow of a packet, and whether it joins it from another tag stack."""
        join, contradicted = None, False
        for flow in self.live:  # in the order in which they began
            if flow.key != (p.ends, p.meta):
                continue
            mine, other = flow.tags[p.side], flow.tags[1 - p.side]
            if self.mode == "false" or mine == p.tags or (mine is None and other == p.tags):
                return flow, False
            if mine is None:
                if self.mode == "auto" and join is None:
                    join = flow
            elif flow.joined and other == p.tags:
                contradicted = True
        if join is None:
            self.tally["vlan_contradicted"] += contradicted
        return join, join is not None

    def create(self, p):
        shard = [f for f in self.live if f.shard == p.shard]
        if len(shard) >= self.room:
            self.tally["evicted"] += 1
            self.end(self.nearest(shard), LACK, p.clock)
        self.tally["created"] += 1
        self.created[p.shard] += 1
        flow = Flow(self.created[p.shard] * 16 + p.shard, p.shard, p.clock, meta=p.meta)
        flow.packets.append(p)  # only for the deadline
        self.hang(flow, self.second)
        flow.packets.clear()
        self.live.append(flow)
        return flow

    def nearest(self, shard):
        """Who gives way: the flow whose deadline comes first, the one hung last among equals."""
        for _ in range(64):
            flow = min(shard, key=lambda f: (f.hung, -f.serial))
            if self.deadline(flow) <= flow.hung:
                return flow
            self.hang(flow, self.second)
        return flow

    def track(self, flow, p):
        me, other = flow.streams[p.side], flow.streams[1 - p.side]
        size = p.payload + bool(p.flags & SYN) + bool(p.flags & FIN)
        if p.flags & SYN:
            me.next = None
        if p.flags & RST:
            return
        if size or me.next is None:
            me.see(p.seq, size)
        if p.flags & ACK:
            other.see(p.ack, 0)

    # --- time ---------------------------------------------------------------------------------------
    def idle_at(self, flow):
        proto = flow.meta >> 8 & 0xFF
        timeout = self.timeouts.get(proto, self.settings.other_idle_timeout)
        if proto == 6 and flow.closed:
            timeout = self.settings.end_linger
        return flow.packets[-1].clock + timeout

    def deadline(self, flow):
        return -(-min(self.idle_at(flow), flow.opened + self.settings.active_timeout) // NS)

    def hang(self, flow, now):
        self.serial += 1
        flow.serial = self.serial
        flow.hung = min(max(self.deadline(flow), now + 1), now + WHEEL - 1)

    def turn(self, second):
        while self.live:
            now = min(flow.hung for flow in self.live)
            if now > second:
                break
            for flow in sorted((f for f in self.live if f.hung == now), key=lambda f: -f.serial):
                if now * NS >= self.idle_at(flow):
                    self.end(flow, END if flow.closed else IDLE, now * NS)
                    continue
                if now * NS >= flow.opened + self.settings.active_timeout:
                    if flow.told < len(flow.packets):
                        self.export(flow, ACTIVE, now * NS)
                    flow.opened = now * NS
                self.hang(flow, now)
        self.second = max(second, self.second)

    def finish(self):
        for flow in list(self.live):
            self.end(flow, END if flow.closed else EOF, self.second * NS + NS - 1)

    # --- records ------------------------------------------------------------------------------------
    def end(self, flow, reason, tick):
        self.export(flow, reason, tick)
        self.live.remove(flow)

    def export(self, flow, reason, tick):
        part, first = flow.packets[flow.told :], flow.packets[0]
        missed = [stream.take(final=reason != ACTIVE) for stream in flow.streams]
        flow.sum_missed += sum(missed)
        tags, last = flow.shown_tags, flow.packets[-1].clock
        record = {
            "flow": flow.number, "seq": flow.records, "tick": tick, "end": reason, "outcome": flow.outcome,
            "ts": min((p.ts for p in part), default=last), "ts_end": max((p.ts for p in part), default=last),
            "ts_flow": min(p.ts for p in flow.packets), "ver": 6 if flow.meta & 1 else 4,
            "proto": flow.meta >> 8 & 0xFF, "has_ports": flow.meta >> 1 & 1, "fragment": flow.meta >> 2 & 1,
            "vlan_tags": min(2, len(tags)), "vlan": ([*tags, 0])[0], "inner_vlan": ([*tags, 0, 0])[1],
            "icmp": first.icmp, "oriented": int(flow.syn is not None),
            "flipped": int(flow.originator != first.side), "sum_missed": flow.sum_missed,
            "near": int(any(map(self.near, first.ends))),
        }  # fmt: skip
        for name, side in (("orig", flow.originator), ("resp", 1 - flow.originator)):
            mine, ever = [p for p in part if p.side == side], [p for p in flow.packets if p.side == side]
            record |= {
                f"{name}_h": first.ends[side], f"{name}_p": flow.meta >> (32 if side else 48) & 0xFFFF,
                f"{name}_pkts": len(mine), f"{name}_ip_bytes": sum(p.size for p in mine),
                f"{name}_missed": missed[side], f"{name}_mac": first.macs[side],
                f"{name}_flags": flow.side_flags(side, part), f"{name}_sum_pkts": len(ever),
                f"{name}_sum_bytes": sum(p.size for p in ever),
                f"{name}_class": self.classes(first.ends[side]),
            }  # fmt: skip
        self.records.append(record)
        flow.told, flow.records = len(flow.packets), flow.records + 1
