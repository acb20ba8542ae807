# SPDX-License-Identifier: Apache-2.0
"""What runs in the process that is measured. Answers with one line of JSON on standard output.

    python -m bench.child index|flow|replay CAPTURE [OUT] [--first LITTLE] [--clock] [--set KEY=VALUE]

``index`` reads the records of the file. ``flow`` is flow accounting: records found, decoded, put through the
table, flow records kept; duplicates and payloads are not looked at. ``replay`` is the command that people
run. All are set up as the command sets up its process. With ``--first LITTLE`` that capture is worked on
before, twice: once to load all that is loaded late, once to know what a start costs. What the capture took
beyond that is told as ``spent``. With ``--clock`` the seconds are told by stage too, and about how many of
them are the clock's own.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.clock import Clock, ClockError

FLOW = ("decode.dedup=false", "sniff.enabled=false")
"""Settings of the stage ``flow``: nothing beyond what the limit does."""
ALL = "all"
"""Key of the whole time beside the stages'."""


def index(path: str, settings: Any) -> dict[str, Any]:
    """Find the records of the file."""
    from egresswatch.source import open_replay

    source = open_replay([path], batch=settings.replay.batch)
    packets = sum(len(batch) for batch in source.batches())
    source.close()
    return {"packets": packets}


def flow(path: str, settings: Any) -> dict[str, Any]:
    """Flow accounting with its records kept."""
    from egresswatch.pipeline.front import Front
    from egresswatch.pipeline.replay import networks
    from egresswatch.rules.site import load_site
    from egresswatch.sniff.probes import BUILTIN
    from egresswatch.source import open_replay

    source = open_replay([path], batch=settings.replay.batch)
    front = Front(settings, BUILTIN[:0], networks(load_site(None)), between=False)
    records: list[Any] = []
    for batch in source.batches():
        for second in front.feed(batch):
            records += second.records
    for second in front.finish():
        records += second.records
    source.close()

    def total(field: str) -> int:
        return sum(int(piece[f"{end}_{field}"].sum()) for piece in records for end in ("orig", "resp"))

    return {
        "packets": front.frames, "records": sum(map(len, records)), "counted": total("pkts"),
        "ip_bytes": total("ip_bytes"),
    }  # fmt: skip


def replay(path: str, overrides: Sequence[str], out: Path | None) -> dict[str, Any]:
    """The command itself, files written to ``out``."""
    from egresswatch.cli import run

    options = [part for override in overrides for part in ("--set", override)]
    status = run(["replay", path, *options, *(["--out", str(out), "--force"] if out else [])])
    if status:
        raise SystemExit(f"bench: the replay ended with {status}")
    return {}


def main() -> None:
    """Do what is asked, timed."""
    parser = argparse.ArgumentParser(prog="bench.child")
    parser.add_argument("stage", choices=("index", "flow", "replay"))
    parser.add_argument("capture")
    parser.add_argument("out", nargs="?", type=Path)
    parser.add_argument("--first")
    parser.add_argument("--clock", action="store_true")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    asked = parser.parse_args()

    from egresswatch.cli.lean import collect_seldom, spare_pandas
    from egresswatch.config import load

    collect_seldom()
    spare_pandas()
    settings = load(None, [*(FLOW if asked.stage == "flow" else ()), *asked.overrides])
    clock = Clock()
    if asked.clock:
        try:
            clock.install()
        except ClockError as error:
            raise SystemExit(f"bench: {error}") from None

    def work(path: str) -> tuple[dict[str, Any], dict[str, float]]:
        """The answer, and CPU seconds by stage and in all."""
        clock.seconds.clear()
        began = time.process_time()
        if asked.stage == "replay":
            answer = replay(path, asked.overrides, asked.out)
        else:
            answer = (flow if asked.stage == "flow" else index)(path, settings)
        return answer, {**clock.seconds, ALL: time.process_time() - began}

    before: dict[str, float] = {}
    if asked.first is not None:
        work(asked.first)
        _, before = work(asked.first)
    clock.calls.clear()
    answer, after = work(asked.capture)
    spent = {stage: max(0.0, seconds - before.get(stage, 0.0)) for stage, seconds in after.items()}
    print(json.dumps({**answer, "spent": spent, "calls": clock.calls, "clock": clock.own_cost()}))


if __name__ == "__main__":
    main()
