# SPDX-License-Identifier: Apache-2.0
"""What the command does to its own process: collects seldom, forgets what start-up made, spares pandas."""

import gc
import subprocess
import sys

import pytest

from egresswatch.cli import lean


@pytest.fixture
def collector():
    """The collector, left as it was."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
def test_the_collector_looks_seldom():
    """A start makes some 200 000 objects that stay: looking through them again and again is for nothing."""
    lean.collect_seldom()
    assert gc.isenabled(), "cycles are found, only later"
    assert gc.get_threshold()[0] == lean.YOUNG


@pytest.mark.usefixtures("collector")
def test_with_the_first_batch_start_up_is_settled():
    """Once; the progress itself is told each time."""
    told = []
    progress = lean.settled(lambda read, frames: told.append((read, frames)))
    assert gc.get_freeze_count() == 0
    progress(1, 2)
    frozen = gc.get_freeze_count()
    assert frozen > 0
    kept = [[] for _ in range(1000)]
    progress(3, 4)
    assert gc.get_freeze_count() <= frozen
    assert (told, len(kept)) == ([(1, 2), (3, 4)], 1000)


def child(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


LEAN = "import sys; from egresswatch.cli import lean; lean.spare_pandas(); import pyarrow as pa; "


def test_arrow_does_not_load_pandas():
    """Neither values, lists nor arrays make it look again."""
    code = "import numpy as np; pa.array([1]); pa.array(np.zeros(3)); print('pandas' in sys.modules)"
    assert child(LEAN + code) == ["False"]


def test_what_needs_pandas_finds_it():
    """The answer "not installed" was for one question."""
    code = "print(len(pa.table({'a': [1, 2]}).to_pandas())); import pandas; print(pandas.Series([1]).sum())"
    assert child(LEAN + code) == ["2", "1"]


def test_a_process_that_has_arrow_already_is_left_alone():
    """It is not ours alone: its pandas stays known to Arrow."""
    code = (
        "import pyarrow as pa; from egresswatch.cli import lean; lean.spare_pandas(); pa.scalar(0);"
        "import sys; print('pandas' in sys.modules)"
    )
    assert child(code) == ["True"]
