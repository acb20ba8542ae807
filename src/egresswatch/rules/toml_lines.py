# SPDX-License-Identifier: Apache-2.0
"""Where things stand in a TOML text: line numbers for messages about it.

``tomllib`` reads values but tells no places. This file walks the same text once, following strings,
brackets and comments just far enough to know on which lines a table, a key and its value stand. It
never decides what is valid: it is asked only about texts that ``tomllib`` has accepted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADER = re.compile(r"\s*(\[\[|\[)\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)[^=]*=""")


@dataclass(frozen=True, slots=True)
class _Key:
    table: str
    ordinal: int
    name: str
    first: int
    last: int


class TomlLines:
    """The places of one TOML text; lines count from 1."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._tables: dict[tuple[str, int], int] = {}
        self._keys: list[_Key] = []
        self._walk()

    def table(self, name: str, ordinal: int = 0) -> int | None:
        """Line of the ``ordinal``-th header of table ``name`` (from 0)."""
        return self._tables.get((name, ordinal))

    def key(self, table: str, ordinal: int, name: str) -> int | None:
        """Line of a key of that table; the table's own line when the key is not written as one."""
        for key in self._keys:
            if (key.table, key.ordinal, key.name) == (table, ordinal, name):
                return key.first
        return self.table(table, ordinal)

    def item(self, table: str, ordinal: int, name: str, value: object) -> int | None:
        """Line on which ``value`` is written inside the key's value, else the key's line."""
        word = re.escape(str(value))
        pattern = re.compile(
            rf"[\"']{word}[\"']" if isinstance(value, str) else rf"(?<![\w.]){word}(?![\w.])"
        )
        for key in self._keys:
            if (key.table, key.ordinal, key.name) == (table, ordinal, name):
                for number in range(key.first, key.last + 1):
                    line = self._lines[number - 1]
                    if pattern.search(line.partition("=")[2] if number == key.first else line):
                        return number
        return self.key(table, ordinal, name)

    def _walk(self) -> None:
        table, ordinal, quote, depth = "", 0, "", 0
        open_key: tuple[str, int] | None = None
        for number, line in enumerate(self._lines, 1):
            if not quote and depth == 0:
                header, key = _HEADER.match(line), _KEY.match(line)
                if header is not None:
                    table = header[2]
                    ordinal = sum(1 for name, _ in self._tables if name == table)
                    self._tables[(table, ordinal)] = number
                    continue
                if key is None:
                    continue
                open_key = (key[1].strip("\"'"), number)
                line = line[key.end() :]
            quote, depth = _follow(line, quote, depth)
            if not quote and depth == 0 and open_key is not None:
                self._keys.append(_Key(table, ordinal, open_key[0], open_key[1], number))
                open_key = None


def _follow(line: str, quote: str, depth: int) -> tuple[str, int]:
    """String delimiter still open and bracket depth after ``line``."""
    at = 0
    while at < len(line):
        if quote:
            if line[at] == "\\" and quote[0] == '"':
                at += 2
            elif line.startswith(quote, at):
                at += len(quote)
                quote = ""
            else:
                at += 1
            continue
        char = line[at]
        if char == "#":
            break
        if char in "\"'":
            quote = char * 3 if line.startswith(char * 3, at) else char
            at += len(quote)
            continue
        depth += (char in "[{") - (char in "]}")
        at += 1
    return (quote if len(quote) == 3 else ""), depth
