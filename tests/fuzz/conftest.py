# SPDX-License-Identifier: Apache-2.0
"""Makes the shared builders importable; rule tables are loaded once for the hundreds of runs here."""

import functools
import os
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "twins")]


@pytest.fixture(autouse=True, scope="session")
def _tables_once():
    """Loading the rule pack takes longer than most runs here; the tables are immutable."""
    from egresswatch.pipeline import replay

    original = replay.load_tables
    load = functools.cache(lambda paths, builtin: original(list(paths), builtin))
    patch = pytest.MonkeyPatch()
    patch.setattr(replay, "load_tables", lambda paths, builtin, _key: load(tuple(paths), builtin))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def budget():
    """Seconds that the long form may take (make fuzz); 0: the short form."""
    return int(os.environ.get("EGRESSWATCH_FUZZ", "0"))
