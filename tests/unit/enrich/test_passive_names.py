# SPDX-License-Identifier: Apache-2.0
"""Passive names: who asked what, how long it counts, and how the table stays small."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from egresswatch.config import NS
from egresswatch.enrich.names import GRACE, PassiveNames

CAM, OTHER, PEER = "10.20.0.13", "10.20.0.14", "203.0.113.7"
T = 1_700_000_000 * NS


def test_the_question_names_the_address():
    """The name asked first, not the alias it led to; the aliases are there too."""
    names = PassiveNames(100)
    names.add(CAM, [PEER, "203.0.113.8"], ["api.example.com", "lb.example.net"], 60, T)
    assert names.lookup(CAM, PEER, T + NS) == "api.example.com"
    assert names.lookup(CAM, "203.0.113.8", T + NS) == "api.example.com"
    assert names.names(CAM, PEER, T + NS) == ("api.example.com", "lb.example.net")


def test_another_hosts_question_does_not_count():
    """On a shared cloud address it would put a name on traffic that never used it."""
    names = PassiveNames(100)
    names.add(OTHER, [PEER], ["news.example.com"], 60, T)
    assert names.lookup(CAM, PEER, T + NS) == ""


def test_a_name_counts_for_ttl_and_grace():
    """Cameras keep addresses far beyond the TTL, but not for ever."""
    names = PassiveNames(100)
    names.add(CAM, [PEER], ["a.example.com"], 60, T)
    assert names.lookup(CAM, PEER, T + GRACE + 60 * NS) == "a.example.com"
    assert names.lookup(CAM, PEER, T + GRACE + 61 * NS) == ""


def test_a_later_answer_does_not_rename_an_earlier_flow():
    """Rows are judged when the hour closes; the name is that of the flow's own time."""
    names = PassiveNames(100)
    names.add(CAM, [PEER], ["first.example.com"], 60, T)
    names.add(CAM, [PEER], ["second.example.com"], 60, T + 600 * NS)
    assert names.lookup(CAM, PEER, T + 300 * NS) == "first.example.com"
    assert names.lookup(CAM, PEER, T + 700 * NS) == "second.example.com"


def test_an_answer_captured_just_after_the_flow_still_names_it():
    """Mirrors reorder; a second is allowed, more is not."""
    names = PassiveNames(100)
    names.add(CAM, [PEER], ["a.example.com"], 60, T)
    assert names.lookup(CAM, PEER, T - NS) == "a.example.com"
    assert names.lookup(CAM, PEER, T - 2 * NS) == ""


def test_asking_again_keeps_the_first_time():
    """A name that was good all the time names flows from its first answer on."""
    names = PassiveNames(100)
    for hour in range(30):
        names.add(CAM, [PEER], ["a.example.com"], 60, T + hour * 3600 * NS)
    assert names.lookup(CAM, PEER, T + NS) == "a.example.com"
    assert names.lookup(CAM, PEER, T + 50 * 3600 * NS) == "a.example.com"


def test_after_expiry_asking_again_is_a_new_time():
    """What lay between was nobody's."""
    names = PassiveNames(100)
    names.add(CAM, [PEER], ["a.example.com"], 0, T)
    names.add(CAM, [PEER], ["a.example.com"], 0, T + 3 * GRACE)
    assert names.lookup(CAM, PEER, T + 2 * GRACE) == ""
    assert names.lookup(CAM, PEER, T + 3 * GRACE) == "a.example.com"


def test_the_oldest_entry_goes_first_and_is_counted():
    """A refreshed entry is young again."""
    names = PassiveNames(2)
    names.add(CAM, ["203.0.113.1"], ["one.example.com"], 60, T)
    names.add(CAM, ["203.0.113.2"], ["two.example.com"], 60, T)
    names.add(CAM, ["203.0.113.1"], ["one.example.com"], 60, T)
    names.add(CAM, ["203.0.113.3"], ["three.example.com"], 60, T)
    assert [names.lookup(CAM, f"203.0.113.{n}", T) for n in (1, 2, 3)] == [
        "one.example.com", "", "three.example.com",
    ]  # fmt: skip
    assert (len(names), names.evicted) == (2, 1)


def test_an_answer_with_absurdly_many_addresses_is_cut():
    """One answer cannot sweep the table."""
    names = PassiveNames(1000)
    names.add(CAM, [f"203.0.113.{n}" for n in range(200)], ["a.example.com"], 60, T)
    assert (len(names), names.refused) == (64, 136)


def test_absurd_ttls_are_cut():
    """Negative is none, years are a week."""
    names = PassiveNames(10)
    names.add(CAM, ["203.0.113.1"], ["a.example.com"], -5, T)
    names.add(CAM, ["203.0.113.2"], ["b.example.com"], 2**31, T)
    assert names.lookup(CAM, "203.0.113.1", T + GRACE) == "a.example.com"
    assert names.lookup(CAM, "203.0.113.2", T + 9 * GRACE) == ""


def test_an_answer_without_a_name_is_nothing():
    """Nothing to remember."""
    names = PassiveNames(10)
    names.add(CAM, [PEER], [], 60, T)
    assert len(names) == 0


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 90)), max_size=60
    )
)
def test_never_more_entries_than_allowed(events):
    """Whatever arrives in whatever order, the bound holds and what is answered was once said."""
    names = PassiveNames(4)
    said = set()
    for host, addr, name, when in events:
        names.add(f"h{host}", [f"a{addr}"], [f"n{name}"], 1, T + when * 3600 * NS)
        said.add((f"h{host}", f"a{addr}", f"n{name}"))
        assert len(names) <= 4
        for time in (0, 50, 100):
            found = names.lookup(f"h{host}", f"a{addr}", T + time * 3600 * NS)
            assert not found or (f"h{host}", f"a{addr}", found) in said


def test_who_never_asked_is_known_at_once():
    """As long as an answer to the host is held, and no longer."""
    names = PassiveNames(2)
    assert not names.knows(CAM)
    names.add(CAM, [PEER], ["a.example.com"], 60, T)
    names.add(CAM, [PEER], ["b.example.com"], 60, T + NS)
    assert (names.knows(CAM), names.knows(OTHER)) == (True, False)
    names.add(OTHER, [PEER, "203.0.113.8"], ["a.example.com"], 60, T)
    assert (names.knows(CAM), names.knows(OTHER)) == (False, True)


def test_of_many_pairs_those_with_an_answer():
    """The others need not be asked about."""
    names = PassiveNames(10)
    names.add("10.0.0.5", ["203.0.113.7"], ["a.example"], 60, 0)
    pairs = [("10.0.0.5", "203.0.113.7"), ("10.0.0.5", "203.0.113.8"), ("10.0.0.6", "203.0.113.7")]
    assert list(names.known(pairs)) == [True, False, False]
