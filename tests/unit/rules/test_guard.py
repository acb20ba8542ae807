# SPDX-License-Identifier: Apache-2.0
"""Which packs may not take the place of another: each kind of content counts for itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from egresswatch.errors import RuleError
from egresswatch.rules import MatchTables, guard, load_tables
from egresswatch.rules.guard import Size
from egresswatch.rules.loader import load_pack

FULL = Size(100, 300, 50, 3000, 80)


def test_pack_and_tables_are_measured_alike(pack: MatchTables) -> None:
    """A reload compares compiled tables, an install the files: both count the same."""
    assert guard.size_of(pack) == guard.size(load_pack())


def test_the_built_in_pack_has_something_of_everything(pack: MatchTables) -> None:
    """Otherwise the guard would guard nothing."""
    assert all(count > 40 for count in guard.size_of(pack))


def test_deprecated_rules_do_not_count(load: Callable[..., MatchTables], yamls: SimpleNamespace) -> None:
    """A pack whose rules are all switched off knows nothing."""
    found = guard.size_of(load(yamls.rules(yamls.rule(), yamls.rule(2, status="deprecated"))))
    assert (found.rules, found.indicators) == (1, 1)


@pytest.mark.parametrize("kind", Size._fields)
def test_less_than_half_of_anything_is_refused(kind: str) -> None:
    """One kind that shrank is enough, and it is named with both numbers."""
    before = getattr(FULL, kind)
    half = FULL._replace(**{kind: before // 2})
    guard.refuse_loss(FULL, half, "new")
    with pytest.raises(RuleError, match=rf"{before // 2 - 1} {kind} instead of {before}.*rules in use stay"):
        guard.refuse_loss(FULL, half._replace(**{kind: before // 2 - 1}), "new")


def test_few_may_go_but_never_all() -> None:
    """One of three may stay alone; none of three may not."""
    three, one, none = (Size(count, count, 0, 0, 0) for count in (3, 1, 0))
    guard.refuse_loss(three, one, "new")
    with pytest.raises(RuleError, match="0 rules instead of 3"):
        guard.refuse_loss(three, none, "new")


def test_growth_is_welcome() -> None:
    """Into an empty place anything may go."""
    guard.refuse_loss(Size(0, 0, 0, 0, 0), FULL, "new")
    guard.refuse_loss(FULL, Size(*(count * 3 for count in FULL)), "new")


def test_a_size_is_told_without_zeros() -> None:
    """As the install command prints it."""
    assert str(Size(2, 5, 0, 0, 1)) == "2 rules, 5 indicators, 1 fingerprints"


@pytest.mark.parametrize("text", ['pack: {format: 1, version: "1"}\n', "rules: []\n"])
def test_a_folder_without_content_is_refused(tmp_path: Path, text: str) -> None:
    """Also one that would only be silent beside the built-in pack."""
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(RuleError, match=r"holds no rules|must not be empty"):
        load_tables([tmp_path])


def test_a_folder_that_only_switches_off_is_taken(tmp_path: Path, yamls: SimpleNamespace) -> None:
    """A single deprecated rule under the id of a built-in one is how a site silences it."""
    (tmp_path / "a.yaml").write_text(yamls.rules(yamls.rule(status="deprecated")))
    assert load_tables([tmp_path], builtin=False).domain("cloud.example") == ()
