# SPDX-License-Identifier: Apache-2.0
"""Sentences of the contract, each held against a whole replay of a few frames made for it."""

import json
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from egresswatch.cli import run
from egresswatch.demo import payloads as p
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import ACK, End, Talk, pcap, udp_frame

PSH = 8
SECOND = 1000 * s.MS
CAMERA = s.CLOUD.end


def out_there(addr, port):
    """An outside end behind the camera network's gateway."""
    return End(s.GATEWAY.mac, addr, port)


@pytest.fixture
def replay(tmp_path, capsys):
    """Replay (seconds, frame) pairs with a site file's text, give everything that came out."""

    def _replay(frames, site="", *arguments):
        (tmp_path / "c.pcap").write_bytes(pcap((s.DAY + round(at * SECOND), data) for at, data in frames))
        if site:
            (tmp_path / "site.toml").write_text(site)
            arguments = ("--site", str(tmp_path / "site.toml"), *arguments)
        out = tmp_path / "out"
        status = run(["replay", str(tmp_path / "c.pcap"), "--out", str(out), "--force", *arguments])
        return SimpleNamespace(
            status=status,
            screen=capsys.readouterr().out,
            alerts=[json.loads(line) for line in (out / "alerts.jsonl").read_text().splitlines()],
            flows=pq.read_table(out / "flows.parquet").to_pylist(),
            cameras=json.loads((out / "cameras.json").read_text()),
        )

    return _replay


def test_alerts_stand_in_the_order_of_time_rule_uid_and_update(replay):
    """Also those that the end of the input raises together with its last tick."""
    unnamed, named = (
        Talk(CAMERA(40001), out_there("192.0.2.9", 9000)),
        Talk(CAMERA(40002), out_there("192.0.2.7", 443)),
    )
    hello = p.client_hello("dev.hik-connect.com")
    login = (*named.handshake(), *named.send(0, hello), *named.send(1, p.server_hello()))
    frames = [(0, data) for data in login]  # raised after a few seconds, and grown at the end
    frames += [(8.5, data) for data in (*unnamed.handshake(), *unnamed.send(0, b"x" * 100))]
    frames += [(8.6, data) for data in named.send(0, p.tls_data(500, "more"))]
    alerts = replay(frames).alerts
    keys = [(a["@timestamp"], a["rule"]["id"], a["event"]["id"], a["egresswatch"]["update"]) for a in alerts]
    assert {"EW-UNK-0001", "EW-HIK-0002"} <= {key[1] for key in keys}
    assert keys == sorted(keys)


ZONES = """
[site]
name = "town-hall"
[[zone]]
name = "recorders"
networks = ["10.20.1.0/24"]
role = "recorder"
reach = ["cameras"]
[[zone]]
name = "cameras"
networks = ["10.20.0.0/24"]
role = "camera"
reach = []
"""


def test_a_session_older_than_the_capture_is_not_turned_round(replay):
    """The camera's answer comes first: the recorder still opened the connection, as it may."""
    recorder = End(s.GATEWAY.mac, "10.20.1.2", 50000)
    talk = Talk(recorder, CAMERA(554))
    frames = [(k, data) for k in range(3) for data in talk.send(1, b"\x24\0\0\x08video...")]
    result = replay(frames, ZONES)
    assert {row["verdict"] for row in result.flows} == {"allowed"}
    assert result.alerts == []


def test_rows_and_alerts_ask_the_policy_the_same_question(replay):
    """A zone by VLAN holds its own hosts, not everything that its hosts talk to."""
    site = '[site]\nname = "t"\n[[zone]]\nname = "cameras"\nvlans = [20]\nrole = "camera"\nreach = []\n'
    store = End(s.GATEWAY.mac, "10.99.0.5", 9000)
    result = replay([(k, udp_frame(CAMERA(40001), store, b"x" * 80, vlan=20)) for k in range(3)], site)
    assert [row["verdict"] for row in result.flows] == ["violation"]
    assert {alert["rule"]["id"] for alert in result.alerts} == {"EW-POL-0001"}
    assert "The 1 camera seen stayed inside, but against the policy." in result.screen


def test_a_reset_of_an_old_connection_is_no_refused_attempt(replay):
    """The server's late bytes meet a camera that has hung up: there was a connection, nobody refused it."""
    talk = Talk(out_there("192.0.2.9", 443), CAMERA(40001))
    frames = [(0, talk.segment(0, b"late" * 50, ACK | PSH)), (0.1, talk.reset(1))]
    result = replay(frames)
    assert [row["outcome"] for row in result.flows] == ["answered"]
    assert not any("was refused" in alert["message"] for alert in result.alerts)


def test_a_refused_syn_is_refused(replay):
    """RST to a SYN: an attempt."""
    talk = Talk(CAMERA(40001), out_there("192.0.2.9", 443))
    result = replay([(0, talk.syn()), (0.1, talk.reset(1))])
    assert [row["outcome"] for row in result.flows] == ["refused"]
    (alert,) = result.alerts
    assert "tried once to reach 192.0.2.9:443" in alert["message"]
    assert "was refused" in alert["message"]


def test_an_internal_violation_is_not_egress(replay):
    """Nothing of the answer line claims that data left the site."""
    core = End(s.GATEWAY.mac, "10.30.0.53", 53)
    asked, told = p.dns_query("example.org"), p.dns_answer("example.org", [("example.org", p.A, "192.0.2.1")])
    frames = [(0, udp_frame(CAMERA(40001), core, asked)), (0.1, udp_frame(core, CAMERA(40001), told))]
    result = replay(frames, ZONES, "--json")
    cameras = json.loads(result.screen)["cameras"]
    assert (cameras["egress"], cameras["blocked"], cameras["denied"]) == (0, 0, 1)
    assert [alert["network"]["direction"] for alert in result.alerts] == ["internal"]


def test_a_full_table_of_cases_is_no_clean_bill(replay):
    """What could not be kept makes a camera undecided, never clean."""
    one, other = s.CLOUD.end(40001), s.P2P.end(40002)
    frames = []
    for k, camera in enumerate((one, other)):
        talk = Talk(camera, out_there(f"192.0.2.{k + 1}", 9000))
        frames += [(k, data) for data in (*talk.handshake(), *talk.send(0, b"x" * 100))]
    result = replay(frames, "", "--set", "detect.max_cases=1")
    assert "1 of 2 cameras sent data outside. 0 stayed inside. 1 undecided." in result.screen
    assert "Not complete, tables were full: " in result.screen
    assert "(detect.max_cases)" in result.screen
