# SPDX-License-Identifier: Apache-2.0
"""Held records: none lost, in their order, and those of one host found whatever blocks they lie in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.pipeline.held import Held
from egresswatch.records import FLOW_RECORD


def records(*ends):
    """Records between ends of (originator, responder); ``flow`` numbers them by the caller's count."""
    out = np.zeros(len(ends), FLOW_RECORD)
    for row, (orig, resp, flow) in zip(out, ends, strict=True):
        row["orig_lo"], row["resp_lo"], row["flow"] = orig, resp, flow
    return out


ENDS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=9)
PARTS = st.lists(ENDS, max_size=30)


@given(PARTS, st.sets(st.integers(0, 6), max_size=3))
def test_a_hosts_records_are_found_in_order(parts, words):
    """The same as a walk over all of them; and all come out again as they went in."""
    held, everything = Held(), []
    for part in parts:
        rows = records(*((a, b, len(everything) + k) for k, (a, b) in enumerate(part)))
        everything += rows.tolist()
        held.add(rows)
    assert len(held) == len(everything)
    names = FLOW_RECORD.names
    orig, resp, flow = (names.index(name) for name in ("orig_lo", "resp_lo", "flow"))
    found = [int(row["flow"]) for block in held.of(sorted(words)) for row in block]
    assert found == [row[flow] for row in everything if row[orig] in words or row[resp] in words]
    if everything:
        assert held.take()["flow"].tolist() == list(range(len(everything)))
    assert len(held) == 0


def test_blocks_stay_few():
    """A thousand records one by one lie in a handful of blocks."""
    held = Held()
    for number in range(1000):
        held.add(records((1, 2, number)))
    assert len(held._blocks) < 12
