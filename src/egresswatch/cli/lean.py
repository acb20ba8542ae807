# SPDX-License-Identifier: Apache-2.0
"""What the command's own process does to itself so that it starts and runs faster. A library must not do
so to its caller: nothing outside ``cli`` calls this.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

YOUNG = 500_000
"""Objects that are made before the collector looks for cycles among them. By default it looks after 700: a
start, which makes 200 000 that stay, spent a fifth of its time there; a run makes next to no cycles, while
to look at 50 000 objects that stay takes 20 ms."""


def collect_seldom() -> None:
    """Before anything is imported."""
    gc.set_threshold(YOUNG, 20, 100)


def settled(progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """``progress`` of a replay, which with the first batch lets the collector forget what start-up made:
    rules, tables and modules stay until the end, and need not be looked through again and again."""
    first = True

    def told(read: int, frames: int) -> None:
        nonlocal first
        if first:
            first = False
            gc.freeze()
        progress(read, frames)

    return told


class _Absent:
    """A finder that says that pandas is not installed."""

    @staticmethod
    def find_spec(fullname: str, _path: Any = None, _target: Any = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name=fullname)


def spare_pandas() -> None:
    """With the first value it is given pyarrow imports pandas, which takes longer than a small replay, only
    to see whether the value is one of pandas'. It asks once: here, where the answer is no. What needs
    pandas (``to_pandas``) finds it all the same."""
    if "pyarrow" in sys.modules:  # somebody else's process
        return
    import pyarrow as pa

    absent = _Absent()
    sys.meta_path.insert(0, absent)
    try:
        pa.scalar(0)
    finally:
        sys.meta_path.remove(absent)
