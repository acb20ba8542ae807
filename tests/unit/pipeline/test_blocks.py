# SPDX-License-Identifier: Apache-2.0
"""Rows moved as bytes are the rows."""

import time

import numpy as np
import pytest

from egresswatch.flow.layout import NOTE
from egresswatch.pipeline.blocks import joined, picked
from egresswatch.records import FLOW_RECORD


def rows(dtype, count, seed=1):
    return np.random.default_rng(seed).integers(0, 256, count * dtype.itemsize, np.uint8).view(dtype)


@pytest.mark.parametrize("dtype", [NOTE, FLOW_RECORD])
@pytest.mark.parametrize("counts", [[0], [3], [0, 0], [2, 0, 5]])
def test_joined_rows(dtype, counts):
    """As NumPy joins them."""
    parts = [rows(dtype, count, seed) for seed, count in enumerate(counts)]
    assert joined(parts).tobytes() == np.concatenate(parts).tobytes()
    assert joined(parts).dtype == dtype


@pytest.mark.parametrize("dtype", [NOTE, FLOW_RECORD])
@pytest.mark.parametrize("share", [0, 3, 10])
def test_picked_rows(dtype, share):
    """As NumPy picks them; all of them are not copied."""
    many = rows(dtype, 10)
    wanted = np.arange(10) < share
    assert np.array_equal(picked(many, wanted), many[wanted])
    assert (picked(many, wanted) is many) == (share == 10)


def test_slices_of_larger_arrays():
    """Parts come as views into a kernel's output."""
    many = rows(FLOW_RECORD, 20)
    assert np.array_equal(joined([many[3:7], many[9:10]]), np.concatenate([many[3:7], many[9:10]]))


def test_rows_are_moved_quickly():
    """Far quicker than field by field."""
    many, best = rows(FLOW_RECORD, 20_000), [1.0, 1.0]
    for _ in range(3):
        for k, join in enumerate((joined, np.concatenate)):
            begun = time.process_time()
            join([many, many])
            best[k] = min(best[k], time.process_time() - begun)
    assert best[0] < best[1] / 3
