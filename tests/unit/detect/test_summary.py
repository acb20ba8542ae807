# SPDX-License-Identifier: Apache-2.0
"""One line per asset, one count per severity."""

from egresswatch.detect.summary import asset_lines, by_severity, cases


def test_a_case_counts_once_however_often_it_was_updated(make):
    """With the severity it ended with."""
    alerts = make.watch([make.cloud(0, outcome="unanswered"), make.cloud(100, since=100, flow_uid="f2")], 200)
    assert len(alerts) == 2
    assert [alert.update for alert in cases(alerts)] == [1]
    assert by_severity(alerts) == {"medium": 1}


def test_the_worst_case_is_named_and_the_others_are_counted(make):
    """Data that left comes before attempts, severity before bytes."""
    alerts = make.watch(
        [
            make.cloud(0, vendor="Example (XX)", final=True),
            make.cloud(
                0,
                flow_uid="f2",
                rules=(make.rule(id="EW-EXA-0009", severity="critical"),),
                outcome="unanswered",
                remote="198.51.100.9",
                names=(),
                final=True,
            ),
            make.event(3, flow_uid="f3", remote="198.51.100.7", bytes_out=9000, final=True),
        ],
        10,
        finish=True,
    )
    line = asset_lines(alerts)["cam-gate-03"]
    assert (line.state, line.rule_id, line.to) == ("egress", "EW-UNK-0001", "198.51.100.7:443")
    assert (line.bytes_out, line.more, line.attempts) == (10_000, 2, 0)
    assert (line.since, line.maker) == (make.START, "Example (XX)")


def test_an_asset_that_only_tried_has_attempts_and_no_bytes(make):
    """Nothing left, so nothing is summed."""
    tries = [make.cloud(i, since=i, flow_uid=f"f{i}", outcome="unanswered", final=True) for i in range(7)]
    line = asset_lines(make.watch(tries, 20, finish=True))["cam-gate-03"]
    assert (line.state, line.bytes_out, line.attempts, line.what) == ("blocked", 0, 7, "")
    assert line.to == "api.cloud.example"


def test_lines_come_worst_first(make):
    """Egress by bytes, then attempts."""
    alerts = make.watch(
        [
            make.cloud(0, asset_id="cam-1", outcome="unanswered", final=True),
            make.cloud(0, asset_id="cam-2", flow_uid="f2", bytes_out=10, final=True),
            make.cloud(0, asset_id="cam-3", flow_uid="f3", bytes_out=99, final=True),
        ],
        5,
        finish=True,
    )
    assert list(asset_lines(alerts)) == ["cam-3", "cam-2", "cam-1"]


def test_what_turned_out_to_be_something_else_is_not_counted_twice(make):
    """The unnamed case was taken back when the platform was recognised."""
    alerts = make.watch([make.event(0), make.cloud(60, final=True)], 100, finish=True)
    line = asset_lines(alerts)["cam-gate-03"]
    assert (line.rule_id, line.bytes_out, line.more) == ("EW-EXA-0001", 1000, 0)


def test_a_stream_is_called_video_like(make):
    """In the cell that says what left."""
    alerts = make.watch([make.cloud(60, bytes_out=16_000_000, pkts_out=13_000, final=True)], 90, finish=True)
    assert asset_lines(alerts)["cam-gate-03"].what == "video-like"


def test_no_alerts_no_lines():
    """A clean night."""
    assert asset_lines([]) == {}
    assert by_severity([]) == {}


def test_what_crosses_zones_is_not_told_as_having_left(make):
    """Data to another zone of the site stayed inside, whatever the policy says."""
    zones = {"direction": "internal", "verdict": "violation", "policy": "violation", "remote": "10.10.0.53"}
    line = asset_lines(make.watch([make.event(1, final=True, **zones)], 10, finish=True))["cam-gate-03"]
    assert (line.state, line.bytes_out, line.rule_id) == ("denied", 1000, "EW-POL-0001")


def test_what_left_outweighs_what_crossed_zones(make):
    """And only that is summed as having left, though the other is more."""
    zones = {"direction": "internal", "verdict": "violation", "policy": "violation", "remote": "10.10.0.53"}
    alerts = make.watch(
        [
            make.event(1, bytes_out=9_000_000, flow_uid="f2", final=True, **zones),
            make.cloud(1, final=True),
            make.cloud(1, asset_id="cam-2", flow_uid="f3", outcome="unanswered", final=True),
            make.event(1, asset_id="cam-2", flow_uid="f4", final=True, **zones),
        ],
        20,
        finish=True,
    )
    lines = asset_lines(alerts)
    assert (lines["cam-gate-03"].state, lines["cam-gate-03"].bytes_out) == ("egress", 1000)
    assert lines["cam-gate-03"].rule_id == "EW-EXA-0001"
    assert lines["cam-2"].state == "denied"
