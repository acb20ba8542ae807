# SPDX-License-Identifier: Apache-2.0
"""From events to alerts: which case an event belongs to, when a case is told, and when told again.

Owns the table of cases and the schedule. Gets ``event`` in the order (ts, frame), all events of a
second before its ``tick``; gives alerts at ticks only, so how the input was cut into batches never
shows. Times are packet time; nothing here reads a clock. A case is

    quiet       for SETTLE (somebody answered) or PATIENCE (nobody did): names, protocols and answers
                come within that time, and one alert that is right is worth more than three that follow
    raised      ``update`` 0, content frozen
    reported    again as ``update`` 1, 2, ... at once when an attempt got through, the severity rose, it
                began to look like video, or bytes grew to MUCH and by ``update_factor``; else, while it
                goes on, after ``update_interval``, then twice that, and so on up to a day; and at the end
    closed      after IDLE without a packet; what comes later is a new case
"""

from __future__ import annotations

import hashlib
from base64 import b32encode
from heapq import heappop, heappush

from egresswatch.config import NS, DetectSettings
from egresswatch.detect.cases import MUCH, REST, Case, Share, case_key
from egresswatch.detect.families import Finding, find
from egresswatch.detect.messages import Vendors, alert
from egresswatch.events import Alert, EgressEvent
from egresswatch.records import SEVERITIES

SETTLE = 5 * NS
PATIENCE = 15 * NS
"""SYNs are repeated after 1, 3, 7 and 15 s (RFC 6298 §5.5); hole punching takes its seconds as well."""
IDLE = 86400 * NS
MAX_BACKOFF = 24
FLOWS_PER_CASE = 16
"""Live flows remembered, as a multiple of ``max_cases``."""


class Detector:
    """The cases of one run. ``refused`` counts events that found a full table."""

    def __init__(self, tables: Vendors, settings: DetectSettings, observer: str, version: str = "") -> None:
        self.refused = 0
        self.untold: set[str] = set()
        """Assets of which something found a full table: nobody can say that they are clean."""
        self._tables = tables
        self._settings = settings
        self._observer = (observer, version)
        self._cases: dict[str, Case] = {}
        self._flows: dict[str, Share] = {}
        self._slots: dict[tuple[str, str], int] = {}
        self._agenda: list[tuple[int, int, Case]] = []
        self._turn = 0  # ties of the agenda break in the order of entry

    def event(self, ev: EgressEvent) -> None:
        """Take what is known now of one flow."""
        finding = find(ev)
        share = self._flows.get(ev.flow_uid)
        if finding is None:
            if share is not None:
                self._leave(share, ev.flow_uid, "")
            return
        if share is not None and not _same(share.case, finding):
            self._leave(share, ev.flow_uid, finding.rule.id)
            share = None
        fresh = share is None
        if share is None:
            room = len(self._flows) < self._settings.max_cases * FLOWS_PER_CASE
            case = self._case(finding, ev) if room else None
            if case is None:
                self.refused += 1
                self.untold.add(ev.asset_id)
                return
            share = self._flows[ev.flow_uid] = Share(case, ev, ev.first_seen)
        case = share.case
        if ev.asset_id != case.latest.asset_id:
            self._rename(case, ev.asset_id)
        case.add(share, ev, fresh)
        if ev.final:
            del self._flows[ev.flow_uid]
        self._appoint(case, ev.ts)

    def due(self) -> int | None:
        """The first whole second at which ``tick`` may have something to say; None: not without events.

        A replay that jumps over seconds without packets stops here, as a live sensor would.
        """
        return -(-self._agenda[0][0] // NS) * NS if self._agenda else None

    def tick(self, now: int) -> list[Alert]:
        """The alerts due at packet time ``now``, in the contract's order."""
        alerts = []
        while self._agenda and self._agenda[0][0] <= now:
            wake, _, case = heappop(self._agenda)
            if case.wake != wake or self._cases.get(case.key) is not case:
                continue  # an appointment that was moved, or a case that is closed
            case.wake = -1
            made = self._look(case, now)
            if made is not None:
                alerts.append(made)
        return _ordered(alerts)

    def finish(self, now: int) -> list[Alert]:
        """Everything not yet told, at the end of the input. Call it instead of the last tick."""
        alerts = []
        for case in self._cases.values():
            if case.flows and (case.update < 0 or case.totals != case.reported):
                alerts.append(self._report(case, now))
        self._cases.clear()
        self._flows.clear()
        self._slots.clear()
        self._agenda.clear()
        return _ordered(alerts)

    def _case(self, finding: Finding, ev: EgressEvent) -> Case | None:
        """The open case of a finding, or a new one; None when there is no room."""
        key = case_key(finding, ev.asset_id, finding.target)
        if key in self._cases:
            return self._cases[key]
        slot = (finding.rule.id, ev.asset_id) if finding.individual else None
        target = finding.target
        if slot is not None and self._slots.get(slot, 0) >= self._settings.max_destinations:
            slot, target = None, REST
            key = case_key(finding, ev.asset_id, REST)
            if key in self._cases:
                return self._cases[key]
        if len(self._cases) >= self._settings.max_cases:
            return None
        if slot is not None:
            self._slots[slot] = self._slots.get(slot, 0) + 1
        case = Case(
            key, finding.rule, finding.family, target, ev.ts, lead=ev, latest=ev,
            first_seen=ev.first_seen, last_seen=ev.last_seen, slot=slot,
        )
        self._cases[key] = case
        return case

    def _leave(self, share: Share, flow_uid: str, rule_id: str) -> None:
        """A flow is no longer what its case says: undo it if nobody was told, else say so there."""
        case = share.case
        del self._flows[flow_uid]
        if case.update >= 0:
            case.give_up(rule_id)
            self._wake(case, case.active)
            return
        case.remove(share)
        if case.flows == 0:
            self._drop(case)

    def _appoint(self, case: Case, ts: int) -> None:
        """Set when the case is looked at next, after an event at ``ts``."""
        if case.update < 0:
            self._wake(case, self._due(case))
        elif self._pressing(case):
            self._wake(case, ts)
        else:
            self._wake(case, case.reported_at + case.interval)

    def _due(self, case: Case) -> int:
        if case.open == 0:
            return case.active
        return case.begun + (SETTLE if case.state == "egress" else PATIENCE)

    def _pressing(self, case: Case) -> bool:
        """Has it changed so that a person should hear now?"""
        assert case.reported is not None
        _, bytes_out, state, severity, video, moved = case.reported
        return (
            (state == "blocked" and case.state == "egress")
            or SEVERITIES.index(case.severity) > SEVERITIES.index(severity)
            or (case.video_bps > 0 and not video)
            or moved != case.moved == case.flows
            or case.bytes_out >= max(MUCH, bytes_out * self._settings.update_factor)
        )

    def _wake(self, case: Case, at: int) -> None:
        """Look at ``case`` at ``at`` or earlier if that is already agreed."""
        if 0 <= case.wake <= at:
            return
        case.wake = at
        self._turn += 1
        heappush(self._agenda, (at, self._turn, case))

    def _look(self, case: Case, now: int) -> Alert | None:
        """What is due of a case whose time has come."""
        if case.update < 0:
            due = self._due(case)
            if now < due:
                self._wake(case, due)
                return None
            return self._report(case, now)
        if case.totals != case.reported:
            if self._pressing(case) or now >= case.reported_at + case.interval:
                return self._report(case, now)
            self._wake(case, case.reported_at + case.interval)
        elif case.open == 0 and now >= case.active + IDLE:
            self._drop(case)
        else:
            # an open flow without events for a day: the next look is a day away, not the next second
            self._wake(case, case.active + IDLE if case.active + IDLE > now else now + IDLE)
        return None

    def _report(self, case: Case, now: int) -> Alert:
        """Raise or update: freeze the case as it stands."""
        if case.update < 0:
            digest = hashlib.sha256(f"{case.key}\n{case.first_seen}".encode()).digest()
            case.uid = "A" + b32encode(digest).decode("ascii")[:12]
            case.interval = self._settings.update_interval
        elif now >= case.reported_at + case.interval:
            case.interval = min(case.interval * 2, self._settings.update_interval * MAX_BACKOFF)
        case.update += 1
        case.reported = case.totals
        case.reported_at = now
        self._wake(case, case.active + IDLE)
        return alert(case, now, self._tables, self._observer)

    def _rename(self, case: Case, asset_id: str) -> None:
        """The asset got a better name while its flow goes on: later flows must find the case."""
        rule_id, _, target = case.key.split("\n")
        key = f"{rule_id}\n{asset_id}\n{target}"
        if key not in self._cases:
            del self._cases[case.key]
            self._cases[key] = case
            case.key = key

    def _drop(self, case: Case) -> None:
        del self._cases[case.key]
        if case.slot is not None:
            self._slots[case.slot] -= 1
            if self._slots[case.slot] == 0:
                del self._slots[case.slot]


def _same(case: Case, finding: Finding) -> bool:
    return case.rule.id == finding.rule.id and case.target in (finding.target, REST)


def _ordered(alerts: list[Alert]) -> list[Alert]:
    return sorted(alerts, key=lambda made: (made.ts, made.rule_id, made.alert_uid, made.update))
