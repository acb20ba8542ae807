# SPDX-License-Identifier: Apache-2.0
"""Egress events: what is known of one flow that leaves the perimeter, at a packet or at a record.

Composes address, asset, names, rules, policy and geography into the EgressEvent that detection gets.
The same facts go into the event whether a note (one packet) or an exported record gave rise to it.
Without a policy only flows between inside and outside count; with one also those between zones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from egresswatch.detect.verdict import judge
from egresswatch.enrich.asset import Asset
from egresswatch.enrich.geo import Geo
from egresswatch.enrich.register import Register
from egresswatch.events import EgressEvent
from egresswatch.pipeline.blocks import joined
from egresswatch.pipeline.classify import Class, Classifier
from egresswatch.pipeline.columns import uid_text
from egresswatch.pipeline.community import community_id
from egresswatch.pipeline.notes import Addresses, Note
from egresswatch.pipeline.perimeter import opened_inside, opener
from egresswatch.records import NO_PACKET, AddressClass, Array, EndReason, FlowInfo, Outcome
from egresswatch.rules import MatchTables
from egresswatch.rules.site import Site

_OUTCOMES = ("", *(outcome.name for outcome in Outcome))
_INSIDE, _OUTSIDE = int(AddressClass.inside), int(AddressClass.outside)
_ALERTING = ("vendor_cloud", "p2p")


class Facts(NamedTuple):
    """One flow, seen from its inside end: ``out`` and ``into`` are (bytes, packets) so far."""

    ts: int
    frame: int
    uid: int
    proto: int
    host: str
    mac: int
    remote: str
    lport: int
    rport: int
    crossing: bool
    outward: bool
    first: int
    last: int
    out: tuple[int, int]
    into: tuple[int, int]
    missed: int
    outcome: str
    vlan: int | None
    final: bool
    proxied: bool = False


class Record(NamedTuple):
    """What an event takes from a FLOW_RECORD row."""

    flow: int
    uid: int
    tick: int
    ts_flow: int
    ts_end: int
    proto: int
    ver: int
    orig_hi: int
    orig_lo: int
    resp_hi: int
    resp_lo: int
    orig_p: int
    resp_p: int
    orig_mac: int
    resp_mac: int
    orig_class: int
    resp_class: int
    orig_sum_bytes: int
    resp_sum_bytes: int
    orig_sum_pkts: int
    resp_sum_pkts: int
    sum_missed: int
    vlan: int
    vlan_tags: int
    oriented: int
    outcome: int
    end: int


def in_order(parts: Sequence[Array]) -> Array:
    """Records of some parts in the order in which flows ended, whoever exported them."""
    rows = joined(parts)
    return rows.take(np.lexsort((rows["seq"], rows["uid"], rows["at"] != NO_PACKET, rows["tick"])))


def as_records(rows: Array) -> Iterator[Record]:
    """FLOW_RECORD rows as tuples."""
    return map(Record._make, zip(*(rows[name].tolist() for name in Record._fields), strict=True))


class EgressEvents:
    """Facts of flows to events of monitored assets."""

    def __init__(
        self, tables: MatchTables, site: Site, register: Register, geo: Geo, classifier: Classifier,
        addresses: Addresses, max_proxied: int,
    ) -> None:
        self._tables, self._site, self._register, self._geo = tables, site, register, geo
        self._classifier, self._addresses = classifier, addresses
        self._max_proxied = max_proxied
        self.proxied: set[int] = set()
        """Live flows between inside hosts in which one asked the other to connect it to the outside."""
        self.refused = 0
        """Such flows that were not noted because there were too many."""

    def proxy(self, flow: int) -> None:
        """This flow goes on to the outside."""
        if flow in self.proxied:
            return
        if len(self.proxied) >= self._max_proxied:
            self.refused += 1
            return
        self.proxied.add(flow)

    def leaving(self, rows: Array) -> Array:
        """Mask: NOTE rows whose flow leaves something, even if no host forwards it."""
        ends = rows["class_ab"]
        mask: Array = (ends == _INSIDE << 4 | _OUTSIDE) | (ends == _OUTSIDE << 4 | _INSIDE)
        return mask | (ends == _INSIDE << 4 | _INSIDE) if self._site.given else mask

    def of_note(self, note: Note, frame: int) -> Facts | None:
        """Facts of a note's flow; None when it does not leave anything."""
        a, b = note.class_ab >> 4, note.class_ab & 15
        port_a, port_b = note.meta >> 48, note.meta >> 32 & 0xFFFF
        proxied = note.flow in self.proxied
        opened = opener(note.orig, bool(note.oriented), note.proto, (port_a, port_b))
        inside = opened if proxied else self._inside_end(a, b, opened)
        if inside is None:
            return None
        lport, rport = (port_b, port_a) if inside else (port_a, port_b)
        totals = (note.bytes_a, note.pkts_a), (note.bytes_b, note.pkts_b)
        return Facts(
            note.ts, frame, note.uid, note.proto, self._addresses.of(note, inside),
            note.src_mac if note.side == inside else note.dst_mac, self._addresses.of(note, 1 - inside),
            lport, rport, a != b or proxied,
            proxied or opened_inside(note.orig == inside, bool(note.oriented), note.proto, lport, rport),
            note.ts_flow, note.ts, totals[inside], totals[1 - inside], note.missed,
            _OUTCOMES[note.outcome], note.vlan, final=False, proxied=proxied,
        )  # fmt: skip

    def of_record(self, record: Record) -> Facts | None:
        """Facts of a record's flow; None when it does not leave anything."""
        proto, ports = record.proto, (record.orig_p, record.resp_p)
        opened = opener(0, bool(record.oriented), proto, ports)
        proxied = record.flow in self.proxied
        classes = record.orig_class, record.resp_class
        inside = opened if proxied else self._inside_end(*classes, opened)
        if inside is None:
            return None
        v6 = int(record.ver == 6)
        orig = (
            self._addresses.text(record.orig_hi, record.orig_lo, v6), record.orig_mac, record.orig_p,
            (record.orig_sum_bytes, record.orig_sum_pkts),
        )  # fmt: skip
        resp = (
            self._addresses.text(record.resp_hi, record.resp_lo, v6), record.resp_mac, record.resp_p,
            (record.resp_sum_bytes, record.resp_sum_pkts),
        )  # fmt: skip
        host, mac, lport, out = resp if inside else orig
        remote, _, rport, into = orig if inside else resp
        return Facts(
            record.tick, 0, record.uid, proto, host, mac, remote, lport, rport,
            classes[0] != classes[1] or proxied,
            proxied or opened_inside(inside == 0, bool(record.oriented), proto, lport, rport),
            record.ts_flow, record.ts_end, out, into, record.sum_missed, _OUTCOMES[record.outcome],
            record.vlan if record.vlan_tags else None, final=record.end != EndReason.active,
            proxied=proxied,
        )  # fmt: skip

    def classify(self, flow: Facts, info: FlowInfo | None) -> Class:
        """What the remote end is."""
        return self._classifier.classify(
            flow.host, flow.remote, flow.proto, flow.rport, flow.crossing, flow.first, info
        )

    def contact(self, flow: Facts, what: Class) -> None:
        """A host that opens a flow to a maker's platform, as a device does, says what it may be."""
        if not (flow.crossing and flow.outward) or what.dest_class not in _ALERTING:
            return
        for rule in what.rules:
            if rule.dest_class not in _ALERTING or not rule.vendor:
                continue
            if rule.side != "client" and not rule.shared:
                vendor = self._tables.vendor(rule.vendor)
                maker = rule.vendor if vendor is not None and vendor.kind == "maker" else ""
                self._register.platform(flow.host, flow.mac, maker, rule.platform, rule.id, flow.ts)
            return  # the most specific rule decides

    def asset(self, flow: Facts) -> Asset | None:
        """The monitored asset at the inside end."""
        return self._register.monitored_at(flow.host, flow.mac)

    def event(self, flow: Facts, asset: Asset, what: Class, info: FlowInfo | None) -> EgressEvent:
        """The event of one monitored asset's flow."""
        answer, reason, place = "silent", "", ""
        if self._site.given:
            zone = self._site.zone_of(flow.host, asset.vlan if asset.vlan is not None else flow.vlan)
            peer = self._register.asset(flow.remote)
            policy = self._site.policy(
                zone, flow.remote, peer.vlan if peer else None, flow.proto, flow.rport, what.all_names
            )
            answer, reason, place = policy.answer, policy.reason, policy.place
        hit = self._geo.lookup(flow.remote)
        return EgressEvent(
            ts=flow.ts, frame=flow.frame, asset_id=asset.asset_id, host=flow.host,
            flow_uid=uid_text(flow.uid), proto=flow.proto, remote=flow.remote,
            verdict=judge(True, answer, what.dest_class), dest_class=what.dest_class,
            outcome=flow.outcome, first_seen=flow.first, last_seen=max(flow.first, flow.last),
            asset_name=asset.name, vendor=asset.maker, vendor_id=asset.vendor, model=asset.model,
            mac=asset.macs[0] if asset.macs else 0, vlan=flow.vlan, role=asset.role,
            community_id=community_id(flow.host, flow.remote, flow.lport, flow.rport, flow.proto),
            lport=flow.lport, rport=flow.rport,
            direction="internal" if not flow.crossing else "outbound" if flow.outward else "inbound",
            names=what.names, rules=what.rules, hints=self._classifier.hints(flow.proto, flow.rport),
            protocols=what.protocols, service=info.service if info else "", platform=what.platform,
            policy=answer, policy_reason=reason, policy_place=place, bytes_out=flow.out[0],
            bytes_in=flow.into[0], pkts_out=flow.out[1], pkts_in=flow.into[1], missed=flow.missed,
            cc=hit.cc, asn=hit.asn or 0, as_org=hit.as_org, ja4=info.ja4 if info else "",
            proxied=flow.proxied, final=flow.final,
        )  # fmt: skip

    def _inside_end(self, first: int, second: int, opened: int) -> int | None:
        """Which end (0, 1) is the inside host whose egress this would be; ``opened`` it, if both are."""
        if {first, second} == {_INSIDE, _OUTSIDE}:
            return 0 if first == _INSIDE else 1
        if self._site.given and first == second == _INSIDE:
            return opened
        return None
