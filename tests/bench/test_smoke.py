# SPDX-License-Identifier: Apache-2.0
"""The guard of speed: ratios to the limit in C, measured here and now. Never a time: that is the machine's.

A floor is about half of the ratio that the program had when it was last raised: it lets noise pass and stops
a stage that became twice as slow. Raise the floors when the program has become faster for good.
"""

import pytest

from bench.__main__ import main
from bench.limit import available, limit
from bench.measure import alternate, egresswatch
from bench.suite import check, mapped
from bench.workloads import workload

PACKETS = 200_000
ATTEMPTS = 3
FLOORS = {
    ("mixed", "flow"): 0.22,
    ("camera_s", "flow"): 0.13,
    ("flood", "flow"): 0.07,
    ("mixed", "replay"): 0.028,
    ("flood", "replay"): 0.012,
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.jit_only,
    pytest.mark.skipif(not available(), reason="SPEED IS NOT GUARDED: gcc is not installed"),
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder for the workloads of this module."""
    return tmp_path_factory.mktemp("bench")


@pytest.mark.parametrize(("name", "stage"), FLOORS, ids=map("-".join, FLOORS))
def test_not_twice_as_slow(name, stage, cache):
    """The stage stands above its floor in one of three attempts, and counted what the limit counted."""
    load = workload(name, PACKETS, cache=cache)
    seen = []
    for _ in range(ATTEMPTS):
        figures = alternate([limit("flow"), egresswatch(stage)], load, 1)
        for figure in figures.values():
            check(figure, load)
        seen.append(figures[f"egresswatch {stage}"].rate / mapped(figures).rate)
        if seen[-1] >= FLOORS[name, stage]:
            return
    pytest.fail(
        f"{stage} on {name} has come down to {max(seen):.3f} of the limit; floor {FLOORS[name, stage]}"
    )


def test_where_time_goes_is_told(capsys, monkeypatch):
    """`python -m bench --stage stages` prints what each stage took."""
    monkeypatch.setattr(
        "sys.argv", ["bench", "--stage=stages", "--workload=mixed", "--packets=20000", "--rounds=1"]
    )
    assert main() == 0
    told = capsys.readouterr().out
    assert "| decode: " in told
    assert "| **sum of the stages** |" in told
