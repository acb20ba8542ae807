# SPDX-License-Identifier: Apache-2.0
"""Which finding, if any, one flow is.

Owns the families (vendor cloud, P2P, unknown destination, policy violation, reached from outside) and
the rules that no pack file holds because they match behaviour, not a vendor. Gets an EgressEvent, gives
a Finding or None; keeps no state. Whether it is a blocked attempt is told by the case, not here: the
same finding turns from attempt to egress once somebody answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from egresswatch.detect.verdict import ICMP, STUN, STUN_PLATFORM, is_service, primary
from egresswatch.events import EgressEvent, RuleFacts


@dataclass(frozen=True, slots=True)
class DetectorRule:
    """A rule about behaviour: same face as a rule of the pack (records.RuleFacts), no match part."""

    id: str
    title: str
    severity: str
    confidence: str
    dest_class: str = "other"
    platform: str = ""
    false_positives: tuple[str, ...] = ()
    rev: int = 1
    status: str = "stable"
    side: str = "device"
    vendor: str = ""
    references: tuple[str, ...] = ()
    remediation: str = ""
    match: Any = None


OUTER = "ech"
"""Source of a TLS name beside which Encrypted ClientHello was offered: perhaps only a front's name."""

POLICY = DetectorRule(
    "EW-POL-0001", "Traffic that the site's policy denies", "high", "high",
    false_positives=("A destination that is wanted but not yet written into the site file.",),
)
UNNAMED = DetectorRule(
    "EW-UNK-0001", "Data to a destination nobody can name", "medium", "medium",
    false_positives=("A DNS look-up made before the capture began would have named it.",),
)
NAMED = DetectorRule(
    "EW-UNK-0002", "Data to a destination outside that no rule knows", "low", "medium",
    false_positives=("An update, time or monitoring service that the operator uses.",),
)
INBOUND = DetectorRule(
    "EW-INB-0001", "Reached from outside", "high", "medium",
    false_positives=("A connection that was open before the capture began can look as if it came in.",),
)
NAT = DetectorRule(
    "EW-NAT-0001", "STUN: asks how it can be reached from outside", "low", "medium",
    dest_class="p2p", platform=STUN_PLATFORM,
    false_positives=("Intercom and video calls use STUN as well.",),
)

DETECTOR_RULES: tuple[DetectorRule, ...] = (INBOUND, NAT, POLICY, UNNAMED, NAMED)
"""In the order of their ids."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One flow seen as something to tell: the rule that speaks, and what the case is about."""

    rule: RuleFacts
    family: str
    """p2p, vendor_cloud, violation, inbound or unknown."""
    target: str
    """With rule and asset the identity of the case: platform, name, address, or the port reached."""
    individual: bool
    """The target is one destination of possibly very many (as against a platform)."""


def _tells(rule: RuleFacts) -> bool:
    """Does a rule that makes no maker's finding say what is going on: what the packets speak, or a
    service (DNS over HTTPS) that should not be needed?"""
    return rule.dest_class == "infrastructure" or speaks(rule)


def speaks(rule: RuleFacts) -> bool:
    """Does the rule go by what the packets say, not only by where they go?"""
    return any(getattr(rule.match, kind, ()) for kind in ("payload", "seen"))


def find(ev: EgressEvent) -> Finding | None:
    """The finding of a flow, or None when nothing is to be told.

    None: not monitored; allowed; nothing sent by the inside host; and, unless the policy denies it,
    DNS, NTP and ICMP.
    """
    if ev.verdict in ("not_monitored", "allowed") or ev.pkts_out == 0:
        return None
    violation = ev.verdict == "violation"
    if ev.proto in ICMP:
        return Finding(POLICY, "violation", ev.remote, individual=True) if violation else None
    rule = primary(ev.rules)
    if ev.dest_class == "p2p":
        if (rule is None or rule.dest_class not in ("p2p", "vendor_cloud")) and STUN in ev.protocols:
            rule = next(filter(speaks, ev.rules), NAT)  # media beside it say more than the way in
        if rule is not None:
            return Finding(rule, "p2p", rule.platform or ev.remote, individual=not rule.platform)
    if ev.dest_class == "vendor_cloud" and rule is not None:
        return Finding(rule, "vendor_cloud", rule.platform or ev.remote, individual=not rule.platform)
    if violation:
        return Finding(POLICY, "violation", ev.remote, individual=True)
    if is_service(ev.proto, ev.rport):
        return None
    if ev.direction == "inbound":
        return Finding(INBOUND, "inbound", f"{ev.proto}/{ev.lport}", individual=True)
    named = [name for name, source in ev.names if source != OUTER]
    if rule is not None and _tells(rule):
        return Finding(rule, "unknown", named[0] if named else ev.remote, individual=True)
    if named:
        return Finding(NAMED, "unknown", named[0], individual=True)
    return Finding(UNNAMED, "unknown", ev.remote, individual=True)
