# SPDX-License-Identifier: Apache-2.0
"""The generated parts of docs/rules.md: what the pack knows, and which known fact each part answers.

Used by write_docs.py (`make docs`). Made from the rule pack, docs/facts.csv and docs/facts.yaml alone, so
that everybody gets the same page; tests/contract/test_coverage.py compares.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import facts
import yaml

from egresswatch.cli import explain
from egresswatch.rules import MatchTables, Rule, load_tables
from egresswatch.rules.makers import Vendor, chain

LEFT_OUT = facts.ROOT / "docs" / "facts.yaml"
SURE = ("high", "medium", "low")


@cache
def _pack() -> MatchTables:
    return load_tables()


@cache
def _facts() -> tuple[facts.Fact, ...]:
    return tuple(facts.read())


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def summary() -> str:
    """One paragraph of numbers."""
    pack = _pack()
    rules = [rule for rule in pack.rules.values() if rule.status != "deprecated"]
    named = {name for rule in rules for name in (*rule.match.domains, *rule.match.full_domains)}
    rows = [
        ("rules", len(rules)),
        ("of them experimental", sum(rule.status == "experimental" for rule in rules)),
        ("names", len(named)),
        ("protocols recognised by their bytes", len({r.protocol for r in rules if r.match.payload})),
        ("protocols recognised by what was read", len({r.protocol for r in rules if r.match.seen})),
        ("makers, brands, licensors", len(pack.vendors)),
        ("public lists quoted", sum(len(vendor.lists) for vendor in pack.vendors.values())),
        ("MAC prefixes", sum(len(table) for _, table in pack.ouis)),
        ("fingerprints", len(explain.fingerprints(pack))),
    ]
    return _table(("what", "how many"), rows)


def coverage() -> str:
    """How many facts of each file are answered, by the source's confidence."""
    entries: dict[tuple[str, str], dict[str, bool]] = defaultdict(dict)
    for fact in _facts():
        known = entries[fact.file, fact.confidence]
        known[fact.entry] = known.get(fact.entry, True) and bool(fact.answer)
    rows = []
    for file in dict.fromkeys(fact.file for fact in _facts()):
        cells = [f"`{file}`"]
        for confidence in SURE:
            told = entries.get((file, confidence), {})
            cells.append(f"{sum(told.values())} of {len(told)}" if told else "-")
        rows.append((*cells, sum(fact.file == file for fact in _facts())))
    return _table(("facts", *SURE, "questions asked"), rows)


def left_out() -> str:
    """Facts that are not asked for, and low ones that nothing answers."""
    by_hand = yaml.safe_load(LEFT_OUT.read_text(encoding="utf-8"))["left_out"]
    rows = [(f"`{item['file']}`", item["entry"], item["reason"]) for item in by_hand]
    gaps = dict.fromkeys((fact.file, fact.entry, fact.confidence) for fact in _facts() if not fact.answer)
    for file, entry, confidence in gaps:
        why = "low confidence: not enough to name anybody" if confidence == "low" else "**not answered yet**"
        rows.append((f"`{file}`", entry, why))
    return _table(("facts", "entry", "why"), rows)


def makers() -> str:
    """One line a company."""
    pack = _pack()
    rules = Counter(rule.vendor for rule in pack.rules.values() if rule.status != "deprecated")
    prints = Counter(item.fingerprint.vendor for item in explain.fingerprints(pack))
    prefixes = Counter(oui.vendor for _, table in pack.ouis for oui in table.values())
    counted = (rules, prefixes, prints)
    rows = [
        (
            f"`{vendor.id}`", vendor.name, vendor.kind, vendor.jurisdiction or "?",
            ", ".join(owner.name for owner in chain(pack.vendors, vendor.id)[1:]), _made_by(vendor),
            *(count or "" for count in (len(vendor.lists), *(table[vendor.id] for table in counted))),
        )
        for _, vendor in sorted(pack.vendors.items())
    ]  # fmt: skip
    head = ("id", "name", "kind", "in", "belongs to", "made by", "lists", "rules", "prefixes", "fingerprints")
    return _table(head, rows)


def _made_by(vendor: Vendor) -> str:
    return ", ".join(f"{made.vendor} ({made.confidence})" for made in vendor.made_by)


def rules() -> str:
    """A table a maker: each rule with what it looks for."""
    found: dict[str, list[Rule]] = defaultdict(list)
    for rule in _pack().rules.values():
        if rule.status != "deprecated":
            found[rule.vendor].append(rule)
    parts = []
    for vendor_id in sorted(found, key=_name):
        head = ("rule", "what", "class", "purpose", "side", "sure", "looks for")
        parts += [f"### {_name(vendor_id)}", "", _table(head, _rows(found[vendor_id])), ""]
    return "\n".join(parts).rstrip()


def _name(vendor_id: str) -> str:
    vendor = _pack().vendor(vendor_id)
    return vendor_id if vendor is None else vendor.name


def _rows(items: Iterable[Rule]) -> Iterator[tuple[str, ...]]:
    for rule in sorted(items, key=lambda rule: rule.id):
        status = "" if rule.status == "stable" else f" ({rule.status})"
        yield (
            rule.id, rule.title + status, rule.dest_class, rule.purpose, rule.side, rule.confidence,
            _looks_for(rule),
        )  # fmt: skip


def _looks_for(rule: Rule) -> str:
    match = rule.match
    names = [f"`{name}`" for name in match.full_domains] + [f"`.{name}`" for name in match.domains]
    nets = [f"`{net}`" for net in match.nets]
    ports = [line.split()[1] for line in explain.looks_for(rule) if line.startswith("port ")]
    seen = [" or ".join([item.kind, *(f"`{value}`" for value in item.values)]) for item in match.seen]
    seen = [text.replace(" or ", " ", 1) for text in seen]
    payload = [f"payload of {rule.protocol}"] if match.payload else []
    return ", ".join(names + nets + ports + payload + list(dict.fromkeys(seen)))


def recognisers() -> str:
    """Each form of packet in words."""
    rows = [
        (rule.protocol, rule.id, rule.status, explain._payload(item, rule.protocol).partition(": ")[2])
        for rule in sorted(_pack().recognisers, key=lambda rule: (rule.protocol, rule.id))
        for item in rule.match.payload
    ]
    return _table(("protocol", "rule", "status", "what must hold"), rows)


def fingerprints() -> str:
    """By kind of sighting: how many, of which makers."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for item in explain.fingerprints(_pack()):
        kinds[item.fingerprint.kind].append(item.fingerprint.vendor)
    rows = [
        (f"`{kind}`", len(found), ", ".join(sorted({_name(vendor) for vendor in found if vendor})))
        for kind, found in sorted(kinds.items())
    ]
    return _table(("sighting", "fingerprints", "of"), rows)


PARTS = {
    "summary": summary,
    "coverage": coverage,
    "left-out": left_out,
    "makers": makers,
    "rules": rules,
    "recognisers": recognisers,
    "fingerprints": fingerprints,
}
