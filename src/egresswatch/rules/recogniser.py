# SPDX-License-Identifier: Apache-2.0
"""What the packet path let through is judged here: which recognisers of the rule pack does it satisfy?

Most recognisers are told by their PATTERN rows alone. Those whose rows are a prefilter (alternatives,
number ranges, steps over blocks, repetition) are *judged*: when a packet is told for one of them, all
of them look at it, because the packet path names only the first row that fits. Repetition needs a
memory of the flow: it is bounded, ``end`` forgets it, and what found no room is counted in ``refused``.
No packet can raise an exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from egresswatch.patterns import RECOGNISER_BASE
from egresswatch.records import Message
from egresswatch.rules.model import Rule
from egresswatch.rules.payload import decided, holds, prefilter
from egresswatch.rules.shape import Payload

MAX_FLOWS = 65536


def judged(rule: Rule) -> bool:
    """Must somebody look at what the packet path tells of this rule?"""
    return not all(decided(item) for item in rule.match.payload)


class _Look(NamedTuple):
    """One way of a judged recogniser, with the comparisons that refuse most packets at little cost."""

    number: int
    place: int
    payload: Payload
    quick: tuple[tuple[int, int, int, int], ...]
    """(offset, end, mask, value) as big-endian numbers."""


class Recognisers:
    """The judge of one run."""

    def __init__(self, rules: Sequence[Rule] = (), max_flows: int = MAX_FLOWS) -> None:
        self.refused = 0
        self._max_flows = max_flows
        self._judged = frozenset(number for number, rule in enumerate(rules) if judged(rule))
        self._looks: dict[int, tuple[_Look, ...]] = {}
        looks = [
            _Look(number, place, payload, _quick(payload))
            for number, rule in enumerate(rules)
            if number in self._judged
            for place, payload in enumerate(rule.match.payload)
        ]
        for proto in {look.payload.proto for look in looks}:
            self._looks[proto] = tuple(look for look in looks if look.payload.proto == proto)
        self._flows: dict[int, dict[tuple[int, int], tuple[int, int]]] = {}
        """Flow -> way of a recogniser -> (packets that looked so, frame of the last)."""

    def decide(self, m: Message) -> tuple[int, ...]:
        """Numbers of the recognisers that count from this packet on; ``m.parser`` tells one of them."""
        number = m.parser - RECOGNISER_BASE
        if number not in self._judged:
            return (number,)
        payload = m.payload
        found: list[int] = []
        for look in self._looks.get(m.proto, ()):
            if look.number in found or not all(
                int.from_bytes(payload[at:end], "big") & mask == value for at, end, mask, value in look.quick
            ):
                continue
            if holds(
                look.payload, m.proto, m.sport, m.dport, payload, m.length, m.sender, m.number
            ) and self._enough(m, look):
                found.append(look.number)
        return tuple(found)

    def end(self, *flows: int) -> None:
        """These flows are over: forget them."""
        if self._flows:
            for flow in flows:
                self._flows.pop(flow, None)

    def _enough(self, m: Message, look: _Look) -> bool:
        """Count a packet that looks so; was it the last that was missing?"""
        wanted = look.payload.repeat
        if wanted == 1:
            return True
        flow = self._flows.get(m.flow)
        if flow is None:
            if len(self._flows) >= self._max_flows:
                self.refused += 1
                return False
            flow = self._flows[m.flow] = {}
        count, frame = flow.get((look.number, look.place), (0, -1))
        if frame != m.frame:  # a packet can be told more than once
            count += 1
            flow[look.number, look.place] = count, m.frame
        return count >= wanted


def _quick(payload: Payload) -> tuple[tuple[int, int, int, int], ...]:
    return tuple(
        (at, at + len(value), int.from_bytes(mask, "big"), int.from_bytes(value, "big"))
        for at, value, mask in prefilter(payload)
    )
