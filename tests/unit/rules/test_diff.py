# SPDX-License-Identifier: Apache-2.0
"""The difference of two packs, in words."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from egresswatch.rules.diff import changes
from egresswatch.rules.loader import load_pack


def told(tmp_path: Path, old: str, new: str) -> list[str]:
    packs = []
    for name, text in (("old", old), ("new", new)):
        file = tmp_path / f"{name}.yaml"
        file.write_text(text)
        packs.append(load_pack([file], builtin=False))
    return changes(*packs)


def test_equal_packs_differ_in_nothing(tmp_path: Path, yamls: SimpleNamespace) -> None:
    """A remark or another file name is no change."""
    assert told(tmp_path, yamls.RULE, "# remark\n" + yamls.RULE) == []


def test_added_removed_changed(tmp_path: Path, yamls: SimpleNamespace) -> None:
    """Each kind of change has its sign; a change without a new rev and a lost id are pointed at."""
    old = yamls.rules(yamls.rule(1), yamls.rule(2), yamls.rule(3, severity="low"))
    new = yamls.rules(yamls.rule(2, severity="low"), yamls.rule(3, severity="high", rev="2"), yamls.rule(4))
    assert told(tmp_path, old, new) == [
        "- EW-TST-0001 Test cloud (an id is never used again: deprecate it instead)",
        "~ EW-TST-0002 severity (but rev is the same)",
        "~ EW-TST-0003 rev, severity",
        "+ EW-TST-0004 Test cloud",
    ]


def test_makers_are_counted(tmp_path: Path, yamls: SimpleNamespace) -> None:
    """Other lists are told by number."""
    assert told(
        tmp_path, yamls.rules(yamls.rule()), yamls.rules(yamls.rule()).replace("name: Test", "name: Tst")
    ) == ["~ makers: 1 new or changed, 1 gone"]
