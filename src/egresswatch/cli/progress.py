# SPDX-License-Identifier: Apache-2.0
"""How far a replay is: on standard error, and only when that is a terminal.

The rates come from rich's monotonic clock; nothing of it reaches an output file.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from egresswatch.sinks.words import GLUE, plural, size


class Progress:
    """A context manager; ``update`` takes totals so far and costs nothing without a terminal."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, read: int, packets: int) -> None:
        """``read`` bytes of the input and ``packets`` so far."""
        if self._bar is None:
            return
        task = self._bar.tasks[self._task]
        elapsed = task.elapsed or 0.0
        rate = f"{_rate(packets / elapsed)} packets/s" if elapsed > 0.5 else ""
        self._bar.update(self._task, completed=read, done=_spaced(size(read)), rate=rate)

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        files, total = measure(self._paths)
        title = f"Reading {plural(files, 'file')}" + (f", {size(total)}" if total is not None else "")
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn("{task.percentage:>3.0f} %" if total else ""),
            TextColumn("{task.fields[done]} · {task.fields[rate]}"),
            TimeRemainingColumn() if total else TextColumn(""),
            TextColumn("left" if total else ""),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(_spaced(title), total=total, done="0 B", rate="starting")
        self._bar.start()


def measure(paths: Sequence[str]) -> tuple[int, int | None]:
    """Number of input files and their bytes together; None with standard input."""
    files, total, known = 0, 0, True
    for text in paths:
        path = Path(text)
        if text == "-" or not path.exists():
            files, known = files + 1, known and text != "-"
            continue
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                files += 1
                total += file.stat().st_size
            elif file == path:
                files, known = files + 1, False  # a pipe: its size says nothing
    return files, total if known else None


def _rate(per_second: float) -> str:
    for unit, factor in (("M", 1e6), ("k", 1e3)):
        if per_second >= factor:
            return f"{per_second / factor:.1f} {unit}"
    return f"{per_second:.0f}"


def _spaced(text: str) -> str:
    return text.replace(GLUE, " ")
