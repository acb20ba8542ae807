# SPDX-License-Identifier: Apache-2.0
"""Merging: the order depends on the frames alone, and each file keeps its own."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import FrameBatch
from egresswatch.source.merge import Entry, columns, merge


class Frames:
    """An open input of frames (time, payload), given in chunks of changing size from a reused buffer."""

    def __init__(self, frames, sizes):
        self.frames = list(frames)
        self.sizes = sizes
        self.at = 0
        self.calls = 0
        self.closed = False
        self.data = np.zeros(4096, np.uint8)

    def chunk(self, limit, max_bytes):
        size = min(limit, self.sizes[self.calls % len(self.sizes)])
        self.calls += 1
        part = self.frames[self.at : self.at + size]
        self.at += len(part)
        if not part:
            return None
        cap = np.array([len(payload) for _, payload in part], np.uint32)
        off = np.cumsum(cap).astype(np.int64) - cap
        self.data[:] = 0xEE  # what was given before is gone
        joined = b"".join(payload for _, payload in part)
        self.data[: len(joined)] = np.frombuffer(joined, np.uint8)
        ts = np.array([time for time, _ in part], np.int64)
        return FrameBatch(self.data, off, cap, cap + 1, ts, cap.astype(np.uint16), cap.astype(np.uint16), 0)

    def close(self):
        self.closed = True


def merged(inputs, sizes, batch=1000):
    """All frames out of merge, as (time, payload), and the open inputs."""
    opened = []

    def opener(frames):
        def call(active):
            assert active == sum(not one.closed for one in opened)
            opened.append(Frames(frames, sizes))
            return opened[-1]

        return call

    order = sorted(range(len(inputs)), key=lambda i: (inputs[i][0][0] if inputs[i] else -1, i))
    out = []
    entries = [Entry(inputs[i][0][0] if inputs[i] else -1, opener(inputs[i])) for i in order]
    for piece in merge(entries, batch, 1 << 20):
        assert 0 < len(piece) <= batch
        for off, cap, wire, ts, link, iface in zip(*(column.tolist() for column in columns(piece))):
            assert wire == cap + 1
            assert link == iface == cap
            out.append((ts, piece.data[off : off + cap].tobytes()))
    assert all(one.closed for one in opened)
    return out


def slow_merge(inputs):
    """The twin: sort by (highest time so far in the file, file in order of first times, place)."""
    rows = []
    order = sorted(range(len(inputs)), key=lambda i: (inputs[i][0][0] if inputs[i] else -1, i))
    for rank, i in enumerate(order):
        latest = 0
        for place, (ts, payload) in enumerate(inputs[i]):
            latest = max(latest, ts)
            rows.append(((latest, rank, place), (ts, payload)))
    return [row for _, row in sorted(rows)]


INPUT = st.lists(st.tuples(st.integers(0, 30), st.binary(max_size=6)), max_size=25)


@given(st.lists(INPUT, max_size=5), st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 12))
def test_merge_equals_its_twin(inputs, sizes, batch):
    """Any files, also with times that step back, cut in any way, give the twin's order."""
    assert merged(inputs, sizes, batch) == slow_merge(inputs)


def test_files_that_follow_each_other_are_not_copied():
    """A rotated set passes through: batches point into the reader's own buffer."""
    first, second = Frames([(1, b"a"), (2, b"b")], [5]), Frames([(2, b"c"), (3, b"d")], [5])
    pieces = merge([Entry(1, lambda _: first), Entry(2, lambda _: second)], 10, 1 << 20)
    readers = (first, second)
    assert [piece.data is reader.data for piece, reader in zip(pieces, readers, strict=True)] == [True, True]


def test_a_file_is_opened_only_when_its_time_comes():
    """Of a long rotated set one file is open at a time."""
    most = 0
    opened = []

    def opener(start):
        def call(active):
            nonlocal most
            most = max(most, active)
            opened.append(start)
            return Frames([(start, b"x"), (start + 1, b"y")], [2])

        return call

    entries = [Entry(10 * i, opener(10 * i)) for i in range(50)]
    assert sum(len(piece) for piece in merge(entries, 8, 1000)) == 100
    assert (len(opened), most) == (50, 0)
