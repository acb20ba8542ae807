# SPDX-License-Identifier: Apache-2.0
"""Captures made here, read by the tshark that is installed and by us: same flows, DNS names, SNI, hosts."""

import shutil
import subprocess

import pyarrow.parquet as pq
import pytest
from tests.oracle.compare import Flows, end, flow_differences, flows_of_replay, names_of_replay

from egresswatch.cli import run
from egresswatch.demo import acts
from egresswatch.demo import payloads as p
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import (
    TCP,
    TPID_C,
    TPID_S,
    UDP,
    End,
    Frame,
    Talk,
    ethernet,
    icmp,
    icmp_frame,
    ipv4,
    ipv6,
    pcap,
    tcp,
    udp,
    udp_frame,
)

TAGS = ("ieee8021ad.id", "vlan.id")
FIELDS = (
    *TAGS, "ip.src", "ip.dst", "ip.proto", "ip.len", "ipv6.src", "ipv6.dst", "ipv6.nxt", "ipv6.plen",
    "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport",
)  # fmt: skip
CAMERA = s.CLOUD.end(40000)
FAR = End(s.GATEWAY.mac, "203.0.113.99", 443)
CAMERA6 = End(s.CLOUD.mac, "fd00:20::13", 40006)
FAR6 = End(s.GATEWAY.mac, "2001:db8::99", 443)


def spread(*frames):
    return [Frame(s.DAY + s.MINUTE + i * s.MS, data) for i, data in enumerate(frames)]


def story():
    """A login, an upload, blocked attempts, house-keeping."""
    everything = [
        *acts.cloud_session(s.DAY, s.DAY + 5 * s.MINUTE, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113),
        *acts.p2p_upload(s.DAY + s.MINUTE, 2, s.P2P, s.DAHUA_CLOUD, s.VIEWERS[0], s.DAHUA_SERIAL),
        *acts.blocked_attempts(s.DAY, s.BLOCKED, s.UNIVIEW_CLOUD, s.UNIVIEW_CLOUD_NAME),
        *acts.keep_house(s.DAY, s.CLEAN, 0),
    ]
    return sorted((f for f in everything if f.ts < s.DAY + 10 * s.MINUTE), key=lambda frame: frame.ts)


def six():
    """IPv6: extension headers, DNS, TLS in two segments."""
    talk = Talk(CAMERA6, FAR6)
    hello = p.client_hello("six.camera.example", alpn=("h2",))
    query = p.dns_query("six.camera.example", p.AAAA)
    asked = udp(CAMERA6._replace(port=5300), FAR6._replace(port=53), query)
    options = [(0, b"\0" + b"\1\4\0\0\0\0"), (60, b"\0" + b"\1\4\0\0\0\0")]  # RFC 8200 §4.3, §4.6
    return spread(
        ethernet(CAMERA6.mac, FAR6.mac, ipv6(CAMERA6.addr, FAR6.addr, UDP, asked)),
        ethernet(CAMERA6.mac, FAR6.mac, ipv6(CAMERA6.addr, FAR6.addr, UDP, asked, extensions=options)),
        *talk.handshake(),
        talk.segment(0, hello[:100]), talk.segment(0, hello[100:]), talk.segment(1),
        *talk.close(),
    )  # fmt: skip


def tags():
    """One conversation behind a tag, one behind two, one behind none: three flows."""
    inner = ipv4(CAMERA.addr, FAR.addr, UDP, udp(CAMERA, FAR, b"hello"))
    stacks = [None, 7, [(TPID_S, 100), (TPID_C, 7)]]
    return spread(*(ethernet(CAMERA.mac, FAR.mac, inner, vlan=stack) for stack in stacks))


def odd():
    """Header options, padding, ICMP and its errors, protocols without ports, a bad checksum."""
    plain = ipv4(CAMERA.addr, FAR.addr, TCP, tcp(CAMERA, FAR, b"x", flags=0x18), options=b"\1" * 8)
    quoted = ipv4(CAMERA.addr, FAR.addr, UDP, udp(CAMERA, FAR, b"nobody there"))
    return spread(
        ethernet(CAMERA.mac, FAR.mac, plain, pad=True),
        ethernet(CAMERA.mac, FAR.mac, ipv4(CAMERA.addr, FAR.addr, UDP, udp(CAMERA, FAR, b"")), pad=True),
        icmp_frame(CAMERA, FAR, icmp(8, 0, b"\0\1\0\1", b"ping")),
        icmp_frame(FAR, CAMERA, icmp(0, 0, b"\0\1\0\1", b"ping")),
        icmp_frame(FAR, CAMERA, icmp(3, 3, payload=quoted[:28])),
        ethernet(CAMERA.mac, FAR.mac, ipv4(CAMERA.addr, FAR.addr, 89, b"\2" * 44)),
        ethernet(CAMERA.mac, FAR.mac, ipv4(CAMERA.addr, FAR.addr, UDP, b"\x9c\x40\x01\xbb\0\x0a\0\0zz")),
    )


def web():
    """HTTP twice on one connection, DNS over TCP."""
    talk = Talk(CAMERA, FAR._replace(port=80))
    ask = p.text_message("GET /a HTTP/1.1", {"Host": "one.camera.example"})
    again = p.text_message("GET /b HTTP/1.1", {"Host": "two.camera.example"})
    dns = Talk(CAMERA._replace(port=40053), FAR._replace(port=53))
    query = p.dns_query("tcp.camera.example")
    return spread(
        *talk.handshake(), *talk.send(0, ask), *talk.send(1, p.text_message("HTTP/1.1 200 OK", {}, b"hi")),
        *talk.send(0, again), *talk.close(),
        *dns.handshake(), *dns.send(0, len(query).to_bytes(2, "big") + query), *dns.close(),
        udp_frame(CAMERA, FAR._replace(port=53), p.dns_query("MiXed.Case.example")),
    )  # fmt: skip


CAPTURES = {make.__name__: make for make in (story, six, tags, odd, web)}


@pytest.fixture(scope="module", params=CAPTURES)
def both(request, tmp_path_factory):
    """(the capture's path, our flow rows, our sightings)."""
    if shutil.which("tshark") is None:
        pytest.skip("NOT COMPARED WITH TSHARK: it is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    path = folder / "capture.pcap"
    path.write_bytes(pcap(CAPTURES[request.param]()))
    options = [word for name in ("decode.dedup=false", "decode.decapsulate=none", "decode.vlan_in_key=true")
               for word in ("--set", name)]  # fmt: skip
    assert run(["replay", str(path), "--out", str(folder / "out"), *options]) == 0
    out = folder / "out"
    return path, *(pq.read_table(out / f"{name}.parquet").to_pylist() for name in ("flows", "sightings"))


def tshark(path, *arguments):
    """Lines of fields."""
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=a", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def first(text):
    return text.split(",")[0]


def test_flows_equal_those_of_tshark(both):
    """Packets and IP bytes per tag stack, protocol, ends and direction."""
    path, rows, _ = both
    flows = Flows()
    for line in tshark(path, *(word for field in FIELDS for word in ("-e", field))):
        fields = dict(zip(FIELDS, line, strict=True))
        if fields["ip.src"]:
            proto, size = int(first(fields["ip.proto"])), int(first(fields["ip.len"]))
        elif fields["ipv6.src"]:
            proto, size = 6 if fields["tcp.srcport"] else 17, int(fields["ipv6.plen"]) + 40
        else:
            continue  # ARP
        name = "tcp" if proto == TCP else "udp"
        source, target = (
            end(
                first(fields[f"ip.{side}"] or fields[f"ipv6.{side}"]),
                # an ICMP error shows the ports of the packet that it quotes
                int(fields[f"{name}.{side}port"]) if proto in (TCP, UDP) else None,
            )
            for side in ("src", "dst")
        )
        stack = [int(tag) for field in TAGS for tag in fields[field].split(",") if tag]
        flows.add(stack, proto, source, target, (1, size), (0, 0))
    assert flows.table()
    assert flow_differences(flows.table(), flows_of_replay(rows)) == []


@pytest.mark.parametrize(
    ("kind", "field", "only"),
    [
        ("dns", "dns.qry.name", "dns && !mdns"),
        ("sni", "tls.handshake.extensions_server_name", "tls.handshake.type == 1"),
        ("http_host", "http.host", "http.request && tcp"),
    ],
)
def test_names_equal_those_of_tshark(both, kind, field, only):
    """What was asked, and which server was named."""
    path, _, sightings = both
    lines = tshark(path, "-Y", only, "-e", field)
    assert names_of_replay(sightings, kind) == {name.lower() for line in lines for name in line if name}
