# SPDX-License-Identifier: Apache-2.0
"""TCP accounting against a set of numbers: holes, fills, acknowledgements, wrap-around, both ends alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scale import examples
from tcp_twin import Stream

from egresswatch.flow.layout import ROW, S_FIN_A, S_FIN_B, S_FLIPPED, S_ORIENTED, S_ORIG_B, S_RST
from egresswatch.flow.tcp import ACK, FIN, MAX_HOLE, RST, SYN, orient, track

BASES = (0, 1000, 2**31 - 20, 2**32 - 40)
SEGMENT = st.tuples(
    st.integers(0, 1), st.sampled_from([ACK] * 6 + [SYN, SYN | ACK, FIN | ACK, RST, 8]), st.integers(-30, 90),
    st.sampled_from([0, 1, 5, 10, 30]), st.integers(-10, 120),
    st.sampled_from([0] * 20 + [MAX_HOLE + 999, 2**31]),
)  # fmt: skip


def kernel(segments):
    """Missing bytes of both ends and what is still open."""
    row = np.zeros(1, ROW)[0]
    for side, flags, seq, size, ack in segments:
        track(row, np.int64(side), np.int64(flags), np.int64(seq), np.int64(ack), np.int64(size))
    return [(int(row["missed_" + e]), int(row["gap_" + e])) for e in "ab"], int(row["state"])


def slow(segments):
    streams = Stream(), Stream()
    for side, flags, seq, size, ack in segments:
        me, other = streams[side], streams[1 - side]
        span = size + bool(flags & SYN) + bool(flags & FIN)
        if flags & SYN:
            me.next = None
        if flags & RST:
            continue
        if span or me.next is None:
            me.see(seq, span)
        if flags & ACK:
            other.see(ack, 0)
    return [(stream.missed, len(stream.hole)) for stream in streams]


@examples(1500)
@given(st.sampled_from(BASES), st.sampled_from(BASES), st.lists(SEGMENT, max_size=40))
def test_any_segments(base_a, base_b, steps):
    """Loss, disorder, overlap, repetition and new numberings: as many bytes missed as the set says."""
    bases, segments = (base_a, base_b), []
    for side, flags, seq, size, ack, jump in steps:
        segments.append((
            side, flags, (bases[side] + seq + jump) % 2**32, size, (bases[1 - side] + ack) % 2**32,
        ))  # fmt: skip
    assert kernel(segments)[0] == slow(segments)


@examples(300)
@given(st.permutations(range(8)), st.integers(0, 2))
def test_a_window_of_segments_in_any_order(order, lost):
    """Nothing is missed when all came in order; else whole segments, never more than there were."""
    came = order[: len(order) - lost]
    segments = [(0, ACK, 100 * k, 100, 0) for k in came]
    (missed, gap), _ = kernel(segments)[0]
    if came == sorted(came) and not lost:
        assert (missed, gap) == (0, 0)
    assert missed + gap <= 100 * len(order)
    assert (missed + gap) % 100 == 0


@pytest.mark.parametrize(
    ("jump", "missed"), [(MAX_HOLE, MAX_HOLE), (MAX_HOLE + 1, 0), (2**31 - 1, 0), (2**31, 0)]
)
def test_a_jump_too_far_is_a_new_numbering(jump, missed):
    """A reused port or a middlebox, not gigabytes of loss."""
    assert kernel([(0, ACK, 0, 100, 0), (0, ACK, 100 + jump, 1, 0)])[0][0] == (0, missed)


def test_a_connection_seen_from_one_side_only_counts_what_was_acknowledged():
    """The end that was never seen: all that the other acknowledged after the first number."""
    segments = [(0, ACK, 5, 10, 1000 * k) for k in range(1, 6)]
    assert kernel(segments)[0][1] == (3000, 1000)


@pytest.mark.parametrize(
    ("flags", "state"),
    [([(0, FIN)], S_FIN_A), ([(1, FIN | ACK)], S_FIN_B), ([(0, FIN), (1, FIN)], S_FIN_A | S_FIN_B),
     ([(1, RST)], S_RST), ([(0, FIN | RST)], S_FIN_A | S_RST)],
)  # fmt: skip
def test_what_closes_a_connection_is_kept(flags, state):
    """FIN of each end, RST of either."""
    seen = kernel([(side, value, 0, 0, 0) for side, value in flags])[1]
    assert seen & (S_FIN_A | S_FIN_B | S_RST) == state


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("flags", [SYN, SYN | ACK, ACK, FIN, RST])
def test_who_began(first, side, flags):
    """A SYN's sender, a SYN-ACK's receiver; other packets change nothing; only the first word counts."""
    row = np.zeros(1, ROW)[0]
    row["state"] = S_ORIG_B if first else 0
    orient(row, np.int64(flags), np.int64(side))
    state = int(row["state"])
    want = first if not flags & SYN else 1 - side if flags & ACK else side
    assert bool(state & S_ORIG_B) == bool(want)
    assert bool(state & S_FLIPPED) == (want != first)
    assert bool(state & S_ORIENTED) == bool(flags & SYN)
    orient(row, np.int64(SYN), np.int64(1 - want))
    if state & S_ORIENTED:
        assert int(row["state"]) == state
