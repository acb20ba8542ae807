# SPDX-License-Identifier: Apache-2.0
"""docs/add-a-rule.md is true: one YAML file and no Python adds a maker, from MAC prefix to alert."""

import json
import re
from pathlib import Path

import pytest

from egresswatch.cli import run
from egresswatch.demo import payloads
from egresswatch.demo.frames import End, Talk, pcap, udp_frame
from egresswatch.rules import load_tables

PAGE = Path(__file__).parents[2] / "docs" / "add-a-rule.md"
NAME = "eu.cloud.examplecam.example"
CAMERA = End("00:00:5e:00:53:17", "10.20.0.13", 40000)  # RFC 9542 §2.1.2: prefixes for documents
RESOLVER = End("02:00:00:00:00:02", "10.20.0.1", 53)
CLOUD = End("02:00:00:00:00:02", "203.0.113.9", 443)
PEER = End("02:00:00:00:00:02", "198.51.100.77", 9123)
RECORDER = End("02:00:00:00:00:03", "10.20.0.40", 51000)
NS = 1_000_000_000
START = 1_794_787_203 * NS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The file of the page, in a folder of its own."""
    shown = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    root = tmp_path_factory.mktemp("rules")
    (root / "examplecam.yaml").write_text(shown, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def out(folder):
    """A replay: the camera logs in to its cloud, punches a hole, and is watched by a recorder."""
    login = Talk(CAMERA, CLOUD)
    watched = Talk(RECORDER, End(CAMERA.mac, CAMERA.addr, 554))
    punch = b"EXCM" + (60).to_bytes(2, "big") + bytes(range(60))
    answer = payloads.text_message("RTSP/1.0 200 OK", {"CSeq": "1", "Server": "Examplecam RTSP/4.2"})
    frames = [
        udp_frame(CAMERA, RESOLVER, payloads.dns_query(NAME, ident=7)),
        udp_frame(RESOLVER, CAMERA, payloads.dns_answer(NAME, [(NAME, payloads.A, CLOUD.addr)], ident=7)),
        *login.handshake(),
        *login.send(0, payloads.client_hello(NAME)),
        *login.send(1, payloads.server_hello()),
        *login.send(0, payloads.tls_data(5000, "login")),
        *login.close(),
        udp_frame(CAMERA, PEER, punch),
        udp_frame(PEER, CAMERA, punch),
        *watched.handshake(),
        *watched.send(0, payloads.text_message("OPTIONS rtsp://10.20.0.13/ RTSP/1.0", {"CSeq": "1"})),
        *watched.send(1, answer),
        *watched.close(),
    ]
    capture = folder.parent / "examplecam.pcap"
    capture.write_bytes(pcap([(START + number * NS // 10, frame) for number, frame in enumerate(frames)]))
    written = folder.parent / "examplecam-out"
    assert run(["replay", str(capture), "--rules", str(folder), "--out", str(written), "--force"]) == 0
    return written


def test_the_file_passes_every_check(folder, capsys):
    """lint, test and check, as the page says."""
    assert run(["rules", "lint", "--rules", str(folder), "--strict"]) == 0, capsys.readouterr().out
    assert run(["rules", "test", "--rules", str(folder)]) == 0
    assert run(["check", "--rules", str(folder)]) == 0


def test_the_maker_can_be_explained(folder, capsys):
    """rules show names its rules, fingerprints and prefixes."""
    assert run(["rules", "show", "examplecam", "--rules", str(folder)]) == 0
    text = capsys.readouterr().out
    for part in ("jurisdiction NL", "EW-XMP-0001", "FP-XMP-0001", "MAC prefixes: 1"):
        assert part in text


def test_its_traffic_is_alerted_with_its_platforms(out):
    """By name and by bytes, each with the rule of the file."""
    alerts = [json.loads(line) for line in (out / "alerts.jsonl").read_text().splitlines()]
    found = {(alert["rule"]["id"], alert["egresswatch"]["platform"]) for alert in alerts}
    assert {("EW-XMP-0001", "examplecam/cloud"), ("EW-XMP-0002", "examplecam/p2p")} <= found


def test_its_camera_is_in_the_register(out):
    """Maker and firmware, from the prefix and from what it says of itself."""
    (camera,) = [row for row in json.loads((out / "cameras.json").read_text()) if CAMERA.addr in row["ips"]]
    assert camera["maker"]["id"] == "examplecam"
    assert camera["maker"]["jurisdiction"] == "NL"
    assert camera["role"] == "camera"
    assert camera["firmware"] == "4.2"


def test_without_the_file_nobody_knows_it():
    """The pack knows nothing of it: all of that came from one file."""
    tables = load_tables()
    assert tables.domain(NAME) == ()
    assert tables.oui(0x00005E005317) is None
    assert tables.vendor("examplecam") is None
