# SPDX-License-Identifier: Apache-2.0
"""Does a value fit a fingerprint, and which model and firmware does it name?

Owns the meaning of ``match``, ``with``, ``model`` and ``firmware`` of a fingerprint (rules/README.md).
Plain comparisons of texts in lower case, nothing that backtracks: values come from the wire.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from egresswatch.rules.makers import Condition, Fingerprint, FingerprintRule, Reading

WAYS = ("equals", "prefix", "suffix", "all", "contains", "words", "any")
"""Most exact first."""
MAX_READ = 64
"""Characters of a model or firmware."""
_CONFIDENCE_ORDER = {"high": 0, "medium": 1, "low": 2}


class Part(NamedTuple):
    """One condition of one fingerprint."""

    rule: FingerprintRule
    number: int

    @property
    def condition(self) -> Condition:
        return self.rule.conditions[self.number]


def by_kind(rules: Iterable[FingerprintRule]) -> Mapping[str, tuple[Part, ...]]:
    """Kind of sighting -> what may fit its values, surest and most exact first."""
    kinds: dict[str, list[Part]] = defaultdict(list)
    for rule in rules:
        for number, condition in enumerate(rule.conditions):
            kinds[condition.kind].append(Part(rule, number))
    return MappingProxyType({kind: tuple(sorted(parts, key=_order)) for kind, parts in kinds.items()})


class Gate(NamedTuple):
    """The texts of all fingerprints of a kind, together: what has none of them fits no fingerprint.

    Most values do; to compare each fingerprint by itself would cost a hundred times as much.
    """

    equals: frozenset[str]
    prefixes: tuple[str, ...]
    suffixes: tuple[str, ...]
    inner: tuple[str, ...]
    open: bool
    """Some fingerprint of the kind has no such text."""

    def lets_through(self, lowered: str) -> bool:
        """May a fingerprint fit this value, in lower case?"""
        if self.open or lowered in self.equals or lowered.startswith(self.prefixes):
            return True
        return lowered.endswith(self.suffixes) or any(text in lowered for text in self.inner)


def gates(kinds: Mapping[str, tuple[Part, ...]]) -> Mapping[str, Gate]:
    """A gate for each kind: of every part, the texts of its most exact way."""
    return MappingProxyType({kind: _gate(parts) for kind, parts in kinds.items()})


def _gate(parts: tuple[Part, ...]) -> Gate:
    texts: dict[str, list[str]] = {way: [] for way in WAYS}
    for part in parts:
        way, found = min(part.condition.ways, key=lambda pair: WAYS.index(pair[0]))
        texts[way] += found[:1] if way == "all" else found
        texts["any"] += [""] if way in ("words", "any") else []
    return Gate(
        frozenset(texts["equals"]),
        tuple(texts["prefix"]),
        tuple(texts["suffix"]),
        tuple(dict.fromkeys(texts["all"] + texts["contains"])),
        bool(texts["any"]),
    )


def _order(part: Part) -> tuple[int, int, int, str, int]:
    ways = part.condition.ways
    return (
        _CONFIDENCE_ORDER[part.rule.fingerprint.confidence],
        min(WAYS.index(way) for way, _ in ways),
        -sum(max(map(len, texts), default=0) for _, texts in ways),
        part.rule.fingerprint.id,
        part.number,
    )


def found(parts: Iterable[Part], value: str) -> tuple[Fingerprint, ...]:
    """Every fingerprint that the value fits, or of which it meets a part."""
    lowered = value.lower()
    hits = (recognise(part, value, lowered) for part in parts)
    return tuple(hit for hit in hits if hit is not None)


def recognise(part: Part, value: str, lowered: str) -> Fingerprint | None:
    """The fingerprint when ``value`` fits the part, with what is read from it if the rule says so."""
    low, high = 0, len(value)
    for way, texts in part.condition.ways:
        if way == "prefix":
            low = next((len(text) for text in texts if lowered.startswith(text)), -1)
        elif way == "suffix":
            high = next((len(value) - len(text) for text in texts if lowered.endswith(text)), -1)
        elif not _HOLDS[way](lowered, texts):
            return None
        if low < 0 or high < 0:
            return None
    if low > high:  # prefix and suffix are the same characters
        return None
    result, rule = part.rule.fingerprint, part.rule
    if part.number or (rule.model is None and rule.firmware is None):
        return replace(result, part=part.number) if part.number else result
    rest = value[low:high]
    return replace(
        result, model=_read(rule.model, value, rest), firmware=_read(rule.firmware, value, rest)
    )


def _read(reading: Reading | None, value: str, rest: str) -> str:
    if reading is None:
        return ""
    text = value if reading.take == "whole" else rest
    if reading.after:
        lowered = text.lower()
        start = next((lowered.find(mark) + len(mark) for mark in reading.after if mark in lowered), -1)
        if start < 0:
            return ""
        text = text[start:]
    if reading.until:
        text = text.split(reading.until, 1)[0]
    return text.strip()[:MAX_READ]


_HOLDS: dict[str, Callable[[str, tuple[str, ...]], bool]] = {
    "equals": lambda value, texts: value in texts,
    "all": lambda value, texts: all(text in value for text in texts),
    "contains": lambda value, texts: any(text in value for text in texts),
    "words": lambda value, texts: bool(value.split()) and all(word in texts for word in value.split()),
    "any": lambda *_: True,
}
