# SPDX-License-Identifier: Apache-2.0
"""Builders for the detection tests: an event, a rule, a night of events run through a Detector."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from egresswatch.config import NS, DetectSettings
from egresswatch.detect.alerts import Detector
from egresswatch.events import EgressEvent

START = 1_795_000_000 * NS  # Wed 18 Nov 2026 11:06:40 UTC


def rule(**facts):
    """A rule of the pack that matches by domain."""
    given = {
        "id": "EW-EXA-0001",
        "rev": 3,
        "status": "stable",
        "side": "device",
        "title": "Example Cloud log-in",
        "severity": "medium",
        "confidence": "medium",
        "vendor": "example",
        "platform": "example/cloud",
        "dest_class": "vendor_cloud",
        "references": ("https://example.org/a",),
        "false_positives": ("An installer's laptop.",),
        "remediation": "",
        "match": SimpleNamespace(domains=("cloud.example",)),
    }
    return SimpleNamespace(**{**given, **facts})


def p2p_rule(**facts):
    """A rule of the pack that matches by payload."""
    given = {
        "id": "EW-EXA-0002",
        "title": "Example P2P",
        "severity": "high",
        "confidence": "high",
        "platform": "example/p2p",
        "dest_class": "p2p",
        "match": SimpleNamespace(payload=("x",)),
    }
    return rule(**{**given, **facts})


def event(at: float = 0, *, since: float = 0, **facts) -> EgressEvent:
    """An event ``at`` seconds after START of a flow that began at ``since``; answered, 1 kB out, unnamed."""
    given = {
        "ts": START + round(at * NS),
        "frame": round(at * 10),
        "asset_id": "cam-gate-03",
        "host": "10.20.0.13",
        "flow_uid": "f1",
        "proto": 6,
        "lport": 40000,
        "remote": "203.0.113.9",
        "rport": 443,
        "verdict": "unknown",
        "dest_class": "other",
        "outcome": "answered",
        "first_seen": START + round(since * NS),
        "last_seen": START + round(at * NS),
        "bytes_out": 1000,
        "pkts_out": 8,
        "bytes_in": 500,
        "pkts_in": 6,
        "role": "camera",
    }
    return EgressEvent(**{**given, **facts})


def cloud(at: float = 0, **facts) -> EgressEvent:
    """An event of a vendor-cloud flow named by SNI."""
    given = {
        "verdict": "vendor_cloud",
        "dest_class": "vendor_cloud",
        "platform": "example/cloud",
        "names": (("api.cloud.example", "sni"),),
        "rules": (rule(),),
        "service": "tls",
    }
    return event(at, **{**given, **facts})


class Tables:
    """A rule pack that knows one maker, and the one of what nobody owns."""

    def vendor(self, id):
        known = {"example": ("Example", "XX"), "generic": ("any maker", "")}.get(id)
        return SimpleNamespace(id=id, name=known[0], jurisdiction=known[1]) if known else None


def detector(**settings) -> Detector:
    return Detector(Tables(), DetectSettings(**settings), "gate-sensor", "1.2.3")


def watch(events, until: float, found: Detector | None = None, *, finish: bool = False):
    """All alerts of ``events`` (any order) with a tick each second up to ``until`` seconds."""
    found = found or detector()
    waiting = sorted(events, key=lambda ev: (ev.ts, ev.frame))
    alerts = []
    for second in range(int(until)):
        while waiting and waiting[0].ts < START + (second + 1) * NS:
            found.event(waiting.pop(0))
        if not (finish and second == int(until) - 1):
            alerts += found.tick(START + (second + 1) * NS)
    return alerts + (found.finish(START + int(until) * NS) if finish else [])


@pytest.fixture
def make():
    """The builders, as attributes: tests have no packages to import them from."""
    return SimpleNamespace(
        START=START,
        NS=NS,
        Tables=Tables,
        rule=rule,
        p2p_rule=p2p_rule,
        event=event,
        cloud=cloud,
        detector=detector,
        watch=watch,
    )
