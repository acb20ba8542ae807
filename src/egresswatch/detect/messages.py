# SPDX-License-Identifier: Apache-2.0
"""The sentence an analyst reads at three in the morning, and the Alert around it.

Owns tone and order: who, what, how much, to whom, since when, why we say so, what policy says, what to
do. Says no more than the case has earned: "blocked" is never claimed (only that no answer was seen),
"live video" only when rate, packet size and direction look like it. Pure functions of a case.
"""

from __future__ import annotations

from typing import Any, Protocol

from egresswatch.config import NS
from egresswatch.detect import evidence, words
from egresswatch.detect.cases import Case
from egresswatch.detect.families import NAMED, OUTER, UNNAMED, speaks
from egresswatch.detect.verdict import primary
from egresswatch.events import Alert

MOMENT = 60 * NS
"""What took less is told as one event, not as something that has been going on."""
LITTLE = 100_000
"""Up to here it is contact (keep-alives, log-ins), not an upload."""


class Vendors(Protocol):
    """What is asked of the rule tables: a maker's name and jurisdiction (rules.tables.MatchTables)."""

    def vendor(self, id: str, /) -> Any: ...


def alert(case: Case, now: int, tables: Vendors, observer: tuple[str, str]) -> Alert:
    """The case as it stands at ``now``, frozen."""
    lead, asset = case.lead, case.latest
    remedy = remediation(case)
    return Alert(
        ts=now,
        alert_uid=case.uid,
        update=case.update,
        rule_id=case.rule.id,
        rule_name=case.rule.title,
        rule_version=str(case.rule.rev),
        rule_reference=case.rule.references[0] if case.rule.references else "",
        severity=case.severity,
        confidence=case.confidence,
        family=case.family,
        state=case.state,
        verdict="violation" if case.violations else lead.verdict,
        dest_class=lead.dest_class,
        message=" ".join(part for part in (_what_happened(case), _why(case), _policy(case), remedy) if part),
        remediation=remedy,
        evidence=evidence.speaking_for(case, tables.vendor(case.rule.vendor) if case.rule.vendor else None),
        counter_evidence=evidence.speaking_against(case),
        asset_id=asset.asset_id,
        asset_name=asset.asset_name,
        vendor=asset.vendor,
        vendor_id=asset.vendor_id,
        platform=case.rule.platform or lead.platform,
        source_ip=lead.host,
        source_port=lead.lport,
        source_mac=lead.mac,
        vlan=lead.vlan,
        flow_uid=lead.flow_uid,
        community_id=lead.community_id,
        destination_ip=lead.remote,
        destination_port=lead.rport,
        domain=_domain(case),
        asn=lead.asn,
        as_org=lead.as_org,
        cc=lead.cc,
        proto=lead.proto,
        direction=lead.direction,
        service=lead.service,
        server_name=next((name for name, source in lead.names if source in ("sni", "quic", OUTER)), ""),
        ja4=lead.ja4,
        first_seen=case.first_seen,
        last_seen=case.last_seen,
        flows=case.flows,
        remotes=len(case.remotes),
        bytes_out=case.bytes_out,
        bytes_in=case.bytes_in,
        missed_bytes=case.missed,
        superseded=case.superseded,
        video_like=case.video_bps > 0,
        to=_to_in_short(case),
        observer=observer[0],
        observer_version=observer[1],
    )


def remediation(case: Case) -> str:
    """What to do, by state and family; the rule's own advice when data left and it has one."""
    lead = case.lead
    if case.state == "egress" and case.rule.remediation:
        return case.rule.remediation
    kind = case.family if case.state == "egress" else f"{case.family} blocked"
    if lead.direction == "internal":
        kind = "internal"
    elif case.violations and f"{kind} denied" in _REMEDIES:
        kind += " denied"
    template = _REMEDIES.get(kind, _REMEDIES["blocked"])
    target = words.name(_domain(case)) if _domain(case) else lead.remote
    transport = words.transport(lead.proto)
    return template.format(
        host=lead.host, target=target, transport=transport, port=lead.lport, device=_device(case)
    )


_REMEDIES = {
    "p2p": "Block {transport} from {host} at the border; ask who paired it with an account.",
    "vendor_cloud": "Block {host} at the border and switch the cloud service off in its settings, "
    "or allow it in the site file if it is wanted.",
    "vendor_cloud denied": "Block {host} at the border and switch the cloud service off in its settings.",
    "violation": "Block {host} from {target} at the border; find out what in its settings asks for it.",
    "internal": "Keep {host} from {target} where their zones meet; "
    "find out what in the {device}'s settings asks for it.",
    "inbound": "Close port {port} to {host} at the border (port forwarding, UPnP); "
    "then check the accounts on the {device}.",
    "unknown": "Find out who runs {target} and whether anybody here needs it; "
    "if not, block {host} at the border.",
    "blocked": "If a firewall stops it, leave that in place; switch the service off in the {device}'s "
    "settings, so that it stops trying.",
    "unknown blocked": "Find out what in the {device}'s settings points to {target}; "
    "if a firewall stops it, leave that in place.",
    "violation blocked": "Nothing to stop now; find out what in the {device}'s settings points to {target}.",
    "inbound blocked": "See to it that the border does not let the outside reach {host} at all.",
}


_REASONS = {
    UNNAMED.id: "No DNS look-up and no server name was seen, so nobody can say what service it is.",
    NAMED.id: "No rule knows this destination.",
}


def _what_happened(case: Case) -> str:
    who, when, to = _who(case), words.moment(case.first_seen), _to(case)
    brief = case.last_seen - case.first_seen < MOMENT
    since = f"on {when}" if brief else f"since {when}"
    sent = words.volume(case.bytes_out)
    if case.state == "blocked":
        return _attempts(case, who, to, f"on {when}" if case.flows == 1 else since)
    if case.family == "inbound":
        port = case.lead.lport
        return f"{who} answered a connection from outside on port {port}: {sent} sent to {to} {since}."
    if case.video_bps:
        return (
            f"{who} has been sending about {words.rate(case.video_bps)} to {to} {since}: "
            f"{sent} so far, like live video."
        )
    if brief:
        return f"{who} sent {sent} to {to} {since}."
    if case.bytes_out < LITTLE:
        links = words.count(case.flows, "connection")
        return f"{who} has been in contact with {to} {since}: {sent} sent so far, in {links}."
    return f"{who} has been sending data to {to} {since}: {sent} so far."


def _attempts(case: Case, who: str, to: str, since: str) -> str:
    times = "once" if case.flows == 1 else f"{words.grouped(case.flows)} times"
    if case.family == "inbound":
        port = case.lead.lport
        return f"{who} was contacted {times} from outside on port {port} by {to} {since} and refused."
    end = "was refused" if case.refused == case.flows else "got no answer"
    return f"{who} tried {times} to reach {to} {since} and {end}: nothing got through that this mirror shows."


def _why(case: Case) -> str:
    known = primary(case.lead.rules)
    if case.rule is UNNAMED and case.lead.names:
        front = words.name(case.lead.names[0][0])
        return f"The TLS handshake named {front}, but with ECH that may only be a front's name."
    if case.family == "unknown" and case.rule.match is not None:
        told = "What the packets show" if speaks(case.rule) else "What it is"
        return f"{told}: {case.rule.title}."
    if case.family == "unknown" and known is not None:
        return f"It belongs to a service that many use ({known.title}), so whose data this is remains open."
    return _REASONS.get(case.rule.id, "")


def _policy(case: Case) -> str:
    if not case.violations:
        return ""
    reason = case.lead.policy_reason.strip().rstrip(".")
    return "The site's policy does not allow it" + (f": {reason}." if reason else ".")


def _who(case: Case) -> str:
    asset = case.latest
    maker = asset.vendor.split(" (")[0]
    parts = [" ".join(part for part in (maker, asset.model) if part), case.lead.host]
    return f"{asset.asset_name or asset.asset_id} ({', '.join(part for part in parts if part)})"


def _to(case: Case) -> str:
    lead = case.lead
    place = words.end(lead.remote, 0 if lead.direction == "inbound" else lead.rport)
    name = words.name(_domain(case))
    notes = [place] if name else []
    if lead.as_org or lead.cc:
        notes.append(words.name(lead.as_org) or lead.cc)
    if case.family in ("p2p", "vendor_cloud"):
        notes.append(f"seen as {case.rule.title}")
    text = (name or place) + (f" ({', '.join(notes)})" if notes else "")
    others = len(case.remotes) - 1
    if others > 0:
        more = "more than " if case.more_remotes else ""
        text += f" and {more}{words.count(others, 'other address')}"
    return text


def _to_in_short(case: Case) -> str:
    lead = case.lead
    name = words.name(_domain(case))
    place = words.end(lead.remote, lead.rport)
    text = name or (f"{case.rule.title} {lead.remote}" if case.family == "p2p" else place)
    if lead.asn:
        text += f" AS{lead.asn}" + (f" {words.name(lead.as_org)}" if lead.as_org else "")
    elif lead.cc:
        text += f", {lead.cc}"
    return text


def _domain(case: Case) -> str:
    """What the destination is called; empty when its only name may be a front's."""
    name, source = case.lead.names[0] if case.lead.names else ("", "")
    return "" if source == OUTER else name


def _device(case: Case) -> str:
    return case.latest.role if case.latest.role in ("camera", "recorder") else "device"
