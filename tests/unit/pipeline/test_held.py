# SPDX-License-Identifier: Apache-2.0
"""Held records: none lost, in their order, and those of one host found whatever blocks they lie in."""

import tracemalloc
import weakref

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
    assert [row for block in held.drain(4) for row in block["flow"].tolist()] == list(range(len(everything)))
    assert len(held) == 0


@given(PARTS, st.integers(1, 7))
def test_records_leave_by_time_uid_and_number(parts, size):
    """In parts of one size, whatever blocks they lay in; records that are equal in all three as they came."""
    held, everything = Held(), []
    for part in parts:
        rows = records(*((a, b, len(everything) + k) for k, (a, b) in enumerate(part)))
        rows["ts"], rows["uid"], rows["seq"] = rows["orig_lo"] % 3, rows["resp_lo"] % 2, rows["orig_lo"] % 2
        everything += rows[["ts", "uid", "seq", "flow"]].tolist()
        held.add(rows)
    left = list(held.drain(size))
    assert [len(block) for block in left[:-1]] == [size] * (len(left) - 1)
    rows = [row for block in left for row in block[["ts", "uid", "seq", "flow"]].tolist()]
    assert rows == sorted(everything)


def test_a_million_records_are_not_copied_as_a_whole(monkeypatch):
    """Joined blocks have a largest size, and leaving takes the room of the keys and of one part."""
    monkeypatch.setattr("egresswatch.pipeline.held._JOINED", 64)
    held, rows = Held(), records(*((1, 2, k) for k in range(1000)))
    for at in range(0, 1000, 10):
        held.add(rows[at : at + 10])
    held.add(rows)
    held.of([9])
    assert max(len(block.rows) for block in held._blocks[:-1]) <= 64
    assert np.shares_memory(held._blocks[-1].rows, rows)
    tracemalloc.start()
    assert sum(len(part) for part in held.drain(100)) == 2000
    assert tracemalloc.get_traced_memory()[1] < rows.nbytes
    tracemalloc.stop()


def test_records_that_nobody_asks_about_are_held_where_they_are():
    """Holding takes no copy, and a piece goes as soon as nothing in it is left to give."""
    rows = np.zeros(40_000, FLOW_RECORD)
    rows["ts"] = np.arange(len(rows))
    pieces = [rows[at : at + 1000].copy() for at in range(0, len(rows), 1000)]
    alive = [weakref.ref(piece) for piece in pieces]
    held = Held()
    tracemalloc.start()
    while pieces:
        held.add(pieces.pop(0))
    assert tracemalloc.get_traced_memory()[1] < rows.nbytes // 100
    tracemalloc.stop()
    for number, part in enumerate(held.drain(1000), 1):
        assert part["ts"].tolist() == [*range(1000 * (number - 1), 1000 * number)]
        assert sum(piece() is not None for piece in alive) == 40 - number


def test_blocks_stay_few():
    """A thousand records one by one lie in a handful of blocks when somebody asks."""
    held = Held()
    for number in range(1000):
        held.add(records((1, 2, number)))
    held.of([9])
    assert len(held._blocks) < 12
