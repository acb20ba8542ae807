# SPDX-License-Identifier: Apache-2.0
"""The index kernels against their slow twins, on good, cut and damaged bytes."""

import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from egresswatch.source.kernels import IFACE, STOP_FULL, STOP_MORE, TS_CAP, index_pcap, nanoseconds, scatter
from egresswatch.source.pcapng import time_scale
from egresswatch.source.walk import Rows

TIMES = st.integers(0, 0xFFFFFFFF * 10**9 // 1000).map(lambda us: us * 1000)
FRAMES = st.lists(st.tuples(TIMES, st.binary(max_size=40), st.integers(0, 0xFFFFFFFF)), max_size=12)
DAMAGE = st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=4)


def damaged(data, changes, cut):
    """The same bytes with some of them replaced behind the file's magic, and the end cut off."""
    out = bytearray(data)
    for at, value in changes:
        if len(out) > 12:
            out[12 + at % (len(out) - 12)] = value
    return bytes(out[: len(out) - cut % (len(out) // 2)])


MAGICS = st.sampled_from([0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34])


@given(FRAMES, st.sampled_from("<>"), MAGICS, DAMAGE, st.integers(0, 30))
def test_pcap_equals_its_twin(make, frames, order, magic, changes, cut):
    """Any pcap, damaged anywhere behind its version, gives exactly the rows of the twin."""
    data = damaged(make.pcap(frames, order=order, magic=magic), changes, cut)
    if len(data) < 24:
        return
    rows, facts = make.read(data, batch=3)
    twin, stopped = make.slow_pcap(data)
    assert rows == twin
    assert facts.files[0].damaged_tail_bytes == len(data) - stopped
    assert bool(facts.files[0].damage) == (stopped < len(data))


@given(FRAMES, st.sampled_from([(2, 2), (2, 3), (2, 4), (543, 0)]))
def test_old_pcap_versions_swap_lengths(make, frames, version):
    """Files before 2.3 hold the wire length first; 2.3 either way."""
    frames = [(ts, payload, max(wire, len(payload))) for ts, payload, wire in frames]
    data = make.pcap(frames, version=version)
    if version == (543, 0):
        data = data[:4] + struct.pack("<HH", 543, 0) + make.pcap(frames, version=(2, 2))[8:]
    rows, _ = make.read(data)
    assert rows == [(ts, len(payload), wire, 1, payload) for ts, payload, wire in frames]
    assert rows == make.slow_pcap(data)[0]


BLOCKS = st.lists(
    st.one_of(
        st.tuples(st.just("enhanced"), st.integers(0, 2), st.integers(0, 2**64 - 1), st.binary(max_size=30)),
        st.tuples(st.just("obsolete"), st.integers(0, 2), st.integers(0, 2**64 - 1), st.binary(max_size=30)),
        st.tuples(st.just("simple"), st.binary(max_size=30), st.integers(0, 100)),
        st.tuples(st.just("interface"), st.sampled_from([1, 101, 113]), st.sampled_from([0, 8, 65535]),
                  st.integers(0, 255), st.integers(-(2**63), 2**63 - 1)),
        st.tuples(st.just("section"), st.sampled_from("<>")),
        st.tuples(st.just("statistics"), st.integers(0, 2)),
        st.tuples(st.just("foreign"), st.integers(7, 0xFFFFFFFF), st.binary(max_size=20)),
    ),
    max_size=14,
)  # fmt: skip


def pcapng_of(make, blocks, order):
    """A pcapng file of described blocks, in changing byte orders."""
    out = [make.section(order), make.interface(order=order)]
    for kind, *facts in blocks:
        if kind == "section":
            order = facts[0]
            out.append(make.section(order))
        elif kind == "interface":
            link, snaplen, resolution, offset = facts
            opts = [(9, bytes([resolution])), (14, struct.pack(order + "q", offset))]
            out.append(make.interface(link, snaplen, opts, order))
        elif kind == "statistics":
            out.append(make.statistics(facts[0], [(4, struct.pack(order + "Q", 9))], order))
        elif kind == "simple":
            out.append(make.simple(*facts, order=order))
        elif kind == "foreign":
            out.append(make.block(*facts, order))
        else:
            out.append(getattr(make, kind)(*facts, order=order))
    return b"".join(out)


@given(BLOCKS, st.sampled_from("<>"), DAMAGE, st.integers(0, 30), st.integers(1, 5))
def test_pcapng_equals_its_twin(make, blocks, order, changes, cut, batch):
    """Any sequence of blocks, damaged anywhere behind the first section header, equals the twin's."""
    data = pcapng_of(make, blocks, order)
    head, rest = data[:28], data[28:]
    data = head + damaged(bytes(12) + rest, changes, cut)[12:]
    rows, facts = make.read(data, batch=batch)
    twin, stopped = make.slow_pcapng(data)
    assert rows == twin
    assert facts.files[0].damaged_tail_bytes == len(data) - stopped
    assert sum(face.packets for face in facts.interfaces) == len(rows)


@given(FRAMES, st.sampled_from([0, 4, 8, 99]), DAMAGE, st.integers(0, 30))
def test_snoop_equals_its_twin(make, frames, datalink, changes, cut):
    """Any snoop file, damaged anywhere behind its header, gives exactly the rows of the twin."""
    data = make.snoop(frames, datalink=datalink)
    data = data[:16] + damaged(bytes(12) + data[16:], changes, cut)[12:]
    rows, facts = make.read(data, batch=2)
    twin, stopped = make.slow_snoop(data)
    assert rows == twin
    assert facts.files[0].damaged_tail_bytes == len(data) - stopped


@given(st.integers(0, 2**64 - 1), st.integers(0, 255), st.integers(-5_000_000_000, 5_000_000_000))
@example(2**64 - 1, 0x80 | 34, 0)
@example(TS_CAP // 10**9 << 30, 0x80 | 30, 0)
@example(2**63, 0xFF, 0)
@example(1, 0, -1)
def test_ticks_to_nanoseconds_are_exact(make, ticks, resolution, offset):
    """Every tick count of every resolution is the exact fraction, rounded down, held in range."""
    row = np.zeros(1, IFACE)[0]
    shift, row["mul"], row["div"], row["max_ticks"] = time_scale(resolution)
    row["binary"], row["shift"] = shift is not None, shift or 0
    row["offset"] = max(-4_600_000_000, min(4_600_000_000, offset)) * 10**9
    assert int(nanoseconds(np.uint64(ticks), row)) == make.slow_time(ticks, resolution, offset)


@pytest.mark.parametrize("end", range(24 + 2 * 20 + 1))
def test_a_kernel_reads_nothing_behind_the_end(make, end):
    """With any number of valid bytes, only records wholly inside them are taken."""
    data = np.frombuffer(make.pcap([(1000, b"abcd", 4), (2000, b"efgh", 4)]) + b"\xff" * 64, np.uint8)
    rows = Rows.make(4)
    n, pos, stop = index_pcap(
        data, 24, end, False, 16, 1000, 0, 262144, 4, 1 << 20, rows.off, rows.cap, rows.wire, rows.ts
    )
    assert (n, stop) == (max(0, end - 24) // 20, STOP_MORE)
    assert pos == 24 + 20 * n


def test_a_kernel_stops_when_the_rows_hold_enough_bytes(make):
    """max_bytes ends a batch early, but never before its first frame."""
    data = np.frombuffer(make.pcap([(0, bytes(100), 100)] * 5), np.uint8)
    rows = Rows.make(8)
    taken = [
        index_pcap(data, 24, len(data), False, 16, 1000, 0, 262144, 8, most, *rows[:4])
        for most in (1, 150, 200)
    ]
    assert [(n, stop) for n, _, stop in taken] == [(1, STOP_FULL), (2, STOP_FULL), (2, STOP_FULL)]


def test_scatter_puts_each_frame_at_its_place():
    """Frames are copied whole, in any order, without touching their neighbours."""
    data = np.frombuffer(b"abcdef", np.uint8)
    target = np.zeros(6, np.uint8)
    scatter(data, np.array([0, 2, 5]), np.array([2, 3, 1], np.uint32), target, np.array([4, 1, 0]))
    assert target.tobytes() == b"fcdeab"
