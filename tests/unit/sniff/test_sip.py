# SPDX-License-Identifier: Apache-2.0
"""SIP heads: who registers where, and with what software."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import sip

Build = Callable[..., Message]

REGISTER = (
    b"REGISTER sip:34020000002000000001@3402000000 SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.13:5060\r\n"
    b"From: <sip:34020000001320000001@3402000000>;tag=1\r\nTo: <sip:34020000001320000001@3402000000>\r\n"
    b"Contact: <sip:34020000001320000001:pw@10.20.0.13:5060;x=y>\r\nUser-Agent: IP Camera\r\n"
    b'Authorization: Digest username="u", response="secret"\r\nContent-Length: 3\r\n\r\n'
)


def test_a_camera_registers_at_a_platform(datagram: Build) -> None:
    """GB/T 28181: the device's digits, passwords and authorization stay out."""
    assert sip.parse(datagram(REGISTER)) == (
        Item(
            "sip_register", "sip:3402000000132*******@3402000000",
            "GB/T 28181 id contact sip:3402000000132*******@10.20.0.13:5060",
        ),
        Item("sip_user_agent", "IP Camera", "REGISTER"),
        Item("gb28181", "ipc", "REGISTER, region 34020000, to platform of region 34020000"),
    )  # fmt: skip


def test_compact_fields_count(datagram: Build) -> None:
    """f, t and m stand for From, To and Contact."""
    wire = b'REGISTER sip:h SIP/2.0\r\nt: "Bob" <sip:bob@h>\r\nm: <sip:bob@192.0.2.1>\r\n\r\n'
    assert sip.parse(datagram(wire)) == (Item("sip_register", "sip:bob@h", "contact sip:bob@192.0.2.1"),)


def test_a_response_tells_server_and_realm(datagram: Build) -> None:
    """As HTTP does."""
    wire = b'SIP/2.0 401 Unauthorized\r\nServer: Asterisk\r\nWWW-Authenticate: Digest realm="pbx"\r\n\r\n'
    assert sip.parse(datagram(wire)) == (
        Item("sip_user_agent", "Asterisk", "status 401"),
        Item("sip_realm", "pbx", "status 401"),
    )


def test_over_tcp_messages_follow_one_another(segment: Build) -> None:
    """Keep-alives are skipped, the body is stepped over, half a head waits."""
    assert sip.parse_stream(b"\r\n\r\n" + REGISTER, segment(b"")) == (Verdict.MATCH, (), 4)
    assert sip.parse_stream(REGISTER + b"abcSIP", segment(b""))[2] == len(REGISTER) + 3
    for size in range(len(REGISTER)):
        assert sip.parse_stream(REGISTER[:size], segment(REGISTER[:size]))[0] is Verdict.NEED_MORE, size


@pytest.mark.parametrize(
    "wire", [b"", b"\x00", b"GET / HTTP/1.1\r\n\r\n", b"REGISTER sip:h\r\n", b"SIP/2.0 x\r\n"]
)
def test_other_traffic_is_not_sip(datagram: Build, wire: bytes) -> None:
    """Keep-alives of one byte and other protocols."""
    assert sip.parse(datagram(wire)) is None


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_raise(datagram: Build, tail: bytes, cut: bool) -> None:
    """Any bytes, bare and behind a sound beginning."""
    request, response = b"REGISTER sip:h SIP/2.0\r\n", b"SIP/2.0 200 OK\r\n"
    for buf in (tail, request + tail, response + tail, request + b"To:" + tail):
        sip.parse(datagram(buf))
        verdict, _, used = sip.parse_stream(buf, datagram(buf, length=len(buf) + cut))
        assert 0 <= used <= len(buf)
        assert (used > 0) == (verdict is Verdict.MATCH)


def test_no_identifier_is_told_whole(datagram: Build) -> None:
    """The contact may have another one than the address of record."""
    wire = (
        b"REGISTER sip:h SIP/2.0\r\nTo: <sip:bob@h>\r\n"
        b"Contact: <sip:34020000001329999999@34020000002007654321:5060>\r\n\r\n"
    )
    assert sip.parse(datagram(wire)) == (
        Item("sip_register", "sip:bob@h", "contact sip:3402000000132*******@3402000000200*******:5060"),
    )
