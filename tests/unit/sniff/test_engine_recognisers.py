# SPDX-License-Identifier: Apache-2.0
"""Recognisers of the rule pack in the engine: told once a flow, judged before they count, bounded."""

from __future__ import annotations

from typing import Any

import pytest

from egresswatch.patterns import RECOGNISER_BASE
from egresswatch.records import Message
from egresswatch.rules.model import Match, Rule
from egresswatch.rules.recogniser import Recognisers
from egresswatch.rules.shape import Bytes, Payload
from egresswatch.sniff import probes
from egresswatch.sniff.engine import MAX_PROTOCOLS, Engine


def rule(payload: Payload) -> Rule:
    """A rule with nothing but a payload."""
    return Rule(
        "EW-TST-0001", 1, "", "stable", "low", "low", "t", "t/t", "p2p", "other", "device",
        Match(payload=(payload,)), (), (), "", (), (), protocol="p",
    )  # fmt: skip


SURE = rule(Payload(17, (), (Bytes(0, b"SURE", b"\xff" * 4),)))
EITHER = rule(Payload(17, (), (Bytes(0, b"A", b"\xff", (b"B",)),)))
TWICE = rule(Payload(17, (), (Bytes(0, b"A", b"\xff"),), repeat=2))


def message(payload: bytes, *, number: int, frame: int = 0, flow: int = 1, **more: Any) -> Message:
    """A datagram told for a recogniser."""
    return Message(
        0, frame, flow, 0, 17, "10.0.0.1", "192.0.2.1", 40000, 9, RECOGNISER_BASE + number, True, 0, 0,
        payload, len(payload), 1, 2, None, sender=1, number=frame + 1, **more,
    )  # fmt: skip


@pytest.fixture
def engine() -> Engine:
    """With three recognisers and room for the repetitions of one flow."""
    return Engine(10, 1000, probes.BUILTIN, Recognisers((SURE, EITHER, TWICE), 1))


def test_a_recogniser_is_told_once_a_flow(engine: Engine) -> None:
    """As an item with its number, and in what is known of the flow."""
    items = [engine.feed(message(b"SURE", number=0, frame=k)) for k in range(3)]
    assert [[(i.kind, i.value, i.data) for i in found] for found in items] == [[("p2p", "0", 0)], [], []]
    info = engine.info(1)
    assert info is not None
    assert info.protocols == ("0",)


def test_what_is_refused_leaves_no_trace(engine: Engine) -> None:
    """The packet path let it through; nothing is known of the flow from that."""
    assert engine.feed(message(b"C", number=1)) == []
    assert engine.info(1) is None


def test_one_packet_can_satisfy_several(engine: Engine) -> None:
    """The second packet is the one that the repetition waited for; the other counted at once."""
    told = [[i.data for i in engine.feed(message(b"A", number=1, frame=k))] for k in range(3)]
    assert told == [[1], [2], []]


def test_an_ended_flow_is_forgotten(engine: Engine) -> None:
    """Also the packets that a repetition counted."""
    engine.feed(message(b"A", number=2))
    engine.end(1)
    assert [i.data for i in engine.feed(message(b"A", number=2, frame=1))] == [1]
    assert engine.shed["recogniser_flows"] == 0


def test_repetitions_without_room_are_shed(engine: Engine) -> None:
    """Counted under a reason of their own."""
    for flow in (1, 2, 3):
        engine.feed(message(b"A", number=2, flow=flow))
    assert engine.shed["recogniser_flows"] == 2


def test_a_flow_has_a_bounded_number_of_protocols() -> None:
    """A sender that imitates everything fills no memory."""
    rules = tuple(rule(Payload(17, (), (Bytes(0, b"A", b"\xff", (bytes([k]),)),))) for k in range(20))
    engine = Engine(10, 1000, probes.BUILTIN, Recognisers(rules))
    assert len(engine.feed(message(b"A", number=0))) == MAX_PROTOCOLS
    assert engine.feed(message(b"A", number=0, frame=1)) == []


def test_without_recognisers_the_packet_path_is_believed() -> None:
    """An engine for its own sake, as in other tests."""
    assert [i.data for i in Engine(10, 1000, probes.BUILTIN).feed(message(b"?", number=5))] == [5]
