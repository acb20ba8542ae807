# SPDX-License-Identifier: Apache-2.0
"""What the figures are held against: goals, each with the words that tell it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bench.measure import Figure
from bench.results import Figures, Results
from bench.suite import DEDUP, mapped, quickest
from bench.workloads import NAMES

FLOW, REPLAY = "egresswatch flow", "egresswatch replay"

FLOW_GOAL = dict.fromkeys(NAMES, 0.9)
"""Flow accounting: part of the limit's rate."""
REPLAY_GOAL = {"mixed": 0.27, "camera": 0.41, "camera_s": 0.37, "flood": 0.12}
"""Whole replay: part of the limit's rate. On mixed, camera and flood that is five times what Suricata 8 did
with DNS, TLS and HTTP, both measured on one machine; on camera_s more than any peer that loses no packet."""

_KERNELS = ("index", "decode", "table")
"""Stages that are compiled code; the others are Python and the libraries it calls."""


@dataclass(frozen=True, slots=True)
class Line:
    """A goal beside what was measured."""

    what: str
    goal: str
    got: str
    reached: bool
    beside: str = "–"
    """Of a ratio to the limit: the same over the quicker of the limit's two ways to read."""


def at_least(what: str, goal: float, got: float, form: str = "{:.2f}") -> Line:
    """More is better."""
    return Line(what, "≥ " + form.format(goal), form.format(got), got >= goal)


def at_most(what: str, goal: float, got: float, form: str = "{:.2f}") -> Line:
    """Less is better."""
    return Line(what, "≤ " + form.format(goal), form.format(got), got <= goal)


def lines(results: Results) -> Iterator[Line]:
    """Every goal that something was measured for."""
    yield from _over_the_limit(results)
    yield from _over_peers(results)
    yield from _costs(results)
    yield from _flood(results)
    if REPLAY in results.starts:
        yield at_most("warm start of a replay, s", 1.5, results.starts[REPLAY])
    if results.cold:
        yield at_most("all kernels compiled from nothing, s", 20.0, results.cold, "{:.1f}")
    for name, files in results.walls.items():
        for way, walls in files.items():
            yield at_least(f"two workers over one, {name}, {way}", 1.8, walls["1"] / walls["2"])


def _over_the_limit(results: Results) -> Iterator[Line]:
    for program, what, of, goal, form in (
        (FLOW, "flow accounting over the limit", results.flow, FLOW_GOAL, "{:.2f}"),
        (REPLAY, "whole replay over the limit", results.replay, REPLAY_GOAL, "{:.3f}"),
    ):
        for name, figures in of.items():
            ours = figures[program].rate
            line = at_least(f"{what}, {name}", goal[name], ours / mapped(figures).rate, form)
            yield replace(line, beside=form.format(ours / quickest(figures).rate))


def _over_peers(results: Results) -> Iterator[Line]:
    for name, figures in results.replay.items():
        peer = _rival(figures) if name == "camera_s" else figures.get("nfpcapd")
        if peer is not None:
            what = f"whole replay over {peer.program}, {name}"
            yield at_least(what, 1.0, figures[REPLAY].rate / peer.rate)
        if "suricata" in figures and name != "camera_s":
            ours = figures[REPLAY].rate / figures["suricata"].rate
            yield at_least(f"whole replay over suricata, {name}", 5.0, ours)


def _rival(figures: Figures) -> Figure | None:
    """The quickest peer that does not say it lost packets."""
    peers = (of for of in figures.values() if not of.program.startswith(("limit", "egresswatch")))
    return max((of for of in peers if not of.lost), key=lambda of: of.rate, default=None)


def _costs(results: Results) -> Iterator[Line]:
    for name, figures in results.flow.items():
        extra = figures[DEDUP].cpu / figures[FLOW].cpu
        yield at_most(f"flow accounting with duplicates recognised over without, {name}", 1.3, extra)
    if "mixed" in results.stages:
        seconds = results.stages["mixed"].seconds
        compiled = sum(seconds.get(stage, 0.0) for stage in _KERNELS)
        python = sum(seconds.values()) - compiled
        yield at_most("CPU outside kernels over CPU in kernels, mixed", 1.0, python / compiled)


def _flood(results: Results) -> Iterator[Line]:
    for point in results.growth:
        if point.axis == "flows" and point.size == point.figures[REPLAY].packets:
            rate = point.figures[REPLAY].rate / 1e6
            yield at_least("whole replay of a flood of one-packet flows, M packets/s", 1.0, rate)
    if "flood" in results.stages and "flood" in results.flow:
        seconds = results.stages["flood"].seconds
        millions = float(results.flow["flood"][FLOW].answer["records"]) / 1e6
        out = seconds.get("rows", 0.0) + seconds.get("write", 0.0)
        yield at_most("a million flow records judged and written, CPU s", 1.5, out / millions)
    for program, of in ((FLOW, results.flow), (REPLAY, results.replay)):
        if "flood" in of:
            what = f"memory with a million live flows, {program.split()[1]}, MB"
            yield at_most(what, 400.0, of["flood"][program].rss / 1e6, "{:.0f}")
