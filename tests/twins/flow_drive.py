# SPDX-License-Identifier: Apache-2.0
"""Runs decode and the flow table over frames that a test made, and the twin over the same."""

import ipaddress
from dataclasses import replace
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from drive import START, batch_of, decode_batch, ends
from flow_twin import NS, Seen, TwinTable

from egresswatch.config import DecodeSettings, FlowSettings, Settings
from egresswatch.flow.layout import NOTE
from egresswatch.flow.table import Block, FlowTable
from egresswatch.packets import PF_FRAG_FIRST, PF_FRAG_LATER, Bucket
from egresswatch.patterns import PATTERN
from egresswatch.records import FLOW_RECORD

NO_PATTERNS = np.zeros(0, PATTERN)
INSIDE = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "192.168.0.0/16", "fd00::/8")]
NAMED = [ipaddress.ip_network(n) for n in ("10.0.0.128/25", "198.51.100.0/24", "203.0.113.128/25")]
"""IPv4 networks that a rule would name; rules name networks of IPv6 as well, so all of it is near."""
READING = {"budget_shed", "handed_up", "pending_up"}
"""Counters of what is handed up: the twin does not read payloads."""


class Run(NamedTuple):
    """What came out of the table."""

    records: list
    notes: list
    tally: dict
    buckets: list
    live: int
    capacity: int


def settings(*, flow=None, dedup=False, window=5_000_000, vlan="auto", **sniff) -> Settings:
    """Settings with a small table; ``flow`` FlowSettings fields in seconds but table_size."""
    given = {k: v if k == "table_size" else round(v * NS) for k, v in (flow or {}).items()}
    base = Settings(
        decode=DecodeSettings(dedup=dedup, dedup_window=window, vlan_in_key=vlan),
        flow=FlowSettings(**{"table_size": 1024, **given}),
    )
    return replace(base, sniff=replace(base.sniff, **sniff))


def networks():
    """INSIDE as the kernel wants it."""
    def words(address):
        number = int(address) if address.version == 6 else 0xFFFF00000000 | int(address)
        return number >> 64, number & (1 << 64) - 1

    return np.array([[*words(n[0]), *words(n[-1])] for n in INSIDE], np.uint64)


def spans(nets):
    """First and last words of IPv4 networks, ascending."""
    return np.array([[0xFFFF << 32 | int(n[0]), 0xFFFF << 32 | int(n[-1])] for n in nets], np.uint64)


def is_near(packed: bytes) -> bool:
    """Twin of the bit that tells flows near networks of rules."""
    return len(packed) == 16 or any(ipaddress.ip_address(packed) in network for network in NAMED)


def address_class(packed: bytes) -> int:
    """Twin of AddressClass: inside, multicast, broadcast or outside."""
    address = ipaddress.ip_address(packed)
    if packed == b"\xff" * 4:
        return 3
    if address.is_multicast:
        return 2
    return int(any(address in network for network in INSIDE))


def run(
    shots, given, *, cuts=(), workers=1, patterns=NO_PATTERNS, small=None, between=False, wanted=()
) -> Run:
    """The table's answer; ``cuts`` make batches, ``small`` is the length of its output arrays."""
    table = FlowTable(
        given, patterns, networks(), workers, between=between, named=spans(NAMED), named_v6=True
    )
    if small:
        for worker in table._workers:
            worker.records, worker.notes = Block(FLOW_RECORD, small), Block(NOTE, small)
    clock, records, notes, buckets = START, [], [], []
    edges = [0, *sorted(cuts), len(shots)]
    for low, high in pairwise(edges):
        if low == high:
            continue
        batch = batch_of(shots[low:high], first=low)
        out = decode_batch(batch, wanted, clock=clock, dup=given.decode.dedup)
        clock = out.clock
        for piece in table.run(batch, out.rows, out.quotes, out.quoted):
            records.append(piece.records)
            told = piece.notes
            told["pay"] -= np.where(told["pay"] >= 0, batch.off[told["index"]], 0)
            told["index"] += np.uint32(low)
            notes.append(told)
        buckets += [Bucket(int(b)).name for b in out.rows["bucket"]]
    live = table.live
    if shots:
        records += [piece.records for piece in table.finish(clock // NS)]
    table.close()
    told = rows_of(records, "pad", "at"), rows_of(notes, "pad")
    return Run(*told, table.tally(), buckets, live, table.capacity)


def rows_of(parts, *without) -> list[dict]:
    """Structured arrays as dictionaries, sorted by content."""
    rows = []
    for part in parts:
        names = [name for name in part.dtype.names if name not in without]
        columns = [part[name].tolist() for name in names]
        rows += [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    return sorted(rows, key=lambda row: [*row.values()])


def seen(shots, wanted=()) -> list[Seen]:
    """What decode says of each accounted frame, in the twin's words."""
    batch = batch_of(shots)
    out = decode_batch(batch, wanted)
    quoted = {int(q["index"]): q for q in out.quotes[: out.quoted]}
    packets = []
    for i, (shot, row) in enumerate(zip(shots, out.rows, strict=True)):
        if row["bucket"] != Bucket.accounted:
            continue
        src, dst, _, _ = ends(row)
        side, vlan, flags = int(row["side"]), int(row["vlan"]), int(row["flags"])
        src_mac, dst_mac = (int.from_bytes(shot.data[int(p) : int(p) + 6], "big") if p >= 0 else 0
                            for p in (row["mac_src"], row["mac"]))  # fmt: skip
        which = "first" if flags & PF_FRAG_FIRST else "later" if flags & PF_FRAG_LATER else None
        quote = None
        if i in quoted:
            a, b, _, _ = ends(quoted[i])
            quote = ((b, a) if quoted[i]["side"] else (a, b), int(quoted[i]["meta"]))
        packets.append(Seen(
            shot.ts, int(row["clock"]), (dst, src) if side else (src, dst), int(row["meta"]), side,
            (vlan >> 12 & 0xFFF, vlan & 0xFFF)[: vlan >> 28],
            (dst_mac, src_mac) if side else (src_mac, dst_mac),
            int(row["ip_bytes"]), int(row["tcp_flags"]), int(row["seq"]), int(row["ack"]),
            int(row["pay_len"]), int(row["icmp"]), int(row["dup"]),
            (int(row["frag_key"]), which) if which else None,
            int(row["shard"]), quote,
        ))  # fmt: skip
    return packets


def twin(shots, given, wanted=()) -> TwinTable:
    """The twin's answer."""
    window = given.decode.dedup_window if given.decode.dedup else 0
    table = TwinTable(given.flow, window=window, mode=given.decode.vlan_in_key, classes=address_class,
                      near=is_near)  # fmt: skip
    packets = seen(shots, wanted)
    for packet in packets:
        table.feed(packet)
    if packets:
        table.turn(max(shot.ts for shot in shots) // NS)
        table.finish()
    return table


def plain(record: dict) -> dict:
    """A FLOW_RECORD in the twin's words."""
    out = {k: v for k, v in record.items() if not k.endswith(("_hi", "_lo")) and k != "uid"}
    for name in ("orig", "resp"):
        packed = record[name + "_hi"].to_bytes(8, "big") + record[name + "_lo"].to_bytes(8, "big")
        out[name + "_h"] = packed if record["ver"] == 6 else packed[12:]
    return out


def check(shots, given, **how) -> Run:
    """The table and its twin must tell the same; uids must tell flows apart."""
    got, want = run(shots, given, **how), twin(shots, given)
    records = sorted(map(plain, got.records), key=itemgetter("flow", "seq"))
    for mine, theirs in zip(records, sorted(want.records, key=itemgetter("flow", "seq")), strict=False):
        assert mine == theirs
    assert len(got.records) == len(want.records)
    assert {k: got.tally[k] for k in want.tally} == dict(want.tally)
    assert not {k: v for k, v in got.tally.items() if v and k not in want.tally and k not in READING}
    uids = {record["flow"]: record["uid"] for record in got.records}
    assert len(set(uids.values())) == len(uids)
    assert all(uids[record["flow"]] == record["uid"] for record in got.records)
    return got


