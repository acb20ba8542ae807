# SPDX-License-Identifier: Apache-2.0
"""The same packets give the same files, however they are cut, spread over workers, packed or split.

The story is a quarter of an hour of the example: a login, somebody watching peer to peer, attempts
without an answer, house-keeping; about a thousand frames.
"""

import gzip
import json
import lzma
import random

import pyarrow.parquet as pq
import pytest
import zstandard

from egresswatch.cli import run
from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import Frame, pcap

WRITTEN = (
    "flows.parquet", "sightings.parquet", "neighbours.parquet", "cameras.json", "alerts.jsonl", "ledger.json",
)  # fmt: skip


def story():
    start = s.DAY + 3 * s.HOUR
    end = start + 15 * s.MINUTE
    everything = [
        *acts.cloud_session(start + s.MINUTE, end, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113),
        *acts.p2p_upload(start + 2 * s.MINUTE, 8, s.P2P, s.DAHUA_CLOUD, s.VIEWERS[0], s.DAHUA_SERIAL),
        *acts.blocked_attempts(start, s.BLOCKED, s.UNIVIEW_CLOUD, s.UNIVIEW_CLOUD_NAME),
        *acts.keep_house(start, s.CLEAN, 3),
        *acts.record(start, s.CLEAN, 3),
    ]
    # whole microseconds, so that files of either precision hold the same times
    rounded = (Frame(frame.ts // 1000 * 1000, frame.data) for frame in everything if frame.ts < end)
    return sorted(rounded, key=lambda frame: frame.ts)


FRAMES = story()


def replay(folder, paths, *options):
    """Everything written, comparable: tables as lists, files as text."""
    out = folder / "out"
    assert run(["replay", *map(str, paths), "--out", str(out), "--force", *options]) == 0
    told = {}
    for name in WRITTEN:
        path = out / name
        told[name] = pq.read_table(path).to_pylist() if path.suffix == ".parquet" else path.read_text()
    return told


def of_the_packets(told):
    """The same without what names the input files."""
    ledger = json.loads(told["ledger.json"])
    kept = {key: ledger[key] for key in ("frames_read", "buckets", "ip_bytes_accounted", "balanced")}
    return {**told, "ledger.json": kept}


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """The story as one capture: its path."""
    path = tmp_path_factory.mktemp("story") / "story.pcap"
    path.write_bytes(pcap(FRAMES))
    return path


@pytest.fixture(scope="module")
def usual(capture, tmp_path_factory):
    """What is written with the usual settings."""
    return replay(tmp_path_factory.mktemp("usual"), [capture])


def test_the_story_has_something_to_tell(usual):
    """Three cases, flows, names: the comparisons below compare something."""
    alerts = [json.loads(line) for line in usual["alerts.jsonl"].splitlines()]
    assert len({alert["egresswatch"]["asset_id"] for alert in alerts}) == 3
    assert len(usual["flows.parquet"]) > 10
    assert len(usual["sightings.parquet"]) > 10


def test_twice_is_the_same(capture, usual, tmp_path):
    """Nothing depends on the clock, on chance or on hash order."""
    assert replay(tmp_path, [capture]) == usual


@pytest.mark.parametrize("batch", [1, 7, 100, 1000])
def test_any_batch_size_is_the_same(capture, usual, tmp_path, batch):
    """Where batches are cut changes speed, never results."""
    assert replay(tmp_path, [capture], "--set", f"replay.batch={batch}") == usual


@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_workers_is_the_same(capture, usual, tmp_path, workers):
    """How the flow table is spread changes speed, never results."""
    assert replay(tmp_path, [capture], "--workers", str(workers), "--set", "replay.batch=50") == usual


@pytest.mark.parametrize(
    "pack", [gzip.compress, lzma.compress, zstandard.ZstdCompressor().compress], ids=["gz", "xz", "zst"]
)
def test_packed_is_the_same(capture, usual, tmp_path, pack):
    """A compressed capture tells the same of its packets."""
    path = tmp_path / "story.pcap.packed"
    path.write_bytes(pack(capture.read_bytes()))
    assert of_the_packets(replay(tmp_path, [path])) == of_the_packets(usual)


@pytest.mark.parametrize("seed", range(3))
def test_a_rotated_set_is_the_same(usual, tmp_path, seed):
    """Cut into files anywhere, given in any order."""
    chance = random.Random(seed)
    cuts = sorted(chance.sample(range(1, len(FRAMES)), 4))
    parts = [FRAMES[a:b] for a, b in zip([0, *cuts], [*cuts, len(FRAMES)], strict=True)]
    paths = []
    for number, part in enumerate(parts):
        path = tmp_path / f"part-{number}.pcap"
        path.write_bytes(pcap(part))
        paths.append(path)
    chance.shuffle(paths)
    assert of_the_packets(replay(tmp_path, paths)) == of_the_packets(usual)


@pytest.mark.parametrize(("order", "nano"), [(">", False), ("<", True), (">", True)])
def test_any_flavour_of_pcap_is_the_same(usual, tmp_path, order, nano):
    """Byte order and precision of the file are not the packets' matter."""
    path = tmp_path / "story.pcap"
    path.write_bytes(pcap(FRAMES, order=order, nano=nano))
    assert of_the_packets(replay(tmp_path, [path])) == of_the_packets(usual)


def test_every_packet_and_byte_is_conserved(usual):
    """Flows add up to the ledger, the ledger to the capture."""
    ledger = json.loads(usual["ledger.json"])
    flows = usual["flows.parquet"]
    packets = sum(row["orig_pkts"] + row["resp_pkts"] for row in flows)
    octets = sum(row["orig_ip_bytes"] + row["resp_ip_bytes"] for row in flows)
    assert ledger["frames_read"] == len(FRAMES) == sum(ledger["buckets"].values())
    assert packets == ledger["buckets"]["accounted"]
    assert octets == ledger["ip_bytes_accounted"]
    assert ledger["balanced"] is True
