# SPDX-License-Identifier: Apache-2.0
"""The workloads of bench/: the same bytes everywhere, exact truth, packets that other programs find sound."""

import ast
import hashlib
import shutil
import struct
import subprocess

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bench import payload
from bench.draw import Draw, share
from bench.limit import available, limit
from bench.measure import run
from bench.traffic import Kind
from bench.workloads import FIRST, NAMES, workload
from egresswatch.pipeline.replay import run as replay_run
from egresswatch.result import ReplayOptions

PACKETS = 4000
needs_gcc = pytest.mark.skipif(not available(), reason="THE LIMIT IS NOT CHECKED: gcc is not installed")


@pytest.fixture(scope="module")
def loads(tmp_path_factory):
    """All workloads, small."""
    cache = tmp_path_factory.mktemp("workloads")
    sizes = {"mixed": {"flows": 200}, "camera": {"cameras": 20, "others": 40}}
    sizes["camera_s"] = sizes["camera"]
    return {name: workload(name, PACKETS, cache=cache, **sizes.get(name, {})) for name in NAMES}


def records(path):
    """(seconds, microseconds, captured, on the wire, frame) of every record."""
    data = path.read_bytes()
    at = 24
    while at < len(data):
        head = struct.unpack_from("<IIII", data, at)
        yield *head, data[at + 16 : at + 16 + head[2]]
        at += 16 + head[2]


def checksum(data):
    """RFC 1071, word by word."""
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) & 1)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def test_numbers_never_change():
    """The first numbers of a stream are those of SplitMix64: no library decides them."""
    x, word = (1 << 16) + 1, (1 << 64) - 1
    state = x * 0x9E3779B97F4A7C15 & word
    expected = []
    for _ in range(3):
        state = state + 0x9E3779B97F4A7C15 & word
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & word
        z = (z ^ z >> 27) * 0x94D049BB133111EB & word
        expected.append(z ^ z >> 31)
    assert Draw(1).bits(3).tolist() == expected


def test_shares_sum_up():
    """Packets are shared out to the last one, and every flow gets its least."""
    counts = share(Draw(9).pareto(100), np.full(100, 3), 12345)
    assert counts.sum() == 12345
    assert counts.min() >= 3
    with pytest.raises(ValueError, match="too few"):
        share(np.ones(10), np.full(10, 3), 29)


def test_sizes_are_heavy_tailed():
    """Pareto numbers have a median below one and a far tail, log-normal ones a median of e**mean."""
    pareto, normal = Draw(5).pareto(20_000), Draw(6).lognormal(20_000, 0.3)
    assert 0.6 < np.median(pareto) < 0.75
    assert pareto.max() > 200
    assert 1.28 < np.median(normal) < 1.42


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("mixed", "34f3ccfe23cc824f"),
        ("camera", "8fd2e2df0310d906"),
        ("camera_s", "91e5dd4b1d56cf92"),
        ("flood", "a70288519bf5e264"),
    ],
)
def test_the_same_bytes(loads, name, digest):
    """A workload is the same file on every machine."""
    assert hashlib.sha256(loads[name].path.read_bytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize("name", ["mixed", "camera", "flood"])
def test_every_checksum_is_right(loads, name):
    """IPv4, TCP and UDP checksums, recomputed byte by byte from the frames."""
    for *_, frame in records(loads[name].path):
        assert frame[12:14] == b"\x81\x00"
        six = frame[16:18] == b"\x86\xdd"
        ip = frame[18:]
        if six:
            size, proto, head, addresses = struct.unpack_from(">H", ip, 4)[0] + 40, ip[6], 40, ip[8:40]
        else:
            size, proto, head, addresses = struct.unpack_from(">H", ip, 2)[0], ip[9], 20, ip[12:20]
            assert checksum(ip[:20]) == 0
        segment = ip[head:size]
        assert checksum(addresses + struct.pack(">HH", proto, len(segment)) + segment) == 0
        assert not any(ip[size:])


@pytest.mark.parametrize("name", NAMES)
def test_truth_is_what_stands_in_the_file(loads, name):
    """Packets, frame bytes, IP bytes and flows of the truth, counted again from the frames."""
    truth, flows, octets, frames, times = loads[name].truth, set(), 0, 0, []
    for second, micro, captured, wire, frame in records(loads[name].path):
        times.append(second * 10**6 + micro)
        frames += wire
        assert captured == (min(wire, 128) if name == "camera_s" else wire)
        six = frame[16:18] == b"\x86\xdd"
        ip = frame[18:]
        octets += struct.unpack_from(">H", ip, 4)[0] + 40 if six else struct.unpack_from(">H", ip, 2)[0]
        head, ends = (40, (ip[8:24], ip[24:40])) if six else (20, (ip[12:16], ip[16:20]))
        ports = ip[head : head + 2], ip[head + 2 : head + 4]
        flows.add((frame[14:16], frame[18 + (6 if six else 9)], frozenset(zip(ends, ports, strict=True))))
    assert times == sorted(times)
    assert (len(times), frames, octets, len(flows)) == (
        truth["packets"], truth["frame_bytes"], truth["ip_bytes"], truth["flows"],
    )  # fmt: skip


def test_no_frame_is_a_copy_of_another(loads):
    """No two frames are the same, so recognising duplicates finds none."""
    frames = [frame for *_, frame in records(loads["mixed"].path)]
    assert len(set(frames)) == len(frames)


def test_the_little_capture_is_its_beginning(loads):
    """Start-up is measured on the first packets of the same capture."""
    whole, little = loads["mixed"].path.read_bytes(), loads["mixed"].little.read_bytes()
    assert whole.startswith(little)
    assert len(list(records(loads["mixed"].little))) == FIRST


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != Kind.NONE])
def test_templates_leave_room_for_what_differs(kind):
    """What differs between packets stands at even places inside the payload, zero in the template."""
    size = {Kind.DNS_QUERY: 45, Kind.DNS_ANSWER: 61}.get(kind, 536)
    body = payload.template(kind, size)
    for at, width in payload.places(kind, size):
        assert at % 2 == 0
        assert width % 2 == 0
        assert body[at : at + width] == bytes(width)


@needs_gcc
@pytest.mark.parametrize("way", ["mapped", "read"])
@pytest.mark.parametrize("name", NAMES)
def test_the_limit_counts_the_truth(loads, name, way):
    """limit.c finds the packets, bytes and flows that the generator says it wrote."""
    load = loads[name]
    answer = run(limit("flow", way), load.path).answer()
    assert (answer["packets"], answer["counted"]) == (load.packets, load.packets)
    assert (answer["ip_bytes"], answer["frame_bytes"]) == (load.truth["ip_bytes"], load.truth["frame_bytes"])
    assert answer["flows"] == load.truth["flows"]


@pytest.mark.jit_only
@pytest.mark.parametrize("name", NAMES)
def test_our_flows_are_the_truth(loads, name, tmp_path):
    """flows.parquet of a replay, duplicates recognised, sums up to what the generator says it wrote."""
    load, out = loads[name], tmp_path / "out"
    result = replay_run(ReplayOptions(paths=(str(load.path),), out=out))
    flows = pq.read_table(out / "flows.parquet")

    def total(field):
        return sum(pc.sum(flows[f"{end}_{field}"]).as_py() for end in ("orig", "resp"))

    truth = load.truth
    assert result.balanced
    assert (total("pkts"), total("ip_bytes"), flows.num_rows) == (
        load.packets,
        truth["ip_bytes"],
        truth["flows"],
    )
    assert result.ledger["buckets"]["duplicate"] == 0


@pytest.mark.skipif(
    shutil.which("tshark") is None, reason="WORKLOADS NOT READ BY TSHARK: it is not installed"
)
@pytest.mark.parametrize("name", ["mixed", "camera"])
def test_tshark_finds_nothing_wrong(loads, name):
    """No bad checksum, no malformed message, no retransmission or gap; every name is there."""
    options = [f"-o{protocol}.check_checksum:TRUE" for protocol in ("ip", "tcp", "udp")]
    wrong = (
        "ip.checksum.status==0||tcp.checksum.status==0||udp.checksum.status==0"
        "||(_ws.malformed && (tls||dns))"
        "||tcp.analysis.retransmission||tcp.analysis.lost_segment||tcp.analysis.ack_lost_segment"
    )

    def read(shown):
        command = [
            "tshark",
            "-n",
            "-r",
            str(loads[name].path),
            *options,
            "-Y",
            shown,
            "-Tfields",
            "-eframe.number",
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    assert read(wrong) == []
    assert len(read("tls.handshake.extensions_server_name")) == loads[name].truth["client_hellos"]
    assert len(read("dns.qry.name && dns.flags.response==0")) == loads[name].truth["dns_queries"]


def test_the_program_does_not_know_the_bench(root):
    """Nothing in src imports bench."""
    for path in (root / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.partition(".")[0] == "bench"], path
