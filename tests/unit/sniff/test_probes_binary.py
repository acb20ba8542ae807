# SPDX-License-Identifier: Apache-2.0
"""Which datagrams of discovery and media are worth a look, and how few others are."""

from __future__ import annotations

import random

import pytest

from egresswatch.patterns import Parser
from egresswatch.sniff import probes

UDP = 17
HEADER = bytes.fromhex("ff000000") + bytes(10)


def parsers(payload: bytes, port: int) -> list[int]:
    """What the built-in rows say of a datagram to ``port``."""
    return probes.match(probes.BUILTIN, UDP, 40000, port, payload, len(payload))


@pytest.mark.parametrize(
    ("parser", "payload", "port"),
    [
        (Parser.SADP, b'<?xml version="1.0"?><Probe/>', 37020),
        (Parser.SADP, b"<Probe><Types>inquiry</Types></Probe>", 37020),
        (Parser.DHDISCOVER, b"\x20\0\0\0DHIP" + bytes(24) + b"{}", 37810),
        (Parser.DHDISCOVER, b"\xa3\x01" + bytes(30), 5050),
        (Parser.DHDISCOVER, b"\xb3\x00" + bytes(118), 5050),
        (Parser.XMDISCOVER, HEADER + b"\xfa\x05" + bytes(4), 34569),
        (Parser.XMDISCOVER, HEADER + b"\xfb\x05\x02\0\0\0{}", 34569),
        (Parser.NBNS, bytes(12) + b"\x20" + b"A" * 37, 137),
        (Parser.SNMP, b"\x30" + bytes(30), 161),
        (Parser.SNMP, b"\x30" + bytes(30), 162),
        (Parser.NATPMP, b"\0\x02" + bytes(10), 5351),
        (Parser.NATPMP, b"\x02\x01" + bytes(58), 5351),
        (Parser.SRT, b"\x80\0\0\0" + bytes(12) + b"\0\0\0\x05" + bytes(44), 9000),
        (Parser.RTP, b"\x80\x60" + bytes(40), 5004),
        (Parser.RTP, b"\x91\xe0" + bytes(40), 5004),
        (Parser.RTP, b"\x81\xc8" + bytes(50), 5005),
        (Parser.RTP, b"\x80\xc9" + bytes(6), 5005),
        (Parser.STUN, b"\x40\x01\0\x08" + bytes(8), 3478),
    ],
)  # fmt: skip
def test_a_protocol_is_recognised(parser: int, payload: bytes, port: int) -> None:
    """The first parser asked is the right one."""
    assert parsers(payload, port)[0] == parser


@pytest.mark.parametrize(
    ("payload", "port"),
    [
        (b"<Probe><Types>inquiry</Types></Probe>", 37021),
        (b"\x20\0\0\0DHIQ" + bytes(26), 37810),
        (b"\xa3\x02" + bytes(30), 5050),
        (HEADER + b"\xe8\x03" + bytes(4), 34569),
        (HEADER + b"\xfa\x05\x01\0\0\0", 34569),
        (bytes(12) + b"\x03" + b"A" * 37, 137),
        (b"\x30" + bytes(30), 163),
        (b"\x01\x02" + bytes(10), 5351),
        (b"\0\x02" + bytes(10), 5352),
        (b"\xa0\x60" + bytes(40), 5004),
        (b"\x84\x60" + bytes(40), 5004),
        (b"\x82\xcc" + bytes(50), 5005),
        (b"\x40\x01\0\x09" + bytes(8), 3478),
        (b"\x50\x01\0\x08" + bytes(8), 3478),
    ],
)
def test_a_near_miss_is_not(payload: bytes, port: int) -> None:
    """Port, magic, length relation: each is asked for."""
    assert parsers(payload, port) == []


def test_few_random_payloads_are_looked_at() -> None:
    """Encrypted datagrams on any port: what is handed up in vain stays under one in twenty."""
    dice = random.Random(11)
    taken = sum(bool(parsers(dice.randbytes(dice.randrange(20, 80)), 8666)) for _ in range(4000))
    assert taken < 200
