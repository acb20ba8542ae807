# SPDX-License-Identifier: Apache-2.0
"""Tables in Markdown, from figures alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from bench import goals, instructions, peers
from bench.clock import STAGES
from bench.goals import Line
from bench.machine import described
from bench.measure import Figure
from bench.suite import EXTRA, SLOW_PART, Results, mapped, quickest
from bench.workloads import NAMES

MAPPED, READ = "limit flow, mapped", "limit flow, read"
FLOW, REPLAY = "egresswatch flow", "egresswatch replay"
_FLOW_ROWS = (
    *(f"limit {depth}, {way}" for depth in ("walk", "parse", "flow") for way in ("mapped", "read")),
    "egresswatch index", FLOW, EXTRA,
)  # fmt: skip
_GOAL = {FLOW: dict.fromkeys(NAMES, goals.FLOW), REPLAY: goals.REPLAY}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def rate(figure: Figure) -> str:
    """M packets per CPU second."""
    value = figure.rate / 1e6
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def ratio(figures: Mapping[str, Figure], program: str, to: str = "", depth: str = "flow") -> float:
    """Rate of a program over the rate of another on the same workload, or over the mapped limit."""
    other = figures[to] if to else mapped(figures, depth)
    return figures[program].rate / other.rate


def machine(results: Results) -> str:
    """What it was measured on, and how."""
    return (
        f"{described()} {results.packets:,} packets a workload, medians of {results.rounds} rounds "
        "after a first one that warms."
        + (f" Could not be measured: {', '.join(results.failed)}." if results.failed else "")
    )


def reached(results: Results) -> str:
    """Every goal, and whether it is reached."""
    lines = [*_goal_lines(results)]
    return table(
        ("goal", "wanted", "measured", "reached", "over the quicker C"),
        [(one.what, one.goal, one.got, "yes" if one.reached else "**no**", one.beside) for one in lines],
    )


def _goal_lines(results: Results) -> Iterable[Line]:
    for program, what in ((FLOW, "flow accounting over the limit"), (REPLAY, "whole replay over the limit")):
        for name, figures in results.figures.items():
            form = "{:.2f}" if program == FLOW else "{:.3f}"
            line = goals.at_least(f"{what}, {name}", _GOAL[program][name], ratio(figures, program), form)
            yield replace(line, beside=form.format(figures[program].rate / quickest(figures).rate))
    for name, figures in results.figures.items():
        if "nfpcapd" in figures:
            yield goals.at_least(f"whole replay over nfpcapd, {name}", 1.0, ratio(figures, REPLAY, "nfpcapd"))
    for name, figures in results.figures.items():
        extra = figures[EXTRA].cpu / figures[FLOW].cpu
        yield goals.at_most(
            f"CPU of flow accounting with duplicates recognised over without, {name}", goals.EXTRA, extra
        )
    if "flood" in results.figures:
        flood = results.figures["flood"]
        records = max(1.0, float(flood[FLOW].answer.get("records", 1)))
        out = results.stages["flood"]
        millions = (out.get("rows", 0.0) + out.get("write", 0.0)) * 1e6 / records
        yield goals.at_least(
            "whole replay of the flood, M packets/s", goals.FLOOD / 1e6, flood[REPLAY].rate / 1e6
        )
        yield goals.at_most("a million flow records judged and written, s", goals.WRITE, millions)
        for program in (FLOW, REPLAY):
            what = f"memory on the flood, {program.split()[1]}, MB for a million live flows"
            yield goals.at_most(what, goals.MEMORY / 1e6, flood[program].rss / 1e6 * 1e6 / records, "{:.0f}")
    if REPLAY in results.starts:
        yield goals.at_most("warm start of a replay, s", goals.START, results.starts[REPLAY])
    for name, walls in results.walls.items():
        yield goals.at_least(
            f"whole replay, two workers over one, {name}", goals.WORKERS, walls[1] / walls[2]
        )


def headline(results: Results, programs: Sequence[str], *, tell_lost: bool = False) -> str:
    """Rates of some programs on all workloads, each with its ratio to the limit."""
    rows = []
    for program in programs:
        cells = [_cell(results.figures[name], program) for name in results.figures]
        rows.append((program, *cells))
    if tell_lost:
        for peer in peers.installed(slow=True):
            cells = [
                f"{rate(of[peer.name])} ({of[peer.name].rate / mapped(results.figures[name]).rate:.4f})"
                if peer.name in of
                else "–"
                for name, of in results.slow.items()
            ]
            rows.append((f"{peer.name}, on {results.packets // SLOW_PART:,} packets", *cells))
    return table(("M packets per CPU second (over the limit)", *results.figures), rows)


def _cell(figures: Mapping[str, Figure], program: str) -> str:
    if program not in figures:
        return "–"
    figure = figures[program]
    peer = next((one for one in peers.PEERS if one.name == program), None)
    counted = peers.counted(peer, figure.said) if peer else None
    mark = f", lost {figure.packets - counted:,}" if counted is not None and counted != figure.packets else ""
    return f"{rate(figure)} ({ratio(figures, program):.3f}) ±{figure.spread:.0%}{mark}"


def flow_table(results: Results) -> str:
    """Flow accounting and its parts beside the limit at the same depth."""
    return headline(results, _FLOW_ROWS)


def replay_table(results: Results) -> str:
    """The whole replay beside peers, and what these give."""
    light = peers.installed(slow=False)
    text = headline(results, (MAPPED, READ, REPLAY, *(peer.name for peer in light)), tell_lost=True)
    every = [*light, *peers.installed(slow=True)]
    about = "; ".join(f"{peer.name} {peers.version(peer)} ({peer.gives})" for peer in every)
    absent = ", ".join(peer.name for peer in peers.PEERS if peer not in every)
    return f"{text}\n\nPeers: {about}." + (f" Not installed, so not measured: {absent}." if absent else "")


def stage_table(stages: Mapping[str, Mapping[str, float]], packets: Mapping[str, int]) -> str:
    """CPU nanoseconds per packet and stage."""
    rows = []
    for stage, meaning in STAGES.items():
        if any(stage in of for of in stages.values()):
            per = [f"{of.get(stage, 0.0) / packets[name] * 1e9:.1f}" for name, of in stages.items()]
            rows.append((f"{stage}: {meaning}", *per))
    rows.append(
        ("**sum**", *(f"{sum(of.values()) / packets[name] * 1e9:.1f}" for name, of in stages.items()))
    )
    return table(("ns of CPU per packet", *stages), rows)


def stages_of(results: Results) -> str:
    """The stages of a whole replay."""
    text = stage_table(
        results.stages, {name: results.figures[name][REPLAY].packets for name in results.stages}
    )
    if results.missing:
        text += (
            "\n\nNot told apart, since the program has no such call any more: "
            + ", ".join(sorted(results.missing))
            + "."
        )
    return text


def memory(results: Results) -> str:
    """Most memory of its own, MB."""
    programs = list(dict.fromkeys(name for of in results.figures.values() for name in of))
    rows = [
        (
            program,
            *(f"{of[program].rss / 1e6:.0f}" if program in of else "–" for of in results.figures.values()),
        )
        for program in programs
        if not program.startswith(("limit walk", "limit parse")) and program != EXTRA
    ]
    return table(("MB of memory", *results.figures), rows)


def start_table(results: Results) -> str:
    """Time from the call to the end of a hundred packets."""
    return table(("program", "s"), [(name, f"{seconds:.2f}") for name, seconds in results.starts.items()])


def worker_table(results: Results) -> str:
    """Wall time with one and two workers."""
    rows = [
        (name, *(f"{seconds:.2f}" for seconds in walls.values()), f"{walls[1] / walls[2]:.2f}")
        for name, walls in results.walls.items()
    ]
    return table(("s on the wall, start-up taken out", "1 worker", "2 workers", "times faster"), rows)


def growth_table(results: Results) -> str:
    """ns per packet as one size grows."""
    rows = []
    for point in results.growth:
        cells = [_nanoseconds(point.figures.get(program)) for program in (FLOW, REPLAY)]
        cells.insert(0, _nanoseconds(mapped(point.figures)))
        whole = point.figures[REPLAY]
        rows.append((point.axis, f"{point.size:,}", *cells, f"{whole.rss / 1e6:.0f}", f"{whole.start:.2f}"))
    return table(
        ("growing", "to", "limit, ns a packet", "flow", "replay", "replay, MB", "replay, start-up s"), rows
    )


def _nanoseconds(figure: Figure | None) -> str:
    return f"{figure.cpu / figure.packets * 1e9:.0f}" if figure else "–"


def instruction_table(results: Results) -> str:
    """Instructions per packet, by valgrind."""
    if not results.counts:
        return "Not counted: valgrind is not installed."
    rows = [
        (name, *(f"{count:.0f}" for count in of.values()), f"{of[instructions.LIMIT] / of[FLOW]:.2f}")
        for name, of in results.counts.items()
    ]
    return table(("instructions per packet", instructions.LIMIT, FLOW, "limit over flow"), rows)


PARTS: dict[str, Callable[[Results], str]] = {
    "machine": machine, "goals": reached, "flow": flow_table, "replay": replay_table, "stages": stages_of,
    "memory": memory, "start": start_table, "workers": worker_table, "growth": growth_table,
    "instructions": instruction_table,
}  # fmt: skip
"""Generated part of docs/performance.md -> what makes it."""
