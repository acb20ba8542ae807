# SPDX-License-Identifier: Apache-2.0
"""Files equal byte for byte, whatever the batch size, the workers, the container, the compiler.

The captures are made to be difficult: late frames, duplicates, fragments in any order, conversations
with tags in one direction, more flows than the table holds, silence of hours between bursts.
"""

import gzip
import io
import json
import os
import random
import struct
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from egresswatch.cli import run
from egresswatch.demo import acts
from egresswatch.demo import payloads as p
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import (
    UDP,
    End,
    Frame,
    Talk,
    ethernet,
    icmp,
    icmp_frame,
    ipv4,
    mac,
    noise,
    pcap,
    udp,
    udp_frame,
)

WRITTEN = (
    "flows.parquet", "sightings.parquet", "neighbours.parquet", "cameras.json", "alerts.jsonl", "ledger.json",
)  # fmt: skip
OF_THE_CONTAINER = ("input_files", "interfaces", "snaplen")
TINY = ("--set", "flow.table_size=48")


# --- captures ---------------------------------------------------------------------------------------
def session(chance, start):
    """A login to a cloud; sometimes the camera's own frames lost their tag."""
    camera = chance.choice(s.CAMERAS)
    frames = list(
        acts.cloud_session(start, start + 3 * s.MINUTE, camera, s.HIK_CLOUD, s.HIK_CLOUD_NAME,
                           chance.randrange(20000, 60000))
    )  # fmt: skip
    own = mac(camera.mac)
    if chance.random() < 0.5:
        return [Frame(ts, data[:12] + data[16:] if data[6:12] == own else data) for ts, data in frames]
    return frames


def fragments(chance, start):
    """A datagram in pieces, the pieces in any order, some of them twice, the first one missing at times."""
    camera, far = chance.choice(s.CAMERAS).end(5000), End(s.GATEWAY.mac, "198.51.100.7", 6000)
    body, ident = udp(camera, far, noise(f"frag {start}", 3000)), chance.randrange(1, 65536)
    pieces = []
    for at in range(0, len(body), 1000):
        more = at + 1000 < len(body)
        piece = body[at : at + 1000]
        packet = ipv4(camera.addr, far.addr, UDP, piece, ident=ident, offset=at, more=more)
        pieces.append(ethernet(camera.mac, far.mac, packet))
    chance.shuffle(pieces)
    sent = pieces[chance.randrange(2) :] + pieces[:1]
    return [Frame(start + i * s.MS, data) for i, data in enumerate(sent)]


def flood(chance, start):
    """Many short flows, and errors that quote them."""
    camera = chance.choice(s.CAMERAS).end(7000)
    out = []
    for i in range(40):
        far = End(s.GATEWAY.mac, f"192.0.2.{chance.randrange(1, 250)}", chance.randrange(1024, 65536))
        data = udp_frame(camera, far, noise(f"flood {start} {i}", 30), vlan=s.VLAN)
        out.append(Frame(start + i * 40 * s.MS, data))
        if chance.random() < 0.2:
            error = icmp(3, 3, payload=data[18:46])
            out.append(Frame(start + (i * 40 + 5) * s.MS, icmp_frame(far, camera, error, vlan=s.VLAN)))
    return out


def names(chance, start):
    """A question and a handshake whose segments come in any order."""
    camera, name = chance.choice(s.CAMERAS), f"n{chance.randrange(99)}.cloud.example"
    far = End(s.GATEWAY.mac, f"203.0.113.{chance.randrange(1, 250)}", 443)
    talk = Talk(camera.end(chance.randrange(20000, 60000)), far, vlan=s.VLAN)
    hello = p.client_hello(name, alpn=("h2",), seed=f"{start}")
    begin = talk.handshake()
    middle = [talk.segment(0, hello[i : i + 90], 0x18) for i in range(0, len(hello), 90)]
    chance.shuffle(middle)
    asked = udp_frame(camera.end(50500), s.RESOLVER, p.dns_query(name, ident=9), vlan=s.VLAN)
    frames = [asked, *begin, *middle, *talk.close()]
    return [Frame(start + i * 7 * s.MS, data) for i, data in enumerate(frames)]


def chaos(seed):
    """Bursts over hours; one frame in ten late, one in ten twice."""
    chance = random.Random(seed)
    frames, now = [], s.DAY
    for _ in range(14):
        frames += chance.choice((session, fragments, flood, names))(chance, now)
        now += chance.choice((0, 1, 3, 400, 4000)) * 1000 * s.MS
    frames.sort(key=lambda frame: frame.ts)
    out = []
    for ts, data in frames:
        late = chance.random() < 0.1
        out.append(Frame((ts - chance.randrange(3 * 10**9) if late else ts) // 1000 * 1000, data))
        if chance.random() < 0.1:
            out.append(Frame((ts + chance.randrange(8_000_000)) // 1000 * 1000, data))
    return out


def pcapng(frames):
    """One section, one interface with nanoseconds, enhanced packet blocks (draft-ietf-opsawg-pcapng)."""

    def block(kind, body):
        length = 12 + len(body)
        return struct.pack("<II", kind, length) + body + struct.pack("<I", length)

    out = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    out.append(block(1, struct.pack("<HHI", 1, 0, 262144) + struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)))
    for ts, data in frames:
        head = struct.pack("<IIIII", 0, ts >> 32, ts & 0xFFFFFFFF, len(data), len(data))
        out.append(block(6, head + data + b"\0" * (-len(data) % 4)))
    return b"".join(out)


# --- replays ----------------------------------------------------------------------------------------
def files(out):
    """The bytes of everything written."""
    return {name: (out / name).read_bytes() for name in WRITTEN}


def replay(path, out, *options):
    assert run(["replay", str(path), "--out", str(out), "--force", *options]) == 0
    return files(out)


def of_the_packets(told):
    """The same without what the container says of itself."""
    ledger = json.loads(told["ledger.json"])
    return {**told, "ledger.json": {k: v for k, v in ledger.items() if k not in OF_THE_CONTAINER}}


@pytest.fixture(scope="module", params=range(4))
def difficult(request, tmp_path_factory):
    """(frames, path, what is written with the usual settings) of a difficult capture."""
    frames = chaos(request.param)
    folder = tmp_path_factory.mktemp("chaos")
    path = folder / "capture.pcap"
    path.write_bytes(pcap(frames))
    return frames, path, replay(path, folder / "out", *TINY)


def test_the_captures_are_difficult(difficult):
    """They bring out evictions, duplicates, fragments, late frames, joined tags, alerts."""
    _, _, told = difficult
    ledger = json.loads(told["ledger.json"])
    assert ledger["balanced"] is True
    assert ledger["late_frames"] > 0
    assert ledger["buckets"]["duplicate"] > 0
    assert ledger["flows"]["lack_of_resources"] > 0
    assert told["alerts.jsonl"]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("batch", [1, 97, 16384])
def test_batches_and_workers(difficult, tmp_path, batch, workers):
    """Where the input is cut and who does the work changes speed, never a byte."""
    _, path, told = difficult
    options = ("--set", f"replay.batch={batch}", "--workers", str(workers))
    assert replay(path, tmp_path / "out", *TINY, *options) == told


def test_again(difficult, tmp_path):
    """A second replay in the same process."""
    _, path, told = difficult
    assert replay(path, tmp_path / "out", *TINY) == told


def test_from_pcapng_gz(difficult, tmp_path):
    """The container is not the packets' matter."""
    frames, _, told = difficult
    path = tmp_path / "capture.pcapng.gz"
    path.write_bytes(gzip.compress(pcapng(frames)))
    assert of_the_packets(replay(path, tmp_path / "out", *TINY)) == of_the_packets(told)


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_from_standard_input(difficult, tmp_path, monkeypatch, make):
    """A pipe gives what a file gives."""
    frames, _, told = difficult
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(make(frames))))
    assert of_the_packets(replay("-", tmp_path / "out", *TINY)) == of_the_packets(told)


@pytest.mark.parametrize("setting", ["decode.dedup=false", "decode.vlan_in_key=true", "flow.table_size=16"])
def test_batches_under_other_settings(difficult, tmp_path, setting):
    """The same with duplicates counted, with tags in the key, with a flow a shard."""
    _, path, _ = difficult
    one = replay(path, tmp_path / "one", "--set", setting)
    others = ("--set", setting, "--set", "replay.batch=13", "--workers", "2")
    assert replay(path, tmp_path / "two", *others) == one


def test_with_a_site_file(difficult, tmp_path):
    """Policy is asked in the same order whatever the batches."""
    _, path, _ = difficult
    site = tmp_path / "site.toml"
    site.write_text(s.site())
    one = replay(path, tmp_path / "one", "--site", str(site))
    assert replay(path, tmp_path / "two", "--site", str(site), "--set", "replay.batch=13") == one


def twice_over_one_connection():
    """A TLS 1.2 login gone over to encryption, seconds of silence, then another login in clear."""
    talk = Talk(s.CLOUD.end(45000), s.HIK_CLOUD, vlan=s.VLAN)
    hello = struct.pack("!H", 0x0303) + noise("random", 32) + b"\0" + struct.pack("!HB", 0xC02F, 0)
    frames = talk.handshake()
    for name in ("one.camera.example", "two.camera.example"):
        frames += talk.send(0, p.client_hello(name, versions=(), seed=name))
        frames += talk.send(1, p.tls_record(22, b"\2" + len(hello).to_bytes(3, "big") + hello))
        for side in (0, 1):  # ChangeCipherSpec, then Finished, which is encrypted
            frames += talk.send(side, p.tls_record(20, b"\1") + p.tls_record(22, noise(f"{name} {side}", 40)))
    frames += talk.send(0, p.dh_request("DHGET", "/probe/p2psrv", 1))
    return [Frame(s.DAY + i * 400 * s.MS, data) for i, data in enumerate(frames)]


@pytest.mark.parametrize("batch", [1, 5])
def test_what_is_read_does_not_wait_for_a_batch(tmp_path, batch):
    """A connection that has been read is read again when it begins anew, in this batch or the next."""
    path = tmp_path / "capture.pcap"
    path.write_bytes(pcap(twice_over_one_connection()))
    told = replay(path, tmp_path / "usual")
    names = pq.read_table(tmp_path / "usual" / "sightings.parquet", filters=[("kind", "=", "tls_sni")])
    assert names.column("value").to_pylist() == ["one.camera.example", "two.camera.example"]
    assert replay(path, tmp_path / "out", "--set", f"replay.batch={batch}") == told


@pytest.mark.jit_only  # compares compiled kernels with plain ones
def test_compiled_and_plain_kernels(difficult, tmp_path):
    """NUMBA_DISABLE_JIT=1 gives the same bytes; so does another process with another hash seed."""
    _, path, told = difficult
    out = tmp_path / "out"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONHASHSEED": "7",
                   "PYTHONPATH": os.pathsep.join(sys.path)}  # fmt: skip
    command = [sys.executable, "-m", "egresswatch", "replay", str(path), "--out", str(out), *TINY]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert files(out) == told


def test_the_time_of_day_and_the_place_do_not_matter(difficult, tmp_path, monkeypatch):
    """Another time zone, another working directory with the same relative path."""
    _, path, _ = difficult
    told = []
    for zone, folder in (("UTC", "here"), ("Asia/Shanghai", "there")):
        place = tmp_path / folder
        place.mkdir()
        (place / "capture.pcap").write_bytes(Path(path).read_bytes())
        monkeypatch.chdir(place)
        monkeypatch.setenv("TZ", zone)
        told.append(replay("capture.pcap", Path("out"), *TINY))
    assert told[0] == told[1]
