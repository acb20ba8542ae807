# SPDX-License-Identifier: Apache-2.0
"""Messages read: what their items say to the register, to the names, to the rows.

What is done with an item depends on its kind alone; the table of it is made once, and most kinds are only
noted as sightings. Owns which flows something was read of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from egresswatch.enrich.asset import Asset
from egresswatch.enrich.marks import EVIDENCE_KINDS
from egresswatch.enrich.names import PassiveNames
from egresswatch.enrich.register import Register
from egresswatch.patterns import RECOGNISER_BASE
from egresswatch.pipeline.classify import Classifier
from egresswatch.pipeline.egress import EgressEvents
from egresswatch.pipeline.notes import Sent
from egresswatch.pipeline.rows import Rows
from egresswatch.pipeline.telling import DHCP, recognised, shown, shows_its_sender
from egresswatch.pipeline.watched import Watched, low_word
from egresswatch.records import Array, Item
from egresswatch.rules import MatchTables
from egresswatch.sniff.engine import MAX_PROTOCOLS, Engine

_SERVED = {"rtsp_request": "rtsp_served", "http_path": "http_served"}
"""What one host asks of another tells what the other is, once it answers."""
_EVIDENCE = EVIDENCE_KINDS - {"http_path", "p2p"}
_NAMES = frozenset(("tls_sni", "quic_sni", "http_host"))
_P2P = "p2p"
LEARNT, TELLING = 1, 2
"""Something was read; it may change what a remote is."""


class _Way(NamedTuple):
    """What is done with items of one kind, beside the sighting."""

    tell: Callable[[Sent, Item], bool] | None
    """Does the item tell what a remote is?"""
    sought: bool
    """Rules look for values of this kind."""
    shows: bool
    """It can show what its sender is."""
    served: str
    """What it shows of the host that it was sent to, once that answers."""


class Messages:
    """Reads what is handed up; one per run."""

    def __init__(
        self, tables: MatchTables, register: Register, names: PassiveNames, engine: Engine,
        classifier: Classifier, rows: Rows, events: EgressEvents, watched: Watched,
        watch: Callable[[Asset], None],
    ) -> None:
        self.reading: set[int] = set()
        """Live flows of which something is known."""
        self._fed: set[int] = set()
        """Live flows of which the engine may hold something."""
        self._tables, self._register, self._names, self._engine = tables, register, names, engine
        self._classifier, self._rows, self._events = classifier, rows, events
        self._feed, self._info, self._sight = engine.feed, engine.info, rows.sight
        self._watched, self._watch = watched, watch
        tell: dict[str, Callable[[Sent, Item], bool]] = {
            **dict.fromkeys(_NAMES, self._name), "dns_answer": self._answer, "http_connect": self._proxy,
        }  # fmt: skip
        kinds = {_P2P, *tell, *tables.sightings, *_EVIDENCE, *_SERVED}
        self._ways = {
            kind: _Way(tell.get(kind), kind in tables.sightings, kind in _EVIDENCE, _SERVED.get(kind, ""))
            for kind in sorted(kinds)
        }

    def read(self, sent: Sent) -> int:
        """0: nothing was in it, LEARNT, or TELLING."""
        m, recogniser, uid, src_inside, dst_inside, answered, _, _ = sent
        flow = m.flow
        self._fed.add(flow)
        items = self._feed(m) if m.parser < RECOGNISER_BASE else []
        if recogniser:
            items = items + self._feed(m._replace(parser=recogniser))
        if flow not in self.reading:
            info = self._info(flow)
            if info is not None:
                self.reading.add(flow)
                self._rows.learn(flow, info)
        if not items:
            return 0
        host, mac = "", 0
        if src_inside:
            host, mac = m.src, m.src_mac
        elif dst_inside:
            host, mac = m.dst, m.dst_mac
        ts, frame, ways, sight = m.ts, m.frame, self._ways, self._sight
        telling = False
        for item in items:
            kind, value, detail, _ = item
            way = ways.get(kind)
            if way is not None:
                tell, sought, shows, served = way
                if tell is not None:
                    telling |= tell(sent, item)
                elif kind == _P2P:
                    value, detail = self._recognised(sent, item)
                    telling = True
                if sought:
                    telling |= self._sought(sent, kind, value)
                if shows and src_inside and shows_its_sender(m, item):
                    sender = item.data.mac if kind in DHCP else m.src_mac
                    self.evidence(m.src, sender, kind, shown(item), ts, detail)
                if served and dst_inside and answered:
                    self.evidence(m.dst, m.dst_mac, served, value, ts)
            sight(ts, frame, uid, kind, value, detail, host, mac)
        return TELLING if telling else LEARNT

    def end(self, flows: Array) -> None:
        """These flows are over: forget them."""
        if not self._fed:
            return
        for flow in self._fed.intersection(flows.tolist()):
            self._engine.end(flow)
            self._fed.discard(flow)
            self.reading.discard(flow)
            self._events.proxied.discard(flow)

    def evidence(self, host: str, mac: int, kind: str, value: str, ts: int, detail: str = "") -> None:
        """A host showed something of itself."""
        self._register.evidence(host, mac, kind, value, ts, detail)
        asset = self._register.monitored_at(host, mac)
        if asset is not None:
            self._watch(asset)

    # --- kinds ------------------------------------------------------------------------------------
    def _recognised(self, sent: Sent, item: Item) -> tuple[str, str]:
        """A payload that a rule recognises: value and detail of its sighting."""
        m, rule = sent.message, self._tables.recogniser(int(item.data))
        value = rule.protocol or rule.id
        if sent.src_inside and rule.side != "client":
            self._register.spoke(m.src, m.src_mac, rule.vendor, value, rule.id, m.ts, shared=rule.shared)
        return value, recognised(rule, m)

    def _name(self, _: Sent, item: Item) -> bool:
        return self._classifier.alerts(item.value)

    def _answer(self, sent: Sent, item: Item) -> bool:
        """A host was told an address: flows to it are looked at when a rule knows the name."""
        m, answer = sent.message, item.data
        if answer is not None:
            self._names.add(m.dst, answer.addresses, answer.names, answer.ttl, m.ts)
            if any(self._classifier.alerts(name) for name in answer.names):
                self._watched.add(*map(low_word, answer.addresses))
        return False

    def _proxy(self, sent: Sent, _: Item) -> bool:
        """A host asks another inside host to connect it onward: from now on the flow counts as leaving."""
        if sent.src_inside and sent.dst_inside:
            self._events.proxy(sent.message.flow)
        return True

    def _sought(self, sent: Sent, kind: str, value: str) -> bool:
        """Do rules name what was read? It counts for the flow, as a payload that was recognised does."""
        m, telling = sent.message, False
        for number in self._tables.seen(kind, value):
            info, name = self._info(m.flow), str(number)
            if info is None or name in info.protocols or len(info.protocols) >= MAX_PROTOCOLS:
                continue
            info.protocols += (name,)
            telling = True
            rule = self._tables.recogniser(number)
            if rule.dest_class == _P2P and rule.protocol:
                host = (m.src, m.src_mac) if sent.src_inside else (m.dst, m.dst_mac)
                self._sight(m.ts, m.frame, sent.uid, _P2P, rule.protocol, rule.id, *host)
        return telling
