# SPDX-License-Identifier: Apache-2.0
"""Indicators from elsewhere as a rule folder of our own grammar, checked before it is handed out.

Owns what an imported rule looks like: family IMP (or the one asked for), maker "imported", side both,
experimental, the file as its source, examples made from what it looks for. The folder is loaded and
its examples are run; a rule that does not stand up to that is taken out and told.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egresswatch.exchange import examples
from egresswatch.exchange.claims import PROTO_NAMES, Exported, Found, Indicator, Note, Refused, told
from egresswatch.exchange.plain import word, words
from egresswatch.exchange.yamltext import document
from egresswatch.rules.compile import compile_pack
from egresswatch.rules.examples import run_examples
from egresswatch.rules.loader import load_pack
from egresswatch.rules.model import Pack, RulePackError
from egresswatch.rules.shape import SENDERS, Bytes, Payload, Seen

VENDOR = "imported"
FILE = "imported.yaml"
NO_DATE = "1970-01-01"
MOST = 9999
"""Rules in a family: their numbers have four digits."""
HEAD = "# Imported by egresswatch from {source}. Every rule here is experimental: read it before use.\n"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where indicators came from, and what is said of all of them."""

    source: str
    family: str = "IMP"
    dest_class: str = "vendor_cloud"


def pack_text(found: Sequence[Found], origin: Origin, known: Pack | None = None) -> Exported:
    """The folder's one file. What ``known`` claims already is left out and told with the rule's id."""
    notes: list[Note] = []
    claimed = _claims(known) if known is not None else {}
    rules: list[dict[str, Any]] = []
    sources: dict[str, Found] = {}
    for item in found:
        if len(rules) >= MOST:
            notes.append(Note(item.key, item.title, f"more than {MOST} rules"))
            continue
        fresh = tuple(_fresh(item, claimed, notes))
        if fresh:
            rule_id = f"EW-{origin.family}-{len(rules) + 1:04d}"
            sources[rule_id] = item
            rules.append(_rule(rule_id, item, fresh, origin, notes))
    rules = [rule for rule in rules if rule["match"]]
    rules = _sound(rules, origin, sources, notes)
    return Exported({FILE: _text(rules, origin)} if rules else {}, len(rules), tuple(notes))


def _claims(pack: Pack) -> dict[tuple[str, str], str]:
    return {
        (kind, value): rule.id
        for rule in pack.rules
        for kind, values in (
            ("domain", rule.match.domains),
            ("full_domain", rule.match.full_domains),
            ("net", rule.match.nets),
        )
        for value in values
    }


def _fresh(item: Found, claimed: dict[tuple[str, str], str], notes: list[Note]) -> Iterator[Indicator]:
    for indicator in item.indicators:
        owner = claimed.get((indicator.kind, indicator.value))
        if owner:
            notes.append(Note(item.key, f"{told(indicator)}, as {owner}", "is there already"))
            continue
        if indicator.value:
            claimed[indicator.kind, indicator.value] = item.key
        yield indicator


def _rule(
    rule_id: str, item: Found, indicators: tuple[Indicator, ...], origin: Origin, notes: list[Note]
) -> dict[str, Any]:
    title = words(item.title, 50)
    bold = item.severity in ("high", "critical") and item.confidence == "low"
    match: dict[str, list[Any]] = {}
    wanted: list[Any] = []
    unwanted: list[Any] = []
    for indicator in indicators:
        try:
            good, bad = examples.pair(indicator, indicators)
        except Refused as refused:
            notes.append(Note(item.key, told(indicator), str(refused)))
            continue
        match.setdefault(_FIELDS[indicator.kind], []).append(_said(indicator))
        wanted.append(good)
        unwanted.append(bad)
    rule: dict[str, Any] = {
        "id": rule_id, "rev": 1, "title": f"{title} [{rule_id}]", "status": "experimental",
        "severity": "medium" if bold else item.severity, "confidence": item.confidence, "vendor": VENDOR,
        "platform": f"{VENDOR}/{word(Path(origin.source).stem)}",
        "dest_class": item.dest_class or origin.dest_class, "purpose": "other", "side": "both",
    }  # fmt: skip
    if "payload" in match:
        rule["protocol"] = word(f"{VENDOR}-{item.key}")
    return rule | {
        "match": match,
        "examples": {"match": wanted, "no_match": unwanted},
        "references": [f"{words(origin.source)}: {item.key}"[:400], *item.references],
        "first_published": item.published if _is_date(item.published) else NO_DATE,
    }


_FIELDS = {
    "domain": "domains", "full_domain": "full_domains", "net": "nets", "port": "ports", "payload": "payload",
    "seen": "seen",
}  # fmt: skip


def _said(indicator: Indicator) -> Any:
    """One item of ``match`` as a rule file has it."""
    if indicator.payload is not None:
        return _payload(indicator.payload)
    return _seen(indicator.seen) if indicator.seen is not None else indicator.value


def _seen(seen: Seen) -> dict[str, Any]:
    return {"kind": seen.kind} | ({seen.way: list(seen.values)} if seen.way else {})


def _payload(item: Payload) -> dict[str, Any]:
    """The conditions an import can make: no ``decode``, no ``wire``, no ``repeat``."""
    senders = {number: name for name, number in SENDERS.items()}
    said: dict[str, Any] = {"proto": PROTO_NAMES[item.proto]}
    said |= {"ports": list(item.ports)} if item.ports else {}
    said |= {"sender": senders[item.sender]} if item.sender else {}
    said["bytes"] = [_bytes(part) for part in item.bytes]
    if item.numbers:
        said["numbers"] = [
            {"form": part.form, "at": part.at, "min": part.low, "max": part.high} for part in item.numbers
        ]
    if item.length is not None:
        said["length"] = {"form": item.length.form, "at": item.length.at, "add": item.length.add}
    said |= {"min_len": item.min_len} if item.min_len else {}
    return said | ({"max_len": item.max_len} if item.max_len else {})


def _bytes(part: Bytes) -> dict[str, Any]:
    said: dict[str, Any] = {"at": part.at, "hex": part.value.hex(" ")}
    return said | ({} if set(part.mask) == {0xFF} else {"mask": part.mask.hex(" ")})


def _is_date(text: str) -> bool:
    return len(text) == 10 and text[4] == text[7] == "-" and text.replace("-", "").isdigit()


def _text(rules: Iterable[dict[str, Any]], origin: Origin) -> str:
    vendor = {
        "id": VENDOR, "name": "Imported indicators", "kind": "hosting",
        "references": [words(origin.source) or "a file"],
    }  # fmt: skip
    return HEAD.format(source=words(origin.source)) + document({"vendors": [vendor], "rules": list(rules)})


def _sound(
    rules: list[dict[str, Any]], origin: Origin, sources: dict[str, Found], notes: list[Note]
) -> list[dict[str, Any]]:
    """The rules that load and whose examples hold; the others are told."""
    for _ in range(3):  # taking a rule out can make another's example fail, hardly more often
        bad = _problems(rules, origin) if rules else {}
        if not bad:
            return rules
        for rule_id, why in bad.items():
            if rule_id in sources:
                notes.append(Note(sources[rule_id].key, sources[rule_id].title, why))
        rules = [rule for rule in rules if rule["id"] not in bad]
    return rules


def _problems(rules: list[dict[str, Any]], origin: Origin) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FILE).write_text(_text(rules, origin), encoding="utf-8")
        try:
            pack = load_pack([Path(folder)], builtin=False)
        except RulePackError as error:
            told_ = [each.message.partition(": ") for each in error.errors]
            return {rule_id: f"our grammar refuses it: {why}" for rule_id, _, why in told_}
    issues = run_examples(compile_pack(pack))
    return {issue.subject: "its own examples do not hold" for issue in issues}
