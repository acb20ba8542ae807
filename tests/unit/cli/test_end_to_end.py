# SPDX-License-Identifier: Apache-2.0
"""The commands one after another on one small capture, with nothing in place of anything."""

import json

import pytest

import egresswatch
from egresswatch import cli
from egresswatch.demo import payloads
from egresswatch.demo.frames import End, Talk, pcap, udp_frame

NAME = "eu.hik-connect.com"
CAMERA = End("4c:bd:8f:11:22:33", "10.20.0.13", 40000)
CLOUD = End("02:00:00:00:00:02", "203.0.113.9", 443)
RESOLVER = End("02:00:00:00:00:02", "10.20.0.1", 53)
NS = 1_000_000_000
START = 1_794_787_203 * NS


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """A Hikvision camera asks for its cloud, is answered, and logs in."""
    talk = Talk(CAMERA, CLOUD)
    frames = [
        udp_frame(CAMERA, RESOLVER, payloads.dns_query(NAME, ident=7)),
        udp_frame(RESOLVER, CAMERA, payloads.dns_answer(NAME, [(NAME, payloads.A, CLOUD.addr)], ident=7)),
        *talk.handshake(),
        *talk.send(0, payloads.client_hello(NAME)),
        *talk.send(1, payloads.server_hello()),
        *talk.send(0, payloads.tls_data(5000, "login")),
        *talk.close(),
    ]
    path = tmp_path_factory.mktemp("capture") / "login.pcap"
    path.write_bytes(pcap([(START + number * NS // 10, frame) for number, frame in enumerate(frames)]))
    return path


@pytest.fixture(scope="module")
def out(capture):
    """The output folder of its replay."""
    folder = capture.parent / "out"
    assert cli.run(["replay", str(capture), "--out", str(folder), "--digest"]) == 0
    return folder


def test_the_screen_answers_first(command, capture):
    """One camera, its platform's rule, how sure."""
    status, text, err = command("replay", capture)
    assert (status, err) == (0, "")
    assert text.splitlines()[3] == " The 1 camera seen sent data outside."
    assert NAME in text and "Hikvision" in text and "EW-HIK-" in text


def test_json_and_the_files_tell_the_same(command, capture, out):
    """Counts of the ledger, alerts of the file."""
    document = json.loads(command("replay", capture, "--json")[1])
    ledger = json.loads((out / "ledger.json").read_text())
    assert document["balanced"] is True
    assert document["ledger"]["frames_read"] == ledger["frames_read"] == document["packets"]
    alerts = {json.loads(line)["event"]["id"] for line in (out / "alerts.jsonl").read_text().splitlines()}
    assert sum(document["alerts"].values()) == len(alerts) == 1


def test_fail_on_sees_the_alert(command, capture):
    """3 for CI and cron."""
    assert command("replay", capture, "--fail-on", "informational")[0] == 3


def test_a_second_run_into_the_same_folder_is_refused(command, capture, out):
    """And replaced with --force."""
    before = (out / "flows.parquet").read_bytes()
    assert command("replay", capture, "--out", out)[0] == 1
    assert command("replay", capture, "--out", out, "--force", "--digest")[0] == 0
    assert (out / "flows.parquet").read_bytes() == before


def test_the_alert_can_be_dissected(command, capture, out):
    """By the uid that the screen names; from the folder and from the capture alone."""
    uid = json.loads((out / "alerts.jsonl").read_text().splitlines()[0])["event"]["id"]
    for place in (out, capture):
        status, text, err = command("dissect", uid, place)
        assert (status, err) == (0, "")
        assert f"server name: {NAME}" in text
        assert "Client Hello" in text


def test_the_register_names_the_camera(command, out):
    """With its maker."""
    status, text, _ = command("cameras", out)
    assert status == 0
    assert "10.20.0.13" in text and "Hikvision" in text


def test_the_notebook_s_tables_agree(out):
    """The row of the login names the platform, the sightings its server name."""
    run = egresswatch.load(out)
    login = run.flows[run.flows["resp_h"] == CLOUD.addr].iloc[0]
    assert (login["server_name"], login["direction"], login["verdict"]) == (NAME, "outbound", "vendor_cloud")
    assert set(run.sightings["kind"]) >= {"dns_query", "dns_answer", "tls_sni", "ja4"}
    assert run.alerts["egresswatch.flow_uid"].iloc[0] == login["uid"]


def test_check_warm_compiles_by_replaying(command):
    """ExecStartPre."""
    status, text, err = command("check", "--warm")
    assert (status, err) == (0, "")
    assert "kernels:   " in text
