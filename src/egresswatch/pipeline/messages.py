# SPDX-License-Identifier: Apache-2.0
"""Messages read: what their items say to the register, to the names, to the rows.

What is done with an item depends on its kind and on what rules know of its value: that is looked up once for
each value (a bounded number of them), and most items are only noted as sightings. Owns which flows something
was read of.
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
_TELLING = (_P2P, "http_connect")
_CACHE = 65536
LEARNT, TELLING = 1, 2
"""Something was read; it may change what a remote is."""


class _Way(NamedTuple):
    """What is done with items of one kind and value, beside the sighting."""

    telling: bool
    """They tell what a remote is."""
    act: Callable[[Sent, Item], None] | None
    """To be done first."""
    sought: tuple[int, ...]
    """Recognisers that look for it."""
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
        self._acts = {"dns_answer": self._answer, "http_connect": self._proxy}
        valued = _NAMES | tables.sightings.keys()
        kinds = sorted({_P2P, *self._acts, *_EVIDENCE, *_SERVED, *valued})
        self._ways = {kind: None if kind in valued else self._made(kind, "") for kind in kinds}
        """By kind; None: the value decides."""
        self._by_value: dict[tuple[str, str], _Way | tuple[()]] = {}

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
        ts, frame, ways, by_value, sight = m.ts, m.frame, self._ways, self._by_value, self._sight
        telling = False
        for item in items:
            kind, value, detail, _ = item
            way = ways.get(kind, ())
            if way is None:
                way = by_value.get(item[:2])
                if way is None:
                    way = self._way(kind, value)
            if way:
                tells, act, sought, shows, served = way
                telling |= tells
                if act is not None:
                    act(sent, item)
                elif kind == _P2P:
                    value, detail = self._recognised(sent, item)
                    sought = self._tables.seen(kind, value)
                if sought:
                    telling |= self._sought(sent, sought)
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
        over = self._fed.intersection(flows.tolist())
        self._engine.end(*over)
        for known in (self._fed, self.reading, self._events.proxied):
            if known:
                known -= over

    def evidence(self, host: str, mac: int, kind: str, value: str, ts: int, detail: str = "") -> None:
        """A host showed something of itself."""
        self._register.evidence(host, mac, kind, value, ts, detail)
        asset = self._register.monitored_at(host, mac)
        if asset is not None:
            self._watch(asset)

    # --- kinds ------------------------------------------------------------------------------------
    def _way(self, kind: str, value: str) -> _Way | tuple[()]:
        """What is done with items of this kind and value; remembered."""
        if len(self._by_value) >= _CACHE:
            self._by_value.clear()
        way = self._by_value[kind, value] = self._made(kind, value)
        return way

    def _made(self, kind: str, value: str) -> _Way | tuple[()]:
        telling = kind in _TELLING or (kind in _NAMES and self._classifier.alerts(value))
        way = _Way(
            telling, self._acts.get(kind), self._tables.seen(kind, value), kind in _EVIDENCE,
            _SERVED.get(kind, ""),
        )  # fmt: skip
        return way if any(way) else ()

    def _recognised(self, sent: Sent, item: Item) -> tuple[str, str]:
        """A payload that a rule recognises: value and detail of its sighting."""
        m, rule = sent.message, self._tables.recogniser(int(item.data))
        value = rule.protocol or rule.id
        if sent.src_inside and rule.side != "client":
            self._register.spoke(m.src, m.src_mac, rule.vendor, value, rule.id, m.ts, shared=rule.shared)
        return value, recognised(rule, m)

    def _answer(self, sent: Sent, item: Item) -> None:
        """A host was told an address: flows to it are looked at when a rule knows the name."""
        m, answer = sent.message, item.data
        if answer is not None:
            self._names.add(m.dst, answer.addresses, answer.names, answer.ttl, m.ts)
            if any(map(self._classifier.alerts, answer.names)):
                self._watched.add(*map(low_word, answer.addresses))

    def _proxy(self, sent: Sent, _: Item) -> None:
        """A host asks another inside host to connect it onward: from now on the flow counts as leaving."""
        if sent.src_inside and sent.dst_inside:
            self._events.proxy(sent.message.flow)

    def _sought(self, sent: Sent, numbers: tuple[int, ...]) -> bool:
        """Rules name what was read: it counts for the flow, as a payload that was recognised does. Is it
        new?"""
        m, telling = sent.message, False
        for number in numbers:
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
