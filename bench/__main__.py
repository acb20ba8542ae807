# SPDX-License-Identifier: Apache-2.0
"""``python -m bench``: measure one stage, or everything and write docs/performance.md.

Everything: all stages, all workloads, two million packets each. ``--stage flow --packets 200000`` is flow
accounting, quickly.
"""

from __future__ import annotations

import argparse
import re
import sys

from bench import limit, report, suite
from bench.measure import MeasureError
from bench.workloads import NAMES, PACKETS, ROOT, workload

PAGE = ROOT / "docs" / "performance.md"
ALL = "all"
_HEAD = ("M packets per CPU second", "over the limit", "spread", "start-up s", "MB")
STAGES = (ALL, "index", "decode", "flow", "sniff", "rows", "write", "replay")


def main() -> int:
    """Measure what is asked; 1 when something could not be measured."""
    parser = argparse.ArgumentParser(prog="bench", description="How near the limit the packet path is.")
    parser.add_argument("--stage", choices=STAGES, default=ALL)
    parser.add_argument("--workload", choices=(ALL, *NAMES), default=ALL)
    parser.add_argument("--packets", type=int, default=PACKETS, help="of each (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of which medians are told (%(default)s)")
    asked = parser.parse_args()
    if not limit.available():
        print(f"bench: {limit.MISSING}", file=sys.stderr)
        return 1
    names = NAMES if asked.workload == ALL else (asked.workload,)
    try:
        if asked.stage == ALL:
            _everything(names, asked.packets, asked.rounds)
        else:
            _stage(asked.stage, names, asked.packets, asked.rounds)
    except MeasureError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _everything(names: tuple[str, ...], packets: int, rounds: int) -> None:
    results = suite.everything(names, packets, rounds, lambda text: print(text, flush=True))
    made = {name: make(results) for name, make in report.PARTS.items()}
    for name, text in made.items():
        print(f"\n{name}\n\n{text}")
    if names == NAMES and packets == PACKETS:
        PAGE.write_text(_rewritten(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")
        print(f"\nwritten: {PAGE.relative_to(ROOT)}")
    else:
        print("\nnot written: docs/performance.md tells of all workloads at their full size only")


def _rewritten(page: str, parts: dict[str, str]) -> str:
    """The page with its generated parts made anew."""
    for name, made in parts.items():
        pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        if not pattern.search(page):
            raise MeasureError(f"{PAGE.name}: no part <!-- generated: {name} -->")
        page = pattern.sub(lambda match, made=made: match[1] + made + match[2], page)  # type: ignore[misc]
    return page


def _stage(stage: str, names: tuple[str, ...], packets: int, rounds: int) -> None:
    for name in names:
        load = workload(name, packets)
        figures, stages = suite.one_stage(stage, load, rounds)
        depth = suite.DEPTH.get(stage, "flow")
        rows = [
            (program, report.rate(figure), f"{report.ratio(figures, program, depth=depth):.3f}",
             f"±{figure.spread:.0%}", f"{figure.start:.2f}", f"{figure.rss / 1e6:.0f}")
            for program, figure in figures.items()
        ]  # fmt: skip
        head = (f"{name}, {load.packets} packets", *_HEAD)
        print(report.table(head, rows), end="\n\n", flush=True)
        if stages:
            print(report.stage_table({name: stages}, {name: load.packets}), end="\n\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
