# SPDX-License-Identifier: Apache-2.0
"""The ECS form of an alert."""

import json
from dataclasses import replace

import pytest

from egresswatch.records import SEVERITIES
from egresswatch.sinks.ecs import RISK_SCORES, ecs


@pytest.fixture
def alert(make):
    """An alert with every fact there is."""
    return make.watch(
        [
            make.cloud(
                0.5,
                mac=0xD4B7616FC499,
                vlan=20,
                vendor="Example (XX)",
                vendor_id="example",
                asset_name="gate",
                community_id="1:abc=",
                ja4="t13d",
                asn=64500,
                as_org="Example Networks",
                cc="NL",
                final=True,
            )
        ],
        3,
    )[0]


def test_shape_and_order_of_keys_are_the_contracts(alert):
    """Nested objects, fixed order."""
    line = ecs(alert)
    assert list(line) == [
        "@timestamp",
        "event",
        "rule",
        "source",
        "destination",
        "network",
        "observer",
        "tls",
        "message",
        "egresswatch",
    ]
    assert {key: list(value) for key, value in line.items() if isinstance(value, dict)} == {
        "event": ["id", "kind", "category", "type", "severity", "risk_score", "dataset"],
        "rule": ["id", "name", "version", "reference"],
        "source": ["ip", "port", "bytes", "mac"],
        "destination": ["ip", "port", "bytes", "domain", "as", "geo"],
        "network": ["transport", "protocol", "direction", "community_id", "vlan"],
        "observer": ["name", "type", "version"],
        "tls": ["client"],
        "egresswatch": [
            "alert_uid",
            "update",
            "flow_uid",
            "asset_id",
            "asset_name",
            "vendor",
            "platform",
            "dest_class",
            "verdict",
            "family",
            "state",
            "confidence",
            "first_seen",
            "last_seen",
            "flows",
            "remotes",
            "bytes_out",
            "missed_bytes",
            "video_like",
            "evidence",
            "counter_evidence",
            "remediation",
        ],
    }


def test_values_are_the_alerts(alert):
    """ECS forms: RFC 3339 with nanoseconds, MAC with hyphens, VLAN as text."""
    line = ecs(alert)
    assert line["@timestamp"] == "2026-11-18T11:06:41.000000000Z"
    assert line["event"]["id"] == line["egresswatch"]["alert_uid"] == alert.alert_uid
    assert line["event"]["type"] == ["connection", "allowed"]
    assert line["rule"] == {
        "id": "EW-EXA-0001",
        "name": "Example Cloud log-in",
        "version": "3",
        "reference": "https://example.org/a",
    }
    assert line["source"] == {"ip": "10.20.0.13", "port": 40000, "bytes": 1000, "mac": "D4-B7-61-6F-C4-99"}
    assert line["destination"]["as"] == {"number": 64500, "organization": {"name": "Example Networks"}}
    assert line["destination"]["geo"] == {"country_iso_code": "NL"}
    assert line["network"] == {
        "transport": "tcp",
        "protocol": "tls",
        "direction": "outbound",
        "community_id": "1:abc=",
        "vlan": {"id": "20"},
    }
    assert line["observer"] == {"name": "gate-sensor", "type": "ids", "version": "1.2.3"}
    assert line["tls"] == {"client": {"server_name": "api.cloud.example", "ja4": "t13d"}}
    assert line["egresswatch"]["first_seen"] == "2026-11-18T11:06:40.000000000Z"


def _leaves(value):
    if isinstance(value, dict):
        for inner in value.values():
            yield inner
            yield from _leaves(inner)


def test_absent_facts_are_left_out(make):
    """No empty text, no null, no empty object; a zero that means something stays."""
    bare = make.watch([make.event(0, proto=89, rport=0, lport=0, bytes_in=0, role="", final=True)], 2)[0]
    line = ecs(bare)
    assert "tls" not in line
    assert "mac" not in line["source"]
    assert "as" not in line["destination"]
    assert "vlan" not in line["network"]
    assert line["destination"]["bytes"] == 0
    assert line["egresswatch"]["update"] == 0
    assert line["network"]["transport"] == "89"
    assert all(leaf not in ("", None, {}) for leaf in _leaves(line))


def test_vlan_zero_is_a_vlan(alert):
    """Priority-tagged frames have one."""
    assert ecs(replace(alert, vlan=0))["network"]["vlan"] == {"id": "0"}


def test_an_attempt_is_of_type_denied(alert):
    """What dashboards filter by."""
    assert ecs(replace(alert, state="blocked"))["event"]["type"] == ["connection", "denied"]


def test_every_severity_has_a_number_that_sorts_like_it(alert):
    """event.risk_score rises with event.severity."""
    assert list(RISK_SCORES) == list(SEVERITIES)
    assert sorted(RISK_SCORES.values()) == list(RISK_SCORES.values())
    for word in SEVERITIES:
        assert ecs(replace(alert, severity=word))["event"]["severity"] == word


def test_the_object_is_plain_json(alert):
    """Nothing that a JSON writer would have to guess."""
    assert json.loads(json.dumps(ecs(alert))) == ecs(alert)
