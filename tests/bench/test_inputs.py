# SPDX-License-Identifier: Apache-2.0
"""Ways to read a capture: whatever the way, all frames are seen."""

import importlib.util

import pytest

from bench import inputs
from bench.workloads import workload

PACKETS = 3000


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    return str(workload("mixed", PACKETS, cache=tmp_path_factory.mktemp("bench")).path)


@pytest.mark.jit_only
@pytest.mark.parametrize("way", inputs.WAYS)
def test_every_way_gives_all_frames(capture, way):
    """Also those that lie across two pieces."""
    if "uring" in way and importlib.util.find_spec("liburing") is None:
        pytest.skip("liburing is not installed")
    try:
        assert inputs.run(inputs.WAYS[way], capture) == PACKETS
    except OSError as error:  # a file system without O_DIRECT, an older system without a kind of advice
        pytest.skip(f"{way}: {error}")


@pytest.mark.jit_only
def test_small_pieces_give_all_frames(capture):
    """Records that cross every piece."""
    assert inputs.run(lambda path: inputs.reads(path, size=4096), capture) == PACKETS
    assert inputs.run(lambda path: inputs.maps(path, advice=3, window=4096), capture) == PACKETS


@pytest.mark.jit_only
def test_the_table(capture):
    """A time for each way that was asked for, cold too."""
    ways = {name: inputs.WAYS[name] for name in ("mmap", "read, 512 KiB")}
    found = inputs.measure(capture, 1, ways, cold=True)
    assert found.keys() == ways.keys()
    assert all(0 < cpu < 1e6 and 0 < wall < 100 for cpu, wall in found.values())
