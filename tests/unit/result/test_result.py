# SPDX-License-Identifier: Apache-2.0
"""What a replay answers, as JSON and as exit status."""

import json

import pytest

from egresswatch.records import SEVERITIES
from egresswatch.result import STATES, AssetLine, ReplayResult, StopSwitch, iso, to_json

NS = 1_000_000_000
RESULT = ReplayResult(
    version="0.1.0", rules_version="2026.11", rules_digest="5e0f1a2b3c4d5e6f",
    rules_count=3, site="no site file", policy=False,
    first_ts=1 * NS, last_ts=2 * NS + 5, packets=10, balanced=True,
    assets=(AssetLine("a", "10.0.0.1", state="egress", since=1 * NS), AssetLine("b", "10.0.0.2")),
    alerts_by_severity={"high": 2}, verdicts={"unknown": 4}, ledger={"frames_read": 10, "accounted": 10},
    out="o", outputs=("o/flows.parquet",), errors=("x.pcap: is not a capture",),
)  # fmt: skip


def test_json_has_what_the_contract_promises():
    """Ledger, verdict counts, alerts by severity, output paths."""
    document = json.loads(json.dumps(to_json(RESULT)))
    assert document["ledger"]["frames_read"] == 10
    assert document["rules"] == {"version": "2026.11", "digest": "5e0f1a2b3c4d5e6f", "count": 3}
    assert document["verdicts"] == {"unknown": 4}
    assert document["alerts"] == {"informational": 0, "low": 0, "medium": 0, "high": 2, "critical": 0}
    assert document["outputs"] == ["o/flows.parquet"]
    assert document["errors"] == ["x.pcap: is not a capture"]


def test_json_counts_cameras_by_state():
    """The numbers of the answer line."""
    cameras = to_json(RESULT)["cameras"]
    assert {state: cameras[state] for state in STATES} == {
        "egress": 1,
        "blocked": 0,
        "denied": 0,
        "undecided": 0,
        "inside": 1,
    }
    assert cameras["monitored"] == 2


def test_json_of_an_empty_capture_has_null_times():
    """No packet, no time: null, not 1970."""
    empty = ReplayResult("0", "0", "", 0, "", False, None, None, 0, True)
    assert to_json(empty)["first_packet"] is None


@pytest.mark.parametrize(
    ("ts", "text"),
    [(0, "1970-01-01T00:00:00.000000000Z"), (1_794_787_203 * NS + 7, "2026-11-16T00:00:03.000000007Z"),
     (2**63 - 1, "2262-04-11T23:47:16.854775807Z"), (-1, "1969-12-31T23:59:59.999999999Z"), (None, None)],
)  # fmt: skip
def test_times_keep_their_nanoseconds(ts, text):
    """RFC 3339 with nine digits."""
    assert iso(ts) == text


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_severity_is_reached_by_itself_and_higher_ones(severity):
    """--fail-on medium also fails on high."""
    assert RESULT.reaches(severity) == (SEVERITIES.index(severity) <= SEVERITIES.index("high"))


def test_the_stop_switch_calls_every_hook_also_a_late_one():
    """A signal before the source is open still stops it."""
    called = []
    switch = StopSwitch()
    switch.on_stop(lambda: called.append(1))
    switch.press()
    switch.on_stop(lambda: called.append(2))
    assert called == [1, 2]
    assert switch.pressed
