# SPDX-License-Identifier: Apache-2.0
"""Tables in Markdown, from figures alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from bench import goals, instructions, peers
from bench.clock import STAGES
from bench.goals import FLOW, REPLAY
from bench.limit import WAYS
from bench.measure import Figure
from bench.results import Results, Stages
from bench.suite import DEDUP, SLOW_PART, mapped
from bench.workloads import NAMES

Of = TypeVar("Of")
NOT_MEASURED = "Not measured."
_DEPTHS = ("walk", "parse", "flow")
_LIMIT_ROWS = tuple(f"limit {depth}, {way}" for depth in _DEPTHS for way in WAYS)
_FLOW_ROWS = (*_LIMIT_ROWS, "egresswatch index", FLOW, DEDUP)
_AGREE = 0.1
"""Part by which the sum of the stages may differ from the whole replay without a word."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    made = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, *made]) if made else NOT_MEASURED


def rate(figure: Figure) -> str:
    """M packets per CPU second."""
    value = figure.rate / 1e6
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def ratio(figures: Mapping[str, Figure], program: str) -> float:
    """Rate of a program over the mapped limit's on the same workload."""
    return figures[program].rate / mapped(figures).rate


def machine(results: Results) -> str:
    """What it was measured on, and how."""
    rounds = sorted(set(results.rounds.values())) or [0]
    return (
        f"{results.machine} {results.packets:,} packets a workload, medians of "
        f"{' or '.join(map(str, rounds))} rounds after a first one that warms."
        + (f" Could not be measured: {', '.join(results.failed)}." if results.failed else "")
    )


def goal_table(results: Results) -> str:
    """Every goal, and whether it is reached."""
    return table(
        ("goal", "wanted", "measured", "reached", "over the quicker C"),
        [
            (line.what, line.goal, line.got, "yes" if line.reached else "**no**", line.beside)
            for line in goals.lines(results)
        ],
    )


def _rates(measured: Mapping[str, Mapping[str, Figure]], programs: Sequence[str]) -> list[tuple[str, ...]]:
    """Rates of some programs on the workloads, each with its ratio to the limit."""
    return [(program, *(_cell(of, program) for of in _ordered(measured).values())) for program in programs]


def _cell(figures: Mapping[str, Figure], program: str) -> str:
    if program not in figures:
        return "–"
    figure = figures[program]
    lost = f", lost {figure.lost:,}" if figure.lost else ""
    return f"{rate(figure)} ({ratio(figures, program):.3f}) ±{figure.spread / figure.cpu:.0%}{lost}"


def flow_table(results: Results) -> str:
    """Flow accounting and its parts beside the limit in all depths."""
    return table(_rate_head(results.flow), _rates(results.flow, _FLOW_ROWS))


def replay_table(results: Results) -> str:
    """The whole replay beside peers, and what these give."""
    measured = {program for of in results.replay.values() for program in of}
    quick = [peer.name for peer in peers.PEERS if peer.name in measured]
    limits = [f"limit flow, {way}" for way in WAYS]
    rows = _rates(results.replay, (*limits, REPLAY, *quick)) if measured else []
    for peer in peers.PEERS:
        if peer.slow and peer.name in results.peers:
            cells = [
                f"{rate(of[peer.name])} ({of[peer.name].rate / mapped(results.replay[name]).rate:.4f})"
                if peer.name in (of := results.slow.get(name, {}))
                else "–"
                for name in _ordered(results.replay)
            ]
            rows.append((f"{peer.name}, on {results.packets // SLOW_PART:,} packets", *cells))
    there = [peer for peer in peers.PEERS if peer.name in results.peers]
    about = "; ".join(f"{peer.name} {results.peers[peer.name]} ({peer.gives})" for peer in there)
    absent = ", ".join(peer.name for peer in peers.PEERS if peer not in there)
    return f"{table(_rate_head(results.replay), rows)}\n\nPeers: {about or 'none'}." + (
        f" Not installed, so not measured: {absent}." if absent else ""
    )


def stage_table(results: Results) -> str:
    """CPU nanoseconds per packet and stage, and the whole replay beside their sum."""
    measured = _ordered(results.stages)

    def row(what: str, seconds: Mapping[str, float]) -> tuple[str, ...]:
        return what, *(
            f"{seconds[name] / results.packets * 1e9:.1f}" if name in seconds else "–" for name in measured
        )

    rows = [
        row(f"{stage}: {meaning}", {name: of.seconds.get(stage, 0.0) for name, of in measured.items()})
        for stage, meaning in STAGES.items()
        if any(stage in of.seconds for of in measured.values())
    ]
    total = {name: sum(of.seconds.values()) for name, of in measured.items()}
    whole = {name: of.whole for name, of in measured.items()}
    if measured:
        rows += [row("**sum of the stages**", total), row("whole replay in the same rounds", whole)]
    notes = [_difference(name, of) for name, of in measured.items()]
    return "\n\n".join([table(("ns of CPU per packet", *measured), rows), *filter(None, notes)])


def _difference(name: str, measured: Stages) -> str:
    """Why the sum of the stages is not the whole replay, where it is not."""
    total, whole = sum(measured.seconds.values()), measured.whole
    if abs(total / whole - 1) <= _AGREE:
        return ""
    return (
        f"On {name} the stages sum up to {total / whole:.2f} times the whole replay "
        f"({total - whole:+.2f} s): the clock's own calls are in them (about {measured.clock:.2f} s), and "
        f"the start-up that is taken off the whole, {measured.start:.2f} s, varies by "
        f"±{measured.start_spread:.2f} s."
    )


def memory(results: Results) -> str:
    """Most memory, MB: all that the kernel counted, and what is no file's."""
    measured = {name: {**results.replay.get(name, {}), **results.flow.get(name, {})} for name in NAMES}
    measured = {name: of for name, of in measured.items() if of}
    programs = dict.fromkeys(program for of in measured.values() for program in of)
    rows = [
        (
            program,
            *(
                f"{of[program].rss / 1e6:.0f} ({of[program].own / 1e6:.0f})" if program in of else "–"
                for of in measured.values()
            ),
        )
        for program in programs
        if not program.startswith(("limit walk", "limit parse")) and program != DEDUP
    ]
    return table(("MB of memory (of it no file's)", *measured), rows)


def start_table(results: Results) -> str:
    """Time from the call to the end of a hundred packets, and of compiling the kernels."""
    rows = [(f"{name}, 100 packets", f"{seconds:.2f}") for name, seconds in results.starts.items()]
    if results.cold:
        rows.append(("egresswatch check --warm, no kernel compiled yet", f"{results.cold:.1f}"))
    return table(("program", "s on the wall"), rows)


def worker_table(results: Results) -> str:
    """Wall time with one and two workers."""
    rows = [
        (
            f"{name}, {way}",
            *(f"{seconds:.2f}" for seconds in walls.values()),
            f"{walls['1'] / walls['2']:.2f}",
        )
        for name, files in _ordered(results.walls).items()
        for way, walls in files.items()
    ]
    return table(("s on the wall, start-up taken out", "1 worker", "2 workers", "times faster"), rows)


def growth_table(results: Results) -> str:
    """ns per packet as one size grows."""
    rows = []
    for point in results.growth:
        whole = point.figures[REPLAY]
        cells = [_nanoseconds(of) for of in (mapped(point.figures), point.figures.get(FLOW), whole)]
        rows.append((point.axis, f"{point.size:,}", *cells, f"{whole.rss / 1e6:.0f}", f"{whole.start:.2f}"))
    return table(
        ("growing", "to", "limit, ns a packet", "flow", "replay", "replay, MB", "replay, start-up s"), rows
    )


def _nanoseconds(figure: Figure | None) -> str:
    return f"{figure.cpu / figure.packets * 1e9:.0f}" if figure else "–"


def instruction_table(results: Results) -> str:
    """Instructions per packet, by valgrind."""
    rows = [
        (name, *(f"{count:.0f}" for count in of.values()), f"{of[instructions.LIMIT] / of[FLOW]:.2f}")
        for name, of in _ordered(results.counts).items()
    ]
    return table(("instructions per packet", instructions.LIMIT, FLOW, "limit over flow"), rows)


def _ordered(measured: Mapping[str, Of]) -> dict[str, Of]:
    """Workloads in their order, however they were measured."""
    return {name: measured[name] for name in NAMES if name in measured}


def _rate_head(measured: Mapping[str, object]) -> tuple[str, ...]:
    return ("M packets per CPU second (over the limit)", *_ordered(measured))


PARTS: dict[str, Callable[[Results], str]] = {
    "machine": machine, "goals": goal_table, "flow": flow_table, "replay": replay_table,
    "stages": stage_table, "memory": memory, "start": start_table, "workers": worker_table,
    "growth": growth_table, "instructions": instruction_table,
}  # fmt: skip
"""Generated part of docs/performance.md -> what makes it."""
