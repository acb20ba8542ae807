# SPDX-License-Identifier: Apache-2.0
"""What the figures are held against: goals, each with the words that tell it."""

from __future__ import annotations

from dataclasses import dataclass

FLOW = 0.9
"""Flow accounting: part of the limit's rate, on every workload."""

REPLAY = {"mixed": 0.27, "camera": 0.41, "camera_s": 0.37, "flood": 0.12}
"""Whole replay: part of the limit's rate. On mixed, camera and flood that is five times what Suricata 8 did
with DNS, TLS and HTTP, both measured on one machine; on camera_s more than any peer that loses no packet."""

EXTRA = 1.3
"""Recognising duplicates beside flow accounting: times the CPU of flow accounting without it."""
FLOOD = 1_000_000.0
"""Packets a second of a flood of one-packet flows, whole process."""
WRITE = 1.5
"""Seconds to judge and write a million flow records."""
START = 1.5
"""Seconds of a warm start on a small capture."""
MEMORY = 400e6
"""Bytes with a million flows alive."""
WORKERS = 1.8
"""Times faster with two workers on two processors."""


@dataclass(frozen=True, slots=True)
class Line:
    """A goal beside what was measured."""

    what: str
    goal: str
    got: str
    reached: bool
    beside: str = ""
    """Of a ratio to the limit: the same over the quicker of the limit's two ways to read."""


def at_least(what: str, goal: float, got: float, form: str = "{:.2f}") -> Line:
    """More is better."""
    return Line(what, "≥ " + form.format(goal), form.format(got), got >= goal)


def at_most(what: str, goal: float, got: float, form: str = "{:.2f}") -> Line:
    """Less is better."""
    return Line(what, "≤ " + form.format(goal), form.format(got), got <= goal)
