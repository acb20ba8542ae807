# SPDX-License-Identifier: Apache-2.0
"""From figures to the page: what is compared, how goals are judged, what a part of a run leaves alone."""

from dataclasses import replace

import pytest

import bench.__main__ as command
from bench import goals, report, results, suite
from bench.goals import at_least, at_most
from bench.machine import described
from bench.measure import Figure, MeasureError
from bench.results import Point, Results, Stages
from bench.workloads import PACKETS, workload


def figure(program, cpu=0.5, **other):
    """A figure with two million packets."""
    values = {"spread": 0.01, "start": 1.2, "start_spread": 0.03, "rss": 3 << 20, "own": 1 << 20}
    return Figure(program, PACKETS, cpu, **{**values, "answer": {"records": 1_000_000}, **other})


@pytest.fixture
def measured():
    """Results of one workload, all parts."""
    limits = [f"limit {depth}, {way}" for depth in ("walk", "parse", "flow") for way in ("mapped", "read")]
    flow = [*limits, "egresswatch index", "egresswatch flow", suite.DEDUP]
    replay = [*limits[4:], "egresswatch replay", "nfpcapd"]
    whole = figure("egresswatch replay", 1.0)
    found = Results(described(), PACKETS)
    found.flow = {"flood": {name: figure(name) for name in flow}}
    found.replay = {"flood": {name: figure(name) for name in replay} | {whole.program: whole}}
    found.slow = {"flood": {"tshark": figure("tshark", 5.0)}}
    found.peers = {"nfpcapd": "1.7.1", "tshark": "4.0.17"}
    found.stages = {"flood": Stages({"table": 0.2, "rows": 0.6, "write": 0.15}, 0.01, 1.0, 0.6, 0.03)}
    found.walls = {"flood": {"one file": {"1": 2.0, "2": 1.0}, "two files": {"1": 2.0, "2": 1.6}}}
    found.starts, found.cold = {"egresswatch replay": 1.0}, 25.0
    found.growth = [
        Point("flows", PACKETS, {name: figure(name) for name in (*limits[4:], "egresswatch replay")})
    ]
    found.counts = {"flood": {"limit flow": 200.0, "egresswatch flow": 400.0}}
    found.rounds = {"flow": 3}
    return found


def test_other_work_is_no_figure(tmp_path):
    """A program that counted other packets, bytes or flows than there are compares nothing."""
    load = workload("flood", 1000, cache=tmp_path)
    answer = {
        "packets": 1000,
        "counted": 1000,
        "ip_bytes": load.truth["ip_bytes"],
        "records": load.truth["flows"],
    }
    sound = figure("egresswatch flow", answer=answer)
    suite.check(sound, load)
    for name, value in answer.items():
        with pytest.raises(MeasureError, match=name):
            suite.check(replace(sound, answer={**answer, name: value - 1}), load)


def test_goals_are_judged_both_ways():
    """More is better, or less is."""
    assert at_least("rate", 0.9, 0.91).reached
    assert not at_least("rate", 0.9, 0.899).reached
    assert at_most("time", 1.5, 1.5).reached
    assert not at_most("time", 1.5, 1.51).reached


def test_goals_are_held_against_the_mapped_limit(measured):
    """The mapped limit decides, also where reading is quicker; the ratio over the quicker one is told too."""
    measured.flow["flood"]["limit flow, read"] = figure("limit flow, read", 0.25)
    line = next(
        line for line in goals.lines(measured) if line.what == "flow accounting over the limit, flood"
    )
    assert (line.got, line.reached, line.beside) == ("1.00", True, "0.50")


def test_every_goal_has_its_line(measured):
    """Each kind of goal is told, with what was measured and whether that is enough."""
    made = report.goal_table(measured)
    for line in (
        "| whole replay over the limit, flood | ≥ 0.120 | 0.500 | yes | 0.500 |",
        "| whole replay over nfpcapd, flood | ≥ 1.00 | 0.50 | **no** | – |",
        "| flow accounting with duplicates recognised over without, flood | ≤ 1.30 | 1.00 | yes | – |",
        "| whole replay of a flood of one-packet flows, M packets/s | ≥ 1.00 | 4.00 | yes | – |",
        "| a million flow records judged and written, CPU s | ≤ 1.50 | 0.75 | yes | – |",
        "| memory with a million live flows, replay, MB | ≤ 400 | 3 | yes | – |",
        "| warm start of a replay, s | ≤ 1.50 | 1.00 | yes | – |",
        "| all kernels compiled from nothing, s | ≤ 20.0 | 25.0 | **no** | – |",
        "| two workers over one, flood, one file | ≥ 1.80 | 2.00 | yes | – |",
        "| two workers over one, flood, two files | ≥ 1.80 | 1.25 | **no** | – |",
    ):
        assert line in made


def test_a_camera_workload_is_judged_by_who_loses_no_packet(measured):
    """On camera_s the rival is the quickest peer that counted all packets."""
    quick, sound = figure("nfpcapd", 0.1, lost=7), figure("argus", 2.0)
    measured.replay = {"camera_s": measured.replay["flood"] | {"nfpcapd": quick, "argus": sound}}
    assert "| whole replay over argus, camera_s | ≥ 1.00 | 2.00 | yes | – |" in report.goal_table(measured)
    assert "lost 7" in report.replay_table(measured)


def test_a_sum_that_is_not_the_whole_says_why(measured):
    """Stages that sum up to the replay within a tenth need no word; else the page tells what differs."""
    assert "stages sum up" not in report.stage_table(measured)
    measured.stages["flood"].seconds["rest"] = 0.4
    made = report.stage_table(measured)
    assert "| **sum of the stages** | 675.0 |" in made
    assert "| whole replay in the same rounds | 500.0 |" in made
    assert "On flood the stages sum up to 1.35 times the whole replay (+0.35 s)" in made


def test_figures_are_the_same_when_kept(monkeypatch, measured, tmp_path):
    """What was kept comes back as it was."""
    monkeypatch.setattr(results, "KEPT", tmp_path / "figures.json")
    assert results.load() is None
    results.save(measured)
    assert results.load() == measured


def test_the_page_is_made_of_the_figures(root):
    """docs/performance.md tells what bench/figures.json has, and has a place for every part."""
    kept = results.load()
    page = (root / "docs" / "performance.md").read_text(encoding="utf-8")
    for name in report.PARTS:
        assert f"<!-- generated: {name} -->" in page
    if kept is not None:
        assert command.rewritten(page, kept) == page


@pytest.fixture
def kept(monkeypatch, tmp_path, measured):
    """Figures and a page of their own for a run, and a part that measures nothing real."""
    figures, page = tmp_path / "figures.json", tmp_path / "performance.md"
    page.write_text("".join(f"<!-- generated: {name} -->\n\n<!-- end -->\n" for name in report.PARTS))
    monkeypatch.setattr(results, "KEPT", figures)
    results.save(measured)
    monkeypatch.setattr(command, "PAGE", page)
    monkeypatch.setattr(command, "ROOT", tmp_path)

    def part(found, names, rounds, say):
        for name in names:
            found.flow[name] = {
                program: replace(of, cpu=0.125) for program, of in measured.flow["flood"].items()
            }

    monkeypatch.setitem(suite.PARTS, "flow", part)
    return figures, page


def bench(monkeypatch, *options):
    """What the command answers."""
    monkeypatch.setattr("sys.argv", ["bench", *options])
    return command.main()


def test_a_part_leaves_the_others_alone(monkeypatch, kept, measured):
    """One part of one workload is measured; all other figures and tables stay."""
    assert bench(monkeypatch, "--stage=flow", "--workload=mixed") == 0
    page = kept[1].read_text()
    found = results.load()
    assert found.flow["flood"] == measured.flow["flood"]
    assert found.flow["mixed"]["egresswatch flow"].cpu == 0.125
    assert (found.replay, found.walls, found.growth) == (measured.replay, measured.walls, measured.growth)
    assert "| egresswatch flow | 16.0 (1.000) ±8% | 4.00 (1.000) ±2% |" in page


@pytest.mark.parametrize("option", ["--packets=1000", "--workload=mixed"])
def test_figures_are_not_mixed(monkeypatch, kept, measured, option, capsys):
    """Fewer packets, or a part on another machine, are printed and not kept."""
    if option == "--workload=mixed":
        results.save(replace(measured, machine="another"))
    before = kept[0].read_bytes()
    assert bench(monkeypatch, "--stage=flow", option) == 0
    assert kept[0].read_bytes() == before
    assert "Not kept" in capsys.readouterr().out


def test_the_page_can_be_made_without_measuring(monkeypatch, kept, measured):
    """`--stage page` writes the tables of what is kept."""
    assert bench(monkeypatch, "--stage=page") == 0
    assert kept[1].read_text() == command.rewritten(kept[1].read_text(), measured)
    assert "| egresswatch flow |" in kept[1].read_text()
