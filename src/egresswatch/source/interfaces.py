# SPDX-License-Identifier: Apache-2.0
"""The interfaces of the whole input, and how their counters add up over files and sections.

Owns ``SourceFacts.interfaces``. The same interface (name, link type, snap length, place in its
section) in several files of a set is one entry. Counters of a statistics block run from the start
of the capture, so blocks with the same start time replace each other and different ones add up.
A received count, and a drop count of 0, is told only when every section told one: a missing
counter is never read as "nothing was lost".
"""

from __future__ import annotations

from dataclasses import dataclass, field

from egresswatch.records import InterfaceFacts

MAX_INTERFACES = 4096
"""Entries; further interfaces share the last one."""
MAX_RUNS = 1024
"""Capture runs told apart by entry; further ones fold into one."""


@dataclass(slots=True)
class Counters:
    """What one section told about one interface."""

    start: int | None = None
    received: int | None = None
    dropped: int | None = None


@dataclass(slots=True)
class _Entry:
    facts: InterfaceFacts
    sections: int = 0
    received_told: int = 0
    dropped_told: int = 0
    received: dict[object, int] = field(default_factory=dict)
    dropped: dict[object, int] = field(default_factory=dict)


class InterfaceTable:
    """Gives every interface of the input its index."""

    def __init__(self, facts: list[InterfaceFacts]):
        self._facts = facts
        self._index: dict[tuple[str, int, int | None, int], int] = {}
        self._entries: list[_Entry] = []

    def index(self, name: str, link: int, snaplen: int | None, ordinal: int = 0) -> int:
        """Index of an interface in ``SourceFacts.interfaces``; a new one is entered."""
        key = (name, link, snaplen, ordinal)
        known = self._index.get(key)
        if known is not None:
            return known
        if len(self._entries) >= MAX_INTERFACES:
            return MAX_INTERFACES - 1
        if len(self._entries) == MAX_INTERFACES - 1:
            name = "(further interfaces)"
        facts = InterfaceFacts(name, link, snaplen)
        self._facts.append(facts)
        self._entries.append(_Entry(facts))
        self._index[key] = len(self._entries) - 1
        return self._index[key]

    def add_packets(self, index: int, packets: int) -> None:
        """Count frames of an interface."""
        self._facts[index].packets += packets

    def end_section(self, index: int, told: Counters) -> None:
        """A section (a file, where there are none) has ended: bring in what it told."""
        entry = self._entries[index]
        entry.sections += 1
        run: object = told.start if told.start is not None else ("section", entry.sections)
        if told.received is not None:
            entry.received_told += 1
            _keep(entry.received, run, told.received)
        if told.dropped is not None:
            entry.dropped_told += 1
            _keep(entry.dropped, run, told.dropped)
        entry.facts.received = sum(entry.received.values()) if entry.received_told == entry.sections else None
        dropped = sum(entry.dropped.values())
        entry.facts.dropped = dropped if dropped or entry.dropped_told == entry.sections else None


def _keep(runs: dict[object, int], run: object, value: int) -> None:
    """Counters of one run never fall; different runs add up."""
    if run in runs:
        runs[run] = max(runs[run], value)
    elif len(runs) < MAX_RUNS:
        runs[run] = value
    else:
        runs[None] = runs.get(None, 0) + value
