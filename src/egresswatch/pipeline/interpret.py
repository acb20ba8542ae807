# SPDX-License-Identifier: Apache-2.0
"""The slow half: one second of packet time after another, from notes to sightings, assets and alerts.

Order within a second: hosts and new flows, then messages, both in frame order, then records that were
exported, then the detector's tick at the second's end. Every step sees only this second and what came
before it, so the outcome is a function of the packets. What is written later (rows, sightings) goes to
``Rows``; alerts go to the caller.
"""

from __future__ import annotations

import hashlib
import struct
from base64 import b64encode
from collections.abc import Callable, Iterable
from ipaddress import ip_address

import numpy as np

from egresswatch.config import Settings
from egresswatch.detect.alerts import Detector
from egresswatch.detect.verdict import judge
from egresswatch.enrich.asset import Asset
from egresswatch.enrich.geo import Geo
from egresswatch.enrich.names import PassiveNames
from egresswatch.enrich.register import Register
from egresswatch.events import Alert, EgressEvent
from egresswatch.flow.layout import N_CROSSING, N_HOST
from egresswatch.pipeline.classify import Class, Classifier
from egresswatch.pipeline.columns import uid_text
from egresswatch.pipeline.front import Second
from egresswatch.pipeline.notes import NS, Addresses, Note
from egresswatch.pipeline.perimeter import opened_inside
from egresswatch.pipeline.rows import HeldSighting, Rows
from egresswatch.records import RECOGNISER_BASE, Array, EndReason, FlowInfo, Item, Message, Outcome
from egresswatch.rules import MatchTables
from egresswatch.rules.model import FINGERPRINT_KINDS
from egresswatch.rules.site import Site
from egresswatch.sniff.engine import Engine

_OUTCOMES = ("", *(outcome.name for outcome in Outcome))
_EVIDENCE = frozenset(FINGERPRINT_KINDS) | {"p2p"}
_DHCP = ("dhcp_hostname", "dhcp_vendor_class")
_DHCP_CLIENT = 68
_ASKING = {"ssdp": ("search",), "mdns": ("query",)}
_ANNOUNCING = ("ProbeMatches", "Hello", "ResolveMatches")
_INSIDE = 1


class Interpreter:
    """sniff ▸ enrich ▸ detect over complete seconds."""

    def __init__(
        self, settings: Settings, tables: MatchTables, site: Site, register: Register, names: PassiveNames,
        geo: Geo, engine: Engine, detector: Detector, classifier: Classifier, rows: Rows,
        emit: Callable[[Alert], None],
    ) -> None:
        self._hold = int(settings.output.row_hold)
        self._tables, self._site, self._register, self._names = tables, site, register, names
        self._geo, self._engine, self._detector = geo, engine, detector
        self._classifier, self._rows, self._emit = classifier, rows, emit
        self._addresses = Addresses()
        self._hour: int | None = None
        self._reading: set[int] = set()
        self._monitored: set[str] = set()
        self.finished: list[tuple[int, int]] = []
        """(row, flow) whose payload is no longer wanted; the caller tells the flow table."""

    def second(self, second: Second) -> None:
        """Everything that happened in one second."""
        now = second.number * NS
        self._silence(now)
        hour = now // self._hold
        if self._hour is not None and (hour != self._hour or self._rows.full):
            self._rows.flush(self._reading)
        self._hour = hour
        for note in second.news:
            if note.kind & N_HOST:
                self._host(note)
            if note.kind & N_CROSSING:
                self._event(note)
        for note in second.messages:
            self._message(note)
        if second.records:
            self._records(np.concatenate(second.records))
        self._tell(self._detector.tick(now + NS))

    def finish(self, last: int) -> None:
        """End of input at packet time ``last`` (ns)."""
        self._tell(self._detector.finish((last // NS + 1) * NS))
        self._rows.flush()

    def _silence(self, now: int) -> None:
        """Ticks that fell due while no packet came."""
        while (due := self._detector.due()) is not None and due <= now:
            self._tell(self._detector.tick(due))

    def _tell(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            self._emit(alert)

    # --- hosts ------------------------------------------------------------------------------------
    def _host(self, note: Note) -> None:
        addr = note.b if note.side else note.a
        asset = self._register.observe(note.src_mac, addr, note.vlan, note.ts)
        if asset is not None:
            self._watch(asset)

    def _watch(self, asset: Asset) -> None:
        """An asset that has become monitored: look again at what it did in rows that are still held."""
        if not asset.monitored or asset.key in self._monitored:
            return
        self._monitored.add(asset.key)
        for rows in self._rows.held():
            self._record_events(rows, asset)

    # --- messages ---------------------------------------------------------------------------------
    def _message(self, note: Note) -> None:
        message = note.message
        if message is None:
            return
        items: list[Item] = []
        if message.parser < RECOGNISER_BASE:
            items = self._engine.feed(message)
        if note.recogniser:
            items = items + self._engine.feed(message._replace(parser=note.recogniser))
        info = self._engine.info(note.flow)
        if info is not None and note.flow not in self._reading:
            self._reading.add(note.flow)
            self._rows.learn(note.flow, info)
        if self._engine.done(note.flow):
            self.finished.append((note.row, note.flow))
        if not items:
            return
        src_inside, dst_inside = self._site.inside(message.src), self._site.inside(message.dst)
        for item in items:
            self._item(note, message, item, src_inside, dst_inside)
        self._event(note)

    def _item(self, note: Note, m: Message, item: Item, src_inside: bool, dst_inside: bool) -> None:
        kind, value, detail = item.kind, item.value, item.detail
        if kind == "p2p":
            rule = self._tables.recogniser(int(item.data))
            value, detail = rule.protocol or rule.id, rule.id
        elif kind == "dns_answer" and item.data is not None:
            self._names.add(m.dst, item.data.addresses, item.data.names, item.data.ttl, m.ts)
        if src_inside and kind in _EVIDENCE and shows_its_sender(m, item):
            mac = item.data.mac if kind in _DHCP else m.src_mac
            self._register.evidence(m.src, mac, kind, value, m.ts)
            asset = self._register.asset(m.src, mac)
            if asset is not None:
                self._watch(asset)
        host, mac = ("", 0)
        if src_inside:
            host, mac = m.src, m.src_mac
        elif dst_inside:
            host, mac = m.dst, m.dst_mac
        self._rows.sight(HeldSighting(m.ts, m.frame, note.uid, kind, value, detail, host, mac))

    # --- records ----------------------------------------------------------------------------------
    def _records(self, rows: Array) -> None:
        rows = rows[np.lexsort((rows["seq"], rows["uid"], rows["tick"]))]
        self._rows.hold(rows)
        self._record_events(rows, None)
        for flow in rows["flow"][rows["end"] != EndReason.active].tolist():
            self._engine.end(flow)
            self._reading.discard(flow)

    def _record_events(self, rows: Array, only: Asset | None) -> None:
        """Events of records that cross the perimeter (or, with a policy, go between zones)."""
        a, b = rows["orig_class"], rows["resp_class"]
        wanted = a + b == _INSIDE
        if self._site.given:
            wanted |= (a == _INSIDE) & (b == _INSIDE)
        for row in rows[wanted]:
            inside_orig = int(row["orig_class"]) == _INSIDE
            one, other = ("orig", "resp") if inside_orig else ("resp", "orig")
            v6 = int(row["ver"]) == 6
            host = self._addresses.text(int(row[f"{one}_hi"]), int(row[f"{one}_lo"]), v6)
            asset = self._register.asset(host, int(row[f"{one}_mac"]))
            if asset is None or not asset.monitored or (only is not None and asset is not only):
                continue
            flow = int(row["flow"])
            self._detector.event(self._build(
                asset, host, self._addresses.text(int(row[f"{other}_hi"]), int(row[f"{other}_lo"]), v6),
                ts=int(row["tick"]), frame=0, uid=int(row["uid"]), proto=int(row["proto"]),
                lport=int(row[f"{one}_p"]), rport=int(row[f"{other}_p"]),
                outward=opened_inside(
                    inside_orig, bool(row["oriented"]), int(row["proto"]), int(row[f"{one}_p"]),
                    int(row[f"{other}_p"]),
                ),
                crossing=int(row["orig_class"]) + int(row["resp_class"]) == _INSIDE,
                first=int(row["ts_flow"]), last=int(row["ts_end"]),
                out=(int(row[f"{one}_sum_bytes"]), int(row[f"{one}_sum_pkts"])),
                into=(int(row[f"{other}_sum_bytes"]), int(row[f"{other}_sum_pkts"])),
                missed=int(row["sum_missed"]), outcome=_OUTCOMES[int(row["outcome"])],
                info=self._rows.info(flow) or self._engine.info(flow),
                vlan=int(row["vlan"]) if row["vlan_tags"] else None,
                final=int(row["end"]) != EndReason.active,
            ))  # fmt: skip

    # --- events -----------------------------------------------------------------------------------
    def _event(self, note: Note) -> None:
        """What is known now of a flow that crosses the perimeter (or goes between zones)."""
        if note.class_a + note.class_b == _INSIDE:
            inside = 0 if note.class_a == _INSIDE else 1
        elif self._site.given and note.class_a == note.class_b == _INSIDE:
            inside = note.orig
        else:
            return
        crossing = note.class_a != note.class_b
        host, remote = (note.a, note.b) if inside == 0 else (note.b, note.a)
        lport, rport = (note.port_a, note.port_b) if inside == 0 else (note.port_b, note.port_a)
        mac = note.src_mac if note.side == inside else note.dst_mac
        info = self._engine.info(note.flow)
        what = self._classifier.classify(host, remote, note.proto, rport, crossing, note.ts_flow, info)
        outward = opened_inside(note.orig == inside, note.oriented, note.proto, lport, rport)
        if crossing and outward:
            self._contact(host, mac, what, note.ts)
        asset = self._register.asset(host, mac)
        if asset is None or not asset.monitored:
            return
        self._watch(asset)
        a, b = (note.bytes_a, note.pkts_a), (note.bytes_b, note.pkts_b)
        self._detector.event(self._build(
            asset, host, remote, ts=note.ts, frame=note.frame, uid=note.uid, proto=note.proto,
            lport=lport, rport=rport, outward=outward, crossing=crossing,
            first=note.ts_flow, last=note.ts, out=a if inside == 0 else b, into=b if inside == 0 else a,
            missed=note.missed, outcome=_OUTCOMES[note.outcome], info=info, vlan=note.vlan, final=False,
            what=what,
        ))  # fmt: skip

    def _contact(self, host: str, mac: int, what: Class, ts: int) -> None:
        """Contacting a maker's platform as a device does says something about the host."""
        if what.dest_class not in ("vendor_cloud", "p2p"):
            return
        for rule in what.rules:
            if rule.dest_class not in ("vendor_cloud", "p2p") or not rule.vendor:
                continue
            if rule.side != "client" and not rule.shared:
                vendor = self._tables.vendor(rule.vendor)
                maker = rule.vendor if vendor is not None and vendor.kind == "maker" else ""
                self._register.platform(host, mac, maker, rule.platform, rule.id, ts)
            return  # the most specific rule decides

    def _build(
        self, asset: Asset, host: str, remote: str, *, ts: int, frame: int, uid: int, proto: int, lport: int,
        rport: int, outward: bool, crossing: bool, first: int, last: int, out: tuple[int, int],
        into: tuple[int, int], missed: int, outcome: str, info: FlowInfo | None, vlan: int | None,
        final: bool, what: Class | None = None,
    ) -> EgressEvent:
        if what is None:
            what = self._classifier.classify(host, remote, proto, rport, crossing, first, info)
        answer, reason, place = "silent", "", ""
        if self._site.given:
            zone = self._site.zone_of(host, asset.vlan if asset.vlan is not None else vlan)
            policy = self._site.policy(zone, remote, vlan, proto, rport, what.all_names)
            answer, reason, place = policy.answer, policy.reason, policy.place
        hit = self._geo.lookup(remote)
        direction = "internal" if not crossing else "outbound" if outward else "inbound"
        return EgressEvent(
            ts=ts, frame=frame, asset_id=asset.asset_id, host=host, flow_uid=uid_text(uid), proto=proto,
            remote=remote, verdict=judge(True, answer, what.dest_class), dest_class=what.dest_class,
            outcome=outcome, first_seen=first, last_seen=max(first, last), asset_name=asset.name,
            vendor=asset.maker, vendor_id=asset.vendor, model=asset.model,
            mac=asset.macs[0] if asset.macs else 0, vlan=vlan, role=asset.role,
            community_id=community_id(host, remote, lport, rport, proto), lport=lport, rport=rport,
            direction=direction, names=what.names, rules=what.rules,
            hints=self._classifier.hints(proto, rport), protocols=what.protocols,
            service=info.service if info else "", platform=what.platform, policy=answer,
            policy_reason=reason, policy_place=place, bytes_out=out[0], bytes_in=into[0],
            pkts_out=out[1], pkts_in=into[1], missed=missed, cc=hit.cc, asn=hit.asn or 0,
            as_org=hit.as_org, ja4=info.ja4 if info else "", final=final,
        )  # fmt: skip


def shows_its_sender(m: Message, item: Item) -> bool:
    """Does the item say what its sender is, not what the sender asks others for or passes on?"""
    if item.kind in _DHCP:  # a server echoes its clients' names
        return m.sport == _DHCP_CLIENT and item.data is not None
    if item.kind == "onvif_scope":
        return any(action in item.detail for action in _ANNOUNCING)
    return not item.detail.startswith(_ASKING.get(item.kind, ("\0",)))


def community_id(host: str, remote: str, lport: int, rport: int, proto: int) -> str:
    """Community ID v1 of one flow (the column's kernel is in ``community``); no ICMP types here."""
    ends = [(ip_address(host).packed, lport), (ip_address(remote).packed, rport)]
    (a, ap), (b, bp) = sorted(ends)
    ports = struct.pack(">HH", ap, bp) if proto in (6, 17, 33, 132, 136) else b""
    digest = hashlib.sha1(b"\0\0" + a + b + bytes((proto, 0)) + ports, usedforsecurity=False).digest()
    return "1:" + b64encode(digest).decode("ascii")
