# SPDX-License-Identifier: Apache-2.0
"""Patterns of files, mail and consoles, and whole conversations through them and the engine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from egresswatch.demo import payloads
from egresswatch.patterns import Parser
from egresswatch.records import Item, Message
from egresswatch.sniff import probes
from egresswatch.sniff.engine import Engine

Build = Callable[..., Message]

TCP, UDP = 6, 17
SMB2 = b"\0\0\0\x64\xfeSMB" + bytes(96)
CALL = bytes(4) + b"\0\0\0\x02\0\x01\x86\xa3\0\0\0\3\0\0\0\1" + bytes(16)
"""A call of NFS from its message type on."""


def wanted(proto: int, payload: bytes, port: int = 9) -> list[int]:
    return probes.match(probes.BUILTIN, proto, 40000, port, payload, len(payload))


@pytest.mark.parametrize(
    ("proto", "payload", "port", "parser"),
    [
        (TCP, b"220 ready\r\n", 21, Parser.FTP), (TCP, b"stor a.jpg\r\n", 2121, Parser.FTP),
        (TCP, b"220-mx\r\n", 25, Parser.SMTP), (TCP, b"ehlo cam\r\n", 587, Parser.SMTP),
        (TCP, b"Mail From:<a@b>\r\n", 2525, Parser.SMTP), (TCP, b"\xff\xfd\x18", 23, Parser.TELNET),
        (TCP, SMB2, 445, Parser.SMB), (TCP, SMB2.replace(b"\xfe", b"\xff"), 139, Parser.SMB),
        (TCP, b"\x80\0\0\x28" + bytes(4) + CALL, 2049, Parser.NFS), (UDP, bytes(4) + CALL, 700, Parser.NFS),
        (TCP, b"\x03" + b"t" * 8, 1935, Parser.RTMP), (TCP, b"\x03tttt" + bytes(1400), 9000, Parser.RTMP),
    ],
)  # fmt: skip
def test_a_first_payload_is_wanted(proto: int, payload: bytes, port: int, parser: Parser) -> None:
    """On its port, or anywhere when its bytes say enough."""
    assert wanted(proto, payload, port) == [parser]


@pytest.mark.parametrize(
    ("proto", "payload", "port"),
    [
        (TCP, b"220 ready\r\n", 80), (TCP, b"USER a\r\n", 110), (TCP, b"stop a.jpg\r\n", 21),
        (TCP, b"\xff\x18\x18", 23), (TCP, b"\xff\xfd\x18", 80), (TCP, b"\0\0\0\x64\xfdSMC" + bytes(96), 445),
        (TCP, b"\x80\0\0\x28" + bytes(4) + CALL.replace(b"\x86", b"\x87"), 2049),
        (UDP, b"\0\0\0\0\0\0\0\1" + CALL, 2049), (TCP, b"\x03" + b"t" * 1400, 9000),
        (TCP, b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0\0", 3389),
    ],
)  # fmt: skip
def test_near_misses_are_not_wanted(proto: int, payload: bytes, port: int) -> None:
    """Another port, another letter, another version."""
    assert wanted(proto, payload, port) == []


def talk(segment: Build, engine: Engine, parser: Parser, *turns: tuple[int, bytes], port: int) -> list[Item]:
    """A conversation as the packet path hands it up: what matches is a start."""
    told: list[Item] = []
    seq = [1000, 5000]
    for side, payload in turns:
        sport, dport = (port, 40000) if side else (40000, port)
        start = parser in probes.match(probes.BUILTIN, TCP, sport, dport, payload, len(payload))
        told += engine.feed(
            segment(payload, parser=parser, start=start, side=side, seq=seq[side], sport=sport, dport=dport)
        )
        seq[side] += len(payload)
    return told


@pytest.fixture
def engine() -> Engine:
    return Engine(16, 32 << 10, probes.BUILTIN)


def test_an_upload_by_ftp(segment: Build, engine: Engine) -> None:
    """The server speaks first; both sides are read."""
    told = talk(
        segment, engine, Parser.FTP, (1, b"220 NAS\r\n"), (0, b"USER cam\r\n"), (1, b"331 ?\r\n"),
        (0, b"PASS x\r\n"), (1, b"230 ok\r\n"), (0, b"TYPE I\r\n"), (0, b"STOR 1.jpg\r\n"),
        (1, b"150 go\r\n"), port=21,
    )  # fmt: skip
    assert [(item.kind, item.value) for item in told] == [
        ("ftp_banner", "NAS"), ("ftp_command", "USER"), ("ftp_command", "STOR")
    ]  # fmt: skip
    info = engine.info(1)
    assert info is not None
    assert info.service == "ftp"


def test_mail_goes_over_to_tls(segment: Build, engine: Engine) -> None:
    """The name in the hello behind STARTTLS is the flow's."""
    told = talk(
        segment, engine, Parser.SMTP, (1, b"220 mx\r\n"), (0, b"EHLO cam\r\n"), (1, b"250 STARTTLS\r\n"),
        (0, b"STARTTLS\r\n"), (1, b"220 go\r\n"), (0, payloads.client_hello("mx.example.net")), port=587,
    )  # fmt: skip
    assert [item.kind for item in told] == ["smtp_banner", "smtp_helo", "tls_sni", "ja4"]
    info = engine.info(1)
    assert info is not None
    assert (info.service, info.server_name) == ("smtp", "mx.example.net")


def test_a_login_is_read_once(segment: Build, engine: Engine) -> None:
    """Nothing of what is typed and shown after it."""
    told = talk(
        segment, engine, Parser.TELNET, (1, b"\xff\xfd\x01"), (0, b"\xff\xfc\x01"), (1, b"cam login: "),
        (0, b"root\r\n"), (1, b"Password: "), (0, b"xc3511\r\n"), (1, b"# "), port=23,
    )  # fmt: skip
    assert told == [Item("telnet_banner", "cam login:", "")]
