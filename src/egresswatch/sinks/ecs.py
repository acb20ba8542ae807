# SPDX-License-Identifier: Apache-2.0
"""An alert as a nested object with ECS 8 field names (the contract's "Alerts").

Owns names, order and form of the fields; decides nothing. The inside host is always ``source`` (it is
the sender of the bytes that left), ``network.direction`` says who opened the connection. Facts that
are not known are left out: no empty text, no null. ``event.severity`` is one of the contract's five
words; the number ECS dashboards sort by is ``event.risk_score``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from egresswatch.events import Alert
from egresswatch.result import iso

TRANSPORTS = {1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 47: "gre", 50: "esp", 58: "ipv6-icmp", 132: "sctp"}
RISK_SCORES = {"informational": 5, "low": 21, "medium": 47, "high": 73, "critical": 99}
DATASET = "egresswatch.alert"
_NO_RULES: Mapping[str, str] = MappingProxyType({})
_STATED = ("update", "flows", "bytes_out", "missed_bytes", "video_like", "evidence", "counter_evidence")


def ecs(alert: Alert, rules: Mapping[str, str] = _NO_RULES) -> dict[str, Any]:
    """The line of alerts.jsonl; key order is fixed, values are JSON's own types.

    ``rules``: version and digest of the rule pack that judged.
    """
    return {
        "@timestamp": iso(alert.ts),
        "event": {
            "id": alert.alert_uid,
            "kind": "alert",
            "category": ["network"],
            "type": ["connection", "denied" if alert.state == "blocked" else "allowed"],
            "severity": alert.severity,
            "risk_score": RISK_SCORES[alert.severity],
            "dataset": DATASET,
        },
        "rule": _known({
            "id": alert.rule_id,
            "name": alert.rule_name,
            "version": alert.rule_version,
            "reference": alert.rule_reference,
        }),
        "source": _known({
            "ip": alert.source_ip,
            "port": alert.source_port,
            "bytes": alert.bytes_out,
            "mac": _mac(alert.source_mac),
        }, keep=("bytes",)),
        "destination": _known({
            "ip": alert.destination_ip,
            "port": alert.destination_port,
            "bytes": alert.bytes_in,
            "domain": alert.domain,
            "as": _known({"number": alert.asn, "organization": _known({"name": alert.as_org})}),
            "geo": _known({"country_iso_code": alert.cc}),
        }, keep=("bytes",)),
        "network": _known({
            "transport": TRANSPORTS.get(alert.proto, str(alert.proto)),
            "protocol": alert.service,
            "direction": alert.direction,
            "community_id": alert.community_id,
            # an ECS keyword, so a text; VLAN 0 (priority tag) is a VLAN like any other
            "vlan": _known({"id": "" if alert.vlan is None else str(alert.vlan)}),
        }),
        "observer": _known({"name": alert.observer, "type": "ids", "version": alert.observer_version}),
        **_known({"tls": _known({"client": _known({"server_name": alert.server_name, "ja4": alert.ja4})})}),
        "message": alert.message,
        "egresswatch": _known({
            "alert_uid": alert.alert_uid,
            "update": alert.update,
            "flow_uid": alert.flow_uid,
            "asset_id": alert.asset_id,
            "asset_name": alert.asset_name,
            "vendor": alert.vendor_id or alert.vendor,
            "platform": alert.platform,
            "dest_class": alert.dest_class,
            "verdict": alert.verdict,
            "family": alert.family,
            "state": alert.state,
            "confidence": alert.confidence,
            "first_seen": iso(alert.first_seen),
            "last_seen": iso(alert.last_seen),
            "flows": alert.flows,
            "remotes": alert.remotes,
            "bytes_out": alert.bytes_out,
            "missed_bytes": alert.missed_bytes,
            "video_like": alert.video_like,
            "superseded": alert.superseded,
            "evidence": list(alert.evidence),
            "counter_evidence": list(alert.counter_evidence),
            "remediation": alert.remediation,
            "rules": dict(rules),
        }, keep=_STATED),
    }


def _known(fields: dict[str, Any], keep: tuple[str, ...] = ()) -> dict[str, Any]:
    """Without what is empty, except where zero is a statement (``keep``)."""
    return {key: value for key, value in fields.items() if value or key in keep}


def _mac(mac: int) -> str:
    """ECS writes hardware addresses as RFC 7042 §2.1 does: upper case, hyphens."""
    return mac.to_bytes(6, "big").hex("-").upper() if mac else ""
