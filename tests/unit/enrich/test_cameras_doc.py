# SPDX-License-Identifier: Apache-2.0
"""docs/cameras.md says what the register and the inventory really have."""

from __future__ import annotations

import re

import pytest

from egresswatch.enrich.inventory import COLUMNS, Inventory
from egresswatch.enrich.register import Register
from egresswatch.rules.site import load_site

HIK, T = 0x4419B6000001, 1_700_000_000_000_000_000
RUN_KEYS = ["rules"]
"""Added by the replay, which knows the version of the pack."""


@pytest.fixture
def document(root):
    return (root / "docs" / "cameras.md").read_text(encoding="utf-8")


def table(document, header):
    """First column of the table under a header line."""
    body = document.split(f"| {header} |", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^\| `(\w+)` \|", body, re.MULTILINE)


def test_every_key_of_a_row_is_explained(document, tables):
    """In the order of the file."""
    register = Register(tables, load_site(None), Inventory(()), 10)
    register.observe(HIK, "10.20.0.13", 20, T)
    (row,) = register.rows()
    assert table(document, "key | meaning") == [*row, *RUN_KEYS]


def test_every_column_of_the_inventory_is_explained(document):
    """And no other."""
    assert table(document, "column | content") == list(COLUMNS)


def test_the_example_inventory_is_sound(document, tmp_path):
    """As printed."""
    example = re.search(r"```\n(name,.*?)```", document, re.DOTALL)[1]
    (tmp_path / "cameras.csv").write_text(example, encoding="utf-8")
    names = [entry.name for entry in Inventory.load(tmp_path / "cameras.csv").entries]
    assert names == ["cam-gate-03", "nvr-main"]


def test_the_example_also_has_every_column(document):
    """So that it can be copied and filled in."""
    assert f"```\n{','.join(COLUMNS)}\n" in document
