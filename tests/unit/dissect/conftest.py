# SPDX-License-Identifier: Apache-2.0
"""A replay's output folder as the writers make it, without a replay."""

import json

import pytest

from egresswatch.sinks.ledger import write_ledger
from egresswatch.sinks.parquet import FLOW_SCHEMA, FlowWriter

ROW = {
    "uid": "CaaaaAAAA", "seq": 0, "community_id": "1:x", "ts": 1_000_000_000, "ts_end": 60_000_000_000,
    "vlan": None, "inner_vlan": None, "orig_h": "10.20.0.13", "resp_h": "203.0.113.9", "orig_p": 40000,
    "resp_p": 80, "proto": "tcp", "orig_pkts": 3, "resp_pkts": 2, "orig_ip_bytes": 300, "resp_ip_bytes": 200,
    "orig_l2_addr": "", "resp_l2_addr": "", "orig_tcp_flags": 0, "resp_tcp_flags": 0, "orig_missed_bytes": 0,
    "resp_missed_bytes": 0, "end_reason": "eof", "outcome": "answered", "service": "http", "server_name": "",
    "server_name_source": "none", "ja4": "", "direction": "outbound", "orig_asset": "cam-1", "resp_asset": "",
    "platform": "", "dest_class": "none", "verdict": "unknown", "rule_ids": [], "resp_cc": "",
    "resp_asn": None, "resp_as_org": "",
}  # fmt: skip
ALERT = {
    "event": {"id": "ABCDEFGHIJKL2", "severity": "high"},
    "rule": {"id": "EW-HIK-0031", "name": "Hik-Connect P2P"},
    "message": "cam-1 has been sending.",
    "egresswatch": {"flow_uid": "CaaaaAAAA", "asset_id": "cam-1", "evidence": ["DNS named it"],
                    "counter_evidence": ["one direction only"], "remediation": "Block it."},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A function that writes an output folder and gives its path."""

    def make(*flows, alerts=(), captures=()):
        out = tmp_path / "out"
        out.mkdir()
        rows = [ROW | flow for flow in flows]
        writer = FlowWriter(out / "flows.parquet")
        writer.write({field.name: [row[field.name] for row in rows] for field in FLOW_SCHEMA})
        writer.close()
        (out / "alerts.jsonl").write_text("".join(json.dumps(ALERT | alert) + "\n" for alert in alerts))
        write_ledger(out / "ledger.json", {"input_files": [{"path": str(path)} for path in captures]})
        return out

    return make
