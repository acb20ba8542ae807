# SPDX-License-Identifier: Apache-2.0
"""What passes from enrichment to detection to the sinks: events of flows and alerts of cases.

Owns the meaning of every field, computes nothing. Same conventions as ``records``: integer
nanoseconds, addresses as canonical text, empty text for what is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class RuleFacts(Protocol):
    """What detection reads of a rule of the pack (rules.model.Rule has it; records knows no rules)."""

    @property
    def id(self) -> str: ...
    @property
    def rev(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def side(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def confidence(self) -> str: ...
    @property
    def vendor(self) -> str: ...
    @property
    def platform(self) -> str: ...
    @property
    def dest_class(self) -> str: ...
    @property
    def references(self) -> tuple[str, ...]: ...
    @property
    def false_positives(self) -> tuple[str, ...]: ...
    @property
    def remediation(self) -> str: ...
    @property
    def match(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class EgressEvent:
    """What is known so far of one flow between an inside host and an outside one (or one that the
    policy denies): ``out`` is what the inside host sent, ``in`` what it received, whoever began.
    Totals are of the whole flow up to now; a later event of the same ``flow_uid`` replaces it."""

    ts: int
    """Packet time of what gave rise to the event."""
    frame: int
    """Events of one tick are given in the order ``(ts, frame)``."""
    asset_id: str
    host: str
    """Address of the inside host."""
    flow_uid: str
    proto: int
    remote: str
    verdict: str
    dest_class: str
    outcome: str
    """Name of an Outcome; of a flow that still runs, what it looks like now."""
    first_seen: int
    last_seen: int
    asset_name: str = ""
    """What people call it; empty: ``asset_id``."""
    vendor: str = ""
    """Maker and jurisdiction as text, e.g. ``Hikvision (CN)``."""
    vendor_id: str = ""
    model: str = ""
    mac: int = 0
    vlan: int | None = None
    role: str = ""
    community_id: str = ""
    lport: int = 0
    rport: int = 0
    direction: str = "outbound"
    """outbound or inbound: who began (for traffic between zones: internal)."""
    names: tuple[tuple[str, str], ...] = ()
    """(name, sni | quic | http | dns) of the remote end, surest first."""
    rules: tuple[RuleFacts, ...] = ()
    """Rules of the pack that match names, address or payload, most specific first."""
    hints: tuple[RuleFacts, ...] = ()
    """Rules that match by the port alone: told to a person, never decide."""
    protocols: tuple[str, ...] = ()
    """Ids of payload recognisers that fired; ``stun`` for STUN."""
    service: str = ""
    platform: str = ""
    policy: str = "silent"
    """allowed, violation or silent."""
    policy_reason: str = ""
    policy_place: str = ""
    """Where the policy says so, e.g. ``site.toml:14``."""
    bytes_out: int = 0
    bytes_in: int = 0
    pkts_out: int = 0
    pkts_in: int = 0
    missed: int = 0
    """Bytes known to be sent and not captured, both directions."""
    cc: str = ""
    asn: int = 0
    as_org: str = ""
    ja4: str = ""
    proxied: bool = False
    """``remote`` is a proxy of the site; ``names`` say where it was asked to connect to."""
    final: bool = False
    """The flow has ended: no further event of this ``flow_uid`` will come."""

    @property
    def rule_ids(self) -> tuple[str, ...]:
        return tuple(rule.id for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Alert:
    """One line of alerts.jsonl: a case as it stood when raised (``update`` 0) or reported again.
    The inside host is the source, whoever opened the connection (``direction`` tells)."""

    ts: int
    """Packet time of the tick that raised it."""
    alert_uid: str
    update: int
    rule_id: str
    rule_name: str
    rule_version: str
    severity: str
    confidence: str
    family: str
    """violation, p2p, vendor_cloud, unknown or inbound."""
    state: str
    """egress (something left), or blocked (nothing but unanswered or refused attempts)."""
    verdict: str
    dest_class: str
    message: str
    remediation: str
    evidence: tuple[str, ...]
    counter_evidence: tuple[str, ...]
    asset_id: str
    flow_uid: str
    """The flow that carried most of it so far."""
    source_ip: str
    destination_ip: str
    """The remote of that flow; ``remotes`` tells how many there were."""
    proto: int
    direction: str
    first_seen: int
    last_seen: int
    flows: int
    bytes_out: int
    bytes_in: int
    remotes: int = 1
    missed_bytes: int = 0
    superseded: bool = False
    """All its traffic has since been recognised as something else, which has its own case."""
    video_like: bool = False
    """Earned by rate, packet size and one-sidedness (detect.cases); content is never read."""
    to: str = ""
    """The main destination in a few words, for tables."""
    rule_reference: str = ""
    asset_name: str = ""
    vendor: str = ""
    vendor_id: str = ""
    platform: str = ""
    source_port: int = 0
    source_mac: int = 0
    vlan: int | None = None
    destination_port: int = 0
    domain: str = ""
    asn: int = 0
    as_org: str = ""
    cc: str = ""
    service: str = ""
    community_id: str = ""
    server_name: str = ""
    ja4: str = ""
    observer: str = ""
    observer_version: str = ""
