# SPDX-License-Identifier: Apache-2.0
"""A whole run: what it answers, what it leaves behind, also when it fails."""

import pytest

from egresswatch.config import load
from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import pcap
from egresswatch.errors import EgresswatchError
from egresswatch.pipeline.interpret import Interpreter
from egresswatch.pipeline.replay import run
from egresswatch.result import ReplayOptions

FILES = {
    "alerts.jsonl", "cameras.json", "flows.parquet", "ledger.json", "neighbours.parquet", "sightings.parquet",
}  # fmt: skip


@pytest.fixture
def capture(tmp_path):
    frames = acts.cloud_session(s.DAY, s.DAY + 3 * s.MINUTE, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113)
    path = tmp_path / "capture.pcap"
    path.write_bytes(pcap(sorted(frames, key=lambda frame: frame.ts)))
    return path


def replay(*paths, out=None, progress=None, settings=()):
    return run(ReplayOptions(tuple(map(str, paths)), load(None, settings), out=out), progress)


def test_the_answer(capture):
    """Packets, times, assets, verdicts and alerts of the run."""
    result = replay(capture)
    assert result.packets == result.ledger["frames_read"] > 20
    assert result.balanced is True
    assert result.first_ts == s.DAY
    assert [(asset.ip, asset.state) for asset in result.assets] == [(s.CLOUD.addr, "egress")]
    assert result.alerts_by_severity == {"medium": 1}
    assert sum(result.verdicts.values()) == result.ledger["flows"]["created"] + 1  # one interim record
    assert not (result.errors or result.warnings or result.outputs)


def test_nothing_is_written_without_a_folder(capture, tmp_path):
    """The result is all there is."""
    before = sorted(tmp_path.rglob("*"))
    replay(capture)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_files_of_a_run(capture, tmp_path):
    """All of them, nothing else, told in the result."""
    result = replay(capture, out=tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert len(result.outputs) == len(FILES)


def test_a_run_that_breaks_leaves_no_files(capture, tmp_path, monkeypatch):
    """Half a result must not look like a whole one."""

    def broken(self, *_):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(Interpreter, "finish", broken)
    with pytest.raises(RuntimeError):
        replay(capture, out=tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == []


def test_one_bad_input_does_not_stop_the_others(capture, tmp_path):
    """It is told, and the rest is as without it."""
    bad = tmp_path / "bad.pcap"
    bad.write_bytes(b"no capture at all")
    result = replay(bad, capture)
    assert len(result.errors) == 1
    assert "bad.pcap" in result.errors[0]
    assert result.packets == replay(capture).packets


def test_a_folder_of_another_run_is_refused(capture, tmp_path):
    """Unless it is forced; nothing in it changes."""
    replay(capture, out=tmp_path / "out")
    before = (tmp_path / "out" / "ledger.json").read_bytes()
    with pytest.raises(EgresswatchError):
        replay(capture, out=tmp_path / "out")
    assert (tmp_path / "out" / "ledger.json").read_bytes() == before


def test_progress_is_told_as_it_goes(capture):
    """Bytes and packets, growing, up to all of them."""
    told = []
    result = replay(capture, progress=lambda octets, packets: told.append((octets, packets)),
                    settings=["replay.batch=5"])  # fmt: skip
    assert told == sorted(told)
    assert len(told) > 3
    assert told[-1] == (capture.stat().st_size, result.packets)


def test_an_empty_capture_is_a_result(tmp_path):
    """No packets, no assets, balanced."""
    path = tmp_path / "empty.pcap"
    path.write_bytes(pcap([]))
    result = replay(path, out=tmp_path / "out")
    assert (result.packets, result.balanced, result.assets, result.errors) == (0, True, (), ())
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
