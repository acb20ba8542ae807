# SPDX-License-Identifier: Apache-2.0
"""One side of a connection in order: gaps, repetitions, late and new beginnings, cuts and bounds."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.sniff import reassembly
from egresswatch.sniff.reassembly import Segment, Stream, distance, repeats

BASE = 0xFFFF_FFF0  # the text below crosses the end of sequence space
SEQUENCE = st.integers(0, 0xFFFFFFFF)
TEXT = bytes(range(256)) * 4


def piece(begin: int, end: int, *, start: bool = False, parser: int = 6, seq: int = BASE) -> Segment:
    """Bytes ``begin`` to ``end`` of TEXT."""
    return Segment((seq + begin) & 0xFFFFFFFF, TEXT[begin:end], end - begin, start, parser)


def test_distance_goes_around_the_end_of_sequence_space() -> None:
    """Behind the end comes the beginning."""
    assert (distance(5, 0xFFFFFFFB), distance(0xFFFFFFFB, 5), distance(7, 7)) == (10, -10, 0)


def test_segments_in_order_make_one_buffer() -> None:
    """The plain case."""
    stream = Stream()
    assert stream.add(piece(0, 10, start=True))
    assert stream.add(piece(10, 30))
    assert stream.buffer == TEXT[:30]


def test_a_gap_is_waited_for() -> None:
    """Bytes beyond it come when it is closed."""
    stream = Stream()
    stream.add(piece(0, 10, start=True))
    assert not stream.add(piece(20, 30))
    assert stream.buffer == TEXT[:10]
    assert stream.add(piece(10, 20))
    assert stream.buffer == TEXT[:30]


def test_segments_before_the_start_are_kept_for_it() -> None:
    """The first segment may come second."""
    stream = Stream()
    assert not stream.add(piece(10, 20))
    assert not stream.add(piece(20, 30))
    assert stream.add(piece(0, 10, start=True))
    assert stream.buffer == TEXT[:30]


def test_what_lies_before_the_start_is_forgotten() -> None:
    """It belongs to something else."""
    stream = Stream()
    stream.add(piece(0, 10))
    stream.add(piece(10, 20, start=True))
    assert (bytes(stream.buffer), stream.held) == (TEXT[10:20], 10)


def test_a_repetition_adds_nothing() -> None:
    """Neither whole nor in part, nor when it is the start."""
    stream = Stream()
    stream.add(piece(0, 20, start=True))
    assert not stream.add(piece(0, 20, start=True))
    assert not stream.add(piece(5, 15))
    assert stream.add(piece(15, 25))
    assert stream.buffer == TEXT[:25]


def test_a_repetition_of_what_was_consumed_adds_nothing() -> None:
    """Also after the buffer is empty."""
    stream = Stream()
    stream.add(piece(0, 20, start=True))
    stream.consume(20)
    assert not stream.add(piece(0, 20, start=True))
    assert stream.buffer == b""


def test_an_idle_stream_begins_again_at_the_next_anchor() -> None:
    """Bytes in between were never handed up."""
    stream = Stream()
    stream.add(piece(0, 20, start=True))
    stream.drop()
    assert not stream.add(piece(20, 40))
    assert stream.add(piece(500, 520, start=True))
    assert stream.buffer == TEXT[500:520]


def test_an_anchor_ahead_of_an_unfinished_message_waits() -> None:
    """It may only have overtaken the rest of that message."""
    stream = Stream()
    stream.add(piece(0, 10, start=True))
    assert not stream.add(piece(20, 30, start=True))
    assert stream.add(piece(10, 20))
    assert stream.buffer == TEXT[:30]


def test_a_gap_that_does_not_close_is_given_up_for_a_later_anchor() -> None:
    """When no more can be kept, the oldest anchor there is becomes the beginning."""
    stream = Stream()
    stream.add(piece(0, 10, start=True))
    stream.add(piece(20, 30, start=True))
    for k in range(reassembly.MAX_AHEAD):
        stream.add(piece(30 + 10 * k, 40 + 10 * k))
    assert bytes(stream.buffer).startswith(TEXT[20:40])


def test_a_gap_that_does_not_close_ends_the_reading_without_anchor() -> None:
    """Nothing is kept then."""
    stream = Stream()
    stream.add(piece(0, 10, start=True))
    for k in range(reassembly.MAX_AHEAD + 1):
        stream.add(piece(20 + 10 * k, 30 + 10 * k))
    assert (stream.idle, stream.held) == (True, 0)


def test_pending_segments_are_bounded() -> None:
    """A side whose start never comes cannot fill memory."""
    stream = Stream()
    for k in range(500):
        stream.add(Segment(k * 1000, bytes(1000), 1000, start=False, parser=1))
        assert stream.held <= reassembly.MAX_AHEAD_BYTES


def test_an_earlier_message_that_comes_late_is_read() -> None:
    """The second request overtook the first."""
    stream = Stream()
    stream.add(piece(0, 10, start=True))
    stream.consume(10)
    assert stream.add(piece(100, 110, start=True))
    stream.consume(10)
    assert stream.add(piece(50, 60, start=True))
    assert stream.buffer == TEXT[50:60]


def test_a_new_connection_on_the_same_ports_begins_anew() -> None:
    """Its sequence numbers are somewhere else."""
    stream = Stream()
    stream.add(piece(0, 10, start=True))
    stream.consume(10)
    assert stream.add(piece(0, 10, start=True, seq=BASE - (1 << 30)))
    assert stream.add(piece(10, 20, seq=BASE - (1 << 30)))
    assert stream.buffer == TEXT[:20]


def test_another_parser_takes_over_at_its_anchor() -> None:
    """TLS within an HTTP CONNECT."""
    stream = Stream()
    stream.add(piece(0, 10, start=True, parser=8))
    assert stream.add(piece(10, 20, start=True, parser=6))
    assert (stream.parser, bytes(stream.buffer)) == (6, TEXT[10:20])


def test_reading_ends_where_a_packet_was_cut() -> None:
    """The bytes after the cut are unknown, whatever comes next."""
    stream = Stream()
    assert stream.add(Segment(100, b"abc", 10, start=True, parser=6))
    assert stream.cut
    assert not stream.add(Segment(110, b"def", 3, start=False, parser=6))
    assert stream.buffer == b"abc"


def test_a_late_repetition_is_told_from_a_new_connection() -> None:
    """By how far it lies before the end of what was read."""
    assert repeats(100, 50, 150)
    assert repeats(0xFFFFFFF0, 20, 10)
    assert not repeats(100, 50, 140)
    assert not repeats(100, 50, 100 + (1 << 25))


@given(st.lists(st.integers(1, 900), max_size=8), st.permutations(list(range(9))))
def test_any_order_of_segments_gives_the_same_bytes(cuts: list[int], order: list[int]) -> None:
    """Whole, once, in order, whatever the arrival."""
    edges = sorted({0, 1000, *cuts})
    pieces = [piece(a, b, start=a == 0) for a, b in itertools.pairwise(edges)]
    stream = Stream()
    for index in order:
        if index < len(pieces):
            stream.add(pieces[index])
    assert stream.buffer == TEXT[:1000]


@given(
    st.lists(
        st.tuples(SEQUENCE, st.binary(max_size=40), st.integers(0, 9), st.booleans(), st.integers(6, 8)),
        max_size=40,
    )
)  # fmt: skip
def test_no_sequence_of_segments_breaks_the_bounds(arrivals: list[tuple[int, bytes, int, bool, int]]) -> None:
    """Nonsense costs no more than the bounds say, and ``held`` is what is held."""
    stream = Stream()
    for seq, payload, more, start, parser in arrivals:
        stream.add(Segment(seq, payload, len(payload) + more, start, parser))
        assert 0 <= stream.held - len(stream.buffer) <= reassembly.MAX_AHEAD_BYTES


@pytest.mark.parametrize("start", [True, False])
def test_an_empty_segment_changes_nothing(start: bool) -> None:
    """Keep-alives of zero length do not reach here, but could."""
    stream = Stream()
    stream.add(piece(0, 10, start=True))
    stream.add(piece(10, 10, start=start))
    assert stream.buffer == TEXT[:10]
