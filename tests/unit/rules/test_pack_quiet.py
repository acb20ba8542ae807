# SPDX-License-Identifier: Apache-2.0
"""What the built-in recognisers must not take for a camera's protocol: chance, and what everybody speaks.

Thousands of packets of each shape, as flows of sixteen, through the compiled rows and the judge. The
bytes come from a seeded generator: the same ones every time. How a shape begins follows the public
description that its line names; the rest is chance.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import numpy as np
import pytest

from egresswatch.patterns import RECOGNISER_BASE
from egresswatch.records import Array, Message
from egresswatch.rules import MatchTables
from egresswatch.rules.recogniser import Recognisers

FLOW = 16
"""Packets of a flow: as many as the packet path tries of one side."""
UDP, TCP = 17, 6
Shape = Callable[[Random, int], bytes]
"""A generator and the number of the packet in its flow give a payload."""


def some(r: Random, low: int = 0, high: int = 1200) -> bytes:
    return r.randbytes(r.randint(low, high))


def rtp(r: Random, k: int) -> bytes:  # RFC 3550 §5.1
    head = struct.pack(">BBHII", 0x80, r.choice((0, 8, 96, 97, 127, 224)), 1000 + k, 90 * k, 0x1234)
    return head + some(r, 20)


def rtcp(r: Random, _: int) -> bytes:  # RFC 3550 §6.4.1
    return struct.pack(">BBHI", 0x80, 200, 6, 0x1234) + r.randbytes(20)


def quic_long(r: Random, _: int) -> bytes:  # RFC 9000 §17.2, RFC 9369
    first = 0xC0 | r.getrandbits(6)
    version = r.choice((b"\0\0\0\1", b"\x6b\x33\x43\xcf", b"\xff\0\0\x1d"))
    return bytes([first]) + version + b"\x08" + r.randbytes(8) + b"\x08" + some(r, 1000)


def quic_short(r: Random, _: int) -> bytes:  # RFC 9000 §17.3
    return bytes([0x40 | r.getrandbits(6)]) + some(r, 20)


def dns(r: Random, k: int) -> bytes:  # RFC 1035 §4.1.1
    name = b"".join(bytes([len(w)]) + w for w in (r.randbytes(4).hex().encode(), b"example", b"net")) + b"\0"
    flags = 0x0100 if k % 2 == 0 else 0x8180
    head = struct.pack(">6H", r.getrandbits(16), flags, 1, k % 2, 0, 0)
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + r.randbytes(4) if k % 2 else b""
    return head + name + b"\0\1\0\1" + answer


def wireguard(r: Random, k: int) -> bytes:  # the protocol's paper, §5.4
    if k == 0:
        return b"\x01\0\0\0" + r.randbytes(144)
    if k == 1:
        return b"\x02\0\0\0" + r.randbytes(88)
    return b"\x04\0\0\0" + b"\x07\x31\x55\x90" + struct.pack("<Q", k) + r.randbytes(16 * r.randint(1, 80))


def utp(r: Random, k: int) -> bytes:  # BEP 29
    head = struct.pack(">BBHIIIHH", r.choice((1, 17, 33, 49, 65)), 0, 512, k, k, 65536, k, k)
    return head + some(r)


def dht(r: Random, _: int) -> bytes:  # BEP 5
    return b"d1:ad2:id20:" + r.randbytes(20) + b"e1:q4:ping1:t2:" + r.randbytes(2) + b"1:y1:qe"


def tracker(r: Random, _: int) -> bytes:  # BEP 15
    return bytes.fromhex("0000041727101980") + bytes(4) + r.randbytes(4)


def bittorrent(r: Random, k: int) -> bytes:  # BEP 3
    if k == 0:
        return b"\x13BitTorrent protocol" + r.randbytes(48)
    return struct.pack(">IB", 9, 7) + some(r)


def stun(r: Random, _: int) -> bytes:  # RFC 8489 §5
    body = r.randbytes(4 * r.randint(0, 20))
    kind = r.choice((0x0001, 0x0101, 0x0003, 0x0103, 0x0016))
    return struct.pack(">HHI", kind, len(body), 0x2112A442) + r.randbytes(12) + body


def old_stun(r: Random, _: int) -> bytes:  # RFC 3489 §11.1
    return struct.pack(">HH", 1, 8) + r.randbytes(16) + b"\0\3\0\4" + bytes(4)


def ntp(r: Random, _: int) -> bytes:  # RFC 5905 §7.3
    return b"\x23\x02\x06\xec" + r.randbytes(44)


def dtls(r: Random, k: int) -> bytes:  # RFC 6347 §4.1
    body = some(r, 10)
    return struct.pack(">BHHHIH", 22 + (k > 3), 0xFEFD, 0, 0, k, len(body)) + body


def openvpn(r: Random, k: int) -> bytes:
    return bytes([0x38 if k == 0 else 0x48]) + r.randbytes(8) + some(r, 10)


def ike(r: Random, _: int) -> bytes:  # RFC 7296 §3.1
    body = some(r, 40)
    head = b"\x21\x20\x22\x08" + bytes(4) + struct.pack(">I", 28 + len(body))
    return r.randbytes(8) + bytes(8) + head + body


def esp(r: Random, k: int) -> bytes:  # RFC 3948 §2.1
    return struct.pack(">II", 0x53A1C0DE, k) + some(r, 40)


def vxlan(r: Random, _: int) -> bytes:  # RFC 7348 §5
    return b"\x08\0\0\0" + r.randbytes(3) + b"\0" + some(r, 60)


def coap(r: Random, k: int) -> bytes:  # RFC 7252 §3
    return struct.pack(">BBH", 0x40, 1, k) + b"\xb2hi" + some(r, 0, 20)


def snmp(r: Random, _: int) -> bytes:  # RFC 1157 §4
    return b"\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x01" + some(r, 10, 40)


def source_game(r: Random, _: int) -> bytes:
    return b"\xff\xff\xff\xffTSource Engine Query\0" + some(r, 0, 4)


def tls(r: Random, k: int) -> bytes:  # RFC 8446 §5.1
    body = some(r, 40)
    return struct.pack(">BHH", 22 if k < 2 else 23, 0x0303, len(body)) + body


def http(r: Random, _: int) -> bytes:
    return b"GET /" + r.randbytes(8).hex().encode() + b" HTTP/1.1\r\nHost: example.net\r\n\r\n"


def zeros(r: Random, _: int) -> bytes:
    return bytes(r.randint(1, 200))


def text(r: Random, _: int) -> bytes:
    return bytes(r.choice(b'abcdef {}":,0123456789\r\n') for _ in range(r.randint(4, 200)))


def counters(r: Random, k: int) -> bytes:
    return struct.pack("<IIII", k, 1, r.randint(0, 99), 0) + bytes(r.randint(0, 60))


DATAGRAMS: tuple[Shape, ...] = (
    rtp, rtcp, quic_long, quic_short, dns, wireguard, utp, dht, tracker, stun, old_stun, ntp, dtls, openvpn,
    ike, esp, vxlan, coap, snmp, source_game, zeros, text, counters,
)  # fmt: skip
STREAMS: tuple[Shape, ...] = (tls, http, bittorrent, rtp, zeros, text, counters)
PORTS = (443, 4500, 5004, 6881, 40123, 51820)


# --- many packets at once --------------------------------------------------------------------------
def through(rows: Array, proto: int, ports: Array, packets: list[bytes]) -> Iterator[tuple[int, int]]:
    """(packet, recogniser) of everything that the rows let through, row by row over all packets."""
    sizes = np.array([len(packet) for packet in packets])
    table = np.zeros((len(packets), 1064), np.uint8)
    for k, packet in enumerate(packets):
        table[k, : min(1064, len(packet))] = np.frombuffer(packet[:1064], np.uint8)
    numbers = np.arange(len(packets)) % FLOW + 1
    for row in rows[rows["proto"] == proto]:
        fits = (sizes >= row["min_len"]) & ((row["max_len"] == 0) | (sizes <= row["max_len"]))
        fits &= (row["port"] == 0) | (ports == row["port"])
        fits &= (row["last"] == 0) | ((numbers >= row["first"]) & (numbers <= row["last"]))
        fits &= row["sender"] != 2
        for k in "12":
            at, n = int(row["off" + k]), int(row["n" + k])
            for i in range(n):
                mask, value = (int(row[name + k]) >> (56 - 8 * i) & 0xFF for name in ("mask", "value"))
                fits &= (table[:, at + i] & mask == value) & (at + i < sizes)
        if row["rel"]:
            size, order = {1: (2, ">u2"), 2: (2, "<u2"), 3: (4, ">u4"), 4: (4, "<u4")}[int(row["rel"])]
            at = int(row["rel_off"])
            field = table[:, at : at + size].copy().view(order)[:, 0].astype(np.int64)
            fits &= (field + int(row["rel_add"]) == sizes) & (at + size <= sizes)
        for k in np.flatnonzero(fits).tolist():
            yield k, int(row["parser"])


def hits(tables: MatchTables, proto: int, packets: list[bytes], ports: list[int]) -> Counter[str]:
    """Protocols recognised in flows of FLOW packets, by name: how many flows."""
    found: set[tuple[int, str]] = set()
    judge = Recognisers(tables.recognisers)
    told = sorted(through(tables.patterns, proto, np.array(ports), packets))
    for k, parser in told:
        message = Message(
            0, k, k // FLOW, 0, proto, "10.0.0.1", "192.0.2.1", 49152, ports[k], parser, True, 0, 0,
            packets[k], len(packets[k]), 1, 2, None, sender=1, number=k % FLOW + 1,
        )  # fmt: skip
        found |= {(k // FLOW, tables.recogniser(number).protocol) for number in judge.decide(message)}
    return Counter(name for _, name in found)


def flows(shape: Shape, count: int, ports: tuple[int, ...] = PORTS) -> tuple[list[bytes], list[int]]:
    """So many flows of one shape."""
    r = Random(shape.__name__)
    packets = [shape(r, k) for _ in range(count) for k in range(FLOW)]
    return packets, [port for port in r.choices(ports, k=count) for _ in range(FLOW)]


def test_the_table_of_packets_is_the_packet_path(pack: MatchTables) -> None:
    """The vectorised rows of this file find the rules' own examples."""
    seen = 0
    for index, rule in enumerate(pack.recognisers):
        for example in rule.match_examples:
            if example.kind == "payload" and example.length <= 1064 and example.sender == 1:
                data = example.payload.ljust(example.length, b"\0")
                packets = [data] * max(example.packet, 1)
                told = list(through(pack.patterns, example.proto, np.array([example.port]), packets))
                assert (example.packet - 1, RECOGNISER_BASE + index) in told, rule.id
                seen += 1
    assert seen > 20


@pytest.mark.parametrize("shape", DATAGRAMS, ids=lambda shape: shape.__name__)
def test_datagrams_of_other_protocols(pack: MatchTables, shape: Shape) -> None:
    """Two hundred flows of sixteen datagrams: nothing is recognised."""
    assert hits(pack, UDP, *flows(shape, 200)) == Counter()


@pytest.mark.parametrize("shape", STREAMS, ids=lambda shape: shape.__name__)
def test_segments_of_other_protocols(pack: MatchTables, shape: Shape) -> None:
    """The same for TCP."""
    assert hits(pack, TCP, *flows(shape, 200)) == Counter()


@pytest.mark.parametrize("proto", [UDP, TCP])
def test_random_payloads(pack: MatchTables, proto: int) -> None:
    """Encrypted traffic looks like chance: 2000 flows of it, on ports that no rule names."""

    def chance(r: Random, _: int) -> bytes:
        return some(r, 1, 400)

    assert hits(pack, proto, *flows(chance, 2000)) == Counter()


@pytest.mark.parametrize("proto", [UDP, TCP])
def test_random_payloads_on_the_ports_of_rules(pack: MatchTables, proto: int) -> None:
    """The same on the very ports that rules name."""
    rows = pack.patterns[pack.patterns["proto"] == proto]
    ports = tuple(sorted({int(port) for port in rows["port"] if port}))

    def chance(r: Random, _: int) -> bytes:
        return some(r, 1, 400)

    assert hits(pack, proto, *flows(chance, 1000, ports or PORTS)) == Counter()
