# SPDX-License-Identifier: Apache-2.0
"""What is measured, in which order. Gives figures; ``report`` makes tables of them."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench import instructions, peers
from bench.child import ALL
from bench.clock import REST, STAGES
from bench.limit import MAPPED, WAYS, limit, limits
from bench.measure import (
    Figure,
    MeasureError,
    Program,
    Run,
    alternate,
    egresswatch,
    replay_command,
    run,
    settle,
    touch,
)
from bench.scaling import Point, growth
from bench.workloads import NAMES, PACKETS, Workload, workload

STAGE_ROUNDS = 3
EXTRA = "egresswatch flow, duplicates recognised"
SLOW_PART = 10
"""Slow peers get one in so many packets."""
DEPTH = {"index": "walk", "decode": "parse"}
"""How deep the limit goes for a stage of ours; else to the flow table."""

Say = Callable[[str], None]


@dataclass(slots=True)
class Results:
    """Everything that was measured. Keyed by workload."""

    packets: int
    rounds: int
    figures: dict[str, dict[str, Figure]] = field(default_factory=dict)
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    """CPU seconds by stage of a whole replay, start-up taken out."""
    slow: dict[str, dict[str, Figure]] = field(default_factory=dict)
    walls: dict[str, dict[int, float]] = field(default_factory=dict)
    """Workers -> seconds on the wall of a whole replay, start-up taken out."""
    starts: dict[str, float] = field(default_factory=dict)
    """Program -> seconds on the wall for a hundred packets."""
    growth: list[Point] = field(default_factory=list)
    counts: dict[str, dict[str, float]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    """Parts that could not be measured."""


def everything(names: Sequence[str], packets: int, rounds: int, say: Say) -> Results:
    """The whole bench."""
    results = Results(packets, rounds)
    for name in names:
        load = workload(name, packets)
        say(f"{name}: {load.packets} packets, {load.truth['flows']} flows")
        programs = [*_ours(), *(peer.program for peer in peers.installed(slow=False))]
        results.figures[name] = alternate(programs, load, rounds)
        for figure in results.figures[name].values():
            check(figure, load)
        results.stages[name], missing = stages(load)
        results.missing |= missing
        part = workload(name, max(1000, packets // SLOW_PART))
        with _told(results, f"slow peers on {name}", say):
            results.slow[name] = alternate([peer.program for peer in peers.installed(slow=True)], part, 1)
        with _told(results, f"two workers on {name}", say):
            results.walls[name] = workers(load, STAGE_ROUNDS)
    with _told(results, "start-up", say):
        results.starts = starts(workload("mixed", packets), rounds)
    with _told(results, "growth with packets, flows, cameras, rules", say):
        for point in growth(packets, STAGE_ROUNDS):
            results.growth.append(point)
    if instructions.available():
        with _told(results, "instructions", say):
            few, more = instructions.PACKETS
            pairs = {name: (workload(name, few), workload(name, more)) for name in names}
            results.counts = instructions.per_packet(pairs)
    return results


@contextmanager
def _told(results: Results, what: str, say: Say) -> Iterator[None]:
    """A part beside the goals: when it fails, that is told and the rest is still measured."""
    say(what)
    try:
        yield
    except (MeasureError, OSError, ValueError, subprocess.CalledProcessError) as error:
        say(f"not measured: {error}")
        results.failed.append(what)


def _ours() -> list[Program]:
    extra = egresswatch("flow", "--set", "decode.dedup=true")
    return [
        *limits("walk"), *limits("parse"), *limits("flow"), egresswatch("index"), egresswatch("flow"),
        Program(EXTRA, extra.command, extra.environment), replay_command(),
    ]  # fmt: skip


def one_stage(stage: str, load: Workload, rounds: int) -> tuple[dict[str, Figure], dict[str, float]]:
    """The programs that tell about one stage, and the CPU seconds of stages where they are told apart."""
    programs = limits(DEPTH.get(stage, "flow"))
    if stage in ("index", "flow"):
        programs.append(egresswatch(stage))
    elif stage == "replay":
        programs += [replay_command(), *(peer.program for peer in peers.installed(slow=False))]
    figures = alternate(programs, load, rounds)
    for figure in figures.values():
        check(figure, load)
    if stage in ("index", "flow"):
        return figures, {}
    return figures, stages(load, "flow" if stage == "decode" else "replay")[0]


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


def stages(
    load: Workload, of: str = "replay", rounds: int = STAGE_ROUNDS
) -> tuple[dict[str, float], set[str]]:
    """CPU seconds of each stage, median of some runs, start-up taken out; and calls that were not found."""
    settle(load.path)
    program = egresswatch(of, "--clock")
    answers, wanted = [], run(program, load.path).rss
    for _ in range(rounds):
        touch(wanted)
        answers.append(run(program, load.path).answer())
    missing = {name for answer in answers for name in answer["missing"]}
    spent = {
        stage: statistics.median(answer["spent"].get(stage, 0.0) for answer in answers)
        for stage in (ALL, *STAGES)
    }
    spent[REST] = max(0.0, spent.pop(ALL) - sum(spent.values()))
    return {stage: seconds for stage, seconds in spent.items() if seconds}, missing


def workers(load: Workload, rounds: int) -> dict[int, float]:
    """Wall time of a whole replay with one and two workers, on all processors."""
    settle(load.path)
    counts = (1, 2)
    programs = {n: replay_command("--workers", str(n)) for n in counts}
    seconds: dict[int, list[float]] = {n: [] for n in counts}
    wanted = 0
    for number in range(rounds + 1):
        for n, program in programs.items():
            touch(wanted)
            whole, first = run(program, load.path, pin=False), run(program, load.little, pin=False)
            wanted = max(wanted, whole.rss)
            if number:
                seconds[n].append(whole.wall - first.wall)
    return {n: statistics.median(times) for n, times in seconds.items()}


def starts(load: Workload, rounds: int) -> dict[str, float]:
    """Wall time for a hundred packets, everything warm."""
    programs = [limit("flow"), egresswatch("flow"), replay_command()]
    programs += [peer.program for peer in peers.installed(slow=False)]
    runs: dict[str, list[Run]] = {program.name: [] for program in programs}
    for number in range(rounds + 1):
        for program in programs:
            done = run(program, load.little)
            if number:
                runs[program.name].append(done)
    return {name: statistics.median(one.wall for one in done) for name, done in runs.items()}


__all__ = ["NAMES", "PACKETS", "Results", "everything", "one_stage", "stages"]
