# SPDX-License-Identifier: Apache-2.0
"""``egresswatch dissect``: from an identifier to packets on a screen."""

import json
import shutil

import pytest

from egresswatch.demo import payloads
from egresswatch.demo.frames import End, Talk, pcap
from egresswatch.sinks.ledger import write_ledger
from egresswatch.sinks.parquet import FLOW_SCHEMA, FlowWriter

CAMERA = End("02:00:00:00:00:01", "10.20.0.13", 40000)
CLOUD = End("02:00:00:00:00:02", "203.0.113.9", 443)
NS = 1_000_000_000
START = 1_794_787_203 * NS
ALERT = {
    "event": {"id": "ABCDEFGHIJKL2", "severity": "high"},
    "rule": {"id": "EW-HIK-0031", "name": "Hik-Connect login"},
    "message": "cam-1 logs in to Hik-Connect.",
    "egresswatch": {"flow_uid": "CaaaaAAAA", "asset_id": "cam-1", "evidence": ["the server name says so"],
                    "counter_evidence": ["no bytes were answered"], "remediation": "Block it at the border."},
}  # fmt: skip


@pytest.fixture
def case(tmp_path):
    """An output folder and the capture it was made from."""
    talk = Talk(CAMERA, CLOUD)
    frames = [*talk.handshake(), *talk.send(0, payloads.client_hello("eu.hik-connect.com")), *talk.close()]
    capture = tmp_path / "cameras.pcap"
    capture.write_bytes(pcap([(START + n * NS, frame) for n, frame in enumerate(frames)], nano=True))
    row = {field.name: [None if field.nullable else 0] for field in FLOW_SCHEMA}
    row |= {field.name: ["x"] for field in FLOW_SCHEMA if str(field.type) == "string" and not field.nullable}
    row |= {"uid": ["CaaaaAAAA"], "orig_h": [CAMERA.addr], "resp_h": [CLOUD.addr], "proto": ["tcp"],
            "seq": [0], "orig_p": [CAMERA.port], "resp_p": [CLOUD.port],
            "ts": [START], "ts_end": [START + 100 * NS],
            "orig_pkts": [5], "resp_pkts": [3], "orig_ip_bytes": [900], "resp_ip_bytes": [120],
            "orig_asset": ["cam-1"], "rule_ids": [["EW-HIK-0031"]], "verdict": ["vendor_cloud"],
            "outcome": ["answered"], "end_reason": ["end"], "service": ["tls"]}  # fmt: skip
    out = tmp_path / "out"
    out.mkdir()
    writer = FlowWriter(out / "flows.parquet")
    writer.write(row)
    writer.close()
    (out / "alerts.jsonl").write_text(json.dumps(ALERT) + "\n")
    write_ledger(out / "ledger.json", {"input_files": [{"path": str(capture)}]})
    return out, capture


def test_a_flow_with_its_packets(command, case):
    """Conversation, layers, facts, timeline; the captures are the ledger's."""
    status, out, err = command("dissect", "Caaaa", case[0])
    assert (status, err) == (0, "")
    assert "cam-1 (10.20.0.13:40000) → 203.0.113.9:443" in out
    assert "→ 5 packets, 900 B of IP" in out
    assert "every packet" in out
    assert "server name: eu.hik-connect.com  (tls, frame 4)" in out
    assert "Client Hello" in out
    assert "Mon 16 Nov 2026 00:00:03 – 00:01:43 · answered · closed · vendor_cloud" in out


def test_an_alert_comes_with_its_words(command, case):
    """Message, evidence for and against, what to do."""
    _, out, _ = command("dissect", "ABCDEFG", case[0])
    for text in ("Alert ABCDEFGHIJKL2 · high · EW-HIK-0031 · Hik-Connect login",
                 "cam-1 logs in to Hik-Connect.",
                 "Why: the server name says so", "Against it: no bytes were answered",
                 "To do: Block it at the border."):  # fmt: skip
        assert text in out


def test_what_the_message_says_is_not_said_again(command, case):
    """The remediation often ends the message already."""
    said = ALERT | {"message": "cam-1 logs in. Block it at the border."}
    (case[0] / "alerts.jsonl").write_text(json.dumps(said) + "\n")
    _, out, _ = command("dissect", "ABCDEFG", case[0])
    assert out.count("Block it at the border.") == 1


def test_the_timeline_has_as_many_packets_as_asked(command, case):
    """And says how many more there are."""
    _, out, _ = command("dissect", "Caaaa", case[0], "--packets", 3)
    assert "… 5 more packets (--packets N shows more)" in out
    assert "Client Hello" not in out
    assert "server name: eu.hik-connect.com" in out


def test_a_capture_that_moved_can_be_named(command, case):
    """The ledger's path is old; the capture given beside the folder counts."""
    out, capture = case
    moved = capture.with_name("moved.pcap")
    capture.rename(moved)
    status, _, err = command("dissect", "Caaaa", out)
    assert status == 1
    assert "Give the captures that were replayed: egresswatch dissect UID DIR CAPTURE..." in err
    assert command("dissect", "Caaaa", out, moved)[0] == 0


def test_captures_alone_are_replayed_first(command, case, replayed):
    """The flow is looked up in a folder of its own."""
    replayed.before = lambda options: shutil.copytree(case[0], options.out)
    status, out, _ = command("dissect", "Caaaa", case[1])
    assert status == 0
    assert "eu.hik-connect.com" in out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["Cxxxx"], 1, "no alert and no flow of"),
        (["Ca"], 2, "too short"),
        (["Caaaa", "/no/such.pcap"], 1, "/no/such.pcap: does not exist"),
        (["Caaaa", "-"], 2, "cannot come from standard input"),
    ],
)
def test_what_cannot_be_done_is_one_line(command, case, arguments, status, message):
    """With the right exit status."""
    uid, *more = arguments
    got, out, err = command("dissect", uid, case[0], *more)
    assert (got, out, err.count("\n")) == (status, "", 1)
    assert message in err


def test_a_missing_tshark_is_told_before_anything_is_read(command, case, monkeypatch, tmp_path):
    """One clear line, status 1."""
    monkeypatch.setenv("PATH", str(tmp_path))
    status, out, err = command("dissect", "Caaaa", case[0])
    assert (status, out) == (1, "")
    assert err == "egresswatch: dissect needs tshark, which is not installed. On Debian: apt install tshark\n"
