# SPDX-License-Identifier: Apache-2.0
"""The shapes that kernels share: sizes that memory and prefetching rely on, numbers outputs rely on."""

from egresswatch.config import TUNNELS
from egresswatch.flow.layout import NOTE, ROW, SHARD, TALLIES, Tally
from egresswatch.packets import COUNTS, PACKET, QUOTE, SHARDS, TUNNEL_BITS, Bucket, Count
from egresswatch.records import FLOW_RECORD, EndReason, Outcome


def test_a_row_of_the_table_is_four_cache_lines():
    """What a packet of a known flow touches lies in the first two."""
    assert ROW.itemsize == 256
    assert all(ROW.fields[name][1] < 64 for name in ("a_hi", "a_lo", "b_hi", "b_lo", "meta", "last"))
    assert all(ROW.fields[name][1] < 128 for name in ("bytes_a", "pkts_b", "next_a", "flags_b", "state"))


def test_structures_are_whole_words():
    """Arrays of them stay aligned for 64-bit loads."""
    for shape in (PACKET, QUOTE, ROW, SHARD, NOTE, FLOW_RECORD):
        assert shape.itemsize % 8 == 0
        for name, (kind, offset) in ((n, f[:2]) for n, f in shape.fields.items()):
            size = (kind.base if kind.subdtype else kind).itemsize
            assert offset % size == 0, name


def test_buckets_and_counters_are_numbered_from_0():
    """They index arrays."""
    assert [int(b) for b in Bucket] == list(range(len(Bucket)))
    assert [int(c) for c in Count] == list(range(COUNTS))
    assert [int(t) for t in Tally] == list(range(TALLIES))
    assert Bucket.accounted == 0


def test_every_tunnel_has_a_bit_of_its_own():
    """decode.decapsulate as a mask."""
    assert set(TUNNEL_BITS) == set(TUNNELS)
    assert sum(TUNNEL_BITS.values()) == (1 << len(TUNNELS)) - 1


def test_numbers_of_end_reasons_are_those_of_ipfix():
    """RFC 5102 §5.11.3 flowEndReason."""
    assert {e.name: int(e) for e in EndReason} == {
        "idle": 1, "active": 2, "end": 3, "eof": 4, "lack_of_resources": 5,
    }  # fmt: skip
    assert SHARDS == 16
    assert min(Outcome) == 1
