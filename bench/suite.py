# SPDX-License-Identifier: Apache-2.0
"""The parts that are measured, and how each is put into the results. Tables are made by ``report``."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import instructions, peers, walls
from bench.child import ALL
from bench.clock import REST, STAGES
from bench.limit import MAPPED, WAYS, limits
from bench.measure import (
    Figure,
    MeasureError,
    Program,
    Run,
    alternate,
    clocked,
    egresswatch,
    middle,
    replay_command,
    run,
    settle,
    touch,
)
from bench.results import Figures, Results, Stages
from bench.scaling import growth
from bench.workloads import Workload, workload

DEDUP = "egresswatch flow, duplicates recognised"
SLOW_PART = 10
"""Slow peers get one in so many packets."""
_GROWTH_ROUNDS = 2

Say = Callable[[str], None]
Part = Callable[[Results, Sequence[str], int, Say], None]


def measure(part: str, results: Results, names: Sequence[str], rounds: int, say: Say) -> None:
    """Measure a part on some workloads; the results of others stay."""
    PARTS[part](results, names, rounds, say)
    results.rounds[part] = rounds


def _flow(results: Results, names: Sequence[str], rounds: int, say: Say) -> None:
    programs = [
        *limits("walk"), *limits("parse"), *limits("flow"), egresswatch("index"), egresswatch("flow"),
        egresswatch("flow", "--set", "decode.dedup=true", name=DEDUP),
    ]  # fmt: skip
    for load in _loads(names, results.packets, "flow accounting", say):
        results.flow[load.name] = _checked(alternate(programs, load, rounds), load)


def _replay(results: Results, names: Sequence[str], rounds: int, say: Say) -> None:
    quick, slow = ([peer.program for peer in peers.installed(slow=slow)] for slow in (False, True))
    results.peers = {peer.name: peers.version(peer) for peer in peers.PEERS if peers.available(peer)}
    for load in _loads(names, results.packets, "whole replay and peers", say):
        figures = alternate([*limits("flow"), replay_command(), *quick], load, rounds)
        results.replay[load.name] = _checked(figures, load)
    for load in _loads(names, max(1000, results.packets // SLOW_PART), "slow peers", say):
        with _told(results, f"slow peers on {load.name}", say):
            results.slow[load.name] = alternate(slow, load, 1)


def _stages(results: Results, names: Sequence[str], rounds: int, say: Say) -> None:
    for load in _loads(names, results.packets, "stages", say):
        results.stages[load.name] = stages(load, rounds)


def _workers(results: Results, names: Sequence[str], rounds: int, say: Say) -> None:
    for load in _loads(names, results.packets, "one worker and two", say):
        with _told(results, f"two workers on {load.name}", say):
            results.walls[load.name] = walls.workers(load, rounds)


def _start(results: Results, _: Sequence[str], __: int, say: Say) -> None:
    load = workload("mixed", results.packets)
    say("starts")
    results.starts = walls.starts(load)
    with _told(results, "a start with no kernel compiled", say):
        results.cold = walls.cold(load)


def _growth(results: Results, _: Sequence[str], __: int, say: Say) -> None:
    say("growth with packets, flows, cameras, rules")
    with _told(results, "growth", say):
        points = []
        for point in growth(results.packets, _GROWTH_ROUNDS):
            say(f"  {point.axis} {point.size:,}")
            points.append(point)
        results.growth = points


def _instructions(results: Results, names: Sequence[str], _: int, say: Say) -> None:
    say("instructions")
    if not instructions.available():
        say("not counted: valgrind is not installed")
        return
    few, more = instructions.PACKETS
    with _told(results, "instructions", say):
        results.counts |= instructions.per_packet(
            {name: (workload(name, few), workload(name, more)) for name in names}
        )


PARTS: dict[str, Part] = {
    "flow": _flow, "replay": _replay, "stages": _stages, "start": _start, "workers": _workers,
    "growth": _growth, "instructions": _instructions,
}  # fmt: skip
"""What STAGE of `make bench` names -> how it is measured."""


def stages(load: Workload, rounds: int) -> Stages:
    """CPU of each stage and of the whole replay in turn; what the first hundred packets take is taken off."""
    settle(load.path)
    clock, whole = clocked("replay"), replay_command()
    runs: dict[tuple[Program, Path], list[Run]] = {
        (program, path): [] for path in (load.path, load.little) for program in (clock, whole)
    }
    wanted = 0
    for number in range(rounds + 1):
        for (program, path), made in runs.items():
            touch(wanted if path == load.path else 0)
            made.append(run(program, path))
            wanted = max(wanted, made[-1].own)
            if not number:
                made.clear()
    spent = {
        path: {
            stage: middle([_of_stage(one, stage) for one in runs[clock, path]])[0] for stage in (ALL, *STAGES)
        }
        for path in (load.path, load.little)
    }
    seconds = {stage: of - spent[load.little][stage] for stage, of in spent[load.path].items()}
    total = seconds.pop(ALL)
    seconds[REST] = total - sum(of for stage, of in seconds.items() if stage != REST)
    (all_of_it, _), (start, wander) = (middle([one.cpu for one in runs[whole, path]]) for path in spent)
    return Stages(
        {stage: of for stage, of in seconds.items() if of},
        statistics.median(one.answer()["clock"] for one in runs[clock, load.path]),
        all_of_it - start, start, wander,
    )  # fmt: skip


def _of_stage(one: Run, stage: str) -> float:
    seconds: Mapping[str, float] = one.answer()["spent"]
    return seconds.get(stage, 0.0)


def check(figure: Figure, load: Workload) -> None:
    """The limit and we must have counted what is in the capture; else the figure compares nothing."""
    told = {"packets": "packets"}
    if figure.program.startswith(("limit flow", "egresswatch flow")):
        told |= {"counted": "packets", "ip_bytes": "ip_bytes", "flows": "flows", "records": "flows"}
    wrong = [
        f"{said} {figure.answer[said]} instead of {load.truth[true]}"
        for said, true in told.items()
        if said in figure.answer and figure.answer[said] != load.truth[true]
    ]
    if wrong:
        raise MeasureError(f"{figure.program} on {load.name}: {', '.join(wrong)}")


def mapped(figures: Mapping[str, Figure], depth: str = "flow") -> Figure:
    """The limit that goals are held against: the capture mapped into memory."""
    return figures[f"limit {depth}, {MAPPED}"]


def quickest(figures: Mapping[str, Figure], depth: str = "flow") -> Figure:
    """The quicker of the limit's two ways to read this capture."""
    return min((figures[f"limit {depth}, {way}"] for way in WAYS), key=lambda of: of.cpu)


def _checked(figures: Figures, load: Workload) -> Figures:
    for figure in figures.values():
        check(figure, load)
    return figures


def _loads(names: Sequence[str], packets: int, what: str, say: Say) -> Iterator[Workload]:
    for name in names:
        load = workload(name, packets)
        say(f"{what}: {name}, {load.packets:,} packets, {load.truth['flows']:,} flows")
        yield load


@contextmanager
def _told(results: Results, what: str, say: Say) -> Iterator[None]:
    """A part beside the goals: when it fails, that is told and the rest is still measured."""
    if what in results.failed:
        results.failed.remove(what)
    try:
        yield
    except (MeasureError, OSError, ValueError, subprocess.CalledProcessError) as error:
        say(f"not measured: {error}")
        results.failed.append(what)
