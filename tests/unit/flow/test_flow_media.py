# SPDX-License-Identifier: Apache-2.0
"""RTP is told once, with the packet that makes it sure; the kernel agrees with its slow twin."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_twin import Follower

from egresswatch.flow.layout import ROW
from egresswatch.flow.media import is_media

SSRC = 0x1234ABCD


def rtp(seq, stamp, ssrc=SSRC, kind=96, flags=0x80, rest=b"x" * 20):
    return struct.pack(">BBHII", flags, kind, seq & 0xFFFF, stamp & 0xFFFFFFFF, ssrc) + rest


def told(packets, side=0, cut=None):
    """Numbers of the packets that were told, after both followed them."""
    row, twin, out = np.zeros(1, ROW)[0], Follower(), []
    for number, whole in enumerate(packets):
        payload = whole[:cut]
        buffer = np.frombuffer(b"\xee" * 3 + payload + b"\xee" * 16, np.uint8)
        sure = bool(
            is_media(buffer, np.int64(3), np.int64(len(payload)), np.int64(len(whole)), row, np.int64(side))
        )
        assert sure == twin.packet(payload, len(whole)), number
        if sure:
            out.append(number)
    return out


@pytest.mark.parametrize("side", [0, 1])
def test_three_in_sequence_with_a_moving_clock_are_media(side):
    """And what follows is not told again."""
    assert told([rtp(10 + k, 3000 * k) for k in range(9)], side) == [2]


def test_within_one_frame_six_are_needed():
    """Its packets share a timestamp."""
    assert told([rtp(10 + k, 3000) for k in range(9)]) == [5]


def test_sequence_and_clock_wrap_around():
    """16 and 32 bits."""
    assert told([rtp(0xFFFE + k, 0xFFFFFF00 + 3000 * k) for k in range(4)]) == [2]


def test_repeated_and_late_packets_neither_help_nor_hurt():
    """A copy, then the one before."""
    assert told([rtp(10, 0), rtp(11, 3000), rtp(11, 3000), rtp(10, 0), rtp(12, 6000)]) == [4]


@pytest.mark.parametrize(
    "packets",
    [
        [rtp(k * 1000, 3000 * k) for k in range(9)],
        [rtp(k, 10_000_000 * k) for k in range(9)],
        [rtp(k, 3000 * k, ssrc=k + 1) for k in range(9)],
        [rtp(k, 3000 * k, ssrc=0) for k in range(9)],
        [rtp(k, 3000 * k, kind=72) for k in range(9)],
        [rtp(k, 3000 * k, flags=0x8F, rest=b"") for k in range(9)],
        [rtp(k, 3000 * k, flags=0x90, rest=b"\xbe\xde\x00\xff") for k in range(9)],
        [rtp(k, 3000 * k, flags=0xA0, rest=b"\xff") for k in range(9)],
    ],
    ids=[
        "jumps",
        "wild clock",
        "other sources",
        "no source",
        "rtcp types",
        "no room",
        "extension",
        "padding",
    ],
)
def test_what_only_looks_like_it_is_not(packets):
    """Encrypted or other binary payloads that begin with 0x80."""
    assert told(packets) == []


def test_a_second_source_is_told_as_well():
    """A camera that restarts its stream takes another one."""
    first, second = ([rtp(k, 3000 * k, ssrc=s) for k in range(4)] for s in (7, 8))
    assert told([*first, *second]) == [2, 6]


def test_packets_that_the_capture_cut_count():
    """Headers are enough; padding is not looked at then."""
    assert told([rtp(k, 3000 * k, flags=0xA0, rest=b"y" * 200) for k in range(5)], cut=12) == [2]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 6),
            st.sampled_from([0, 0, 3000, 900_001]),
            st.sampled_from([1, 2, 2]),
            st.sampled_from([96, 96, 72, 0]),
            st.sampled_from([0x80, 0x80, 0x81, 0x90, 0xA0]),
            st.binary(max_size=12),
        ),
        max_size=40,
    )
)
def test_the_kernel_follows_as_its_twin_does(steps):
    """Whatever comes."""
    packets, seq, stamp = [], 0, 0
    for step, ahead, ssrc, kind, flags, rest in steps:
        seq, stamp = seq + step, stamp + ahead
        packets.append(rtp(seq, stamp, ssrc, kind, flags, rest))
    told(packets)
