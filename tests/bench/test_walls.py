# SPDX-License-Identifier: Apache-2.0
"""What is told in seconds on the wall, and what grows: which runs are made, and what is taken of them."""

from pathlib import Path

import pytest

from bench import scaling, walls
from bench.measure import Run
from bench.workloads import Workload, workload


@pytest.fixture
def ran(monkeypatch):
    """Every command that would have run; the n-th takes n seconds and ten, a start one second."""
    made = []

    def run(program, capture, *, pin=True):
        command = list(program.command(capture, Path("out")))
        made.append((command, pin))
        return Run(0.0, 1.0 if ".first." in capture.name else 10.0 + len(made), 1 << 20, 1 << 20, "")

    monkeypatch.setattr(walls, "run", run)
    return made


def test_one_worker_and_two_in_turn(ran, tmp_path):
    """One file and two, each with one worker and two; the first round warms; a start is taken off."""
    load = workload("mixed", 1000, cache=tmp_path)
    found = walls.workers(load, 1)
    assert {files: list(of) for files, of in found.items()} == {
        "one file": ["1", "2"],
        "two files": ["1", "2"],
    }
    assert found["one file"] == {"1": 10 + 5 - 1, "2": 10 + 7 - 1}
    commands = [command for command, pin in ran if not pin]
    assert len(commands) == len(ran) == 16
    whole = [command for command in commands if ".first." not in " ".join(command)]
    assert [command[-1] for command in whole] == ["1", "2"] * 4
    assert {sum(part.endswith(".pcap") for part in command) for command in whole} == {1, 2}


def test_the_large_capture_has_no_halves(ran, tmp_path):
    """camera is replayed as one file only: its halves would take as much disk again."""
    assert list(walls.workers(workload("camera", 1000, cache=tmp_path, cameras=5, others=4), 1)) == [
        "one file"
    ]


def test_a_warm_start_is_a_median(ran, tmp_path, monkeypatch):
    """Each program starts once to be warm, then five times."""
    monkeypatch.setattr("bench.peers.installed", lambda **_: [])
    assert walls.starts(workload("mixed", 1000, cache=tmp_path)) == {"egresswatch replay": 1.0}
    assert len(ran) == 6
    assert all(pin for _, pin in ran)


def test_a_cold_start_must_have_compiled(ran, tmp_path):
    """A check that leaves the folder for kernels empty compiled nothing, and is no cold start."""
    with pytest.raises(ValueError, match="kept no kernel"):
        walls.cold(workload("mixed", 1000, cache=tmp_path))


def test_one_thing_grows_at_a_time(monkeypatch):
    """Each axis changes one size; its flows grow until each has one packet."""
    asked = []

    def fake(name, packets, variant="", **size):
        asked.append((name, packets, size))
        return Workload(name, Path("a.pcap"), Path("b.pcap"), {"packets": packets})

    monkeypatch.setattr(scaling, "workload", fake)
    monkeypatch.setattr(scaling, "rule_pack", lambda count: Path(str(count)))
    monkeypatch.setattr(scaling, "alternate", lambda programs, load, rounds: {"of": load})
    points = list(scaling.growth(2_000_000, 1))
    axes = dict.fromkeys(point.axis for point in points)
    assert list(axes) == ["packets", "flows", "cameras", scaling.RULES]
    for axis in axes:
        sizes = [point.size for point in points if point.axis == axis]
        assert sizes == sorted(sizes)
        assert len(sizes) == 3
    flows = [(packets, size["flows"]) for name, packets, size in asked if name == "flood"]
    assert {packets for packets, _ in flows} == {1_000_000}
    assert flows[-1] == (1_000_000, 1_000_000)
