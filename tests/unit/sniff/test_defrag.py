# SPDX-License-Identifier: Apache-2.0
"""Fragments in any order become the datagram they were; hostile ones stay bounded."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.patterns import Parser
from egresswatch.records import Message
from egresswatch.sniff.defrag import PIECE_COST, TIMEOUT, Defrag

Build = Callable[..., Message]

DATA = bytes(range(256)) * 12
UDP = struct.pack(">HHHH", 40000, 53, 8 + len(DATA), 0) + DATA


def cut(datagram: Build, whole: bytes, at: Sequence[int], **fields: int) -> list[Message]:
    """``whole`` as fragments that begin at the given offsets."""
    bounds = [*at, len(whole)]
    return [
        datagram(
            whole[start:end], parser=Parser.FRAGMENT, frag_id=7, frag_off=start, frag_more=end < len(whole),
            sport=0, dport=0, frame=index, **fields,
        )
        for index, (start, end) in enumerate(pairwise(bounds))
    ]  # fmt: skip


def feed(defrag: Defrag, messages: Sequence[Message]) -> list[Message]:
    return [whole for whole in map(defrag.feed, messages) if whole is not None]


@given(st.permutations(range(4)))
def test_any_order_gives_the_datagram(datagram: Build, order: Sequence[int]) -> None:
    """Ports and payload of the whole; flow of the first fragment, time and frame of the completing one."""
    fragments = cut(datagram, UDP, [0, 1000, 1600, 2400])
    fragments[0] = fragments[0]._replace(flow=42, side=1)
    defrag = Defrag()
    (whole,) = feed(defrag, [fragments[i] for i in order])
    assert (whole.sport, whole.dport, whole.payload, whole.length) == (40000, 53, DATA, len(DATA))
    assert (whole.flow, whole.side, whole.frame, whole.parser) == (42, 1, order[-1], Parser.NONE)
    assert whole.start
    assert (defrag.pending, defrag.counts["completed"]) == (0, 1)


def test_a_tcp_segment_is_taken_apart(datagram: Build) -> None:
    """Sequence number and flags come from its header, options are stepped over."""
    segment = struct.pack(">HHIIBBHHH4s", 40000, 80, 1234, 0, 6 << 4, 0x18, 0, 0, 0, bytes(4)) + DATA
    (whole,) = feed(Defrag(), cut(datagram, segment, [0, 16, 800], proto=6))
    assert (whole.seq, whole.tcp_flags, whole.payload, whole.dport) == (1234, 0x18, DATA, 80)


def test_a_missing_piece_completes_nothing(datagram: Build) -> None:
    """And is given up when its time has passed."""
    defrag = Defrag()
    fragments = cut(datagram, UDP, [0, 1000, 1600])
    assert feed(defrag, [fragments[0], fragments[2]]) == []
    late = fragments[1]._replace(ts=fragments[0].ts + TIMEOUT + 1)
    assert feed(defrag, [late]) == []
    assert (defrag.counts["timeouts"], defrag.pending) == (1, 1)


def test_where_pieces_overlap_the_first_wins(datagram: Build) -> None:
    """An overlap cannot rewrite what was read, and is counted."""
    fragments = cut(datagram, UDP, [0, 1000, 1600])
    liar = fragments[1]._replace(frag_off=800, payload=b"X" * 1000, length=1000)
    defrag = Defrag()
    (whole,) = feed(defrag, [fragments[0], fragments[2], liar])
    assert whole.payload == DATA[: 1000 - 8] + b"X" * 600 + DATA[1600 - 8 :]
    assert defrag.counts["overlaps"] == 1


def test_a_piece_around_others_fills_both_sides(datagram: Build) -> None:
    """One late fragment may cover several gaps."""
    fragments = cut(datagram, UDP, [0, 800, 1000, 1600, 1800])
    around = fragments[1]._replace(payload=UDP[800:1800], length=1000)
    defrag = Defrag()
    (whole,) = feed(defrag, [fragments[0], fragments[2], fragments[4], around])
    assert whole.payload == DATA


def test_a_repeated_fragment_is_a_duplicate(datagram: Build) -> None:
    """Mirrors show frames twice."""
    fragments = cut(datagram, UDP, [0, 1000])
    defrag = Defrag()
    (whole,) = feed(defrag, [fragments[0], fragments[0], fragments[1]])
    assert whole.payload == DATA
    assert (defrag.counts["duplicates"], defrag.counts["overlaps"]) == (1, 0)


def test_a_cut_fragment_ends_the_payload(datagram: Build) -> None:
    """Bytes that the capture does not hold are never made up."""
    fragments = cut(datagram, UDP, [0, 1000])
    fragments[0] = fragments[0]._replace(payload=fragments[0].payload[:96])
    (whole,) = feed(Defrag(), fragments)
    assert (whole.payload, whole.length) == (DATA[:88], len(DATA))


def test_a_udp_length_that_is_shorter_counts(datagram: Build) -> None:
    """Padding behind the datagram is not its payload."""
    (whole,) = feed(Defrag(), cut(datagram, UDP + bytes(16), [0, 1000]))
    assert (whole.payload, whole.length) == (DATA, len(DATA))


@pytest.mark.parametrize(
    "fields",
    [
        {"frag_off": 65_528, "payload": bytes(16), "length": 16, "frag_more": False},  # ping of death
        {"payload": bytes(9), "length": 9},                                            # not in eights
        {"payload": b"", "length": 0},
    ],
)
def test_impossible_fragments_are_refused(datagram: Build, fields: dict[str, int]) -> None:
    """Counted, and no memory is spent on them."""
    defrag = Defrag()
    bad = cut(datagram, UDP, [0, 1000])[0]._replace(**fields)
    assert defrag.feed(bad) is None
    assert (defrag.counts["refused"], defrag.pending) == (1, 0)


def test_a_piece_beyond_the_end_is_refused(datagram: Build) -> None:
    """Once the last fragment was seen the length is fixed."""
    fragments = cut(datagram, UDP, [0, 1000, 1600])
    defrag = Defrag()
    beyond = fragments[1]._replace(frag_off=8000)
    (whole,) = feed(defrag, [fragments[2], beyond, fragments[0], fragments[1]])
    assert whole.payload == DATA
    assert defrag.counts["refused"] == 1


def test_other_protocols_give_nothing(datagram: Build) -> None:
    """There is no parser for a fragmented ICMP message."""
    assert feed(Defrag(), cut(datagram, UDP, [0, 1000], proto=1)) == []


def test_the_number_of_datagrams_is_bounded(datagram: Build) -> None:
    """The oldest goes first, counted."""
    defrag = Defrag(max_datagrams=4)
    first = cut(datagram, UDP, [0, 1000])[0]
    for number in range(10):
        defrag.feed(first._replace(frag_id=number))
    assert (defrag.pending, defrag.counts["shed"]) == (4, 6)
    (whole,) = feed(defrag, [cut(datagram, UDP, [0, 1000])[1]._replace(frag_id=9)])
    assert whole.payload == DATA


def test_memory_is_bounded_by_bytes_and_pieces(datagram: Build) -> None:
    """Many tiny fragments cost as much as they take."""
    defrag = Defrag(max_bytes=10 * (PIECE_COST + 8))
    tiny = cut(datagram, UDP, [0, 8])[0]
    for number in range(100):
        defrag.feed(tiny._replace(frag_id=number))
    assert defrag.pending == 10


# offset in eights, length, more, bytes captured, datagram
FRAGMENT = st.tuples(
    st.integers(0, 12), st.integers(0, 40), st.booleans(), st.integers(0, 40), st.integers(0, 1)
)  # fmt: skip


@given(st.lists(FRAGMENT, max_size=30))
def test_no_fragments_raise_and_the_bytes_held_are_right(
    datagram: Build, pieces: list[tuple[int, int, bool, int, int]]
) -> None:
    """Any mixture of offsets, lengths, cuts and ends: bounded, and the books are kept."""
    defrag = Defrag(max_datagrams=2, max_bytes=4096)
    for offset, length, more, captured, number in pieces:
        piece = bytes(min(captured, length))
        fields = {"length": length, "frag_id": number, "frag_off": offset * 8, "frag_more": more}
        whole = defrag.feed(datagram(piece, **fields))
        assert whole is None or len(whole.payload) <= whole.length
    assert defrag.pending <= 2
    for state in defrag._table.values():
        assert all(end <= start for end, start in zip(state.ends, state.starts[1:], strict=False))
    assert defrag._bytes == sum(state.held for state in defrag._table.values()) <= 4096
