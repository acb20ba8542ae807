# SPDX-License-Identifier: Apache-2.0
"""Text blocks on a screen of a given width: wrapped lines and plain columns, without trailing space.

Widths are counted in screen cells. A no-break space never ends a line; the caller prints it as a
space (``rich`` would break there, and pads its cells, which makes poor copies in a ticket).
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from egresswatch.sinks.words import GLUE

GAP = 2
LEAST = 20
"""Cells the flexible column needs to be worth reading."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: at most ``limit`` cells wide (0 = as wide as its widest cell, or what is left)."""

    title: str
    limit: int = 0
    flexible: bool = False
    """Gives up width when the screen is too narrow; one column of a table."""


def wrap(text: str, width: int, indent: str = "", hang: str | None = None) -> list[str]:
    """``text`` as lines of at most ``width`` cells; ``hang`` begins every line after the first."""
    return textwrap.wrap(
        text, max(width, 20), initial_indent=indent, subsequent_indent=indent if hang is None else hang,
        break_on_hyphens=False,
    ) or [""]  # fmt: skip


def joined(parts: Sequence[str], separator: str = " · ") -> str:
    """Parts in a row that wraps between them rather than inside them, when they are short enough."""
    return separator.join(part.replace(" ", GLUE) if len(part) <= 60 else part for part in parts if part)


def widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """How wide each column becomes so that a row fits ``room`` cells; None when it cannot well.

    A word is never broken for a limit: an address has to stay whole to be copied.
    """
    result = []
    for index, column in enumerate(columns):
        texts = [column.title, *(row[index] for row in rows)]
        natural = max(map(cell_len, texts))
        longest_word = max(cell_len(word) for text in texts for word in text.split(" "))
        result.append(max(min(natural, column.limit), longest_word) if column.limit else natural)
    over = sum(result) + GAP * (len(columns) - 1) - room
    if over <= 0:
        return result
    flexible = next(index for index, column in enumerate(columns) if column.flexible)
    result[flexible] -= over
    return result if result[flexible] >= LEAST else None


def cells(row: Sequence[str], column_widths: Sequence[int]) -> list[list[str]]:
    """A row as screen lines, each a list of padded cells (the last one is not padded)."""
    wrapped = [
        textwrap.wrap(cell, width, break_on_hyphens=False) or [""]
        for cell, width in zip(row, column_widths, strict=True)
    ]
    lines = []
    for number in range(max(map(len, wrapped))):
        line = [(part[number] if number < len(part) else "") for part in wrapped]
        padded = [
            text + " " * (width - cell_len(text) + GAP)
            for text, width in zip(line, column_widths, strict=True)
        ]
        lines.append(_trimmed(padded))
    return lines


def _trimmed(line: list[str]) -> list[str]:
    """The same cells without space at the end of the line."""
    for index in range(len(line) - 1, -1, -1):
        if line[index].strip():
            return [*line[:index], line[index].rstrip(" "), *([""] * (len(line) - 1 - index))]
    return [""] * len(line)
