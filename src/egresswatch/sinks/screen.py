# SPDX-License-Identifier: Apache-2.0
"""Lines on a console, exactly as given: no markup is read from names of the wire, nothing is wrapped
twice, control characters never reach the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from egresswatch.sinks.layout import wrap
from egresswatch.sinks.words import GLUE

_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_TURNERS = (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))  # can show text in a false order
_UNSAFE = dict.fromkeys((*_CONTROLS, *_TURNERS), "\ufffd")
_UNSAFE[ord(GLUE)] = " "


class Screen:
    """Prints lines and wrapped paragraphs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.width = console.width

    def gap(self) -> None:
        """An empty line."""
        self._console.print()

    def line(self, *parts: tuple[str, str]) -> None:
        """One line of (text, style) parts."""
        text = Text.assemble(*((part.translate(_UNSAFE), style) for part, style in parts))
        self._console.print(text, soft_wrap=True, highlight=False)

    def paragraph(self, text: str, indent: str = "", hang: str | None = None, style: str = "") -> None:
        """``text`` over as many lines as it needs; ``hang`` begins every line after the first."""
        for line in wrap(text, self.width, indent, hang):
            self.line((line, style))
