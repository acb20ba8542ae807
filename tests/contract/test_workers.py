# SPDX-License-Identifier: Apache-2.0
"""--workers changes speed, never results: all files of a replay are the same bytes with 1, 2 and 3."""

import pytest

from bench.workloads import workload
from egresswatch.config import load
from egresswatch.pipeline.replay import run
from egresswatch.result import ReplayOptions

PACKETS = 200_000
CAPTURES = 12
LEAST, MOST = 20_000, 3_000_000
"""Bytes of the real captures that are tried."""


def files(out, *paths, workers):
    options = ReplayOptions(
        tuple(map(str, paths)), load(None, [f"replay.workers={workers}"]), out=out / str(workers)
    )
    result = run(options)
    assert result.balanced
    return {path.name: path.read_bytes() for path in options.out.iterdir()}


def same(out, *paths):
    one = files(out, *paths, workers=1)
    for workers in (2, 3):
        more = files(out, *paths, workers=workers)
        assert more.keys() == one.keys()
        assert [name for name in one if more[name] != one[name]] == []


@pytest.mark.jit_only
@pytest.mark.parametrize("name", ["mixed", "flood"])
def test_large_captures(tmp_path, name):
    """Many flows, many hosts, records by the hundred thousand."""
    same(tmp_path / "out", workload(name, PACKETS, cache=tmp_path).path)


@pytest.mark.jit_only
def test_real_captures(captures, tmp_path):
    """A dozen of them, each by itself, then all merged."""
    found = sorted(path for path in captures.rglob("*.pcap*") if LEAST < path.stat().st_size < MOST)
    chosen = found[:: max(1, len(found) // CAPTURES)][:CAPTURES]
    for number, path in enumerate(chosen):
        same(tmp_path / str(number), path)
    same(tmp_path / "all", *chosen)
