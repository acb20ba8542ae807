# SPDX-License-Identifier: Apache-2.0
"""Whether a new rule pack may take the place of the one in use: never an empty one, never half of it.

A pack that lost most of its rules is far more often a broken download or a wrong folder than a wish,
and a sensor with half its knowledge looks healthy. So each kind of content is counted, and a pack
that has less than half of any of them is refused; the caller keeps what it has.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from egresswatch.errors import RuleError
from egresswatch.rules.model import Match, Pack, Rule
from egresswatch.rules.tables import MatchTables

FEW = 4
"""Of fewer there is no telling: two of three may well be meant to go; all of them never."""


class Size(NamedTuple):
    """How much a pack knows. Rules that are deprecated match nothing and do not count."""

    rules: int
    indicators: int
    makers: int
    prefixes: int
    fingerprints: int

    def __str__(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in zip(self._fields, self, strict=True) if count)


def size(pack: Pack) -> Size:
    """What ``pack`` holds."""
    return Size(
        *_of_rules(pack.rules),
        len(pack.vendors),
        sum(len(group.prefixes) for group in pack.ouis),
        len(pack.fingerprints),
    )


def size_of(tables: MatchTables) -> Size:
    """The same of a compiled pack: what a reload compares with."""
    return Size(
        *_of_rules(tuple(tables.rules.values())),
        len(tables.vendors),
        sum(len(table) for _, table in tables.ouis),
        len({part.rule.fingerprint.id for parts in tables.fingerprint_parts.values() for part in parts}),
    )


def refuse_loss(old: Size, new: Size, place: Path | str) -> None:
    """RuleError when ``new`` has lost all, or more than half, of anything ``old`` has."""
    lost = [
        f"{after} {name} instead of {before}"
        for name, before, after in zip(Size._fields, old, new, strict=True)
        if after * 2 < before and (before >= FEW or not after)
    ]
    if lost:
        message = f"is refused, it has lost more than half: {', '.join(lost)}; the rules in use stay"
        raise RuleError(message, place)


def _of_rules(rules: tuple[Rule, ...]) -> tuple[int, int]:
    active = [rule for rule in rules if rule.status != "deprecated"]
    return len(active), sum(_indicators(rule.match) for rule in active)


def _indicators(match: Match) -> int:
    return sum(
        map(len, (match.domains, match.full_domains, match.nets, match.ports, match.payload, match.seen))
    )
