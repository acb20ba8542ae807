# SPDX-License-Identifier: Apache-2.0
"""When a case is told, told again, changed or dropped."""

import pytest

from egresswatch.detect.alerts import FLOWS_PER_CASE, IDLE, PATIENCE, SETTLE

HOUR = 3600


def seconds(make, alert):
    return (alert.ts - make.START) / make.NS


def test_an_answered_contact_is_told_once_names_have_had_time(make):
    """One alert, after SETTLE, stamped with its tick."""
    alerts = make.watch([make.cloud(0)], 60)
    assert [(seconds(make, a), a.update, a.rule_id) for a in alerts] == [(SETTLE / make.NS, 0, "EW-EXA-0001")]


def test_a_name_that_comes_late_leaves_no_false_alert(make):
    """Unnamed for two seconds, then the ClientHello arrives: only the platform is told."""
    alerts = make.watch([make.event(0), make.cloud(2)], 60)
    assert [a.rule_id for a in alerts] == ["EW-EXA-0001"]


def test_an_attempt_is_told_after_patience(make):
    """SYNs are repeated for a while before anybody gives up."""
    alerts = make.watch([make.cloud(0, outcome="unanswered")], 60)
    assert [(seconds(make, a), a.state) for a in alerts] == [(PATIENCE / make.NS, "blocked")]


def test_an_attempt_that_is_answered_within_patience_is_plain_egress(make):
    """No blocked alert first."""
    alerts = make.watch([make.cloud(0, outcome="unanswered"), make.cloud(7)], 60)
    assert [(seconds(make, a), a.state) for a in alerts] == [(8, "egress")]


def test_a_flow_that_has_ended_is_told_at_the_next_tick(make):
    """Nothing more will come of it."""
    alerts = make.watch([make.cloud(0.2, final=True)], 10)
    assert [seconds(make, a) for a in alerts] == [1]


def test_an_attempt_that_gets_through_is_an_update_at_once(make):
    """Same case, higher severity, state egress."""
    alerts = make.watch([make.cloud(0, outcome="unanswered"), make.cloud(100, since=100, flow_uid="f2")], 200)
    assert [(a.update, a.state, a.severity) for a in alerts] == [
        (0, "blocked", "low"),
        (1, "egress", "medium"),
    ]
    assert alerts[0].alert_uid == alerts[1].alert_uid
    assert seconds(make, alerts[1]) == 101


def test_more_attempts_are_counted_not_repeated(make):
    """1 204 attempts are one case with few lines."""
    attempts = [
        make.cloud(i * 10, since=i * 10, flow_uid=f"f{i}", outcome="unanswered", bytes_out=60, final=True)
        for i in range(1204)
    ]
    alerts = make.watch(attempts, 1204 * 10 + 1, finish=True)
    assert alerts[-1].flows == 1204
    assert {a.alert_uid for a in alerts} == {alerts[0].alert_uid}
    assert len(alerts) == 4  # raised, after 1 h, after 2 h more, at the end


def test_growth_by_the_factor_is_told_at_once(make):
    """From a log-in to an upload."""
    alerts = make.watch([make.cloud(0), make.cloud(120, bytes_out=2_000_000, bytes_in=2_000_000)], 200)
    assert [(a.update, a.bytes_out, seconds(make, a)) for a in alerts] == [(0, 1000, 5), (1, 2_000_000, 121)]


def test_small_growth_waits_for_the_interval(make):
    """Ten times very little is still very little."""
    alerts = make.watch([make.cloud(0), make.cloud(120, bytes_out=20_000)], 2 * HOUR)
    assert [seconds(make, a) for a in alerts] == [5, 5 + HOUR]


def test_live_video_is_told_when_it_is_recognised(make):
    """The severity rises with it."""
    stream = make.cloud(120, bytes_out=32_000_000, pkts_out=26_000)
    alerts = make.watch([make.cloud(0), stream], 200)
    assert [(a.video_like, a.severity) for a in alerts] == [(False, "medium"), (True, "high")]


def test_a_case_that_goes_on_is_told_less_and_less_often(make):
    """After 1, 2, 4, 8, 16 hours, then daily."""
    beat = [make.cloud(i * 600, bytes_out=1000 + i, flow_uid="f1") for i in range(6 * 80)]
    alerts = make.watch(beat, 80 * HOUR)
    hours = [round(seconds(make, a) / HOUR) for a in alerts]
    assert hours == [0, 1, 3, 7, 15, 31, 55, 79]


def test_nothing_new_gives_no_update(make):
    """Silence is not news, neither is the end."""
    assert len(make.watch([make.cloud(0, final=True)], 30 * HOUR, finish=True)) == 1


def test_the_end_tells_what_was_not_told(make):
    """The last totals are in the last update."""
    alerts = make.watch([make.cloud(0), make.cloud(100, bytes_out=5000, final=True)], 120, finish=True)
    assert [(a.update, a.bytes_out) for a in alerts] == [(0, 1000), (1, 5000)]


def test_the_end_raises_what_had_not_settled(make):
    """A capture of two seconds is answered too."""
    alerts = make.watch([make.event(0)], 2, finish=True)
    assert [(a.rule_id, seconds(make, a)) for a in alerts] == [("EW-UNK-0001", 2)]


def test_a_case_closes_after_a_day_of_silence_and_opens_anew(make):
    """What comes a day later is a new case with a uid of its own."""
    again = 5 + IDLE // make.NS + 100
    alerts = make.watch(
        [make.cloud(0, final=True), make.cloud(again, since=again, flow_uid="f2", final=True)], again + 60
    )
    assert [a.update for a in alerts] == [0, 0]
    assert alerts[0].alert_uid != alerts[1].alert_uid


def test_a_flow_that_never_ends_keeps_its_case_and_costs_nothing(make):
    """No event for two days, then more of the same flow: one case, and nothing to do in between."""
    found = make.detector()
    found.event(make.cloud(0))
    day = IDLE // make.NS
    assert len(found.tick(make.START + 10 * make.NS)) == 1
    looks = 0
    while (due := found.due()) <= make.START + 2 * day * make.NS:
        assert found.tick(due) == []
        looks += 1
    assert looks <= 3
    found.event(make.cloud(2 * day + 10, bytes_out=5000, final=True))
    assert [(a.update, a.flows) for a in found.finish(make.START + (2 * day + 11) * make.NS)] == [(1, 1)]


def test_rules_assets_and_platforms_keep_cases_apart(make):
    """The identity of a case."""
    events = [
        make.cloud(0),
        make.cloud(0, flow_uid="f2", remote="198.51.100.7"),
        make.cloud(0, flow_uid="f3", asset_id="cam-hall-11"),
        make.cloud(0, flow_uid="f4", rules=(make.rule(id="EW-EXA-0009"),)),
    ]
    alerts = make.watch(events, 20)
    assert [
        (a.rule_id, a.asset_id, a.flows) for a in sorted(alerts, key=lambda a: (a.rule_id, a.asset_id))
    ] == [
        ("EW-EXA-0001", "cam-gate-03", 2),
        ("EW-EXA-0001", "cam-hall-11", 1),
        ("EW-EXA-0009", "cam-gate-03", 1),
    ]


def test_alerts_of_a_tick_come_in_the_contracts_order(make):
    """(@timestamp, rule.id, alert_uid, update)."""
    events = [make.event(0, flow_uid=f"u{i}", remote=f"198.51.100.{i}") for i in range(9)]
    events += [make.cloud(0, flow_uid=f"c{i}", asset_id=f"cam-{i}") for i in range(5)]
    alerts = make.watch(events, 20)
    order = [(a.ts, a.rule_id, a.alert_uid, a.update) for a in alerts]
    assert order == sorted(order)
    assert len(order) == 14


def test_unnamed_destinations_beyond_the_limit_are_summed_up(make):
    """Sixteen one by one, the rest in one case; other cameras have their own count."""
    events = [make.event(i, flow_uid=f"u{i}", remote=f"198.51.100.{i}", final=True) for i in range(40)]
    events.append(make.event(41, flow_uid="x", asset_id="cam-hall-11", final=True))
    alerts = make.watch(events, 60, finish=True)
    last = {a.alert_uid: a for a in alerts}
    mine = [a for a in last.values() if a.asset_id == "cam-gate-03"]
    assert len(mine) == 17
    assert sorted(a.flows for a in mine) == [1] * 16 + [24]
    assert len(last) == 18


def test_a_full_table_refuses_and_counts(make):
    """No memory grows; the number is in the ledger."""
    found = make.detector(max_cases=3, max_destinations=10)
    events = [make.event(0, flow_uid=f"u{i}", remote=f"198.51.100.{i}") for i in range(5)]
    assert len(make.watch(events, 20, found)) == 3
    assert found.refused == 2


def test_live_flows_are_capped_as_well(make):
    """One case with endless flows."""
    found = make.detector(max_cases=1)
    for i in range(FLOWS_PER_CASE + 4):
        found.event(make.cloud(0, flow_uid=f"u{i}"))
    assert found.refused == 4


def test_many_reclassified_flows_leave_no_empty_case(make):
    """A case nobody was told of vanishes with its last flow and frees its place."""
    found = make.detector(max_cases=2)
    for i in range(5):
        found.event(make.event(0, flow_uid=f"u{i}", remote=f"198.51.100.{i}"))
        found.event(make.cloud(1, flow_uid=f"u{i}"))
    assert found.refused == 0
    assert [a.rule_id for a in found.tick(make.START + 10 * make.NS)] == ["EW-EXA-0001"]


def test_what_is_recognised_after_it_was_told_is_taken_back_in_words(make):
    """The frozen alert stays; an update says that the traffic is now told elsewhere."""
    alerts = make.watch([make.event(0), make.cloud(60)], 100)
    first, second, third = sorted(alerts, key=lambda a: a.ts)
    assert (first.rule_id, first.update) == ("EW-UNK-0001", 0)
    assert {(second.rule_id, second.update), (third.rule_id, third.update)} == {
        ("EW-UNK-0001", 1),
        ("EW-EXA-0001", 0),
    }
    taken_back = next(a for a in alerts if a.update == 1)
    assert taken_back.superseded
    assert "All of this traffic has since been recognised as EW-EXA-0001; this case can be closed." in (
        taken_back.counter_evidence
    )


def test_a_flow_found_to_be_allowed_before_it_was_told_is_never_told(make):
    """For example once its name is known."""
    assert make.watch([make.event(0), make.event(2, verdict="allowed")], 60, finish=True) == []


def test_a_camera_that_gets_its_name_keeps_its_case(make):
    """The register learns; flows before and after belong together, under one uid."""
    alerts = make.watch(
        [
            make.cloud(0, asset_id="host-3fa2c1"),
            make.cloud(10, asset_id="hikvision-3fa2c1", bytes_out=2000),
            make.cloud(20, since=20, asset_id="hikvision-3fa2c1", flow_uid="f2"),
        ],
        30,
        finish=True,
    )
    assert len({a.alert_uid for a in alerts}) == 1
    assert (alerts[-1].asset_id, alerts[-1].flows) == ("hikvision-3fa2c1", 2)


def test_an_event_that_comes_late_is_taken(make):
    """A host was found to be a camera an hour after the flow."""
    found = make.detector()
    found.tick(make.START + HOUR * make.NS)
    found.event(make.cloud(1, final=True))
    alerts = found.tick(make.START + (HOUR + 1) * make.NS)
    assert [(seconds(make, a), a.first_seen) for a in alerts] == [(HOUR + 1, make.START)]


def test_the_uid_has_the_agreed_form(make):
    """A and twelve characters of base32."""
    uid = make.watch([make.cloud(0)], 20)[0].alert_uid
    assert len(uid) == 13
    assert uid[0] == "A"
    assert set(uid) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


@pytest.mark.parametrize("known", [True, False])
def test_due_names_the_next_second_with_something_to_do(make, known):
    """A replay that jumps over silence stops where a live sensor would tick."""
    found = make.detector()
    assert found.due() is None
    found.event(make.cloud(0.5) if known else make.event(0.5))
    assert found.due() == make.START + 6 * make.NS
