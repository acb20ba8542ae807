# SPDX-License-Identifier: Apache-2.0
"""A case: everything one asset did that one rule says about one target, summed over its flows.

Owns the sums, the state (egress or blocked), the look of live video, severity and confidence. Gets
events (totals of a flow so far; each replaces the flow's former one), gives numbers; says nothing in
words and keeps no list of cases. All its memory is bounded by the constants below.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from egresswatch.config import NS
from egresswatch.detect.families import POLICY, Finding
from egresswatch.events import EgressEvent, RuleFacts
from egresswatch.records import SEVERITIES

ONE_WAY_BYTES = 100_000
"""Sent on one flow without an answer: below, an attempt; from here on, data that may have arrived (UDP)."""

# Live video: at least this rate held this long, nearly all of it one way, in full packets. A camera's
# sub-stream has 0.3 Mbit/s and more; keep-alives and telemetry are tens of bytes every 10-120 s.
VIDEO_BPS = 300_000
VIDEO_WINDOW = 30 * NS
VIDEO_RATIO = 5
VIDEO_PACKET = 400

MUCH = 1_000_000
"""An upload, whatever is in it; below lie log-ins, keep-alives and pictures of a thumbnail's size."""

REST = "*"
"""Target of the case that sums up an asset's destinations beyond ``detect.max_destinations``."""

MAX_REMOTES = 64
MAX_NAMES = 16
MAX_PROTOCOLS = 8

_CONFIDENCE = ("low", "medium", "high")


@dataclass(slots=True)
class Remote:
    """One outside end of a case."""

    flows: int = 0
    bytes_out: int = 0


@dataclass(slots=True)
class Share:
    """What one flow gives to a case: its latest event, and where its rate was last measured from."""

    case: Case
    event: EgressEvent
    mark_ts: int
    mark_out: int = 0
    mark_in: int = 0
    mark_pkts: int = 0

    def video_bps(self, ev: EgressEvent) -> int:
        """Bits per second since the mark when they look like live video, else 0; moves the mark."""
        span = ev.last_seen - self.mark_ts
        if span < VIDEO_WINDOW:
            return 0
        out, into = ev.bytes_out - self.mark_out, ev.bytes_in - self.mark_in
        pkts = ev.pkts_out - self.mark_pkts
        self.mark_ts, self.mark_out, self.mark_in, self.mark_pkts = (
            ev.last_seen, ev.bytes_out, ev.bytes_in, ev.pkts_out,
        )
        rate = out * 8 * NS // span
        like = rate >= VIDEO_BPS and out >= VIDEO_RATIO * into and out >= VIDEO_PACKET * pkts
        return rate if like else 0


@dataclass(slots=True)
class Case:
    """Sums of one (rule, asset, target). ``update`` is -1 until the first alert is raised."""

    key: str
    rule: RuleFacts
    family: str
    target: str
    begun: int
    lead: EgressEvent
    """Latest event of the flow that carried most (an answered one before an unanswered one)."""
    latest: EgressEvent
    """For what is said of the asset: its identity grows."""
    first_seen: int
    last_seen: int
    flows: int = 0
    open: int = 0
    answered: int = 0
    one_way: int = 0
    """Flows without an answer that carried ONE_WAY_BYTES or more."""
    refused: int = 0
    one_sided: int = 0
    bytes_out: int = 0
    bytes_in: int = 0
    pkts_out: int = 0
    missed: int = 0
    video_bps: int = 0
    violations: int = 0
    remotes: dict[str, Remote] = field(default_factory=dict)
    more_remotes: bool = False
    names: dict[tuple[str, str], None] = field(default_factory=dict)
    protocols: dict[str, None] = field(default_factory=dict)
    hints: dict[str, None] = field(default_factory=dict)
    moved: int = 0
    """Flows that were counted here and have since been recognised as something else."""
    moved_to: str = ""
    slot: tuple[str, str] | None = None
    # what was last reported, and when the case is looked at again
    uid: str = ""
    update: int = -1
    reported: tuple[int, int, str, str, bool, int] | None = None
    reported_at: int = 0
    interval: int = 0
    wake: int = -1
    active: int = 0

    @property
    def state(self) -> str:
        return "egress" if self.answered or self.one_way else "blocked"

    @property
    def severity(self) -> str:
        """The rule's, lower for mere attempts, one step up against policy and one for video.

        Critical is kept for what the site said it does not want and what has become an upload.
        """
        level = SEVERITIES.index(self.rule.severity) if self.rule.severity in SEVERITIES else 1
        known = self.rule.id != POLICY.id  # whose severity has the violation in it
        level += (self.violations > 0 and known) + (self.video_bps > 0)
        if self.state == "blocked":
            level -= 2 if self.family == "inbound" else 1  # a refused scanner is the border's business
        worst = self.violations > 0 and (self.video_bps > 0 or self.bytes_out >= MUCH)
        top = SEVERITIES.index("critical" if worst else "high")
        return SEVERITIES[max(0, min(level, top))]

    @property
    def confidence(self) -> str:
        """How sure the rule's claim is here: two independent signs lift it, a lone DNS answer does not."""
        base = self.rule.confidence if self.rule.confidence in _CONFIDENCE else "medium"
        level = _CONFIDENCE.index(base)
        sources = {source for _, source in self.names}
        if self.family in ("p2p", "vendor_cloud"):
            level += len(sources) + len(self.protocols) >= 2
            level -= self.one_sided == self.answered and self.one_sided > 0
        return _CONFIDENCE[max(0, min(level, 2))]

    @property
    def superseded(self) -> bool:
        return self.moved > 0 and self.moved == self.flows

    @property
    def totals(self) -> tuple[int, int, str, str, bool, int]:
        """What, when it changes, makes a report out of date."""
        return (self.flows, self.bytes_out, self.state, self.severity, self.video_bps > 0, self.moved)

    def add(self, share: Share, ev: EgressEvent, fresh: bool) -> None:
        """Count ``ev`` as the present totals of its flow (``fresh``: its first event here)."""
        if not fresh:
            self._count(share.event, -1)
        else:
            self.open += 1
        self._count(ev, 1)
        share.event = ev
        self.video_bps = share.video_bps(ev) or self.video_bps
        self.first_seen = min(self.first_seen, ev.first_seen)
        self.last_seen = max(self.last_seen, ev.last_seen)
        self.active = max(self.active, ev.ts)
        self.latest = ev
        if ev.flow_uid == self.lead.flow_uid or _weight(ev) > _weight(self.lead):
            self.lead = ev
        for name in ev.names:
            _remember(self.names, name, MAX_NAMES)
        for protocol in ev.protocols:
            _remember(self.protocols, protocol, MAX_PROTOCOLS)
        for rule in ev.hints:
            _remember(self.hints, rule.title, MAX_PROTOCOLS)
        if ev.final:
            self.open -= 1

    def remove(self, share: Share) -> None:
        """Take a flow out again: it turned out to be something else before anything was raised."""
        self._count(share.event, -1)
        self.open -= 1
        remote = self.remotes.get(share.event.remote)
        if remote is not None and remote.flows == 0:
            del self.remotes[share.event.remote]

    def give_up(self, rule_id: str) -> None:
        """A flow that was already reported here goes on in another case; what was told stays told."""
        self.open -= 1
        self.moved += 1
        self.moved_to = rule_id

    def _count(self, ev: EgressEvent, sign: int) -> None:
        self.flows += sign
        self.answered += sign * answered(ev)
        self.one_way += sign * (not answered(ev) and ev.bytes_out >= ONE_WAY_BYTES)
        self.refused += sign * (ev.outcome == "refused")
        self.one_sided += sign * (ev.outcome == "one_sided")
        self.bytes_out += sign * ev.bytes_out
        self.bytes_in += sign * ev.bytes_in
        self.pkts_out += sign * ev.pkts_out
        self.missed += sign * ev.missed
        self.violations += sign * (ev.verdict == "violation")
        remote = self.remotes.get(ev.remote)
        if remote is None:
            if sign < 0:
                return  # was beyond the cap when it was counted
            if len(self.remotes) >= MAX_REMOTES:
                self.more_remotes = True
                return
            remote = self.remotes[ev.remote] = Remote()
        remote.flows += sign
        remote.bytes_out += sign * ev.bytes_out


def answered(ev: EgressEvent) -> bool:
    """Somebody outside took it (or, of a connection from outside, the inside host answered)."""
    return ev.outcome in ("answered", "one_sided")


def case_key(finding: Finding, asset_id: str, target: str) -> str:
    """Identity of a case; no part can hold a newline (names are printable)."""
    return f"{finding.rule.id}\n{asset_id}\n{target}"


def _weight(ev: EgressEvent) -> tuple[bool, int]:
    return answered(ev) or ev.bytes_out >= ONE_WAY_BYTES, ev.bytes_out


def _remember(table: dict[Any, None], key: Any, cap: int) -> None:
    if key not in table and len(table) < cap:
        table[key] = None
