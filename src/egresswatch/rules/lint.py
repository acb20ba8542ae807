# SPDX-License-Identifier: Apache-2.0
"""Checks over a whole pack that a single file cannot show: returns issues, raises nothing.

Errors are facts that contradict each other (a maker that does not exist, an example that fails, a
rule that would raise alerts on shared hosting); warnings deserve a look. Run by ``rules lint``,
``check`` and the tests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from egresswatch.rules import payload as payloads
from egresswatch.rules.compile import compile_pack
from egresswatch.rules.examples import run_examples
from egresswatch.rules.model import Issue, Pack, Rule

SHARED_PURPOSE = "generic-cloud"
"""Rules of this purpose name hosting that everybody shares: they must not raise a maker's alert."""
ALERTING = ("vendor_cloud", "p2p")
MIN_BITS = 24
"""A payload pattern that chance meets more often than once in 16 million deserves a warning."""
MIN_COMPARED = 8
"""Below it, every packet of some protocol would be handed up to be looked at."""
MAX_TITLE = 80


def lint(pack: Pack) -> list[Issue]:
    """Everything found, errors first, then by place."""
    issues = [
        *_references(pack),
        *_makers(pack),
        *_families(pack),
        *_claims(pack),
        *_shared_hosting(pack),
        *_payloads(pack),
        *_wording(pack),
        *run_examples(compile_pack(pack)),
    ]
    return sorted(issues, key=lambda issue: (issue.severity, issue.path, issue.line, issue.message))


def _issue(severity: str, rule: Rule, message: str) -> Issue:
    return Issue(severity, rule.id, rule.path, rule.line, message)


def _references(pack: Pack) -> Iterator[Issue]:
    """Every maker that is named must be described."""
    known = {vendor.id for vendor in pack.vendors}
    for rule in pack.rules:
        if rule.vendor not in known:
            yield _issue("error", rule, f'vendor "{rule.vendor}" is not in the vendors list')
        if rule.platform.split("/")[0] != rule.vendor:
            yield _issue("error", rule, f'platform "{rule.platform}" does not begin with its vendor')
    seen: dict[tuple[int, int], str] = {}
    for group in pack.ouis:
        name = group.oui.vendor
        if name not in known:
            yield Issue("error", name, group.path, group.line, f'vendor "{name}" is not in the vendors list')
        for bits, value in group.prefixes:
            if (bits, value) in seen:
                message = f"prefix {value:0{bits // 4}X} is also given to {seen[bits, value]}"
                yield Issue("error", name, group.path, group.line, message)
            seen[bits, value] = name
    for item in pack.fingerprints:
        found = item.fingerprint
        if found.vendor and found.vendor not in known:
            message = f'vendor "{found.vendor}" is not in the vendors list'
            yield Issue("error", found.id, item.path, item.line, message)


def _makers(pack: Pack) -> Iterator[Issue]:
    """Relations lead to companies that are described, and one name means one company."""
    known = {vendor.id for vendor in pack.vendors}
    names: dict[str, str] = {}
    for vendor in pack.vendors:
        related = {"parent": [vendor.parent]} if vendor.parent else {}
        related["made_by"] = [relation.vendor for relation in vendor.made_by]
        related["uses"] = [relation.vendor for relation in vendor.uses]
        for field, ids in related.items():
            for other in ids:
                problem = "is not in the vendors list" if other not in known else "is itself"
                if other not in known or other == vendor.id:
                    message = f'{field} "{other}" {problem}'
                    yield Issue("error", vendor.id, vendor.path, vendor.line, message)
        for name in {vendor.id, vendor.name.lower(), *(alias.lower() for alias in vendor.aliases)}:
            owner = names.setdefault(name, vendor.id)
            if owner != vendor.id:
                message = f'the name "{name}" is also that of {owner}'
                yield Issue("error", vendor.id, vendor.path, vendor.line, message)


def _families(pack: Pack) -> Iterator[Issue]:
    """One family of ids, one maker."""
    owners: dict[str, Rule] = {}
    for rule in pack.rules:
        owner = owners.setdefault(rule.family, rule)
        if owner.vendor != rule.vendor:
            message = f"family {rule.family} is used for {owner.vendor} ({owner.id}) and {rule.vendor}"
            yield _issue("error", rule, message)


def _claims(pack: Pack) -> Iterator[Issue]:
    """Two rules that claim the very same thing: which of them speaks is decided by the id only."""
    claims: dict[tuple[str, str], list[Rule]] = defaultdict(list)
    for rule in pack.rules:
        if rule.status == "deprecated":
            continue
        for kind, values in (
            ("domain", rule.match.domains),
            ("full domain", rule.match.full_domains),
            ("net", rule.match.nets),
        ):
            for value in values:
                claims[kind, value].append(rule)
    for (kind, value), rules in claims.items():
        for rule in rules[1:]:
            yield _issue("error", rule, f'{kind} "{value}" is also claimed by {rules[0].id}')


def _shared_hosting(pack: Pack) -> Iterator[Issue]:
    """Hosting that everybody shares says nothing about a maker."""
    shared = {
        name: rule for rule in pack.rules if rule.purpose == SHARED_PURPOSE for name in rule.match.domains
    }
    for rule in pack.rules:
        if rule.purpose == SHARED_PURPOSE and rule.dest_class in ALERTING:
            message = f"{SHARED_PURPOSE} must not be {rule.dest_class}: use other or infrastructure"
            yield _issue("error", rule, message)
        if rule.dest_class in ALERTING:
            for name in rule.match.domains:
                if name in shared:
                    yield _issue("error", rule, f'"{name}" is shared hosting ({shared[name].id})')


def _payloads(pack: Pack) -> Iterator[Issue]:
    """Patterns that chance would meet."""
    for rule in pack.rules:
        for item in rule.match.payload:
            bits = payloads.fixed_bits(item)
            if bits < MIN_BITS:
                yield _issue("warning", rule, f"a payload pattern fixes {bits} bits only")
            bits = payloads.compared_bits(item)
            if bits < MIN_COMPARED:
                message = f"the packet path can compare {bits} bits of a payload pattern only"
                yield _issue("error", rule, message)


def _wording(pack: Pack) -> Iterator[Issue]:
    titles: dict[str, Rule] = {}
    for rule in pack.rules:
        if len(rule.title) > MAX_TITLE or rule.title.endswith("."):
            yield _issue("warning", rule, f"a title has up to {MAX_TITLE} characters and no full stop")
        first = titles.setdefault(rule.title, rule)
        if first is not rule:
            yield _issue("warning", rule, f"title is also that of {first.id}")
        if rule.severity in ("high", "critical") and rule.confidence == "low":
            yield _issue("warning", rule, f"severity {rule.severity} with low confidence")
