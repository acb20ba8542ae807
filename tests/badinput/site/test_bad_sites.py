# SPDX-License-Identifier: Apache-2.0
"""Every broken site file or inventory in this folder is refused with exactly the message beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from egresswatch.enrich.inventory import Inventory
from egresswatch.errors import ConfigError
from egresswatch.rules.site import load_site

HERE = Path(__file__).parent
CASES = sorted([*HERE.glob("*.toml"), *HERE.glob("*.csv")])


def refusal(path: Path) -> str:
    """What the user is told, the path shortened to FILE."""
    load = load_site if path.suffix == ".toml" else Inventory.load
    try:
        load(path)
    except ConfigError as error:
        return str(error).replace(str(path), "FILE") + "\n"
    return "taken without complaint\n"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_the_mistake_is_told_with_its_place(path):
    """The message names file, line and what is wrong, word for word."""
    expected = path.with_name(path.name + ".txt").read_text(encoding="utf-8")
    assert refusal(path) == expected


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_every_line_has_a_place(path):
    """Each line of a refusal can be read alone: it begins with file and line."""
    for line in refusal(path).splitlines():
        place, _, message = line.partition(": ")
        assert place.startswith("FILE:")
        assert place[5:].isdigit()
        assert message


if __name__ == "__main__":
    for case in CASES:
        case.with_name(case.name + ".txt").write_text(refusal(case), encoding="utf-8")
