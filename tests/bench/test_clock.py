# SPDX-License-Identifier: Apache-2.0
"""The bench's clock: stages get the time that is theirs, and it stops when it does not know the program."""

import sys
import types
from dataclasses import replace

import pytest

from bench import clock
from bench.measure import MeasureError, clocked, run
from bench.workloads import workload
from egresswatch.demo import camera_day


def test_time_belongs_to_the_innermost_stage(monkeypatch):
    """A stage that calls another gets only what is its own; a generator only while it makes a value."""
    now = [100.0]
    monkeypatch.setattr(clock, "time", types.SimpleNamespace(thread_time=lambda: now[0]))
    inner = clock.Clock()

    def work(seconds):
        now[0] += seconds

    def shallow():
        work(1)
        wrapped_deep()
        work(2)

    def values():
        for number in range(2):
            work(16)
            yield number

    wrapped_deep = inner._wrapped("deep", lambda: work(4))
    inner._wrapped("shallow", shallow)()
    for _ in inner._wrapped("values", values)():
        work(64)
    assert (inner.seconds["deep"], inner.seconds["shallow"], inner.seconds["values"]) == (4, 3, 32)


def test_a_stage_that_fails_is_closed():
    """An exception passes through and the next stage starts afresh."""
    inner = clock.Clock()

    def fails():
        raise KeyError("here")

    with pytest.raises(KeyError):
        inner._wrapped("fails", fails)()
    assert inner._stack() == []


@pytest.fixture
def stand_in(monkeypatch):
    """A module with one call, and points that name it and one that is gone."""
    module = types.ModuleType("bench_stand_in")
    module.there = lambda: 1
    monkeypatch.setitem(sys.modules, "bench_stand_in", module)
    points = [clock.Point("a", "bench_stand_in", "there"), clock.Point("b", "bench_stand_in", "Gone.call")]
    monkeypatch.setattr(clock, "POINTS", points)
    return module


def test_a_call_that_is_gone_stops_the_clock(stand_in):
    """The error names the call, its stage and the file to change; nothing is wrapped by then."""
    untouched = stand_in.there
    with pytest.raises(clock.ClockError, match=r"no bench_stand_in\.Gone\.call.*stage 'b'.*bench/clock\.py"):
        clock.Clock().install()
    assert stand_in.there is untouched


def test_calls_are_counted(stand_in, monkeypatch):
    """Each wrapped call is counted under its name, so that one that nobody makes is noticed."""
    monkeypatch.setattr(clock, "POINTS", clock.POINTS[:1])
    timed = clock.Clock()
    timed.install()
    assert stand_in.there() + stand_in.there() == 2
    assert dict(timed.calls) == {"there": 2}
    assert 0 < timed.own_cost() < 0.01


def test_every_stage_has_its_words():
    """No point gives its time to a stage that the tables do not know."""
    assert {point.stage for point in clock.POINTS} <= set(clock.STAGES)


@pytest.mark.jit_only
def test_a_replay_makes_every_call(tmp_path):
    """A point that the program has but does not call any more would leave its stage empty."""
    capture, _ = camera_day.write(tmp_path)
    done = run(clocked("replay", "--set", f"enrich.cameras={tmp_path / camera_day.INVENTORY}"), capture)
    assert {point.name for point in clock.POINTS} - set(done.answer()["calls"]) == set()


@pytest.mark.jit_only
def test_a_child_says_why_it_cannot_be_clocked(tmp_path):
    """The message reaches whoever runs the bench."""
    (tmp_path / "sitecustomize.py").write_text(
        "import egresswatch.flow.table as t\ndel t.FlowTable.run\n", encoding="utf-8"
    )
    program = clocked("replay")
    paths = f"{program.environment['PYTHONPATH']}:{tmp_path}"
    program = replace(program, environment={"PYTHONPATH": paths})
    with pytest.raises(MeasureError, match=r"no egresswatch\.flow\.table\.FlowTable\.run"):
        run(program, workload("mixed", 4000, cache=tmp_path).path)
