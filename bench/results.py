# SPDX-License-Identifier: Apache-2.0
"""All figures that docs/performance.md is made of, kept in bench/figures.json between runs.

A run that measures a part puts that part's figures in and leaves the others as they are. Figures of two
machines are never mixed: on another machine a part is measured and printed, but not kept.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.measure import Figure

KEPT = Path(__file__).with_name("figures.json")

Figures = dict[str, Figure]
"""By program."""


@dataclass(frozen=True, slots=True)
class Point:
    """What a packet costs at one size on one axis."""

    axis: str
    size: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class Stages:
    """Where the CPU seconds of a whole replay went, start-up taken out."""

    seconds: dict[str, float]
    clock: float
    """Seconds of them that the clock took itself, about."""
    whole: float
    """CPU seconds of the whole replay in the same rounds, unclocked."""
    start: float
    """Start-up that was taken off these."""
    start_spread: float


@dataclass(slots=True)
class Results:
    """Everything that was measured; by workload where nothing else is said."""

    machine: str
    packets: int
    flow: dict[str, Figures] = field(default_factory=dict)
    """The limit in its depths and ways, and our flow accounting."""
    replay: dict[str, Figures] = field(default_factory=dict)
    """The limit, our whole replay, and the peers."""
    slow: dict[str, Figures] = field(default_factory=dict)
    """Peers that get a part of the packets only."""
    peers: dict[str, str] = field(default_factory=dict)
    """Peer -> its version."""
    stages: dict[str, Stages] = field(default_factory=dict)
    walls: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    """Workload -> in how many files -> workers -> seconds on the wall of a whole replay."""
    starts: dict[str, float] = field(default_factory=dict)
    """Program -> seconds on the wall for a hundred packets."""
    cold: float = 0.0
    """Seconds on the wall until all kernels are compiled."""
    growth: list[Point] = field(default_factory=list)
    counts: dict[str, dict[str, float]] = field(default_factory=dict)
    """Workload -> program -> instructions per packet."""
    rounds: dict[str, int] = field(default_factory=dict)
    """Part -> rounds that its medians are of."""
    failed: list[str] = field(default_factory=list)
    """Parts that could not be measured."""


def load() -> Results | None:
    """The figures that were kept."""
    if not KEPT.exists():
        return None
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    for part in ("flow", "replay", "slow"):
        kept[part] = {name: _figures(of) for name, of in kept[part].items()}
    kept["stages"] = {name: Stages(**of) for name, of in kept["stages"].items()}
    kept["growth"] = [Point(of["axis"], of["size"], _figures(of["figures"])) for of in kept["growth"]]
    return Results(**kept)


def save(results: Results) -> None:
    """Keep them."""
    KEPT.write_text(json.dumps(_rounded(dataclasses.asdict(results)), indent=1) + "\n", encoding="utf-8")


def _figures(kept: dict[str, Any]) -> Figures:
    return {program: Figure(**of) for program, of in kept.items()}


def _rounded(value: Any) -> Any:
    """Microseconds are enough, and make a change of the file readable."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
