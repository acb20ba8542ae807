# SPDX-License-Identifier: Apache-2.0
"""docs/sightings.md names every kind that the sniff stage gives, and none that it does not."""

import ast
import re
from pathlib import Path

from egresswatch.rules.shape import SEEN_KINDS

ROOT = Path(__file__).parents[2]
SNIFF = ROOT / "src" / "egresswatch" / "sniff"
# kinds of these words are joined together at run time or given by another stage
ELSEWHERE = {"arp", "ndp", "dns_query", "dns_answer", "mdns", "llmnr"}


def documented() -> set[str]:
    """First cells of the tables."""
    rows = re.findall(r"^\| (`[^|]+) \|", (ROOT / "docs" / "sightings.md").read_text(encoding="utf-8"), re.M)
    return {kind for row in rows for kind in re.findall(r"`([a-z0-9_]+)`", row)}


def literals() -> tuple[set[str], set[str]]:
    """(kinds that are written where an item is made, all words of the sniff stage)."""
    made, words = set(), set()
    for path in SNIFF.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.add(node.value)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Item" and node.args:
                kind = node.args[0]
                made |= {kind.value} if isinstance(kind, ast.Constant) else set()
    return made, words


def test_every_kind_is_documented() -> None:
    """A kind without a line in the table is one that nobody can use."""
    made, _ = literals()
    assert made - documented() == set()
    assert len(made) > 40


def test_every_documented_kind_is_given() -> None:
    """By its name somewhere in the sniff stage."""
    _, words = literals()
    assert documented() - words - ELSEWHERE == set()


def test_kinds_of_rules_are_documented() -> None:
    """What a fingerprint or ``match.seen`` may ask for exists, conduct aside."""
    from egresswatch.rules import makers, shape

    conduct = set(makers.BEHAVIOUR_KINDS)
    assert (set(makers.FINGERPRINT_KINDS) | set(shape.SEEN_KINDS)) - conduct - documented() == set()


def test_rules_can_ask_for_what_is_given_only() -> None:
    """A rule that waits for a sighting that no parser gives would never count."""
    assert set(SEEN_KINDS) <= documented()
    assert len(SEEN_KINDS) == len(set(SEEN_KINDS))
