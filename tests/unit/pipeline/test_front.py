# SPDX-License-Identifier: Apache-2.0
"""The fast half: seconds come out whole, in order, and the same for every way of cutting the input."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.config import load
from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import pcap
from egresswatch.pipeline import front as front_module
from egresswatch.pipeline.front import Front
from egresswatch.pipeline.notes import NS
from egresswatch.pipeline.replay import networks
from egresswatch.rules.site import load_site
from egresswatch.sniff.probes import BUILTIN
from egresswatch.source import open_replay

SECOND = s.DAY // NS


def session():
    frames = acts.cloud_session(s.DAY, s.DAY + 3 * s.MINUTE, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113)
    return sorted(frames, key=lambda frame: frame.ts)


@pytest.fixture
def read(tmp_path):
    """A function: (front, the seconds after each batch) of frames cut into batches."""

    def of(frames, batch, *settings):
        path = tmp_path / "capture.pcap"
        path.write_bytes(pcap(frames))
        front = Front(load(None, settings), BUILTIN, networks(load_site(None)), between=False)
        source = open_replay([str(path)], batch=batch)
        seconds = [list(front.feed(one)) for one in source.batches()]
        source.close()
        seconds.append(list(front.finish()))
        return front, seconds

    return of


def shape(seconds):
    """Number, notes and records of every second."""
    return [
        (one.number, sum(len(notes.rows) for notes in one.notes), sum(len(rows) for rows in one.records))
        for part in seconds for one in part
    ]  # fmt: skip


def test_seconds_come_in_order_and_once(read):
    """Each number once, ascending."""
    numbers = [number for number, _, _ in shape(read(session(), 4)[1])]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == SECOND


@pytest.mark.parametrize("batch", [1, 3, 50])
def test_cutting_changes_nothing(read, batch):
    """The same seconds with the same content."""
    assert shape(read(session(), batch)[1]) == shape(read(session(), 10_000)[1])


def test_a_second_waits_until_the_clock_has_passed_it(read):
    """What the present second may still bring is not known yet."""
    frames = session()
    _, seconds = read(frames, 1)
    clock = 0
    for frame, part in zip(frames, seconds, strict=False):
        clock = max(clock, frame.ts)
        assert all(one.number < clock // NS for one in part)


def test_records_add_up_to_the_frames(read):
    """Packets of all records are those accounted."""
    front, seconds = read(session(), 7)
    packets = sum(
        int(rows["orig_pkts"].sum() + rows["resp_pkts"].sum())
        for part in seconds for one in part for rows in one.records
    )  # fmt: skip
    assert packets == front.frames == int(front.buckets.sum()) == len(session())


def test_late_frames_do_not_turn_the_clock_back(read):
    """First and last time are the capture's, the clock is the highest so far."""
    first, *rest = session()
    front, seconds = read([*rest, first], 2)
    assert front.first_ts == first.ts
    assert front.clock == front.last_ts == rest[-1].ts
    assert front.counters()["late_frames"] == 1
    numbers = [number for number, _, _ in shape(seconds)]
    assert numbers == sorted(numbers)


def test_an_empty_capture(read):
    """No frame, no second, no time."""
    front, seconds = read([], 10)
    assert shape(seconds) == []
    assert (front.frames, front.first_ts, front.last_ts) == (0, None, None)


def test_notes_are_in_frame_order(read):
    """Frame numbers count over the whole input, whatever the batch."""
    _, seconds = read(session(), 5)
    frames = [
        notes.first + int(place) for part in seconds for one in part for notes in one.notes
        for place in notes.rows["index"]
    ]  # fmt: skip
    assert frames == sorted(set(frames))
    assert np.all(np.array(frames) < len(session()))


@pytest.fixture
def standing_clock(monkeypatch):
    """Frames of one moment, and parts of five."""
    monkeypatch.setattr(front_module, "PART", 5)
    return [frame._replace(ts=s.DAY) for frame in session()]


@pytest.mark.parametrize("batch", [1, 3, 7, 50])
def test_a_clock_that_stands_still_gathers_nothing(read, standing_clock, batch):
    """A second of many frames comes out in parts, as soon as each is full, the last of them marked."""
    _, seconds = read(standing_clock, batch)
    given = 0
    for number, part in enumerate(seconds[:-1], 1):
        given += len(part)
        assert given == max(0, (min(number * batch, len(standing_clock)) - 1) // 5)
    closed = [one.closed for part in seconds for one in part]
    assert closed == [False] * (len(closed) - 1) + [True]


@pytest.mark.parametrize("batch", [1, 3, 50])
@pytest.mark.parametrize("size", ["1", "1024"])
def test_cutting_changes_nothing_within_a_second(read, standing_clock, batch, size):
    """The same parts with the same content; records of a table that is too small among them."""
    setting = f"flow.table_size={size}"
    assert shape(read(standing_clock, batch, setting)[1]) == shape(read(standing_clock, 10_000, setting)[1])


@given(st.lists(st.integers(0, 5 * NS) | st.integers(0, 2000 * NS), min_size=1, max_size=60))
def test_seconds_are_found_among_clocks(steps):
    """Where the second changes, whether they are few or many, near each other or far apart."""
    clocks = np.cumsum(np.array(steps, np.int64))
    seconds = clocks // NS
    expected = [0, *(k for k in range(1, len(clocks)) if seconds[k] != seconds[k - 1]), len(clocks)]
    assert front_module._edges(clocks) == expected


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.data())
def test_places_are_cut_by_spans(sizes, data):
    """Each place lies in the span it is given with, none is lost."""
    edges = [0, *np.cumsum(sizes).tolist()]
    spans = [front_module.Span(number, 0, *ends) for number, ends in enumerate(pairwise(edges))]
    places = sorted(data.draw(st.sets(st.integers(0, edges[-1] - 1), min_size=1)))
    found = []
    for span, low, high in front_module._cuts(spans, np.array(places)):
        assert all(span.start <= place < span.stop for place in places[low:high])
        found += places[low:high]
    assert found == places
