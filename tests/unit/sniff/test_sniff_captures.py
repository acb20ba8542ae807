# SPDX-License-Identifier: Apache-2.0
"""Real captures with known answers: every TLS, DTLS and QUIC ClientHello that tshark found, by name and JA4.

The packet path is replaced by a plain walk (Ethernet, SLL, PPP, raw IP; IPv4 and IPv6; GRE and IP in IP)
that hands up what the contract between the two says. Captures of other link types are left to the test of
the whole pipeline.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import dpkt
import pytest

from egresswatch.patterns import Parser
from egresswatch.records import Item, Message
from egresswatch.sniff import probes
from egresswatch.sniff.engine import Engine

PROBE_PACKETS, BUDGET = 16, 32 << 10

# Their hellos are inside tunnels that the walk below does not open.
TUNNELLED = frozenset({"ndpi__ja3_lots_of_cipher_suites_2_anon.pcap", "ndpi__vxlan.pcap"})


class Packet(NamedTuple):
    """An IP packet's place in a frame."""

    src: str
    dst: str
    proto: int
    begin: int
    end: int
    fragment: bool


def frames(path: Path) -> Iterator[tuple[int, bytes]]:
    """Link type and bytes of each frame; ends where dpkt cannot go on."""
    with path.open("rb") as file:
        ng = file.read(4) == b"\n\r\r\n"
        file.seek(0)
        try:
            reader = (dpkt.pcapng if ng else dpkt.pcap).Reader(file)
            for _, frame in reader:
                yield reader.datalink(), bytes(frame)
        except (ValueError, dpkt.UnpackError, struct.error):
            return


def network(link: int, frame: bytes) -> int | None:
    """Where the IP header begins."""
    layouts = {1: (12, 14), 113: (14, 16), 276: (0, 20)}
    if link in layouts:
        at, begin = layouts[link]
        kind = int.from_bytes(frame[at : at + 2], "big")
        while kind in (0x8100, 0x88A8, 0x9100):
            kind, begin = int.from_bytes(frame[begin + 2 : begin + 4], "big"), begin + 4
        return begin if kind in (0x0800, 0x86DD) else None
    return {9: 4 if frame[:1] == b"\xff" else 2, 12: 0, 101: 0, 228: 0, 229: 0, 0: 4, 108: 4}.get(link)


def packet(frame: bytes, at: int) -> Packet:
    """The innermost packet that GRE and IP in IP lead to."""
    if frame[at] >> 4 == 4:
        total, _, offset = struct.unpack_from("!HHH", frame, at + 2)
        proto, begin = frame[at + 9], at + (frame[at] & 15) * 4
        end = at + (total or len(frame) - at)
        src, dst = (socket.inet_ntop(socket.AF_INET, frame[k : k + 4]) for k in (at + 12, at + 16))
        fragment = bool(offset & 0x3FFF)
    else:
        proto, begin, fragment = frame[at + 6], at + 40, False
        end = begin + int.from_bytes(frame[at + 4 : at + 6], "big")
        src, dst = (socket.inet_ntop(socket.AF_INET6, frame[k : k + 16]) for k in (at + 8, at + 24))
    if proto in (4, 41) and not fragment:
        return packet(frame, begin)
    if proto == 47 and not fragment and frame[begin + 2 : begin + 4] in (b"\x08\x00", b"\x86\xdd"):
        flags = frame[begin]
        return packet(frame, begin + 4 + sum(4 for bit in (0x80, 0x20, 0x10) if flags & bit))
    return Packet(src, dst, proto, begin, end, fragment)


def messages(path: Path) -> Iterator[Message]:
    """Every TCP and UDP payload."""
    for number, (link, frame) in enumerate(frames(path)):
        try:
            begin = network(link, frame)
            if begin is None:
                continue
            p = packet(frame, begin)
            sport, dport = struct.unpack_from("!HH", frame, p.begin)
            if p.fragment or p.proto not in (6, 17):
                continue
            body = p.begin + (8 if p.proto == 17 else (frame[p.begin + 12] >> 4) * 4)
            seq = int.from_bytes(frame[p.begin + 4 : p.begin + 8], "big") if p.proto == 6 else 0
            flags = frame[p.begin + 13] if p.proto == 6 else 0
        except (struct.error, IndexError, ValueError):
            continue
        side = int((p.src, sport) > (p.dst, dport))
        yield Message(
            number, number, 0, side, p.proto, p.src, p.dst, sport, dport, 0, False, seq, flags,
            frame[body : p.end], max(p.end - body, 0), 0, 0, None,
        )  # fmt: skip


class Flow:
    """What the packet path remembers of a flow."""

    def __init__(self, number: int):
        self.number, self.parser, self.closed = number, 0, False
        self.seen, self.left = [0, 0], [0, 0]
        self.first: list[int | None] = [None, None]


def wanted(flow: Flow, m: Message) -> Message | None:
    """Is this packet handed up, and for which parser?"""
    flow.seen[m.side] += 1
    if flow.parser or flow.seen[m.side] <= PROBE_PACKETS:
        rows = probes.BUILTIN[probes.BUILTIN["proto"] == m.proto]
        found = probes.match(rows, m.proto, m.sport, m.dport, m.payload, m.length)
        if found:
            flow.parser, flow.left = found[0], [BUDGET, BUDGET]
            return m._replace(parser=found[0], start=True)
    if flow.parser and (m.proto == 17 or flow.left[m.side] > 0):
        flow.left[m.side] -= m.length
        return m._replace(parser=flow.parser)
    early = not flow.parser and flow.first[m.side] not in (None, m.seq) and flow.seen[m.side] <= 4
    return m._replace(parser=Parser.PENDING) if m.proto == 6 and early else None


def read(path: Path) -> tuple[Engine, list[Item]]:
    """Everything the engine tells of a capture."""
    engine = Engine(65536, BUDGET, probes.BUILTIN)
    flows: dict[tuple, Flow] = {}
    items: list[Item] = []
    for m in messages(path):
        ends = sorted([(m.src, m.sport), (m.dst, m.dport)])
        key = (m.proto, *ends)
        flow = flows.get(key)
        syn = m.proto == 6 and m.tcp_flags & 0x02
        if flow is None or (flow.closed and syn and not m.tcp_flags & 0x10):
            flow = flows[key] = Flow(m.frame + 1)
        if syn:
            flow.first[m.side] = m.seq + 1 & 0xFFFFFFFF
        flow.closed = flow.closed or (m.proto == 6 and bool(m.tcp_flags & 0x05))
        if m.length and (message := wanted(flow, m._replace(flow=flow.number))) is not None:
            items += engine.feed(message)
    return engine, items


@pytest.fixture(scope="module")
def answers(captures: Path) -> dict[str, dict]:
    """Oracles that have a ClientHello."""
    files = sorted((captures / "oracle").glob("*.json"))
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}
    return {
        name: answer for name, answer in found.items() if answer.get("tls_client") and name not in TUNNELLED
    }


@pytest.mark.jit_only  # no kernel takes part: once is enough
def test_every_client_hello_has_its_name_and_fingerprint(captures: Path, answers: dict[str, dict]) -> None:
    """Recall and precision of names and JA4 are 100 %."""
    wrong: dict[str, object] = {}
    hellos = 0
    for name, answer in answers.items():
        engine, items = read(captures / "dev" / name)
        assert engine.shed["parser_errors"] == 0, name
        clients = answer["tls_client"]
        names = {client["sni"].lower() for client in clients if isinstance(client["sni"], str)}
        prints = {client["ja4"] for client in clients if client.get("ja4")}
        hellos += len(clients)
        told_names = {item.value for item in items if item.kind in ("tls_sni", "quic_sni")}
        told_prints = {item.value for item in items if item.kind == "ja4"}
        if names != told_names or prints != told_prints:
            wrong[name] = (sorted(names ^ told_names), sorted(prints ^ told_prints))
    assert wrong == {}
    assert hellos >= 300
