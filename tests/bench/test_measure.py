# SPDX-License-Identifier: Apache-2.0
"""How bench/ measures: stages get the time that is theirs; other work gives no figure."""

import sys
import types
from dataclasses import replace

import pytest

from bench import clock, report, suite
from bench.goals import at_least, at_most
from bench.limit import available, limit
from bench.machine import described
from bench.measure import Figure, MeasureError, Program, alternate, run, settle
from bench.peers import PEERS, counted
from bench.scaling import rule_pack
from bench.workloads import workload
from egresswatch.rules import load_tables

needs_gcc = pytest.mark.skipif(not available(), reason="THE LIMIT IS NOT MEASURED: gcc is not installed")


@pytest.fixture
def load(tmp_path):
    """A small workload."""
    return workload("flood", 1000, cache=tmp_path)


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


def test_calls_that_are_gone_are_told(monkeypatch):
    """A point the program no longer has is skipped and named; the others are wrapped."""
    module = types.ModuleType("bench_stand_in")
    module.there = lambda: 1
    monkeypatch.setitem(sys.modules, "bench_stand_in", module)
    points = [clock.Point("a", "bench_stand_in", "there"), clock.Point("b", "bench_stand_in", "Gone.call")]
    monkeypatch.setattr(clock, "POINTS", points)
    timed = clock.Clock()
    timed.install()
    assert module.there() == 1
    assert timed.missing == ["bench_stand_in.Gone.call"]
    assert list(timed.seconds) == ["a"]


def test_every_point_exists():
    """The program has each call that the stages are told apart by."""
    for point in clock.POINTS:
        holder = __import__(point.module, fromlist=["_"])
        for part in point.name.split("."):
            holder = getattr(holder, part)
        assert point.stage in clock.STAGES


def test_processor_time_and_memory_of_a_child(load):
    """A run tells CPU seconds and memory of the process that ran, and what it printed."""
    code = "b = bytearray(80 << 20); x = sum(range(4_000_000)); print('{\"x\": %d}' % x)"
    done = run(Program("child", lambda *_: [sys.executable, "-c", code]), load.path)
    assert done.cpu > 0.03
    assert done.rss > 60 << 20
    assert done.answer() == {"x": 7999998000000}


def test_a_program_that_fails_gives_no_figure(load):
    """Its exit status and its last words are the error."""
    broken = Program("broken", lambda *_: [sys.executable, "-c", "raise SystemExit('no such thing')"])
    with pytest.raises(MeasureError, match="broken ended with 1: no such thing"):
        run(broken, load.path)


@needs_gcc
def test_start_up_is_taken_out(load):
    """A program that only starts takes next to nothing."""
    idle = Program("idle", lambda *_: [sys.executable, "-c", "print()"])
    figures = alternate([idle, limit("flow")], load, 2)
    assert figures["idle"].start > 0.005
    assert abs(figures["idle"].cpu) < figures["idle"].start
    assert figures[limit("flow").name].answer["packets"] == 1000


def test_other_work_is_no_figure(load):
    """A program that counted other packets, bytes or flows than there are compares nothing."""
    truth = load.truth
    answer = {"packets": 1000, "counted": 1000, "ip_bytes": truth["ip_bytes"], "records": truth["flows"]}
    figure = Figure("egresswatch flow", 1000, 1.0, 0.1, 1, 0.0, answer)
    suite.check(figure, load)
    for name, value in answer.items():
        with pytest.raises(MeasureError, match=name):
            suite.check(replace(figure, answer={**answer, name: value - 1}), load)


def test_peers_say_what_they_counted():
    """The numbers that peers print are added up; one that prints none says nothing."""
    by_name = {peer.name: peer for peer in PEERS}
    said = "Ident: 'none' Flows: 9, Packets: 200, Bytes: 6\nIdent: 'none' Flows: 1, Packets: 5, Bytes: 7\n"
    assert counted(by_name["nfpcapd"], said) == 205
    assert counted(by_name["argus"], said) is None


def test_goals_are_judged_both_ways():
    """More is better, or less is."""
    assert at_least("rate", 0.9, 0.91).reached
    assert not at_least("rate", 0.9, 0.899).reached
    assert at_most("time", 1.5, 1.5).reached
    assert not at_most("time", 1.5, 1.51).reached


def test_every_part_of_the_page_is_made(root):
    """docs/performance.md has a place for each table, and the tables are made from figures alone."""
    page = (root / "docs" / "performance.md").read_text(encoding="utf-8")
    for name in report.PARTS:
        assert f"<!-- generated: {name} -->" in page
    names = [f"limit {depth}, {way}" for depth in ("walk", "parse", "flow") for way in ("mapped", "read")]
    names += ["egresswatch index", "egresswatch flow", suite.EXTRA, "egresswatch replay", "nfpcapd"]
    figures = {name: Figure(name, 2_000_000, 0.5, 0.1, 1 << 20, 0.01, {"records": 1000}) for name in names}
    results = suite.Results(2_000_000, 5, {"flood": figures}, {"flood": {"table": 0.2, "write": 0.1}})
    results.walls, results.starts = {"flood": {1: 2.0, 2: 1.0}}, {"egresswatch replay": 1.0}
    made = {name: make(results) for name, make in report.PARTS.items()}
    assert "| whole replay, two workers over one, flood | ≥ 1.80 | 2.00 | yes |  |" in made["goals"]
    assert "| egresswatch flow | 4.00 (1.000) ±1% |" in made["flow"]
    assert "| **sum** | 150.0 |" in made["stages"]


def test_the_machine_has_no_date():
    """The machine is described by its parts and versions: nothing that is different tomorrow."""
    assert described() == described()
    assert "numba" in described()


def test_generated_rules_load(monkeypatch, tmp_path):
    """The rules that growth is measured with are sound rules."""
    monkeypatch.setattr("bench.scaling.CACHE", tmp_path)
    tables = load_tables([rule_pack(1200)], builtin=True)
    assert tables.domain("x.cloud01199.example")[0].id == "EW-BAB-0199"


def test_goals_are_held_against_the_mapped_limit():
    """The limit is the mapped one, also where reading is quicker; the quicker one is told beside it."""
    figures = {
        "limit flow, mapped": Figure("limit flow, mapped", 100, 2.0, 0.0, 0, 0.0),
        "limit flow, read": Figure("limit flow, read", 100, 1.0, 0.0, 0, 0.0),
        "egresswatch flow": Figure("egresswatch flow", 100, 4.0, 0.0, 0, 0.0),
    }
    assert suite.mapped(figures).program == "limit flow, mapped"
    assert suite.quickest(figures).program == "limit flow, read"
    assert report.ratio(figures, "egresswatch flow") == 0.5


def test_settling_changes_no_byte(load):
    """A capture that is put out of the page cache and read again is the same."""
    before = load.path.read_bytes()
    settle(load.path)
    assert load.path.read_bytes() == before
