# SPDX-License-Identifier: Apache-2.0
"""Sums, state, severity and confidence of a case, and that its memory is bounded."""

import pytest

from egresswatch.detect.cases import MAX_NAMES, MAX_REMOTES, ONE_WAY_BYTES, Case, Share, answered, case_key
from egresswatch.detect.families import find


@pytest.fixture
def case(make):
    """Build a case from one event list; each new flow_uid is a new flow."""

    def build(*events):
        first = events[0]
        found = find(first)
        made = Case(
            case_key(found, first.asset_id, found.target),
            found.rule,
            found.family,
            found.target,
            first.ts,
            lead=first,
            latest=first,
            first_seen=first.first_seen,
            last_seen=first.last_seen,
        )
        shares = {}
        for ev in events:
            fresh = ev.flow_uid not in shares
            share = shares.setdefault(ev.flow_uid, Share(made, ev, ev.first_seen))
            made.add(share, ev, fresh)
        return made, shares

    return build


def test_a_later_event_of_a_flow_replaces_its_former(make, case):
    """Totals are of the flow so far, so they are never added twice."""
    made, _ = case(make.event(0), make.event(5, bytes_out=4000, pkts_out=20))
    assert (made.flows, made.open, made.bytes_out, made.pkts_out) == (1, 1, 4000, 20)


def test_flows_of_a_case_add_up(make, case):
    """Bytes, packets, missed bytes and remotes over all flows."""
    made, _ = case(
        make.event(0, missed=10), make.event(1, flow_uid="f2", remote="198.51.100.7", missed=5, final=True)
    )
    assert (made.flows, made.open, made.bytes_out, made.missed) == (2, 1, 2000, 15)
    assert {remote: (r.flows, r.bytes_out) for remote, r in made.remotes.items()} == {
        "203.0.113.9": (1, 1000),
        "198.51.100.7": (1, 1000),
    }


def test_times_cover_all_flows(make, case):
    """First and last packet of anything in the case."""
    made, _ = case(make.event(5, since=3), make.event(6, since=1, flow_uid="f2"))
    assert made.first_seen == make.START + 1 * make.NS
    assert made.last_seen == make.START + 6 * make.NS


@pytest.mark.parametrize(
    ("outcome", "yes"), [("answered", True), ("one_sided", True), ("unanswered", False), ("refused", False)]
)
def test_answered_by_outcome(make, outcome, yes):
    """One-sided captures hide answers that must have been there."""
    assert answered(make.event(outcome=outcome)) is yes


def test_attempts_alone_are_blocked_until_one_is_answered(make, case):
    """The same flow may be answered later."""
    made, shares = case(make.event(0, outcome="unanswered"))
    assert made.state == "blocked"
    made.add(shares["f1"], make.event(3), fresh=False)
    assert made.state == "egress"


def test_much_without_an_answer_is_egress(make, case):
    """UDP needs no answer to arrive."""
    assert case(make.event(outcome="unanswered", bytes_out=ONE_WAY_BYTES - 1))[0].state == "blocked"
    assert case(make.event(outcome="unanswered", bytes_out=ONE_WAY_BYTES))[0].state == "egress"


def test_many_small_attempts_stay_attempts(make, case):
    """A week of repeated SYNs is no upload, however many bytes of headers it makes."""
    attempts = [
        make.event(0, flow_uid=f"f{i}", outcome="unanswered", bytes_out=ONE_WAY_BYTES - 1) for i in range(50)
    ]
    assert case(*attempts)[0].state == "blocked"


def test_the_lead_is_the_flow_that_carried_most(make, case):
    """Destination and flow uid of an alert are that flow's."""
    made, _ = case(
        make.event(0, bytes_out=50), make.event(1, flow_uid="f2", bytes_out=900), make.event(2, flow_uid="f3")
    )
    assert made.lead.flow_uid == "f3"


def test_an_answered_flow_leads_before_an_unanswered_one(make, case):
    """A hundred kilobytes into the void say less than a session."""
    made, _ = case(
        make.event(0, outcome="unanswered", bytes_out=90_000), make.event(1, flow_uid="f2", bytes_out=10)
    )
    assert made.lead.flow_uid == "f2"


STREAM = {"bytes_out": 16_000_000, "pkts_out": 13_000, "bytes_in": 200_000}


def test_a_stream_looks_like_live_video(make, case):
    """16 MB in a minute, full packets, nearly all out: 2.1 Mbit/s."""
    made, _ = case(make.event(60, **STREAM))
    assert made.video_bps == 2_133_333


@pytest.mark.parametrize(
    "unlike",
    [
        {"bytes_out": 2_000_000, "pkts_out": 1700},  # 0.27 Mbit/s
        {"bytes_in": 8_000_000},  # a download or a conversation
        {"pkts_out": 160_000},  # small packets
    ],
    ids=["slow", "two-way", "small packets"],
)
def test_what_lacks_one_sign_is_not_called_video(make, case, unlike):
    """All signs together, or nothing is said."""
    assert case(make.event(60, **{**STREAM, **unlike}))[0].video_bps == 0


def test_a_short_burst_is_not_called_video(make, case):
    """Rate must hold for half a minute."""
    assert case(make.event(29, **STREAM))[0].video_bps == 0
    assert case(make.event(30, **STREAM))[0].video_bps > 0


def test_video_after_hours_of_silence_is_seen(make, case):
    """The rate is taken since the last look, not over the whole flow."""
    quiet = {"bytes_out": 20_000, "pkts_out": 200, "bytes_in": 20_000}
    made, _ = case(
        make.event(36_000, **quiet),
        make.event(36_120, bytes_out=32_020_000, pkts_out=26_200, bytes_in=400_000),
    )
    assert made.video_bps == 32_000_000 * 8 // 120


def test_severity_is_the_rules(make, case):
    """For data that left."""
    assert case(make.cloud())[0].severity == "medium"


def test_an_attempt_is_one_step_lower(make, case):
    """Nothing got out."""
    assert case(make.cloud(outcome="unanswered"))[0].severity == "low"
    low = make.rule(severity="informational")
    assert case(make.cloud(outcome="unanswered", rules=(low,)))[0].severity == "informational"


def test_against_policy_is_one_step_higher(make, case):
    """The site said that it is not wanted."""
    assert case(make.cloud(verdict="violation"))[0].severity == "high"


def test_critical_needs_policy_and_an_upload(make, case):
    """The word that wakes people is kept for what is both unwanted and much."""
    p2p = {"dest_class": "p2p", "rules": (make.p2p_rule(),), "protocols": ("pppp",)}
    assert case(make.event(60, verdict="violation", **p2p))[0].severity == "high"
    assert case(make.event(60, verdict="violation", **p2p, **STREAM))[0].severity == "critical"
    assert case(make.event(60, verdict="p2p", **p2p, **STREAM))[0].severity == "high"


def test_a_refused_scanner_is_low(make, case):
    """The camera said no; the border should have."""
    assert case(make.event(direction="inbound", outcome="refused"))[0].severity == "low"
    assert case(make.event(direction="inbound"))[0].severity == "high"


def test_two_signs_make_surer(make, case):
    """DNS and SNI, or a name and a recogniser."""
    assert case(make.cloud())[0].confidence == "medium"
    names = (("api.cloud.example", "sni"), ("api.cloud.example", "dns"))
    assert case(make.cloud(names=names))[0].confidence == "high"
    assert case(make.cloud(protocols=("pppp",)))[0].confidence == "high"


def test_one_direction_makes_less_sure(make, case):
    """Answers were inferred."""
    assert case(make.cloud(outcome="one_sided"))[0].confidence == "low"


def test_a_word_that_is_no_severity_is_taken_as_low(make, case):
    """A broken rule must not stop the night."""
    assert case(make.cloud(rules=(make.rule(severity="dreadful", confidence="?"),)))[0].severity == "low"


def test_a_removed_flow_leaves_no_trace_in_the_sums(make, case):
    """It was something else after all."""
    made, shares = case(make.event(0), make.event(1, flow_uid="f2", remote="198.51.100.7"))
    made.remove(shares["f2"])
    assert (made.flows, made.open, made.bytes_out, list(made.remotes)) == (1, 1, 1000, ["203.0.113.9"])


def test_remotes_and_names_are_capped(make, case):
    """A flood must not grow memory; that there were more is known."""
    events = [
        make.event(0, flow_uid=f"f{i}", remote=f"198.51.100.{i}", names=((f"n{i}.example", "dns"),))
        for i in range(MAX_REMOTES + 20)
    ]
    made, shares = case(*events)
    assert len(made.remotes) == MAX_REMOTES
    assert made.more_remotes
    assert len(made.names) == MAX_NAMES
    assert made.bytes_out == 1000 * len(events)
    made.remove(shares[f"f{MAX_REMOTES + 1}"])
    assert made.bytes_out == 1000 * (len(events) - 1)
