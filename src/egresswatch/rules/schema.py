# SPDX-License-Identifier: Apache-2.0
"""The grammar of rule files: which fields exist, what each may hold, and the model value they make.

Owns every field name of rules/README.md. Never stops at the first mistake: it notes them all and
returns what it could read; the loader throws the result away when anything was noted.
"""

from __future__ import annotations

import ipaddress
import re

from egresswatch.records import DEST_CLASSES, SEVERITIES
from egresswatch.rules.grammar import MAX_PACKET, read_kind, read_payload, read_seen
from egresswatch.rules.model import (
    CONFIDENCES,
    DETECTOR_FAMILIES,
    PROTOS,
    PURPOSES,
    RULE_CLASSES,
    SIDES,
    STATUSES,
    Example,
    Match,
    Ports,
    Rule,
)  # fmt: skip
from egresswatch.rules.nodes import Fields, Node, Notes
from egresswatch.rules.shape import SENDERS

RULE_FIELDS = (
    "id", "rev", "title", "status", "severity", "confidence", "vendor", "platform", "dest_class", "purpose",
    "side", "shared", "protocol", "match", "examples", "references", "false_positives", "first_published",
    "remediation",
)  # fmt: skip
MATCH_FIELDS = ("domains", "full_domains", "nets", "ports", "payload", "seen")
EXAMPLE_FIELDS = (
    "name", "address", "port", "payload", "length", "sender", "packet", "times", "seen", "value",
)  # fmt: skip
MAX_PORT_SPAN = 4096

SLUG = r"[a-z0-9][a-z0-9_-]*"
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_WILDCARD = re.compile(rf"[a-z0-9_-]*\*[a-z0-9_-]*(\.{_LABEL}){{2,}}")
_PORT = re.compile(r"(tcp|udp)/(\d{1,5})(?:-(\d{1,5}))?")


def read_rule(node: Node, path: str, notes: Notes) -> Rule:
    """One item of ``rules:``."""
    fields = Fields(node, path, notes, _subject(node), RULE_FIELDS)
    rule_id = fields.text("id", pattern=r"EW-[A-Z0-9]{2,4}-\d{4}", form="EW-FAM-0001")
    if rule_id and rule_id.split("-")[1] in DETECTOR_FAMILIES:
        fields.error(fields.line, f'family "{rule_id.split("-")[1]}" belongs to the detectors')
    match, recognises = _match(fields)
    protocol = fields.text("protocol", required="payload" in recognises, pattern=SLUG, form="lower-case-name")
    if protocol and not recognises:
        fields.error(fields.line, '"protocol" names a payload, and "match" has none')
    wanted, unwanted = _examples(fields)
    return Rule(
        id=rule_id,
        rev=fields.number("rev", 1, 9999),
        title=fields.text("title"),
        status=fields.choice("status", STATUSES),
        severity=fields.choice("severity", SEVERITIES),
        confidence=fields.choice("confidence", CONFIDENCES),
        vendor=fields.text("vendor", pattern=SLUG, form="a vendor id"),
        platform=fields.text("platform", pattern=f"{SLUG}/{SLUG}", form="vendor/platform"),
        dest_class=fields.choice("dest_class", [word for word in DEST_CLASSES if word in RULE_CLASSES]),
        purpose=fields.choice("purpose", PURPOSES),
        side=fields.choice("side", SIDES),
        match=match,
        references=fields.texts("references"),
        false_positives=fields.texts("false_positives", required=False),
        first_published=fields.text("first_published", pattern=r"\d{4}-\d\d-\d\d", form="2026-11-22"),
        match_examples=wanted,
        no_match_examples=unwanted,
        remediation=fields.text("remediation", required=False),
        shared=fields.flag("shared"),
        protocol=protocol,
        path=path,
        line=node.line,
    )


def _subject(node: Node) -> str:
    table = node.value if isinstance(node.value, dict) else {}
    value = table["id"].value if "id" in table else ""
    return value if isinstance(value, str) else ""


def _match(rule: Fields) -> tuple[Match, frozenset[str]]:
    """What the rule looks for, and what it says of payloads and sightings (sound or not)."""
    node = rule.node("match", required=True)
    if node is None:
        return Match(), frozenset()
    fields = Fields(node, rule.path, rule.notes, rule.subject, MATCH_FIELDS)
    if not fields.table:
        fields.error(fields.line, '"match" must not be empty')
    match = Match(
        domains=fields.each("domains", lambda item: _domain(fields, item, "domains", wildcard=False)),
        full_domains=fields.each(
            "full_domains", lambda item: _domain(fields, item, "full_domains", wildcard=True)
        ),
        nets=fields.each("nets", lambda item: _net(fields, item)),
        ports=fields.each("ports", lambda item: _ports(fields, item)),
        payload=fields.each("payload", lambda item: read_payload(fields, item)),
        seen=fields.each("seen", lambda item: read_seen(fields, item)),
    )
    return match, frozenset(("payload", "seen")) & frozenset(fields.table)


def _domain(fields: Fields, node: Node, name: str, *, wildcard: bool) -> str | None:
    text = fields.as_text(node, name)
    if not text:
        return None
    if len(text) <= 253 and (_DOMAIN.fullmatch(text) or (wildcard and _WILDCARD.fullmatch(text))):
        if "." in text or wildcard:
            return text
        fields.error(node.line, f'"{name}": "{text}" is a whole top-level domain')
        return None
    what = "a name in lower case without a dot at either end"
    if "*" in text:
        what += ", one * in the first label" if wildcard else " (a * can stand in full_domains only)"
    fields.error(node.line, f'"{name}": "{text}" is not {what}')
    return None


def _net(fields: Fields, node: Node) -> str | None:
    text = fields.as_text(node, "nets")
    try:
        net = ipaddress.ip_network(text, strict=False) if text else None
    except ValueError:
        fields.error(node.line, f'"nets": "{text}" is not a network such as 192.0.2.0/24')
        return None
    if net is not None and text not in (str(net), str(net.network_address)):
        fields.error(node.line, f'"nets": "{text}": did you mean "{net}"?')
        return None
    return None if net is None else str(net)


def _ports(fields: Fields, node: Node) -> Ports | None:
    text = fields.as_text(node, "ports")
    if not text:
        return None
    found = _PORT.fullmatch(text)
    if found:
        first = int(found[2])
        last = int(found[3] or first)
        if 0 < first <= last <= 65535 and last - first < MAX_PORT_SPAN:
            return Ports(PROTOS[found[1]], first, last)
    fields.error(node.line, f'"ports": "{text}" is not of the form udp/8800 or tcp/8000-8004')
    return None


def _examples(rule: Fields) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    node = rule.node("examples", required=True)
    if node is None:
        return (), ()
    fields = Fields(node, rule.path, rule.notes, rule.subject, ("match", "no_match"))
    return (
        fields.each("match", lambda item: _example(fields, item), required=True),
        fields.each("no_match", lambda item: _example(fields, item), required=True),
    )


def _example(rule: Fields, node: Node) -> Example | None:
    if isinstance(node.value, str):
        return Example("name", name=rule.as_text(node, "name").lower(), line=node.line)
    fields = Fields(node, rule.path, rule.notes, rule.subject, EXAMPLE_FIELDS)
    span = fields.table.get("port")
    ports = _ports(fields, span) if span is not None else None
    proto, port = (ports.proto, ports.first) if ports else (0, 0)
    if "payload" in fields.table:
        raw = fields.text("payload", pattern=r"([0-9a-f]{2} ?)+", form="hex digits such as f1 00 00 00")
        data = bytes.fromhex(raw)
        length = fields.number("length", len(data), 65535, required=False, default=len(data))
        if span is None:
            fields.error(node.line, "a payload example needs its port, such as udp/8800")
        return Example(
            "payload",
            proto=proto,
            port=port,
            payload=data,
            length=length,
            sender=SENDERS[fields.choice("sender", tuple(SENDERS), required=False) or "originator"],
            packet=fields.number("packet", 1, MAX_PACKET, required=False, default=1),
            times=fields.number("times", 1, MAX_PACKET, required=False),
            line=node.line,
        )
    if "seen" in fields.table:
        kind = read_kind(fields, "seen")
        return Example("seen", name=fields.text("value", required=False), seen=kind, line=node.line)
    for kind in ("name", "address"):
        if kind in fields.table:
            return Example(kind, name=fields.text(kind).lower(), line=node.line)
    if ports is None:
        fields.error(node.line, "an example is a name, an address, a port, a payload or a sighting")
        return None
    return Example("port", proto=proto, port=port, line=node.line)
