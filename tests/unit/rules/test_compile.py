# SPDX-License-Identifier: Apache-2.0
"""From pack to tables: recogniser numbers, deprecated rules, and a digest of the content alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from egresswatch.patterns import PATTERN, RECOGNISER_BASE
from egresswatch.rules import MatchTables, load_tables

Load = Callable[..., MatchTables]
PAYLOAD = "payload:\n- proto: udp\n  bytes: [{at: 0, hex: f1f2f3f4}]"


def one(tmp_path: Path, name: str, text: str) -> MatchTables:
    path = tmp_path / name
    path.mkdir()
    (path / "a.yaml").write_text(text)
    return load_tables([path], builtin=False)


def test_recognisers_are_numbered_by_rule_id(load: Load, yamls: SimpleNamespace) -> None:
    """The pattern rows carry RECOGNISER_BASE + index, and the index finds the rule again."""
    tables = load(
        yamls.rules(
            yamls.rule(5, match=PAYLOAD, protocol="five"),
            yamls.rule(2, match=PAYLOAD + "\n- proto: tcp\n  bytes: [{at: 4, hex: aabb}]", protocol="two"),
            yamls.rule(3),
        )
    )
    assert tables.patterns.dtype == PATTERN
    assert tables.patterns["parser"].tolist() == [RECOGNISER_BASE, RECOGNISER_BASE + 1, RECOGNISER_BASE]
    assert [tables.recogniser(index).protocol for index in (0, 1)] == ["two", "five"]


def test_deprecated_rule_keeps_its_id_and_matches_nothing(load: Load, yamls: SimpleNamespace) -> None:
    """A deprecated rule is known and silent."""
    match = "domains: [cloud.example]\nports: [udp/9]\nnets: [192.0.2.0/24]\n" + PAYLOAD
    tables = load(yamls.rules(yamls.rule(match=match, status="deprecated", protocol="old")))
    assert "EW-TST-0001" in tables.rules
    assert not tables.domain("cloud.example")
    assert not tables.port(17, 9)
    assert not tables.address("192.0.2.1")
    assert len(tables.patterns) == 0


def test_digest_ignores_layout(tmp_path: Path, yamls: SimpleNamespace) -> None:
    """Comments, order, file names and lines do not change the digest."""
    a, b = yamls.rule(1), yamls.rule(2, match="domains: [other.example]")
    first = one(tmp_path, "first", yamls.rules(a, b))
    second = one(tmp_path, "second", "# a remark\n\n" + yamls.rules(b, a))
    assert first.digest == second.digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[cloud.example]", "[clouds.example]"),
        ("rev: 1", "rev: 2"),
        ("[a source]", "[another source]"),
        ("[a.cloud.example]", "[b.cloud.example]"),
    ],
)
def test_digest_sees_every_fact(tmp_path: Path, yamls: SimpleNamespace, old: str, new: str) -> None:
    """Any changed fact changes the digest."""
    assert one(tmp_path, "a", yamls.RULE).digest != one(tmp_path, "b", yamls.RULE.replace(old, new)).digest


def test_same_files_give_the_same_tables() -> None:
    """Loading twice gives equal patterns and digests."""
    first, second = load_tables(), load_tables()
    assert first.digest == second.digest
    assert (first.patterns == second.patterns).all()
    assert list(first.rules) == list(second.rules) == sorted(first.rules)
