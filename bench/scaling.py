# SPDX-License-Identifier: Apache-2.0
"""How cost grows with packets, flows, cameras and rules: the same work on sizes that differ in one thing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.limit import limit
from bench.measure import alternate, egresswatch, replay_command
from bench.results import Figures, Point
from bench.workloads import CACHE, Workload, workload

RULES = "rules beside the pack's"
_FILE = 1000
"""Rules in a file."""


def growth(packets: int, rounds: int) -> Iterator[Point]:
    """All axes, smallest size first, on workloads of at most half of ``packets``."""
    half = packets // 2
    for size in (half // 8, half // 2, half):
        yield Point("packets", size, _measured(workload("mixed", size), rounds))
    for flows in (half // 1000, half // 20, half):
        load = workload("flood", half, f"-{flows}", flows=flows)
        yield Point("flows", flows, _measured(load, rounds))
    for cameras in (packets // 40_000, packets // 4_000, packets // 1_000):
        load = workload("camera_s", packets // 8, f"-{cameras}", cameras=cameras)
        yield Point("cameras", cameras, _measured(load, rounds))
    load = workload("mixed", half // 2)
    for rules in (0, 1_000, 10_000):
        options = ("--set", f"rules.paths={rule_pack(rules)}") if rules else ()
        yield Point(RULES, rules, alternate([limit(), replay_command(*options)], load, rounds))


def _measured(load: Workload, rounds: int) -> Figures:
    return alternate([limit(), egresswatch("flow"), replay_command()], load, rounds)


def rule_pack(count: int) -> Path:
    """A folder with so many rules, each with a domain of its own, beside the built-in pack."""
    folder = CACHE / f"rules-{count}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for start in range(0, count, _FILE):
        rules = "".join(_rule(number) for number in range(start, min(count, start + _FILE)))
        text = f"# SPDX-License-Identifier: Apache-2.0\nrules:\n{rules}"
        (folder / f"bench-{start}.yaml").write_text(text, encoding="utf-8")
    return folder


def _rule(number: int) -> str:
    family = "B" + chr(ord("A") + number // 1000 // 26 % 26) + chr(ord("A") + number // 1000 % 26)
    name = f"cloud{number:05}.example"
    return f"""\
- id: EW-{family}-{number % 1000:04}
  rev: 1
  title: Cloud {number} of the bench
  status: stable
  severity: low
  confidence: low
  vendor: axis
  platform: axis/bench-{number}
  dest_class: vendor_cloud
  purpose: cloud-api
  side: device
  match:
    domains: [{name}]
  examples:
    match: [x.{name}]
    no_match: [{name}.net]
  references: ["bench"]
  false_positives: [Nobody else uses the name.]
  first_published: 2026-01-01
"""
