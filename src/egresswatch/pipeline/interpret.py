# SPDX-License-Identifier: Apache-2.0
"""The slow half: one second of packet time after another, from notes to sightings, assets and alerts.

Order within a second: records whose timeout fell on its beginning, notes of packets in frame order,
records exported at a packet or at the end, then the detector's tick. Every step sees only this second
and what came before it, so the outcome is a function of the packets. What is written later (rows,
sightings) goes to ``Rows``; alerts go to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from egresswatch.config import Settings
from egresswatch.detect.alerts import Detector
from egresswatch.enrich.asset import Asset
from egresswatch.enrich.geo import Geo
from egresswatch.enrich.marks import EVIDENCE_KINDS
from egresswatch.enrich.names import PassiveNames
from egresswatch.enrich.register import Register
from egresswatch.events import Alert
from egresswatch.flow.layout import N_CROSSING, N_HOST
from egresswatch.patterns import RECOGNISER_BASE
from egresswatch.pipeline.asides import Neighbours
from egresswatch.pipeline.classify import Classifier
from egresswatch.pipeline.conduct import Conduct
from egresswatch.pipeline.egress import EgressEvents
from egresswatch.pipeline.front import Second
from egresswatch.pipeline.notes import NS, Addresses, Note, as_notes, message
from egresswatch.pipeline.rows import HeldSighting, Rows
from egresswatch.pipeline.telling import DHCP, recognised, shown, shows_its_sender
from egresswatch.pipeline.watched import Watched, low_word
from egresswatch.records import NO_PACKET, Array, EndReason, Item, Message, Outcome
from egresswatch.rules import MatchTables
from egresswatch.rules.site import Site
from egresswatch.sniff.engine import MAX_PROTOCOLS, Engine

_OUTCOMES = ("", *(outcome.name for outcome in Outcome))
_SERVED = {"rtsp_request": "rtsp_served", "http_path": "http_served"}
"""What one host asks of another tells what the other is, once it answers."""
_EVIDENCE = EVIDENCE_KINDS - {"http_path", "p2p"}
_NAMES = frozenset(("tls_sni", "quic_sni", "http_host"))
_INSIDE = 1
_LEARNT, _TELLING = 1, 2


class Interpreter:
    """sniff ▸ enrich ▸ detect over complete seconds."""

    def __init__(
        self, settings: Settings, tables: MatchTables, site: Site, register: Register, names: PassiveNames,
        geo: Geo, engine: Engine, detector: Detector, classifier: Classifier, rows: Rows,
        neighbours: Neighbours, emit: Callable[[Alert], None],
    ) -> None:
        self._hold = int(settings.output.row_hold)
        self._tables, self._register, self._names = tables, register, names
        self._engine, self._detector = engine, detector
        self._classifier, self._rows, self._emit = classifier, rows, emit
        self._addresses = Addresses()
        self._events = EgressEvents(
            tables, site, register, geo, classifier, self._addresses, settings.sniff.max_flows
        )
        self._hour: int | None = None
        self._reading: set[int] = set()
        self._monitored: set[str] = set()
        self._told: dict[int, int] = {}
        """Flow -> frame of its latest event in this second."""
        self._watched = Watched(tables)
        self._conduct = Conduct(tables, self._addresses, self._evidence)
        self._neighbours = neighbours

    @property
    def refused(self) -> dict[str, int]:
        """What found no room here."""
        return {"neighbours": self._neighbours.refused, "proxied_flows": self._events.refused}

    def second(self, second: Second, *, last: bool = False) -> None:
        """Everything that happened in one second, or in a part of one. After the ``last`` one ``finish``
        tells what a tick would tell, with all the rest in one order."""
        now = second.number * NS
        self._silence(now)
        hour = now // self._hold
        if self._hour is not None and (hour != self._hour or self._rows.full):
            self._rows.flush(self._reading)
        self._hour = hour
        records = np.concatenate(second.records) if second.records else None
        early = None
        if records is not None:  # what time ended came first, what a packet ended comes after the packets
            early = (records["at"] == NO_PACKET) & (records["tick"] == now)
            self._records(records[early])
        self._told.clear()
        for aside in second.asides:
            asset = self._neighbours.read(aside)
            if asset is not None:
                self._watch(asset)
        for block in second.notes:
            loud = self._watched.loud(block.rows)
            rows, held = block.rows[loud], [block.payloads[k] for k in np.flatnonzero(loud).tolist()]
            near = self._watched.near(rows).tolist()
            for note, payload, told in zip(as_notes(rows), held, near, strict=True):
                self._note(note, block.first, payload, told)
                if self._rows.full:  # a packet can say much: not all of a second's fits
                    self._rows.flush(self._reading)
        # crossings without more, once all names of the second are known; chosen before the first is looked
        # at: what that one shows must not reach as far as its batch does
        quiet = [(block.first, block.rows[self._watched.quiet(block.rows)]) for block in second.notes]
        for first, rows in quiet:
            for note in as_notes(rows):
                frame = first + note.place
                if self._told.get(note.flow, -1) < frame:
                    self._event(note, frame)
        if records is not None and early is not None:
            self._records(records[~early])
        if second.closed and not last:
            self._tell(self._detector.tick(now + NS))

    def finish(self, seconds: Iterable[Second], last: int) -> None:
        """End of input at packet time ``last`` (ns), with the seconds that are still to come."""
        for second in seconds:
            self.second(second, last=second.number >= last // NS)
        self._tell(self._detector.finish((last // NS + 1) * NS))
        self._rows.flush()
        self._neighbours.flush()

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
        if (note.kind & N_CROSSING or learnt or note.flow in self._events.proxied) and (
            near or learnt == _TELLING or self._watched.holds(note.a_lo, note.b_lo)
        ):
            self._told[note.flow] = first + note.place
            self._event(note, first + note.place)

    def _host(self, note: Note) -> None:
        addr = self._addresses.of(note, note.side)
        ours = note.class_ab & 15 if note.side else note.class_ab >> 4
        asset = self._register.observe(
            note.src_mac, addr, note.vlan, note.ts, "inside" if ours == _INSIDE else "outside"
        )
        if asset is not None:
            if asset.monitored:
                self._watched.add(note.b_lo if note.side else note.a_lo)
            self._watch(asset)

    def _watch(self, asset: Asset) -> None:
        """An asset that has become monitored: look again at what it did in rows that are still held."""
        if not asset.monitored or asset.key in self._monitored:
            return
        self._monitored.add(asset.key)
        words = [low_word(ip) for ip in asset.ips]
        self._watched.add(*words)
        for rows in self._rows.held(words):
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
            value, detail, telling = rule.protocol or rule.id, recognised(rule, m), True
            if src_inside and rule.side != "client":
                self._register.spoke(
                    m.src, m.src_mac, rule.vendor, value, rule.id, m.ts, shared=rule.shared
                )
        elif kind == "dns_answer":
            if item.data is not None:
                self._answer(m, item.data.addresses, item.data.names, item.data.ttl)
        elif kind in _NAMES:
            telling = self._classifier.alerts(value)
        elif kind == "http_connect":
            telling = self._proxy(note, src_inside=src_inside, dst_inside=dst_inside)
        for number in self._tables.seen(kind, value):
            telling |= self._seen(note, m, number, src_inside=src_inside)
        if src_inside and kind in _EVIDENCE and shows_its_sender(m, item):
            mac = item.data.mac if kind in DHCP else m.src_mac
            self._evidence(m.src, mac, kind, shown(item), m.ts, detail)
        if dst_inside and kind in _SERVED and note.outcome == Outcome.answered:
            self._evidence(m.dst, m.dst_mac, _SERVED[kind], value, m.ts)
        host, mac = ("", 0)
        if src_inside:
            host, mac = m.src, m.src_mac
        elif dst_inside:
            host, mac = m.dst, m.dst_mac
        self._rows.sight(HeldSighting(m.ts, m.frame, note.uid, kind, value, detail, host, mac))
        return telling

    def _seen(self, note: Note, m: Message, number: int, *, src_inside: bool) -> bool:
        """A rule names what was read: it counts for the flow, as a payload that was recognised does."""
        info, name = self._engine.info(note.flow), str(number)
        if info is None or name in info.protocols:
            return False
        if len(info.protocols) >= MAX_PROTOCOLS:
            return False
        info.protocols += (name,)
        rule = self._tables.recogniser(number)
        if rule.dest_class == "p2p" and rule.protocol:
            host = (m.src, m.src_mac) if src_inside else (m.dst, m.dst_mac)
            self._rows.sight(HeldSighting(m.ts, m.frame, note.uid, "p2p", rule.protocol, rule.id, *host))
        return True

    def _proxy(self, note: Note, *, src_inside: bool, dst_inside: bool) -> bool:
        """A host asks another inside host to connect it onward: from now on the flow counts as leaving."""
        if src_inside and dst_inside:
            self._events.proxy(note.flow)
        return True

    def _evidence(self, host: str, mac: int, kind: str, value: str, ts: int, detail: str = "") -> None:
        self._register.evidence(host, mac, kind, value, ts, detail)
        asset = self._register.asset(host, mac)
        if asset is not None:
            self._watch(asset)

    def _answer(self, m: Message, addresses: tuple[str, ...], names: tuple[str, ...], ttl: int) -> None:
        """A host was told an address: flows to it are looked at when a rule knows the name."""
        self._names.add(m.dst, addresses, names, ttl, m.ts)
        if any(self._classifier.alerts(name) for name in names):
            self._watched.add(*map(low_word, addresses))

    # --- records ----------------------------------------------------------------------------------
    def _records(self, rows: Array) -> None:
        if len(rows) == 0:
            return
        rows = rows[np.lexsort((rows["seq"], rows["uid"], rows["tick"]))]
        self._rows.hold(rows)
        self._conduct.read(rows)
        self._record_events(rows, None)
        for flow in rows["flow"][rows["end"] != EndReason.active].tolist():
            self._engine.end(flow)
            self._events.proxied.discard(flow)
            self._reading.discard(flow)

    def _record_events(self, rows: Array, only: Asset | None) -> None:
        """Events of records; ``only``: of one asset, whether it was watched by then or not."""
        a, b = rows["orig_class"], rows["resp_class"]
        wanted = (a == _INSIDE) | (b == _INSIDE)
        if only is None:
            wanted &= self._watched.either(rows["orig_lo"], rows["resp_lo"])
        for row in rows[wanted]:
            facts = self._events.of_record(row)
            asset = self._events.asset(facts) if facts is not None else None
            if facts is None or asset is None or (only is not None and asset is not only):
                continue
            flow = int(row["flow"])
            info = self._rows.info(flow) or self._engine.info(flow)
            what = self._events.classify(facts, info)
            self._detector.event(self._events.event(facts, asset, what, info))

    def _event(self, note: Note, frame: int) -> None:
        """What is known now of a flow, when it leaves something."""
        facts = self._events.of_note(note, frame)
        if facts is None:
            return
        info = self._engine.info(note.flow)
        what = self._events.classify(facts, info)
        self._events.contact(facts, what)
        asset = self._events.asset(facts)
        if asset is not None:
            self._watch(asset)
            self._detector.event(self._events.event(facts, asset, what, info))
