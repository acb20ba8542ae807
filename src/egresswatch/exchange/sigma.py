# SPDX-License-Identifier: Apache-2.0
"""A rule pack as Sigma rules, one document for each rule and kind of log.

Owns which claim goes to which log: names to the categories ``dns`` and ``proxy``, networks to
``firewall``, paths and user agents to ``proxy``. Payloads are left out: no log of those categories
holds bytes. Identifiers are UUIDs made from the rule id, so a rule stays the same rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from egresswatch.exchange.claims import (
    WEAK_PORT,
    Exported,
    Indicator,
    Note,
    Refused,
    active,
    deprecated,
    indicators,
    told,
)
from egresswatch.exchange.plain import identifier, label_pattern
from egresswatch.exchange.yamltext import document
from egresswatch.rules.model import Pack, Rule
from egresswatch.rules.shape import Seen

AUTHOR = "egresswatch rule pack"
NAME_FIELDS = (("dns", "query"), ("proxy", "cs-host"))
NET_FIELD = ("firewall", "dst_ip")
SEEN = {
    "dns_query": ("dns", "query"),
    "http_host": ("proxy", "cs-host"),
    "http_path": ("proxy", "cs-uri-stem"),
    "http_user_agent": ("proxy", "c-useragent"),
}
"""Kind of sighting -> category and field of the same text."""
WAYS = {"equals": "", "prefix": "|startswith", "suffix": "|endswith", "contains": "|contains"}
STATUS = {"experimental": "experimental", "stable": "stable"}
Claim = tuple[str, str, str]
"""Category, field with modifiers, value."""


def export(pack: Pack) -> Exported:
    """Files by name: ``ew-dah-0001-dns.yml``."""
    notes = list(deprecated(pack))
    files: dict[str, str] = {}
    for rule in active(pack):
        logs: dict[str, dict[str, list[str]]] = {}
        for indicator in indicators(rule):
            try:
                claims = list(_claims(indicator))
            except Refused as refused:
                notes.append(Note(rule.id, told(indicator), str(refused)))
                continue
            for category, field, value in claims:
                logs.setdefault(category, {}).setdefault(field, []).append(value)
        for category, fields in logs.items():
            files[f"{rule.id.lower()}-{category}.yml"] = document(_document(rule, category, fields))
    return Exported(files, len(files), tuple(notes))


def _claims(indicator: Indicator) -> Iterator[Claim]:
    if indicator.kind in ("domain", "full_domain"):
        for category, field in NAME_FIELDS:
            yield from _name(category, field, indicator)
    elif indicator.kind == "net":
        yield NET_FIELD[0], f"{NET_FIELD[1]}|cidr", indicator.value
    elif indicator.seen is not None:
        yield from _seen(indicator.seen)
    elif indicator.payload is not None:
        raise Refused("no Sigma log holds payload bytes")
    else:
        raise Refused(WEAK_PORT)


def _name(category: str, field: str, indicator: Indicator) -> Iterator[Claim]:
    value = indicator.value
    if "*" in value:
        yield category, f"{field}|re", label_pattern(value)
    else:
        yield category, field, value
    if indicator.kind == "domain":
        yield category, f"{field}|endswith", f".{value}"


def _seen(seen: Seen) -> Iterator[Claim]:
    if seen.kind not in SEEN:
        raise Refused("no Sigma log of dns, proxy or firewall holds what was seen")
    if not seen.way:
        raise Refused("any value of a kind would match everything")
    category, field = SEEN[seen.kind]
    for value in seen.values:
        # * and ? are wildcards in a Sigma value, a backslash takes that away
        yield category, field + WAYS[seen.way], re.sub(r"([\\*?])", r"\\\1", value)


def _document(rule: Rule, category: str, fields: dict[str, list[str]]) -> dict[str, Any]:
    selections = {
        f"selection_{number}": {field: sorted(values)}
        for number, (field, values) in enumerate(fields.items(), 1)
    }
    return {
        "title": f"{rule.title} ({category})"[:256],
        "id": identifier("sigma", rule.id, category),
        "status": STATUS[rule.status],
        "description": f"Rule {rule.id} revision {rule.rev}: {rule.platform}, {rule.dest_class}, "
        f"{rule.purpose}, spoken to by: {rule.side}. Confidence {rule.confidence}.",
        "references": list(dict.fromkeys(rule.references)),
        "author": AUTHOR,
        "date": rule.first_published,
        "logsource": {"category": category},
        "detection": {**selections, "condition": "1 of selection_*"},
        "falsepositives": list(rule.false_positives) or ["Unknown"],
        "level": rule.severity,
        "egresswatch": {
            "rule": rule.id,
            "rev": rule.rev,
            "class": rule.dest_class,
            "confidence": rule.confidence,
        },
    }
