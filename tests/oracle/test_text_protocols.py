# SPDX-License-Identifier: Apache-2.0
"""Real captures read by the tshark that is installed and by us: files, mail, shares, paths, topics."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from tests.unit.sniff.test_sniff_captures import read

from egresswatch.sniff.text import path_only

pytestmark = [
    pytest.mark.jit_only,  # no kernel takes part: once is enough
    pytest.mark.skipif(
        shutil.which("tshark") is None, reason="tshark is not installed: nothing to compare with"
    ),
]


def told(path: Path, kind: str) -> Counter[tuple[str, str]]:
    """What the sniff stage tells of one kind."""
    engine, items = read(path)
    assert engine.shed["parser_errors"] == 0
    return Counter((item.value, item.detail) for item in items if item.kind == kind)


def seen(path: Path, wanted: str, *fields: str) -> Counter[tuple[str, ...]]:
    """What tshark shows: a row a frame, the values of its fields."""
    chosen = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-n", "-r", str(path), "-Y", wanted, "-T", "fields", *chosen]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # damaged tails are status 2
    return Counter(tuple(line.split("\t")) for line in run.stdout.splitlines())


def test_ftp(captures: Path) -> None:
    """Greetings; verbs and extensions of what is sent and fetched."""
    path = captures / "dev" / "mercury__emix.pcap"
    greetings = seen(path, "ftp.response.code == 220", "ftp.response.arg")
    assert {value for value, _ in told(path, "ftp_banner")} == {arg for (arg,) in greetings}
    commands = seen(
        path, "ftp.request.command in {STOR, RETR, APPE, MKD}", "ftp.request.command", "ftp.request.arg"
    )
    expected = {(verb, arg.rpartition(".")[2] if "." in arg else "") for verb, arg in commands}
    assert {pair for pair in told(path, "ftp_command") if pair[0] != "USER"} == expected


def test_smb(captures: Path) -> None:
    """Every share that a request of SMB 2 asks for, and as often."""
    path = captures / "dev" / "mercury__emix.pcap"
    asked = seen(path, "smb2.cmd == 3 && smb2.flags.response == 0", "smb2.tree")
    expected = Counter({tree.lstrip("\\").lower(): count for (tree,), count in asked.items()})
    found = Counter(
        {
            f"{detail.removeprefix('SMB 2, server ')}\\{value}".lower(): count
            for (value, detail), count in told(path, "smb_share").items()
            if detail.startswith("SMB 2")
        }
    )
    assert found == expected
    assert found.total() > 20


def test_smtp(captures: Path) -> None:
    """Domains of both ends, the greeting, the name given."""
    path = captures / "dev" / "arkime__smtp-subject-encoded-empty.pcap"
    mail = seen(path, "smtp.req.command in {MAIL, RCPT}", "smtp.req.command", "smtp.req.parameter")
    domains = {(param.rpartition("@")[2].partition(">")[0].lower(), way) for way, param in mail}
    assert {(value, {"from": "MAIL", "to": "RCPT"}[way]) for value, way in told(path, "smtp_mail")} == domains
    greeting = seen(path, "smtp.response.code == 220", "smtp.rsp.parameter")
    # of a greeting of several lines the first
    assert {value for value, _ in told(path, "smtp_banner")} == {
        param.split(",xxx")[0] for (param,) in greeting
    }


def test_telnet(captures: Path) -> None:
    """One banner a connection, and nothing that was typed."""
    path = captures / "dev" / "mercury__emix.pcap"
    streams = seen(path, "telnet", "tcp.stream")
    banners = told(path, "telnet_banner")
    assert banners.total() == len(streams)
    assert all(value.endswith("password:") for value, _ in banners)


def test_nfs(captures: Path) -> None:
    """Programs with their versions, and the paths that are mounted."""
    path = captures / "dev" / "sv__nfs3-01__input.pcap"
    calls = seen(path, "rpc.msgtyp == 0", "rpc.program", "rpc.programversion", "mount.path")
    names = {"100000": "portmap", "100003": "nfs", "100005": "mount"}
    found = told(path, "nfs")
    assert {value for value, _ in found} == {
        f"{names[number]} v{version.partition(',')[0]}" for number, version, _ in calls
    }
    assert {detail.split()[1] for _, detail in found if "/" in detail} == {
        where for *_, where in calls if where
    }


@pytest.mark.parametrize("name", ["ndpi__rtsp.pcap", "ndpi__rtsp_setup_http.pcapng"])
def test_transports_of_rtsp(captures: Path, name: str) -> None:
    """The ports of both ends."""
    path = captures / "dev" / name
    ports = set()
    for (text,) in seen(path, "rtsp.transport", "rtsp.transport"):
        words = dict(word.partition("=")[::2] for word in text.split(";"))
        ports.add((words["client_port"], words.get("server_port", "")))
    found = set()
    for value, _ in told(path, "rtsp_transport"):
        words = value.split()
        found.add((words[2], words[4] if len(words) > 4 else ""))
    assert found == ports


@pytest.mark.parametrize("name", ["arkime__mqtt_synthetic.pcap", "ipfixprobe__mqtt.pcap"])
def test_topics_of_mqtt(captures: Path, name: str) -> None:
    """All that clients publish and subscribe to; these have three levels at most, and no identifiers.

    A topic of many kilobytes is not waited for.
    """
    path = captures / "dev" / name
    topics = seen(path, "mqtt.msgtype in {3, 8} && tcp.dstport == 1883", "mqtt.topic")
    expected = {topic for (row,) in topics for topic in row.split(",") if len(topic) < 1000}
    assert {value for value, _ in told(path, "mqtt_topic")} == expected


# Captures in which the plain walk or tshark does not see all: why, one by one.
PATHS_DIFFER = {
    "arkime__80211http.pcap": "the walk does not read this link type",
    "pcpp__expected_output-ipfragutil_bpf_filter.pcap": "the walk leaves fragments out",
    "pcpp__expected_output-ipfragutil_ip_ids.pcap": "the walk leaves fragments out",
    "pcpp__pcap_examples-frag_http_req.pcap": "the walk leaves fragments out",
    "zeek__erspan.pcap": "the walk does not open this mirror",
}


def test_paths_of_http(captures: Path) -> None:
    """Every request of every capture, without its query."""
    wrong: dict[str, list[str]] = {}
    requests = 0
    for path in sorted((captures / "dev").glob("*.pcap*")):
        shown = seen(path, "http.request && tcp && !icmp", "http.request.method", "http.request.uri")
        uris = {uri for method, uri in shown if method != "CONNECT" and uri and "," not in method}
        if not uris or path.name in PATHS_DIFFER:
            continue
        expected = {re.sub(r"^http://[^/]*", "", path_only(uri.encode())) for uri in uris}
        requests += len(expected)
        found = {value for value, _ in told(path, "http_path")}
        if found != expected:
            wrong[path.name] = sorted(found ^ expected)
    assert wrong == {}
    assert requests >= 30
