# SPDX-License-Identifier: Apache-2.0
"""Batches that stay valid while later ones are read: whatever the format, the packing and the cuts."""

import bz2
import gzip
import lzma
import os
import threading

import pytest
import zstandard

from egresswatch.source import arena, open_replay, replay
from egresswatch.source.streams import Tap, Unpacked, UnpackedAhead

S = 10**9
PACKERS = {
    "plain": bytes, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress,
    "zst": lambda data: zstandard.ZstdCompressor().compress(data),
}  # fmt: skip


def frames(count=300, first=0):
    return [((first + k) * S, bytes([k % 251]) * (k * 7 % 90), 100) for k in range(count)]


def capture(make, kind, rows):
    if kind == "snoop":
        return make.snoop(rows)
    if kind == "pcapng":
        blocks = [make.enhanced(0, ts // 1000, payload) for ts, payload, _ in rows]
        return make.section() + make.interface() + b"".join(blocks)
    return make.pcap(rows)


def contents(batch):
    places = zip(batch.off.tolist(), batch.cap.tolist(), batch.ts.tolist(), batch.link.tolist())
    return [(ts, link, batch.data[at : at + size].tobytes()) for at, size, ts, link in places]


@pytest.fixture
def small(monkeypatch):
    """Buffers of a few frames."""
    monkeypatch.setattr(arena, "FIRST", 256)
    monkeypatch.setattr(replay, "ARENA", 512)
    monkeypatch.setattr(replay, "ARENA_AHEAD", 512)
    monkeypatch.setattr(replay, "ARENA_LEAST", 512)


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("kind", ["pcap", "pcapng", "snoop"])
@pytest.mark.parametrize("keep", [2, 5])
def test_the_last_batches_stay_as_they_were(make, tmp_path, small, kind, packing, keep):
    """Each is looked at when it comes, and again just before it may go."""
    path = tmp_path / "a"
    path.write_bytes(PACKERS[packing](capture(make, kind, frames())))
    source = open_replay([str(path)], batch=7, keep=keep)
    held, seen = [], []
    for batch in source.batches():
        held.append((batch, contents(batch)))
        seen += held[-1][1]
        assert all(contents(one) == then for one, then in held)
        del held[: len(held) - keep + 1]
    source.close()
    assert [ts for ts, _, _ in seen] == [k * S for k in range(300)]
    assert [payload for _, _, payload in seen] == [payload for _, payload, _ in frames()]


def test_merged_inputs_stay_as_they_were(make, tmp_path, small):
    """Inputs that overlap in part: batches are cut from the chunks of one and gathered from several."""
    for n, (count, first) in enumerate([(200, 0), (100, 150), (50, 180)]):
        (tmp_path / f"{n}.pcap").write_bytes(make.pcap(frames(count, first)))
    (tmp_path / "3.pcap.gz").write_bytes(gzip.compress(make.pcap(frames(90, 100))))
    usual = [contents(batch) for batch in open_replay([str(tmp_path)], batch=11).batches()]
    held, seen = [], []
    for batch in open_replay([str(tmp_path)], batch=11, keep=4).batches():
        held.append((batch, contents(batch)))
        assert all(contents(one) == then for one, then in held)
        seen.append(held[-1][1])
        del held[:-3]
    assert seen == usual


def test_damage_behind_the_last_frames_does_not_spoil_them(make, tmp_path, small):
    """What is behind the damage is read, to be counted, not over the frames that are still looked at."""
    path = tmp_path / "a.pcap"
    path.write_bytes(make.pcap(frames(20)) + b"\xff" * 5000)
    source = open_replay([str(path)], batch=4, keep=6)
    held = [(batch, contents(batch)) for batch in source.batches()][-5:]
    assert all(contents(batch) == then for batch, then in held)
    assert source.facts.files[0].damaged_tail_bytes == 5000


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("cut", [0, 20])
def test_unpacking_ahead_is_unpacking(tmp_path, packing, cut):
    """The same bytes, the same early end."""
    content = bytes(range(256)) * 9000
    path = tmp_path / "packed"
    path.write_bytes(PACKERS[packing](content)[: -cut or None])
    ends = []
    for kind in (Unpacked, UnpackedAhead):
        with path.open("rb") as file:
            stream, view, out = kind(Tap(file, digest=False), packing), memoryview(bytearray(70_001)), b""
            while got := stream.fill(view):
                out += view[:got]
            ends.append((out, stream.failed))
            stream.close()
    assert ends[0] == ends[1]
    assert bool(ends[0][1]) == bool(cut)


def test_a_packed_input_that_is_no_capture_is_let_go(make, tmp_path):
    """Its thread ends with it, before the digest of the rest is made."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(os.urandom(3_000_000)))
    source = open_replay([str(path)], keep=3, digest=True)
    assert list(source.batches()) == []
    assert "is no capture" in source.facts.errors[0]
    assert len(source.facts.files[0].sha256) == 64
    assert "unpack" not in {thread.name for thread in threading.enumerate()}


def test_a_pipe_that_gives_nothing_is_left_when_the_source_is_stopped(make):
    """Somebody else's thread can end the wait."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as pipe, os.fdopen(writer, "wb", buffering=0) as end:
        end.write(make.pcap(frames(3)))
        source = open_replay(["-"], stdin=pipe, keep=2)
        threading.Timer(0.1, source.stop).start()
        assert sum(len(batch) for batch in source.batches()) == 3
