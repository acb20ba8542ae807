# SPDX-License-Identifier: Apache-2.0
"""The frames of one flow out of a batch: no frame of the flow is missed, and tshark reads the result."""

import ipaddress
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.demo.frames import End, udp_frame
from egresswatch.dissect.cut import REACH, cut
from egresswatch.records import FrameBatch

CAMERA, PEER, OTHER = "10.20.0.13", "203.0.113.9", "10.20.0.99"
NS = 1_000_000_000


def batch(frames, links=None, first=0):
    """Frames (ts, bytes) as a source hands them over."""
    data = np.frombuffer(b"".join(data for _, data in frames) or b"\0", np.uint8)
    sizes = np.array([len(data) for _, data in frames], np.uint32)
    return FrameBatch(
        data=data,
        off=(np.cumsum(sizes) - sizes).astype(np.int64),
        cap=sizes,
        wire=sizes,
        ts=np.array([ts for ts, _ in frames], np.int64),
        link=np.array(links or [1] * len(frames), np.uint16),
        iface=np.zeros(len(frames), np.uint16),
        first=first,
    )


def frame(src=CAMERA, dst=PEER, vlan=None):
    return udp_frame(
        End("02:00:00:00:00:01", src, 5000), End("02:00:00:00:00:02", dst, 6000), b"x", vlan=vlan
    )


def kept(tmp_path, *batches, window=(0, 10 * NS), limit=100, addresses=(CAMERA, PEER)):
    return cut(batches, addresses, window, limit, tmp_path / "cut.pcapng")


def test_both_directions_are_kept_and_others_are_not(tmp_path):
    """With the frame numbers of the whole input, from 1."""
    frames = [(1, frame()), (2, frame(dst=OTHER)), (3, frame(PEER, CAMERA)), (4, frame(OTHER, PEER))]
    assert kept(tmp_path, batch(frames), batch([(5, frame())], first=4)).frames == [1, 3, 5]


@pytest.mark.parametrize("vlan", [None, 20])
def test_tags_make_no_difference(tmp_path, vlan):
    """Addresses are looked for, not computed."""
    assert kept(tmp_path, batch([(1, frame(vlan=vlan))])).frames == [1]


def test_ipv6_addresses_are_found(tmp_path):
    """By their last four bytes."""
    ends = "2001:db8::13", "2001:db8:1::9"
    assert kept(tmp_path, batch([(1, frame(*ends)), (2, frame())]), addresses=ends).frames == [1]


def test_only_the_flow_s_time_counts(tmp_path):
    """Both ends of the window belong to it."""
    frames = [(ts, frame()) for ts in (9, 10, 20, 21)]
    assert kept(tmp_path, batch(frames), window=(10, 20)).frames == [2, 3]


def test_reading_stops_at_the_limit(tmp_path):
    """A flow of a million packets does not become a file of a million."""

    def endless():
        number = 0
        while True:
            yield batch([(1, frame())] * 10, first=number)
            number += 10

    result = cut(endless(), (CAMERA, PEER), (0, NS), 25, tmp_path / "cut.pcapng")
    assert len(result.frames) == 25
    assert not result.complete


def test_empty_and_tiny_frames_do_no_harm(tmp_path):
    """Zero-length records are part of real captures."""
    assert kept(tmp_path, batch([(1, b""), (2, b"\x0a"), (3, frame())])).frames == [3]


def test_tshark_reads_times_and_link_types(tmp_path):
    """Nanoseconds stay; every link type gets an interface of its own."""
    raw = frame()[14:]
    result = kept(tmp_path, batch([(1_234_567_891, frame()), (2 * NS, raw)], links=[1, 101]))
    told = subprocess.run(
        ["tshark", "-n", "-r", result.path, "-T", "fields",
         "-e", "frame.time_epoch", "-e", "ip.src", "-e", "udp.dstport"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert told.split() == ["1.234567891", CAMERA, "6000", "2.000000000", CAMERA, "6000"]


@given(st.lists(st.binary(max_size=200), max_size=6), st.integers(0, 2**32 - 1))
def test_the_search_equals_the_obvious_one(tmp_path, frames, number):
    """The slow twin: ``needle in frame[:REACH]``."""
    needle = number.to_bytes(4, "big")
    planted = [data[: len(data) // 2] + needle + data[len(data) // 2 :] if index % 2 else data
               for index, data in enumerate(frames)]  # fmt: skip
    address = str(ipaddress.ip_address(needle))
    got = kept(tmp_path, batch([(1, data) for data in planted]), addresses=(address, address)).frames
    assert got == [index + 1 for index, data in enumerate(planted) if needle in data[:REACH]]
