# SPDX-License-Identifier: Apache-2.0
"""The slow half: one second of packet time after another, from notes to sightings, assets and alerts.

Order within a second: records whose timeout fell on its beginning, hosts that its packets show, what those
packets say and do in frame order, records exported at a packet or at the end, then the detector's tick.
Every step sees only this second (or the part of it that is given at a time) and what came before it, so the
outcome is a function of the packets. What is written later (rows, sightings) goes to ``Rows``; alerts go to
the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from egresswatch.config import Settings
from egresswatch.detect.alerts import Detector
from egresswatch.enrich.asset import Asset
from egresswatch.enrich.geo import Geo
from egresswatch.enrich.names import PassiveNames
from egresswatch.enrich.register import Register
from egresswatch.events import Alert
from egresswatch.flow.layout import N_CROSSING, N_HOST, N_NEAR
from egresswatch.pipeline.asides import Neighbours
from egresswatch.pipeline.blocks import joined, picked
from egresswatch.pipeline.classify import Classifier
from egresswatch.pipeline.conduct import Conduct
from egresswatch.pipeline.egress import EgressEvents, as_records, in_order
from egresswatch.pipeline.front import Notes, Second
from egresswatch.pipeline.hosts import observe
from egresswatch.pipeline.messages import TELLING, Messages
from egresswatch.pipeline.notes import NS, Addresses, Note, Sent, as_noted, sent
from egresswatch.pipeline.rows import Rows
from egresswatch.pipeline.stops import Stops
from egresswatch.pipeline.watched import Watched, low_word
from egresswatch.records import NO_PACKET, AddressClass, Array, EndReason
from egresswatch.rules import MatchTables
from egresswatch.rules.site import Site
from egresswatch.sniff.engine import Engine

_INSIDE = int(AddressClass.inside)


class Interpreter:
    """sniff ▸ enrich ▸ detect over complete seconds."""

    def __init__(
        self, settings: Settings, tables: MatchTables, site: Site, register: Register, names: PassiveNames,
        geo: Geo, engine: Engine, detector: Detector, classifier: Classifier, rows: Rows,
        neighbours: Neighbours, emit: Callable[[Alert], None],
    ) -> None:
        self._hold = int(settings.output.row_hold)
        self._register, self._engine, self._detector = register, engine, detector
        self._rows, self._emit = rows, emit
        self._addresses = Addresses()
        self._events = EgressEvents(
            tables, site, register, geo, classifier, self._addresses, settings.sniff.max_flows
        )
        self._hour: int | None = None
        self._monitored: set[str] = set()
        self._told: dict[int, int] = {}
        """Flow -> frame of its latest event in this part of a second."""
        self._watched = Watched()
        self._messages = Messages(
            tables, register, names, engine, classifier, rows, self._events, self._watched, self._watch
        )
        self._conduct = Conduct(tables, self._addresses, self._messages.evidence)
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
            self._flush()
        self._hour = hour
        # what time ended came first, what a packet ended comes after the packets
        notes, records = second.hand_over()
        early, late = _parted(records, now)
        self._records(early)
        for aside in second.asides:
            asset = self._neighbours.read(aside)
            if asset is not None:
                self._watch(asset)
        if notes:
            self._notes(notes)
        self._records(late)
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

    def _flush(self) -> None:
        self._rows.flush(self._messages.reading)

    def _watch(self, asset: Asset) -> None:
        """An asset that has become monitored: look again at what it did in rows that are still held."""
        if not asset.monitored or asset.key in self._monitored:
            return
        self._monitored.add(asset.key)
        words = [low_word(ip) for ip in asset.ips]
        self._watched.add(*words)
        self._record_events(self._rows.held(words), asset)

    # --- notes ------------------------------------------------------------------------------------
    def _notes(self, blocks: Sequence[Notes]) -> None:
        """The notes of a part of a second: in columns, and one by one where something is to be said."""
        if self._rows.full:
            self._flush()
        rows = joined([block.rows for block in blocks])
        noted = as_noted(rows)
        first = np.repeat([block.first for block in blocks], [len(block.rows) for block in blocks])
        shows, crossing = rows["kind"] & N_HOST != 0, rows["kind"] & N_CROSSING != 0
        speaks = (rows["parser"] | rows["recogniser"]) != 0
        near = rows["kind"] & N_NEAR != 0
        met = observe(self._register, rows, np.flatnonzero(shows))
        sure = speaks | near
        sure[list(met)] = True
        said = self._said(rows, first, speaks, blocks)
        is_near, crosses, leaves = near.tobytes(), crossing.tobytes(), self._events.leaving(rows).tobytes()
        proxied, holds, sightings = self._events.proxied, self._watched.holds, self._rows.sightings
        read, told = self._messages.read, self._told
        told.clear()
        for place in Stops(self._watched, rows, sure, shows & ~sure):
            if place in met:
                self._watched.add(met[place].low_word)
                self._watch(met[place].asset)
            message, learnt = said.get(place), 0
            if message is not None:
                learnt = read(message)
            if not (crosses[place] or learnt or (proxied and int(rows["flow"][place]) in proxied)):
                continue
            if (
                message is None or is_near[place] or learnt == TELLING
                or holds(message.a_lo, message.b_lo)
            ):  # fmt: skip
                if message is None or leaves[place] or message.message.flow in proxied:
                    self._event(Note.at(noted, place), int(first[place]))
                else:
                    told[message.message.flow] = message.message.frame
            if learnt and sightings.full:  # a packet can say much: not all of a second's fits
                self._flush()
        # crossings without more, once all names of the second are known; chosen before the first is looked
        # at: what that one shows must not reach beyond it
        quiet = ~(speaks | near | shows)
        if quiet.any():
            quiet &= self._watched.either(rows["a_lo"], rows["b_lo"])
        for place in np.flatnonzero(quiet).tolist():
            note = Note.at(noted, place)
            if self._told.get(note.flow, -1) < first[place] + note.place:
                self._event(note, int(first[place]))

    def _said(self, rows: Array, first: Array, speaks: Array, blocks: Sequence[Notes]) -> dict[int, Sent]:
        """The messages among some notes, by place."""
        places = np.flatnonzero(speaks)
        payloads = [payload for block in blocks for payload in block.payloads if payload is not None]
        messages = sent(rows.take(places), first[places], payloads, self._addresses)
        return dict(zip(places.tolist(), messages, strict=True))

    def _event(self, note: Note, first: int) -> None:
        """What is known now of a flow, when it leaves something; ``first``: frame of the note's batch."""
        frame = self._told[note.flow] = first + note.place
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

    # --- records ----------------------------------------------------------------------------------
    def _records(self, parts: Sequence[Array]) -> None:
        if not parts:
            return
        for rows in parts:
            self._rows.hold(rows)
        self._conduct.read(in_order([picked(rows, self._conduct.wanted(rows)) for rows in parts]))
        self._record_events(parts, None)
        for rows in parts:
            self._messages.end(rows["flow"][rows["end"] != EndReason.active])

    def _record_events(self, parts: Sequence[Array], only: Asset | None) -> None:
        """Events of records; ``only``: of one asset, whether it was watched by then or not."""
        chosen = []
        for rows in parts:
            wanted = (rows["orig_class"] == _INSIDE) | (rows["resp_class"] == _INSIDE)
            if only is None:
                wanted &= self._watched.either(rows["orig_lo"], rows["resp_lo"])
            if wanted.any():
                chosen.append(picked(rows, wanted))
        for record in as_records(in_order(chosen)) if chosen else ():
            facts = self._events.of_record(record)
            asset = self._events.asset(facts) if facts is not None else None
            if facts is None or asset is None or (only is not None and asset is not only):
                continue
            info = self._rows.info(record.flow) or self._engine.info(record.flow)
            what = self._events.classify(facts, info)
            self._detector.event(self._events.event(facts, asset, what, info))


def _parted(parts: Sequence[Array], now: int) -> tuple[list[Array], list[Array]]:
    """Records that time ended at ``now``, and the others."""
    early, late = [], []
    for rows in parts:
        first = (rows["at"] == NO_PACKET) & (rows["tick"] == now)
        if first.any():
            early.append(picked(rows, first))
        if not first.all():
            late.append(picked(rows, ~first))
    return early, late
