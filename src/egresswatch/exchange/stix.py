# SPDX-License-Identifier: Apache-2.0
"""A rule pack as a STIX 2.1 bundle: one indicator for each rule, and the pack as their author.

Identifiers are UUIDv5 of the rule id; times come from the rule: ``created`` is the day it was first
published, ``modified`` one second later for each revision, since STIX wants a newer time for a newer
version and no clock is asked. The ``stix2`` library builds and so checks every object.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from egresswatch.errors import EgresswatchError
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
from egresswatch.rules.model import Pack, Rule

CONFIDENCE = {"low": 15, "medium": 50, "high": 85}
"""STIX 2.1 Appendix A, None/Low/Med/High scale."""
SOURCE = "egresswatch"
NEEDS = 'STIX needs the stix2 package: pip install "egresswatch[exchange]"'
NAME = "domain-name:value"


def export(pack: Pack) -> Exported:
    """The whole pack as one bundle of JSON text."""
    try:
        import stix2
    except ImportError:
        raise EgresswatchError(NEEDS) from None
    notes = list(deprecated(pack))
    author = stix2.Identity(
        id=f"identity--{identifier('stix', 'author')}",
        name="egresswatch rule pack",
        identity_class="organization",
        created=_day("1970-01-01"),
        modified=_day("1970-01-01"),
    )
    found: list[Any] = [author]
    for rule in active(pack):
        parts = list(_parts(rule, notes))
        if parts:
            found.append(_indicator(stix2, rule, parts, author.id))
    bundle = stix2.Bundle(
        objects=found, id=f"bundle--{identifier('stix', 'bundle', *(str(item) for item in found))}"
    )
    return Exported({"": bundle.serialize(pretty=True) + "\n"}, len(found) - 1, tuple(notes))


def _parts(rule: Rule, notes: list[Note]) -> Iterator[str]:
    for indicator in indicators(rule):
        try:
            yield from _comparisons(indicator)
        except Refused as refused:
            notes.append(Note(rule.id, told(indicator), str(refused)))


def _comparisons(indicator: Indicator) -> Iterator[str]:
    """Comparisons of which one is enough."""
    value = indicator.value
    if indicator.kind == "domain":
        yield f"{NAME} = {_constant(value)}"
        # _ and % are wildcards of LIKE and cannot be escaped there
        below = f"MATCHES {_constant(_below(value))}" if "_" in value else f"LIKE {_constant('%.' + value)}"
        yield f"{NAME} {below}"
    elif indicator.kind == "full_domain" and "*" in value:
        yield f"{NAME} MATCHES {_constant(label_pattern(value))}"
    elif indicator.kind == "full_domain":
        yield f"{NAME} = {_constant(value)}"
    elif indicator.kind == "net":
        yield f"{'ipv6' if ':' in value else 'ipv4'}-addr:value ISSUBSET {_constant(value)}"
    elif indicator.kind == "port":
        raise Refused(WEAK_PORT)
    else:
        raise Refused("STIX patterns have no payload or sighting of this kind")


def _below(value: str) -> str:
    return "^.+\\." + value.replace(".", "\\.") + "$"


def _constant(text: str) -> str:
    """A string of the pattern language (STIX 2.1 §9.4): backslash and quote are escaped."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _indicator(stix2: Any, rule: Rule, parts: list[str], author: str) -> Any:
    created = _day(rule.first_published)
    return stix2.Indicator(
        id=f"indicator--{identifier('stix', rule.id)}",
        created=created,
        modified=created + timedelta(seconds=rule.rev - 1),
        created_by_ref=author,
        name=rule.title,
        description=f"{rule.platform}: {rule.dest_class}, {rule.purpose}; spoken to by: {rule.side}; "
        f"severity {rule.severity}, {rule.status}. "
        + " ".join(f"False positives: {line}" for line in rule.false_positives),
        indicator_types=["anomalous-activity"],
        pattern=" OR ".join(f"[{part}]" for part in parts),
        pattern_type="stix",
        pattern_version="2.1",
        valid_from=created,
        confidence=CONFIDENCE[rule.confidence],
        labels=[f"class:{rule.dest_class}", f"purpose:{rule.purpose}", f"severity:{rule.severity}"],
        external_references=[
            stix2.ExternalReference(source_name=SOURCE, external_id=rule.id),
            *(_reference(stix2, text) for text in dict.fromkeys(rule.references)),
        ],
    )


def _reference(stix2: Any, text: str) -> Any:
    if text.startswith(("https://", "http://")) and " " not in text:
        return stix2.ExternalReference(source_name="source", url=text)
    return stix2.ExternalReference(source_name="source", description=text)


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)
