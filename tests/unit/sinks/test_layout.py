# SPDX-License-Identifier: Apache-2.0
"""Columns and wrapped lines: within the width, no trailing space, nothing cut away."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from egresswatch.sinks.layout import Column, cells, joined, widths, wrap
from egresswatch.sinks.words import GLUE

COLUMNS = (Column("A", 10), Column("B", flexible=True), Column("C"))
WORDS = st.text(alphabet="abc äöü 123 Ж", max_size=40)


def lines(rows, room):
    column_widths = widths(COLUMNS, rows, room)
    assert column_widths is not None
    return ["".join(line) for row in rows for line in cells(row, column_widths)]


def test_short_rows_are_one_line_each():
    """Columns are as wide as their widest cell and two apart."""
    assert lines([("a", "bb", "c"), ("aaa", "b", "ccc")], 80) == ["a    bb  c", "aaa  b   ccc"]


def test_the_flexible_column_gives_way():
    """A long destination wraps inside its column; the others stay."""
    got = lines([("cam", "a long destination of very many words", "now")], 34)
    assert got == ["cam  a long destination of     now", "     very many words"]


def test_a_screen_too_narrow_for_the_flexible_column_is_refused():
    """The caller then shows something else than a table of slivers."""
    assert widths(COLUMNS, [("cam", "a long destination of very many words", "now")], 29) is None


def test_a_word_longer_than_a_limit_is_not_broken():
    """An IPv6 address stays whole, so that it can be copied."""
    got = lines([("2001:db8::aabb:ccff", "x", "y")], 60)
    assert got == ["2001:db8::aabb:ccff  x  y"]


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=4))
def test_no_line_ends_in_space_and_no_letter_is_lost(rows):
    """Copies into a ticket are clean and complete."""
    got = lines(rows, 110)
    assert all(line == line.rstrip(" ") for line in got)
    letters = sorted("".join("".join(row) for row in rows).replace(" ", ""))
    assert sorted("".join(got).replace(" ", "")) == letters


def test_glued_parts_wrap_between_not_inside():
    """The header's parts stay whole."""
    text = joined(("one part", "another part"))
    assert [line.replace(GLUE, " ") for line in wrap(text, 20)] == ["one part ·", "another part"]


def test_empty_parts_leave_no_separator():
    """A fact that is not there leaves no gap."""
    assert joined(("a", "", "b")) == "a · b"


@given(WORDS, st.integers(20, 60))
def test_wrapped_lines_fit(text, width):
    """No line is longer than the screen."""
    assert all(cell_len(line) <= width for line in wrap(text, width, "  "))
