# SPDX-License-Identifier: Apache-2.0
"""A YAML document as plain values that remember their line, and a reader that tells every mistake.

Owns how a mistake in a rule file is worded. ``Fields`` reads one mapping: each getter checks one
field and returns a harmless stand-in after noting an error, so that one run shows all of them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from egresswatch.errors import RuleError

T = TypeVar("T")
MAX_TEXT = 16_000


class Node(NamedTuple):
    """A value and the line it stands on (of its key, for a field)."""

    value: str | int | bool | list[Node] | dict[str, Node] | None
    line: int


class Notes:
    """The mistakes found so far in the files of one run."""

    def __init__(self) -> None:
        self.errors: list[RuleError] = []

    def add(self, path: str, line: int, message: str) -> None:
        self.errors.append(RuleError(message, path, line))


class Fields:
    """One mapping of a rule file, read field by field."""

    def __init__(self, node: Node, path: str, notes: Notes, subject: str = "", known: Iterable[str] = ()):
        self.path = path
        self.line = node.line
        self.subject = subject
        self.notes = notes
        self.table: dict[str, Node] = {}
        if isinstance(node.value, dict):
            self.table = node.value
        self.sound = isinstance(node.value, dict)
        if not self.sound:
            self.error(node.line, "must be a mapping of fields")
        names = tuple(known)
        for name, value in self.table.items():
            if name not in names:
                self.error(value.line, f'unknown field "{name}"{hint(name, names)}')

    def error(self, line: int, message: str) -> None:
        self.notes.add(self.path, line, f"{self.subject}: {message}" if self.subject else message)

    def node(self, name: str, *, required: bool) -> Node | None:
        node = self.table.get(name)
        if node is None and required and self.sound:
            self.error(self.line, f'field "{name}" is missing')
        return node

    def text(self, name: str, *, required: bool = True, pattern: str = "", form: str = "") -> str:
        node = self.node(name, required=required)
        return "" if node is None else self.as_text(node, name, pattern, form)

    def as_text(self, node: Node, name: str, pattern: str = "", form: str = "") -> str:
        value = node.value
        if not isinstance(value, str):
            quotes = ": put it in quotes" if isinstance(value, bool | int) else ""
            self.error(node.line, f'"{name}" must be a text{quotes}')
            return ""
        if not value.strip() or len(value) > MAX_TEXT:
            self.error(node.line, f'"{name}" must have 1 to {MAX_TEXT} characters')
        elif pattern and not re.fullmatch(pattern, value):
            self.error(node.line, f'"{name}": "{value}" is not of the form {form or pattern}')
        else:
            return value
        return ""

    def choice(self, name: str, words: Sequence[str], *, required: bool = True) -> str:
        node = self.node(name, required=required)
        if node is None:
            return ""
        if not isinstance(node.value, str) or node.value not in words:
            value = node.value if isinstance(node.value, str | int) else "a list or mapping"
            self.error(
                node.line, f'"{name}": "{value}" is not one of {", ".join(words)}{hint(str(value), words)}'
            )
            return words[0]
        return node.value

    def number(self, name: str, low: int, high: int, *, required: bool = True, default: int = 0) -> int:
        node = self.node(name, required=required)
        if node is None:
            return default
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.error(node.line, f'"{name}" must be a whole number from {low} to {high}')
            return default
        return value

    def flag(self, name: str) -> bool:
        node = self.node(name, required=False)
        if node is not None and not isinstance(node.value, bool):
            self.error(node.line, f'"{name}" must be true or false')
        return node is not None and node.value is True

    def items(self, name: str, *, required: bool = True) -> list[Node]:
        node = self.node(name, required=required)
        if node is None:
            return []
        if not isinstance(node.value, list):
            self.error(node.line, f'"{name}" must be a list')
            return []
        if required and not node.value:
            self.error(node.line, f'"{name}" must not be empty')
        return node.value

    def texts(self, name: str, *, required: bool = True) -> tuple[str, ...]:
        found = [self.as_text(item, name) for item in self.items(name, required=required)]
        return tuple(text for text in found if text)

    def each(self, name: str, read: Callable[[Node], T | None], *, required: bool = False) -> tuple[T, ...]:
        """Every item of a list through ``read``; items that ``read`` refuses (None) are left out."""
        found = [read(item) for item in self.items(name, required=required)]
        return tuple(value for value in found if value is not None)


def hint(word: str, known: Iterable[str]) -> str:
    """`` (did you mean "suffix"?)`` when a known word is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f' (did you mean "{close[0]}"?)' if close else ""
