# SPDX-License-Identifier: Apache-2.0
"""Groups of rows that are alike: exact, also where an attacker chose the values."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.pipeline.groups import distinct

SMALL = st.integers(0, 3) | st.integers(0, 2**64 - 1)


@given(st.lists(st.tuples(SMALL, SMALL, SMALL), max_size=30))
def test_rows_are_together_when_all_their_columns_are(rows):
    """And each group is told by its first row."""
    columns = [np.array([row[k] for row in rows], np.uint64) for k in range(3)]
    groups = distinct(*columns)
    assert [rows[k] for k in groups.first.take(groups.of)] == rows
    assert len({rows[k] for k in groups.first}) == len(groups.first) == len(set(rows))
    assert groups.first.tolist() == [rows.index(rows[k]) for k in groups.first]


def test_two_rows_with_one_hash_stay_two():
    """The hash of two columns is ``mix(a) + b``: for any two ``a`` there are ``b`` that make it equal."""
    mask, odd = (1 << 64) - 1, 0x9E3779B97F4A7C15
    mixes = [((a ^ a >> 29) * odd) & mask for a in (7, 8)]
    one, other = (7, 1), (8, (mixes[0] - mixes[1] + 1) & mask)
    assert (mixes[0] + one[1]) & mask == (mixes[1] + other[1]) & mask
    a, b = np.array([one, other, one], np.uint64).T
    groups = distinct(a, b)
    assert groups.of[0] == groups.of[2] != groups.of[1]


def test_columns_of_any_unsigned_kind():
    """Masks and small numbers are columns, too."""
    groups = distinct(np.array([True, False, True]), np.array([1, 1, 1], np.uint8))
    assert sorted(groups.first.tolist()) == [0, 1]
