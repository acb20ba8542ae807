# SPDX-License-Identifier: Apache-2.0
"""A run's alerts as one line per asset and a count per severity: what the screen and --json show.

Gets every alert of the run in order, keeps of each case its latest state only. Reads nothing else, so
the screen can say no more than alerts.jsonl does.
"""

from __future__ import annotations

from collections.abc import Iterable

from egresswatch.events import Alert
from egresswatch.records import SEVERITIES
from egresswatch.result import STATES, AssetLine

VIDEO_LIKE = "video-like"
INTERNAL = "internal"
"""Direction of what crosses zones of the site against its policy, and never leaves it."""
_CONFIDENCE = ("low", "medium", "high")


def cases(alerts: Iterable[Alert]) -> list[Alert]:
    """The latest line of each case, in the order the cases were raised."""
    last: dict[str, Alert] = {}
    for alert in alerts:
        last[alert.alert_uid] = alert
    return list(last.values())


def by_severity(alerts: Iterable[Alert]) -> dict[str, int]:
    """How many cases ended at each severity, least severe first; absent ones are left out."""
    ended = [alert.severity for alert in cases(alerts)]
    return {name: ended.count(name) for name in SEVERITIES if name in ended}


def asset_lines(alerts: Iterable[Alert]) -> dict[str, AssetLine]:
    """``asset_id`` to its line, worst first; assets without a finding are not among them."""
    found: dict[str, list[Alert]] = {}
    for alert in cases(alerts):
        if not alert.superseded:
            found.setdefault(alert.asset_id, []).append(alert)
    lines = [_line(sorted(mine, key=_badness, reverse=True)) for mine in found.values()]
    lines.sort(
        key=lambda line: (STATES.index(line.state), -line.bytes_out, -line.attempts, line.asset_id)
    )
    return {line.asset_id: line for line in lines}


def _line(mine: list[Alert]) -> AssetLine:
    """Of one asset, worst case first: that one is named, the others are counted."""
    worst = mine[0]
    inside = worst.direction == INTERNAL
    left = [alert for alert in mine if alert.state == "egress" and (alert.direction == INTERNAL) == inside]
    return AssetLine(
        asset_id=worst.asset_id,
        ip=worst.source_ip,
        maker=next((alert.vendor for alert in mine if alert.vendor), ""),
        state="denied" if inside else worst.state,
        bytes_out=sum(alert.bytes_out for alert in left),
        what=VIDEO_LIKE if any(alert.video_like for alert in left) else "",
        to=worst.to,
        more=len({alert.to for alert in mine} - {worst.to}),
        attempts=0 if left else sum(alert.flows for alert in mine),
        since=min(alert.first_seen for alert in (left or mine)),
        confidence=worst.confidence,
        rule_id=worst.rule_id,
        alert_uid=worst.alert_uid,
    )


def _badness(alert: Alert) -> tuple[bool, bool, bool, int, int, int, str]:
    """What left the site before what only crossed its zones, and that before attempts to leave; then
    severity, bytes, and how sure."""
    outside = alert.direction != INTERNAL
    return (
        outside and alert.state == "egress",
        alert.state == "egress",
        outside,
        SEVERITIES.index(alert.severity),
        alert.bytes_out,
        _CONFIDENCE.index(alert.confidence),
        alert.alert_uid,
    )
