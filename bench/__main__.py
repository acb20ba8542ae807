# SPDX-License-Identifier: Apache-2.0
"""``python -m bench``: measure everything, or a part, and write what is new into docs/performance.md.

Without options all parts are measured, on two million packets a workload. ``--stage flow --workload mixed``
measures one part on one workload and leaves the other figures as they are; with fewer ``--packets`` figures
are printed, not kept. ``--stage page`` measures nothing: the page is made anew from kept figures.
"""

from __future__ import annotations

import argparse
import re
import sys

from bench import limit, report, results, suite
from bench.machine import described
from bench.measure import MeasureError
from bench.results import Results
from bench.workloads import NAMES, PACKETS, ROOT

PAGE = ROOT / "docs" / "performance.md"
ALL, ANEW = "all", "page"
STAGES = (ALL, *suite.PARTS, ANEW)


def main() -> int:
    """Measure what is asked; 1 when something could not be measured."""
    parser = argparse.ArgumentParser(prog="bench", description="How near the limit the packet path is.")
    parser.add_argument("--stage", choices=STAGES, default=ALL)
    parser.add_argument("--workload", choices=(ALL, *NAMES), default=ALL)
    parser.add_argument("--packets", type=int, default=PACKETS, help="of each (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of which medians are told (%(default)s)")
    asked = parser.parse_args()
    if not limit.available():
        return _complain(limit.MISSING)
    try:
        if asked.stage == ANEW:
            return _write_anew()
        names = NAMES if asked.workload == ALL else (asked.workload,)
        parts = [*suite.PARTS] if asked.stage == ALL else [asked.stage]
        return _measure(parts, names, asked.packets, asked.rounds)
    except MeasureError as error:
        return _complain(str(error))


def _measure(parts: list[str], names: tuple[str, ...], packets: int, rounds: int) -> int:
    """Measure parts one after another; what is kept is kept after each of them."""
    kept, here = results.load(), described()
    everything = parts == [*suite.PARTS] and names == NAMES
    known = kept if kept is not None and kept.machine == here else None
    keep = packets == PACKETS and (kept is None or known is not None or everything)
    found = known if keep and known is not None else Results(here, packets)
    for part in parts:
        suite.measure(part, found, names, rounds, lambda text: print(text, flush=True))
        print(f"\n{report.PARTS[part](found)}\n", flush=True)
        if keep:
            _write(found)
    if not keep:
        print(
            "Not kept: docs/performance.md tells of "
            + (f"{PACKETS:,} packets a workload" if packets != PACKETS else "another machine: measure it all")
        )
    return 1 if found.failed else 0


def _write_anew() -> int:
    kept = results.load()
    if kept is None:
        return _complain("no figures are kept: measure first")
    _write(kept)
    return 0


def _write(found: Results) -> None:
    """Keep the figures, and make the page's generated parts of them."""
    results.save(found)
    kept = results.load() or found  # rounded: the page says what can be read again
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8"), kept), encoding="utf-8")
    print(f"written: {results.KEPT.relative_to(ROOT)}, {PAGE.relative_to(ROOT)}", flush=True)


def rewritten(page: str, found: Results) -> str:
    """The page with its generated parts made anew."""
    for name, make in report.PARTS.items():
        pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        if not pattern.search(page):
            raise MeasureError(f"{PAGE.name}: no part <!-- generated: {name} -->")
        made = make(found)
        page = pattern.sub(lambda match, made=made: match[1] + made + match[2], page)  # type: ignore[misc]
    return page


def _complain(what: str) -> int:
    print(f"bench: {what}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
