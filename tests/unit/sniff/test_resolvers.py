# SPDX-License-Identifier: Apache-2.0
"""Facts that only come together on a flow: encrypted resolvers and WebRTC."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from egresswatch.patterns import Parser
from egresswatch.records import FlowInfo, Item, Message
from egresswatch.sniff import resolvers

Build = Callable[..., Message]
JA4 = "t13d1516h2_8daaf6152771_e5627efa2ab1"
NAME, QUIC_NAME = Item("tls_sni", "dns.example"), Item("quic_sni", "dns.example")
DOH = (Item("http_path", "/dns-query", "POST"), Item("http_host", "dns.example"))


@pytest.mark.parametrize(
    ("parser", "items", "port", "expected"),
    [
        (Parser.TLS, (NAME, Item("ja4", JA4, "alpn=dot")), 443, ("dot", "dns.example", "offers dot")),
        (Parser.TLS, (Item("ja4", JA4, ""),), 853, ("dot", "192.0.2.1", "port 853")),
        (Parser.TLS, (NAME, Item("ja4", JA4, "alpn=h2,http/1.1")), 853, ("dot", "dns.example", "port 853")),
        (Parser.QUIC, (QUIC_NAME, Item("ja4", JA4, "alpn=doq")), 8853, ("doq", "dns.example", "offers doq")),
        (Parser.QUIC, (QUIC_NAME, Item("ja4", JA4, "alpn=doq-i00")), 853, ("doq", "dns.example", "port 853")),
        (Parser.HTTP, DOH, 80, ("doh", "dns.example", "POST /dns-query")),
        (Parser.HTTP, DOH[:1], 80, ("doh", "192.0.2.1", "POST /dns-query")),
    ],
)
def test_encrypted_resolvers_are_told(
    segment: Build, parser: int, items: tuple[Item, ...], port: int, expected: tuple[str, str, str]
) -> None:
    """By name where there is one, else by address; and why."""
    m = segment(b"", dport=port)
    assert resolvers.concluded(FlowInfo(), m, parser, items) == (Item(*expected),)


@pytest.mark.parametrize(
    ("parser", "items", "port"),
    [
        (Parser.TLS, (NAME, Item("ja4", JA4, "alpn=h2")), 443),
        (Parser.TLS, (Item("tls_cert_subject", "CN=dns.example"),), 853),   # the server's side
        (Parser.TLS, (), 853),
        (Parser.HTTP, (Item("http_path", "/dns-queryx", "GET"),), 80),
        (Parser.HTTP, (Item("http_path", "/", "GET"),), 853),
        (Parser.DNS_TCP, (Item("dns_query", "dns.example"),), 853),
    ],
)  # fmt: skip
def test_other_connections_are_none(
    segment: Build, parser: int, items: tuple[Item, ...], port: int
) -> None:
    """A port alone, a server's message or another path say nothing."""
    assert resolvers.concluded(FlowInfo(), segment(b"", dport=port), parser, items) == ()


@pytest.mark.parametrize(("service", "parser"), [("stun", Parser.DTLS), ("dtls", Parser.STUN)])
def test_stun_and_dtls_together_are_webrtc(datagram: Build, service: str, parser: int) -> None:
    """In either order, told once; the flow gets the service."""
    info = FlowInfo(service=service)
    assert resolvers.concluded(info, datagram(b""), parser, ()) == (
        Item("webrtc", "webrtc", "STUN and DTLS on one flow"),
    )
    assert info.service == "webrtc"
    assert resolvers.concluded(info, datagram(b""), parser, ()) == ()


def test_keys_for_media_are_told(datagram: Build) -> None:
    """DTLS-SRTP: sound or pictures will follow, not only data."""
    found = resolvers.concluded(
        FlowInfo(service="stun"), datagram(b""), Parser.DTLS, (Item("dtls_srtp", "offered"),)
    )
    assert found[0].detail == "STUN and DTLS on one flow, keys for media"


@pytest.mark.parametrize(
    ("service", "parser"),
    [("", Parser.DTLS), ("", Parser.STUN), ("dtls", Parser.DTLS), ("stun", Parser.STUN)],
)
def test_either_alone_is_not_webrtc(datagram: Build, service: str, parser: int) -> None:
    """A device that asks for its address, a VPN over DTLS."""
    info = FlowInfo(service=service)
    assert resolvers.concluded(info, datagram(b""), parser, ()) == ()
    assert info.service == service
