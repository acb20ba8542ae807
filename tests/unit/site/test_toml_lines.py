# SPDX-License-Identifier: Apache-2.0
"""TomlLines finds where tables, keys and values stand."""

from __future__ import annotations

import pytest

from egresswatch.rules.toml_lines import TomlLines

TEXT = '''# comment with [brackets] and "quotes"
top = 1
[site]
name = "a # not a comment"   # a comment with "
inside = [
  # "10.0.0.0/8" in a comment comes first
  "10.0.0.0/8",
  '192.168.0.0/16',
]

[[zone]]
name = "one"
note = """
[zone]
name = "not this"
"""
vlans = [1, 20, 200]
[[zone]]
"name" = "two"
escaped = "quote \\" and ] inside"
networks = ["10.1.0.0/16"]
'''


@pytest.mark.parametrize(
    ("table", "ordinal", "key", "line"),
    [
        ("", 0, "top", 2),
        ("site", 0, "name", 4),
        ("site", 0, "inside", 5),
        ("zone", 0, "name", 12),
        ("zone", 0, "vlans", 17),
        ("zone", 1, "name", 19),
        ("zone", 1, "networks", 21),
    ],
)
def test_a_key_is_found(table, ordinal, key, line):
    """Keys are found per table and occurrence, past strings, comments and multi-line values."""
    assert TomlLines(TEXT).key(table, ordinal, key) == line


@pytest.mark.parametrize(("name", "ordinal", "line"), [("site", 0, 3), ("zone", 0, 11), ("zone", 1, 18)])
def test_a_table_is_found(name, ordinal, line):
    """Headers inside multi-line strings do not count."""
    assert TomlLines(TEXT).table(name, ordinal) == line


def test_a_value_in_a_list_over_lines_is_found():
    """The line of the item, not of the key; either quote."""
    lines = TomlLines(TEXT)
    assert lines.item("site", 0, "inside", "192.168.0.0/16") == 8


def test_numbers_are_found_whole():
    """20 is not found inside 200."""
    lines = TomlLines("[a]\nv = [\n200,\n20,\n]\n")
    assert lines.item("a", 0, "v", 20) == 4


def test_a_key_that_is_not_written_gives_its_table():
    """Better the table's line than none."""
    assert TomlLines(TEXT).key("zone", 1, "vlans") == 18


def test_an_item_that_is_not_found_gives_its_key():
    """A value written with escapes is not searched for."""
    assert TomlLines(TEXT).item("zone", 0, "vlans", 5) == 17


def test_what_is_not_there_has_no_line():
    """Unknown tables give None."""
    assert TomlLines(TEXT).key("zone", 7, "name") is None
