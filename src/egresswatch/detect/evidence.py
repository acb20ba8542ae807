# SPDX-License-Identifier: Apache-2.0
"""What speaks for a finding and what speaks against it, one plain line each.

Every alert carries both: an analyst who must decide at night should not have to find the weak points
herself. Lines are facts of this capture (with their numbers), never advice; content is never quoted.
"""

from __future__ import annotations

from typing import Any

from egresswatch.detect import words
from egresswatch.detect.cases import REST, VIDEO_WINDOW, Case
from egresswatch.detect.families import speaks
from egresswatch.detect.verdict import NOBODY, primary

MAX_LISTED = 5
_NAMING = ("tls", "quic", "http")
"""Services of which a server name could be expected."""

_SOURCES = {
    "sni": "The TLS handshake named {name}.",
    "quic": "The QUIC handshake named {name}.",
    "http": "The HTTP request named {name}.",
    "cert": "The server's certificate is for {name}.",
    "ech": "The TLS handshake named {name}, and offered ECH: that may be only the outer name.",
    "dns": "The {device} had asked DNS for {name} and was given this address.",
}


def speaking_for(case: Case, vendor: Any) -> tuple[str, ...]:
    """Why we say so. ``vendor`` is whose platform it is, when the pack knows."""
    lead, asset = case.lead, case.latest
    lines = [_totals(case)]
    if case.video_bps:
        lines.append(
            f"About {words.rate(case.video_bps)} held for {words.span(VIDEO_WINDOW)} or longer, "
            f"in packets of {words.grouped(lead.bytes_out // max(1, lead.pkts_out))} bytes on average."
        )
    device = asset.role if asset.role in ("camera", "recorder") else "device"
    for name, source in list(case.names)[:MAX_LISTED]:
        said = _SOURCES.get(source, "The traffic named {name}.")
        lines.append(said.format(name=words.name(name), device=device))
    if len(case.names) > MAX_LISTED:
        lines.append(f"It named {words.count(len(case.names) - MAX_LISTED, 'further name')} as well.")
    if lead.service and not case.names:
        unnamed = " without a server name" if lead.service in _NAMING else ""
        lines.append(f"It is {words.service(lead.service)}{unnamed}.")
    if lead.proxied:
        lines.append(f"It asked {lead.remote} to connect it onward (HTTP CONNECT): that host is a proxy.")
    if lead.direction == "inbound":
        lines.append("The connection was opened from outside.")
    if case.protocols:
        spoken = ", ".join(case.protocols)
        lines.append(f"The packets speak {spoken} (recognised by their bytes, not by the port).")
    if case.family in ("p2p", "vendor_cloud"):
        owned = vendor is not None and vendor.id != NOBODY
        owner = f", which belongs to {_vendor(vendor)}" if owned else ""
        lines.append(f"Rule {case.rule.id}: {case.rule.title}{owner}.")
    known = primary(lead.rules)
    if known is not None and case.family == "unknown":
        many = f"It belongs to a service that many use ({known.id}: {known.title})."
        lines.append(f"Rule {known.id}: {known.title}." if speaks(known) else many)
    if case.violations:
        place = f" ({lead.policy_place})" if lead.policy_place else ""
        reason = lead.policy_reason.strip().rstrip(".") or "the site's policy does not allow it"
        lines.append(f"Policy{place}: {reason}.")
    if asset.vendor:
        model = f", model {asset.model}" if asset.model else ""
        lines.append(f"Maker of the {device}: {asset.vendor}{model}.")
    if lead.asn or lead.as_org or lead.cc:
        lines.append(f"{lead.remote} belongs to {_operator(case)}.")
    if case.target == REST:
        lines.append("This case sums up what goes beyond the destinations told one by one.")
    if len(case.remotes) > 1:
        lines.append(_remotes(case))
    return tuple(lines)


def speaking_against(case: Case) -> tuple[str, ...]:
    """What could make it harmless or wrong, and what was not seen."""
    lines = []
    if case.superseded:
        became = f"recognised as {case.moved_to}" if case.moved_to else "found to be allowed or not monitored"
        lines.append(f"All of this traffic has since been {became}; this case can be closed.")
    elif case.moved:
        lines.append(f"{words.count(case.moved, 'connection')} counted here went on to be told elsewhere.")
    if case.rule.status == "experimental":
        lines.append(f"Rule {case.rule.id} is experimental: it has not been proven on many networks yet.")
    if case.rule.side == "client":
        lines.append("Apps and browsers use this destination: a person's device may be behind it.")
    if case.state == "egress" and not case.answered:
        lines.append("No answer was seen: the data may have been dropped on the way.")
    elif case.one_sided and case.one_sided == case.answered:
        lines.append("The mirror shows only one direction, so answers are inferred.")
    elif case.state == "blocked" and case.refused == case.flows:
        lines.append("Who refused cannot be seen from here: the far end itself, or a firewall in its name.")
    elif case.state == "blocked":
        lines.append("Why there was no answer cannot be seen from here: a firewall, or nobody there.")
    if {source for _, source in case.names} == {"dns"} and not case.protocols:
        lines.append("The name comes from a DNS answer alone; other services can share the address.")
    if case.hints and not case.protocols:
        lines.append(f"The port is one that fits {', '.join(case.hints)}; the packets did not confirm it.")
    if case.video_bps:
        lines.append("A bulk upload (recordings, logs) looks the same; content was not read.")
    if case.missed:
        lines.append(f"{words.volume(case.missed)} of this traffic were on the wire but not in the capture.")
    if case.lead.policy == "silent":
        lines.append("No site policy speaks about this destination: it may be wanted.")
    lines += [f"Known other cause: {cause}" for cause in case.rule.false_positives[:MAX_LISTED]]
    return tuple(lines)


def _totals(case: Case) -> str:
    lasted = case.last_seen - case.first_seen
    return (
        f"{words.volume(case.bytes_out)} sent and {words.volume(case.bytes_in)} received in "
        f"{words.count(case.flows, 'connection')} ({words.transport(case.lead.proto)}"
        f"{f' port {case.lead.rport}' if case.lead.rport and case.lead.direction != 'inbound' else ''}) "
        f"from {words.clock(case.first_seen)} to {words.clock(case.last_seen)}, {words.span(lasted)}."
    )


def _operator(case: Case) -> str:
    lead = case.lead
    number = f"AS{lead.asn}" if lead.asn else ""
    text = " ".join(part for part in (number, words.name(lead.as_org)) if part)
    if not text:
        return f"a network registered in {lead.cc}"
    return text + (f" (registered in {lead.cc})" if lead.cc else "")


def _remotes(case: Case) -> str:
    ranked = sorted(case.remotes.items(), key=lambda item: (-item[1].bytes_out, item[0]))
    told = [f"{address} ({words.volume(remote.bytes_out)})" for address, remote in ranked[:MAX_LISTED]]
    rest = len(ranked) - MAX_LISTED
    more = "at least " if case.more_remotes else ""
    tail = f", and {more}{rest} more" if rest > 0 else ""
    return f"Destinations by bytes sent: {', '.join(told)}{tail}."


def _vendor(vendor: Any) -> str:
    if not vendor.jurisdiction:
        return str(vendor.name)
    inner = "(" in vendor.name  # brackets in brackets are hard to read
    return f"{vendor.name}, {vendor.jurisdiction}" if inner else f"{vendor.name} ({vendor.jurisdiction})"
