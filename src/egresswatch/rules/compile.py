# SPDX-License-Identifier: Apache-2.0
"""A pack of rules -> the immutable ``MatchTables``.

Owns the order of results (rule id breaks ties, so the same pack always answers the same), the
numbering of payload recognisers (by rule id) and the content digest. Deprecated rules keep their
entry in ``rules`` and match nothing.
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from egresswatch.patterns import PATTERN, RECOGNISER_BASE
from egresswatch.records import Array
from egresswatch.rules import payload as payloads
from egresswatch.rules import prints
from egresswatch.rules.makers import FingerprintRule, Oui, OuiGroup, Vendor
from egresswatch.rules.model import Example, Pack, Rule
from egresswatch.rules.tables import MatchTables, Rules, Sightings, Wildcard

K = TypeVar("K")
V = TypeVar("V")


def compile_pack(pack: Pack) -> MatchTables:
    """``pack`` as look-up tables."""
    rules = sorted(pack.rules, key=lambda rule: rule.id)
    active = [rule for rule in rules if rule.status != "deprecated"]
    full_names: dict[str, list[Rule]] = defaultdict(list)
    wildcards: dict[str, list[Wildcard]] = defaultdict(list)
    suffixes: dict[str, list[Rule]] = defaultdict(list)
    ports: dict[tuple[int, int], list[Rule]] = defaultdict(list)
    for rule in active:
        for name in rule.match.domains:
            suffixes[name].append(rule)
        for name in rule.match.full_domains:
            label, _, parent = name.partition(".")
            if "*" in label:
                prefix, _, suffix = label.partition("*")
                wildcards[parent].append(Wildcard(prefix, suffix, (rule,)))
            else:
                full_names[name].append(rule)
        for span in rule.match.ports:
            for port in range(span.first, span.last + 1):
                ports[(span.proto, port)].append(rule)
    recognisers = tuple(rule for rule in active if rule.match.payload or rule.match.seen)
    return MatchTables(
        version=pack.version,
        digest=digest(pack),
        rules=MappingProxyType({rule.id: rule for rule in rules}),
        patterns=_patterns(recognisers),
        full_names=_frozen(full_names),
        wildcards=_frozen(
            # the longer the fixed ends, the more specific
            {k: sorted(v, key=lambda w: -len(w.prefix) - len(w.suffix)) for k, v in wildcards.items()}
        ),
        suffixes=_frozen(suffixes),
        nets=_nets(active),
        ports=_frozen(ports),
        recognisers=recognisers,
        sightings=_sightings(recognisers),
        vendors=MappingProxyType({vendor.id: vendor for vendor in pack.vendors}),
        ouis=_ouis(pack.ouis),
        fingerprint_parts=(parts := prints.by_kind(pack.fingerprints)),
        fingerprint_gates=prints.gates(parts),
    )


def digest(pack: Pack) -> str:
    """sha256 over the pack's facts in canonical form; file names, lines and comments do not count."""
    canonical = {
        "version": pack.version,
        "rules": sorted(pack.rules, key=lambda rule: rule.id),
        "vendors": sorted(pack.vendors, key=lambda vendor: vendor.id),
        "ouis": sorted(
            [*_oui_key(group.oui), sorted(group.prefixes), sorted(group.references)] for group in pack.ouis
        ),
        "fingerprints": sorted(pack.fingerprints, key=lambda rule: rule.fingerprint.id),
    }
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_bare)
    return hashlib.sha256(text.encode()).hexdigest()


def _bare(value: Any) -> Any:
    """What JSON does not know: bytes in hex, and the fields of a value without its place in a file."""
    if isinstance(value, bytes):
        return value.hex()
    return {name: getattr(value, name) for name in _facts(value.__class__)}


@functools.cache
def _facts(kind: type) -> tuple[str, ...]:
    """Names of the fields that say something, of a class of values."""
    placed = {"path", "line"} if issubclass(kind, Rule | Vendor | FingerprintRule | Example) else set()
    return tuple(field.name for field in fields(kind) if field.name not in placed)


def _oui_key(oui: Oui) -> tuple[str, str, str]:
    return oui.vendor, oui.registrant, oui.relevance


def _frozen(table: Mapping[K, Iterable[V]]) -> Mapping[K, tuple[V, ...]]:
    return MappingProxyType({key: tuple(values) for key, values in table.items()})


def _patterns(recognisers: tuple[Rule, ...]) -> Array:
    """All rows. The packet path tells the first that fits: those that say all come before those that are
    judged, and those that say more before those that say less."""
    blocks = [
        ((not payloads.decided(way), -payloads.compared_bits(way)), payloads.rows(way, number))
        for number, rule in enumerate(recognisers, RECOGNISER_BASE)
        for way in rule.match.payload
    ]
    blocks.sort(key=lambda block: block[0])
    table: Array = np.concatenate([rows for _, rows in blocks]) if blocks else np.zeros(0, PATTERN)
    table.flags.writeable = False
    return table


def _sightings(recognisers: tuple[Rule, ...]) -> Mapping[str, Sightings]:
    any_value: dict[str, list[int]] = defaultdict(list)
    equals: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    others: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for index, rule in enumerate(recognisers):
        for seen in rule.match.seen:
            if not seen.way:
                any_value[seen.kind].append(index)
            for value in seen.values:
                if seen.way == "equals":
                    equals[seen.kind][value].append(index)
                else:
                    others[seen.kind].append((seen.way, value, index))
    return MappingProxyType(
        {
            kind: Sightings(tuple(any_value[kind]), _frozen(equals[kind]), tuple(others[kind]))
            for kind in sorted({*any_value, *equals, *others})
        }
    )


def _nets(rules: Iterable[Rule]) -> Mapping[int, tuple[tuple[int, Mapping[int, Rules]], ...]]:
    found: dict[int, dict[int, dict[int, list[Rule]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for rule in rules:
        for text in rule.match.nets:
            net = ipaddress.ip_network(text)
            number = int(net.network_address) >> (net.max_prefixlen - net.prefixlen)
            found[net.version][net.prefixlen][number].append(rule)
    return MappingProxyType(
        {
            version: tuple((length, _frozen(tables[length])) for length in sorted(tables, reverse=True))
            for version, tables in found.items()
        }
    )


def _ouis(groups: Iterable[OuiGroup]) -> tuple[tuple[int, Mapping[int, Oui]], ...]:
    tables: dict[int, dict[int, Oui]] = {}
    for group in groups:
        for bits, value in group.prefixes:
            tables.setdefault(bits, {})[value] = group.oui
    return tuple((48 - bits, MappingProxyType(tables[bits])) for bits in sorted(tables, reverse=True))
