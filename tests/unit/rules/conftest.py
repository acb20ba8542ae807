# SPDX-License-Identifier: Apache-2.0
"""Small rule packs for the tests of rules: one good rule and ways to change it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from egresswatch.rules import MatchTables, load_tables

RULE = """rules:
- id: EW-TST-0001
  rev: 1
  title: Test cloud
  status: stable
  severity: medium
  confidence: high
  vendor: test
  platform: test/cloud
  dest_class: vendor_cloud
  purpose: cloud-api
  side: device
  match:
    domains: [cloud.example]
  examples:
    match: [a.cloud.example]
    no_match: [cloud.example.net]
  references: [a source]
  first_published: 2026-11-22
"""
VENDOR = "vendors:\n- {id: test, name: Test, references: [a source]}\n"


def rule(number: int = 1, *, match: str = "domains: [cloud.example]", **fields: str) -> str:
    """One more list item: the good rule with another number, match and fields."""
    item = RULE.removeprefix("rules:\n").replace("EW-TST-0001", f"EW-TST-{number:04d}")
    item = item.replace(
        "    domains: [cloud.example]\n", "".join(f"    {line}\n" for line in match.split("\n"))
    )
    for name, value in fields.items():
        lines = [f"  {name}: {value}" if line.startswith(f"  {name}:") else line for line in item.split("\n")]
        item = "\n".join(lines)
        if f"\n  {name}: {value}\n" not in item:
            item = item.replace("  match:\n", f"  {name}: {value}\n  match:\n")
    return item


def rules(*items: str) -> str:
    return VENDOR + "rules:\n" + "".join(items)


@pytest.fixture(scope="session")
def yamls() -> SimpleNamespace:
    """The texts and builders of this file."""
    return SimpleNamespace(RULE=RULE, VENDOR=VENDOR, rule=rule, rules=rules)


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., MatchTables]:
    """Tables from texts, each in a file of one folder."""

    def _load(*texts: str) -> MatchTables:
        folder = tmp_path / "pack"
        folder.mkdir(exist_ok=True)
        for number, text in enumerate(texts):
            (folder / f"{number}.yaml").write_text(text, encoding="utf-8")
        return load_tables([folder], builtin=False)

    return _load


@pytest.fixture(scope="session")
def pack() -> MatchTables:
    """The built-in pack."""
    return load_tables()
