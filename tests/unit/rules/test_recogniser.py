# SPDX-License-Identifier: Apache-2.0
"""The judge behind the packet path: alternatives, ranges and repetition, per flow and bounded."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.patterns import RECOGNISER_BASE
from egresswatch.records import Message
from egresswatch.rules import MatchTables
from egresswatch.rules.examples import matching
from egresswatch.rules.recogniser import Recognisers, judged

Load = Callable[..., MatchTables]
EXACT = "payload:\n- proto: udp\n  bytes: [{at: 0, hex: a1a2a3a4}]"
ANY = 'payload:\n- proto: udp\n  bytes: [{at: 0, hex: b1b2}, {at: 2, any: ["01", "02"]}]'
RANGE = (
    "payload:\n- proto: udp\n  bytes: [{at: 0, hex: b1b2}]\n  numbers: [{form: u8, at: 2, min: 2, max: 9}]"
)
THRICE = "payload:\n- proto: udp\n  bytes: [{at: 0, hex: c1c2}]\n  repeat: 3"


@pytest.fixture
def tables(load: Load, yamls: SimpleNamespace) -> MatchTables:
    """Four recognisers: one that rows tell alone, three that are judged."""
    matches = (EXACT, ANY, RANGE, THRICE)
    return load(
        yamls.rules(*(yamls.rule(k, match=match, protocol=f"p{k}") for k, match in enumerate(matches, 1)))
    )


def message(payload: str, *, number: int = 0, flow: int = 1, frame: int = 0, proto: int = 17) -> Message:
    """A packet that the packet path told for one recogniser."""
    data = bytes.fromhex(payload)
    return Message(
        0, frame, flow, 0, proto, "10.0.0.1", "192.0.2.1", 40000, 9, RECOGNISER_BASE + number, True, 0, 0,
        data, len(data), 1, 2, None, sender=1, number=1,
    )  # fmt: skip


def test_rows_that_say_all_are_not_judged(tables: MatchTables) -> None:
    """What the packet path told is taken at its word."""
    assert [judged(rule) for rule in tables.recognisers] == [False, True, True, True]
    assert Recognisers(tables.recognisers).decide(message("00", number=0)) == (0,)
    assert Recognisers().decide(message("00", number=7)) == (7,)


def test_rows_that_say_all_are_tried_first(tables: MatchTables) -> None:
    """The packet path tells the first row that fits: a prefilter must not hide a sure one."""
    numbers = (tables.patterns["parser"] - RECOGNISER_BASE).tolist()
    assert numbers == [0, 1, 2, 3]
    assert [tables.recogniser(n).match.payload[0].repeat for n in numbers] == [1, 1, 1, 3]


def test_rows_that_say_more_come_first(load: Load, yamls: SimpleNamespace) -> None:
    """A dialect before the language, whatever their ids."""
    short = "payload:\n- proto: udp\n  bytes: [{at: 0, hex: a1a2}]"
    tables = load(
        yamls.rules(yamls.rule(1, match=short, protocol="short"), yamls.rule(2, match=EXACT, protocol="long"))
    )
    assert (tables.patterns["parser"] - RECOGNISER_BASE).tolist() == [1, 0]


def test_a_sure_row_of_a_later_rule_comes_first(load: Load, yamls: SimpleNamespace) -> None:
    """Also when its rule's id comes later."""
    tables = load(
        yamls.rules(yamls.rule(1, match=ANY, protocol="any"), yamls.rule(2, match=EXACT, protocol="exact"))
    )
    assert (tables.patterns["parser"] - RECOGNISER_BASE).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [("b1b201", (1,)), ("b1b202", (1, 2)), ("b1b203", (2,)), ("b1b20a", ()), ("b1b2", ())],
)
def test_all_judged_look_at_a_packet_told_for_one(
    tables: MatchTables, payload: str, wanted: tuple[int, ...]
) -> None:
    """The packet path names one of them; each says yes or no for itself."""
    for told in (1, 2):
        assert Recognisers(tables.recognisers).decide(message(payload, number=told)) == wanted


def test_repetition_counts_packets_of_one_flow(tables: MatchTables) -> None:
    """The third one counts; another flow begins anew; the same packet told again does not count."""
    judge = Recognisers(tables.recognisers)
    told = [judge.decide(message("c1c2", number=3, frame=frame)) for frame in (1, 2, 2, 2, 3, 4)]
    assert told == [(), (), (), (), (3,), (3,)]
    assert judge.decide(message("c1c2", number=3, flow=2, frame=5)) == ()


def test_a_flow_that_ended_is_forgotten(tables: MatchTables) -> None:
    """A number can be used again by the flow table."""
    judge = Recognisers(tables.recognisers)
    for frame in (1, 2):
        judge.decide(message("c1c2", number=3, frame=frame))
    judge.end(1)
    judge.end(99)
    assert judge.decide(message("c1c2", number=3, frame=3)) == ()


def test_flows_that_find_no_room_are_counted(tables: MatchTables) -> None:
    """The memory of repetition is bounded; others go on."""
    judge = Recognisers(tables.recognisers, max_flows=1)
    for flow in (1, 2, 2):
        judge.decide(message("c1c2", number=3, flow=flow, frame=flow))
    assert judge.refused == 2
    judge.end(1)
    told = [judge.decide(message("c1c2", number=3, flow=2, frame=frame)) for frame in (5, 6, 7)]
    assert told == [(), (), (3,)]


def test_another_transport_is_another_protocol(tables: MatchTables) -> None:
    """UDP rules see no TCP, and a pack without judged TCP rules refuses all."""
    assert Recognisers(tables.recognisers).decide(message("b1b201", number=1, proto=6)) == ()


@given(st.integers(0, 200), st.sampled_from([6, 17]), st.binary(max_size=80), st.integers(0, 9))
def test_no_packet_raises(pack: MatchTables, number: int, proto: int, payload: bytes, more: int) -> None:
    """Any bytes, told for any recogniser, even one that does not exist."""
    told = message(payload.hex(), number=number, proto=proto)
    judge = Recognisers(pack.recognisers)
    for found in judge.decide(told._replace(length=len(payload) + more)):
        assert found >= 0


def test_judge_and_rows_together_are_the_plain_reading(tables: MatchTables) -> None:
    """Every packet of two bytes' difference: what rows let through and the judge keeps is what holds."""
    for last in range(256):
        payload = f"b1b2{last:02x}"
        data = bytes.fromhex(payload)
        through = [n - RECOGNISER_BASE for n in matching(tables.patterns, 17, 40000, 9, data, 3, 1, 1)]
        found = Recognisers(tables.recognisers).decide(message(payload, number=through[0])) if through else ()
        assert found == tuple(n for n, wanted in ((1, last in (1, 2)), (2, 2 <= last <= 9)) if wanted)
