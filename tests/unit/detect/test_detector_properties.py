# SPDX-License-Identifier: Apache-2.0
"""What holds for any traffic: bytes are conserved, and silence changes nothing."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from egresswatch.records import SEVERITIES

OUTCOMES = ("answered", "unanswered", "refused", "one_sided")


@st.composite
def nights(draw):
    """Flows of two cameras: asset, remote, kind, outcome, start, and steps of (seconds, bytes)."""
    flow = st.tuples(
        st.sampled_from(("cam-a", "cam-b")),
        st.integers(1, 5),
        st.sampled_from(("plain", "cloud", "named")),
        st.sampled_from(OUTCOMES),
        st.integers(0, 500),
        st.lists(st.tuples(st.integers(0, 300), st.integers(0, 3_000_000)), min_size=1, max_size=5),
    )
    return draw(st.lists(flow, max_size=12))


def _events(make, night):
    events, totals = [], {}
    for number, (asset, remote, kind, outcome, start, steps) in enumerate(night):
        at, sent = start, 100
        for index, (gap, more) in enumerate(steps):
            at, sent = at + gap, sent + more
            build = make.cloud if kind == "cloud" else make.event
            facts = {"names": (("cdn.example", "dns"),)} if kind == "named" else {}
            events.append(
                build(
                    at,
                    since=start,
                    asset_id=asset,
                    flow_uid=f"f{number}",
                    remote=f"198.51.100.{remote}",
                    outcome=outcome,
                    bytes_out=sent,
                    pkts_out=1 + sent // 1000,
                    frame=len(events),
                    final=index == len(steps) - 1,
                    **facts,
                )
            )
        totals[number] = (sent, 1)
    return events, totals


@given(night=nights())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_and_flows_of_the_last_updates_are_those_of_the_flows(make, night):
    """Nothing counted twice, nothing lost, updates numbered without gaps."""
    events, totals = _events(make, night)
    alerts = make.watch(events, 2200, finish=True)
    last = {}
    for alert in alerts:
        before = last.get(alert.alert_uid)
        assert alert.update == (0 if before is None else before.update + 1)
        assert before is None or (alert.bytes_out >= before.bytes_out and alert.flows >= before.flows)
        assert alert.severity in SEVERITIES
        last[alert.alert_uid] = alert
    assert sum(a.bytes_out for a in last.values()) == sum(sent for sent, _ in totals.values())
    assert sum(a.flows for a in last.values()) == len(totals)
    order = [(a.ts, a.rule_id, a.alert_uid, a.update) for a in alerts]
    assert order == sorted(order)


@given(night=nights())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ticks_without_events_may_be_left_out_when_due_is_kept(make, night):
    """A replay that jumps over silence writes what a live sensor writes."""
    events, _ = _events(make, night)
    dense = make.watch(events, 2200, finish=True)
    found, sparse, end = make.detector(), [], make.START + 2200 * make.NS
    waiting = sorted(events, key=lambda ev: (ev.ts, ev.frame))
    while waiting:
        floor = waiting[0].ts // make.NS * make.NS
        while (due := found.due()) is not None and due <= floor:
            sparse += found.tick(due)
        while waiting and waiting[0].ts < floor + make.NS:
            found.event(waiting.pop(0))
        sparse += found.tick(floor + make.NS)
    while (due := found.due()) is not None and due < end:
        sparse += found.tick(due)
    assert sparse + found.finish(end) == dense
