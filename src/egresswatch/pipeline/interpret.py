# SPDX-License-Identifier: Apache-2.0
"""The slow half: one second of packet time after another, from notes to sightings, assets and alerts.

Order within a second: notes of packets in frame order, then records that were exported, then the
detector's tick at the second's end. Every step sees only this second and what came
before it, so the outcome is a function of the packets. What is written later (rows, sightings) goes to
``Rows``; alerts go to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

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
from egresswatch.pipeline.community import community_id
from egresswatch.pipeline.front import Second
from egresswatch.pipeline.notes import NS, Addresses, Note, as_notes, message
from egresswatch.pipeline.perimeter import opened_inside
from egresswatch.pipeline.rows import HeldSighting, Rows
from egresswatch.pipeline.telling import DHCP, shows_its_sender
from egresswatch.pipeline.watched import Watched, low_word
from egresswatch.records import RECOGNISER_BASE, Array, EndReason, FlowInfo, Item, Message, Outcome
from egresswatch.rules import MatchTables
from egresswatch.rules.model import FINGERPRINT_KINDS
from egresswatch.rules.site import Site
from egresswatch.sniff.engine import Engine

_OUTCOMES = ("", *(outcome.name for outcome in Outcome))
_EVIDENCE = frozenset(FINGERPRINT_KINDS) | {"p2p"}
_NAMES = frozenset(("tls_sni", "quic_sni", "http_host"))
_INSIDE = 1
_LEARNT, _TELLING = 1, 2


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
        self._told: dict[int, int] = {}
        """Flow -> frame of its latest event in this second."""
        self._watched = Watched(tables)
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
        self._told.clear()
        for block in second.notes:
            loud = self._watched.loud(block.rows)
            rows, held = block.rows[loud], [block.payloads[k] for k in np.flatnonzero(loud).tolist()]
            near = self._watched.near(rows).tolist()
            for note, payload, told in zip(as_notes(rows), held, near, strict=True):
                self._note(note, block.first, payload, told)
        for block in second.notes:  # crossings without more, once all names of the second are known
            for note in as_notes(block.rows[self._watched.quiet(block.rows)]):
                frame = block.first + note.place
                if self._told.get(note.flow, -1) < frame:
                    self._event(note, frame)
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

    # --- notes ------------------------------------------------------------------------------------
    def _note(self, note: Note, first: int, payload: bytes | None, near: bool) -> None:
        """``near``: an end of the flow lies in a network that a rule names."""
        if note.kind & N_HOST:
            self._host(note)
        learnt = 0 if payload is None else self._message(note, first + note.place, payload)
        if (note.kind & N_CROSSING or learnt) and (
            near or learnt == _TELLING or self._watched.holds(note.a_lo, note.b_lo)
        ):
            self._told[note.flow] = first + note.place
            self._event(note, first + note.place)

    def _host(self, note: Note) -> None:
        addr = self._addresses.of(note, note.side)
        asset = self._register.observe(note.src_mac, addr, note.vlan, note.ts)
        if asset is not None:
            if asset.monitored:
                self._watched.add(note.b_lo if note.side else note.a_lo)
            self._watch(asset)

    def _watch(self, asset: Asset) -> None:
        """An asset that has become monitored: look again at what it did in rows that are still held."""
        if not asset.monitored or asset.key in self._monitored:
            return
        self._monitored.add(asset.key)
        self._watched.add(*map(low_word, asset.ips))
        for rows in self._rows.held():
            self._record_events(rows, asset)

    def _message(self, note: Note, frame: int, payload: bytes) -> int:
        """Read a payload; 0: nothing was in it, _LEARNT, or _TELLING: it may change what a remote is."""
        m = message(note, frame, payload, self._addresses)
        items: list[Item] = []
        if m.parser < RECOGNISER_BASE:
            items = self._engine.feed(m)
        if note.recogniser:
            items = items + self._engine.feed(m._replace(parser=note.recogniser))
        if note.flow not in self._reading:
            info = self._engine.info(note.flow)
            if info is not None:
                self._reading.add(note.flow)
                self._rows.learn(note.flow, info)
        if self._engine.done(note.flow):
            self.finished.append((note.row, note.flow))
        if not items:
            return 0
        a, b = note.class_ab >> 4 == _INSIDE, note.class_ab & 15 == _INSIDE
        inside = (b, a) if note.side else (a, b)
        telling = [self._item(note, m, item, *inside) for item in items]
        return _TELLING if any(telling) else _LEARNT

    def _item(self, note: Note, m: Message, item: Item, src_inside: bool, dst_inside: bool) -> bool:
        """Note a sighting and what it says about its sender; does it tell what a remote is?"""
        kind, value, detail = item.kind, item.value, item.detail
        telling = False
        if kind == "p2p":
            rule = self._tables.recogniser(int(item.data))
            value, detail, telling = rule.protocol or rule.id, rule.id, True
        elif kind == "dns_answer":
            if item.data is not None:
                self._answer(m, item.data.addresses, item.data.names, item.data.ttl)
        elif kind in _NAMES:
            telling = self._classifier.alerts(value)
        if src_inside and kind in _EVIDENCE and shows_its_sender(m, item):
            mac = item.data.mac if kind in DHCP else m.src_mac
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
        return telling

    def _answer(self, m: Message, addresses: tuple[str, ...], names: tuple[str, ...], ttl: int) -> None:
        """A host was told an address: flows to it are looked at when a rule knows the name."""
        self._names.add(m.dst, addresses, names, ttl, m.ts)
        if any(self._classifier.alerts(name) for name in names):
            self._watched.add(*map(low_word, addresses))

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
        if only is None:
            wanted &= self._watched.either(rows["orig_lo"], rows["resp_lo"])
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
    def _event(self, note: Note, frame: int) -> None:
        """What is known now of a flow that crosses the perimeter (or goes between zones)."""
        both = note.class_ab
        if both in (0x10, 0x01):
            inside = 0 if both == 0x10 else 1
        elif both == 0x11 and self._site.given:
            inside = note.orig
        else:
            return
        crossing = both != 0x11
        host, remote = self._addresses.of(note, inside), self._addresses.of(note, 1 - inside)
        port_a, port_b, proto = note.meta >> 48, note.meta >> 32 & 0xFFFF, note.proto
        lport, rport = (port_a, port_b) if inside == 0 else (port_b, port_a)
        mac = note.src_mac if note.side == inside else note.dst_mac
        info = self._engine.info(note.flow)
        what = self._classifier.classify(host, remote, proto, rport, crossing, note.ts_flow, info)
        outward = opened_inside(note.orig == inside, bool(note.oriented), proto, lport, rport)
        if crossing and outward:
            self._contact(host, mac, what, note.ts)
        asset = self._register.asset(host, mac)
        if asset is None or not asset.monitored:
            return
        self._watch(asset)
        a, b = (note.bytes_a, note.pkts_a), (note.bytes_b, note.pkts_b)
        self._detector.event(self._build(
            asset, host, remote, ts=note.ts, frame=frame, uid=note.uid, proto=proto,
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
