# SPDX-License-Identifier: Apache-2.0
"""Memory: flat however long the stream is, and within a small box when the settings say so.

Short here; ``make soak`` replays EGRESSWATCH_SOAK bytes (100 GB).
"""

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from bench.workloads import workload

LOOPING = Path(__file__).parent / "looping.py"
LONG = int(float(os.environ.get("EGRESSWATCH_SOAK", "0")))
GROWTH = 24 << 10
"""KiB that the second half of a stream may need more than the second quarter: noise of the allocators."""
BOX = 1 << 30
pytestmark = pytest.mark.jit_only


def child(root, *arguments, limit=None):
    """Run Python in a process of its own; with a limit on the memory that it may ask for."""
    path = os.pathsep.join((str(root / "src"), str(root)))
    return subprocess.run(
        [sys.executable, *map(str, arguments)], env={**os.environ, "PYTHONPATH": path}, text=True,
        capture_output=True, check=False,
        preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))) if limit else None,
    )  # fmt: skip


def soaked(root, tmp_path, name, size, *settings, files=False):
    """(what a soak told, how much more its second half needed than its second quarter). Only a long stream
    writes ``files``: the rows of a Parquet group gather first, some 60 MB, so a short one would seem to grow.
    """
    capture = workload(name, 100_000, cache=tmp_path).path
    out = ("--out", tmp_path / "out") if files else ()
    done = child(root, LOOPING, capture, size, *out, *settings)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    memory = told["memory"]
    assert len(memory) >= 8
    half = len(memory) // 2
    return told, max(memory[half:]) - max(memory[half // 2 : half])


@pytest.mark.parametrize("workers", [1, 2])
def test_accounting_needs_no_more_for_a_long_stream(root, tmp_path, workers):
    """Twenty million frames without payloads."""
    settings = ("sniff.enabled=false", f"replay.workers={workers}")
    told, grown = soaked(root, tmp_path, "camera_s", 2_500_000_000, *settings)
    assert told["balanced"]
    assert told["packets"] >= 15_000_000
    assert grown < GROWTH


def test_a_whole_replay_needs_no_more_for_a_long_stream(root, tmp_path):
    """Two million frames with everything that is read of them."""
    told, grown = soaked(root, tmp_path, "mixed", 700_000_000, "output.row_hold=15m")
    assert told["balanced"]
    assert told["packets"] >= 2_000_000
    assert grown < GROWTH


@pytest.mark.skipif(not LONG, reason="make soak")
@pytest.mark.parametrize("name", ["mixed", "camera"])
def test_a_very_long_stream(root, tmp_path, name):
    """Half of EGRESSWATCH_SOAK each."""
    told, grown = soaked(root, tmp_path, name, LONG // 2, files=True)
    print(f"{name}: {told['packets']} packets, {told['bytes']} bytes, {told['flows']} flows, "
          f"{min(told['memory'])} to {max(told['memory'])} KiB, {grown} KiB grown")  # fmt: skip
    assert told["balanced"]
    assert grown < GROWTH


def test_a_flood_in_a_small_box(root, tmp_path):
    """With the settings of docs/small-machines.md: every frame is accounted, what was refused is told."""
    page = (root / "docs" / "small-machines.md").read_text()
    config = tmp_path / "small.toml"
    config.write_text(re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1])
    load = workload("flood", 2_000_000 if LONG else 400_000, cache=tmp_path)
    run = "import sys; from egresswatch.cli import run; sys.exit(run(sys.argv[1:]))"
    done = child(
        root, "-c", run, "replay", load.path, "--config", config, "--out", tmp_path / "out", limit=BOX
    )
    assert done.returncode == 0, done.stderr
    ledger = json.loads((tmp_path / "out" / "ledger.json").read_text())
    assert ledger["balanced"]
    assert ledger["frames_read"] == load.packets
    assert ledger["flows"]["lack_of_resources"] > 0
    assert ledger["refused"]["hosts"] > 0
    assert "tables were full" in done.stdout
