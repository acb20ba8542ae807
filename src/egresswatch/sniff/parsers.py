# SPDX-License-Identifier: Apache-2.0
"""Which function reads what: the three kinds of parser, and the service that each of them stands for.

A stream parser gets the bytes of one side in order and says how much it took; a reader is one that keeps
something of its stream between messages, so that every stream has its own. A datagram parser gets one
payload; None means "not mine". A connection keeps what one flow's datagrams have shown so far.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from egresswatch.patterns import Parser
from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import (
    dhcp,
    dhdiscover,
    dns,
    dtls,
    ftp,
    http,
    mqtt,
    natpmp,
    nbns,
    nfs,
    quic,
    rtmp,
    rtp,
    rtsp,
    sadp,
    sip,
    smb,
    smtp,
    snmp,
    srt,
    ssdp,
    telnet,
    tls,
    turn,
    wsd,
    xmdiscover,
)

Parsed = tuple[Verdict, tuple[Item, ...], int]
StreamParser = Callable[[bytes, Message], Parsed]
DatagramParser = Callable[[Message], tuple[Item, ...] | None]
Connection = quic.Connection | dtls.Connection | turn.Connection | rtp.Connection

_PLAIN: Final[dict[int, StreamParser]] = {
    Parser.DNS_TCP: dns.parse_tcp,
    Parser.RTSP: rtsp.parse,
    Parser.SIP: sip.parse_stream,
}
READERS: Final[dict[int, Callable[[], StreamParser]]] = {
    Parser.TLS: tls.Reader,
    Parser.HTTP: http.Reader,
    Parser.STUN: turn.Reader,
    Parser.MQTT: mqtt.Reader,
    Parser.RTMP: rtmp.Reader,
    Parser.FTP: ftp.Reader,
    Parser.SMTP: smtp.Reader,
    Parser.SMB: smb.Reader,
    Parser.NFS: nfs.Reader,
    Parser.TELNET: telnet.Reader,
}
STREAMS: Final = frozenset((*_PLAIN, *READERS))
"""What reads connections."""
_WITHIN: Final = (
    # in a proxy's connection (RFC 9110 §9.3.6), after STARTTLS or AUTH TLS (RFC 3207, RFC 4217)
    (int(Parser.TLS), re.compile(rb"\x16\x03[\x00-\x04]..[\x01\x02]", re.DOTALL)),
    (int(Parser.RTSP), re.compile(rb"RTSP/[12]\.")),  # the answers of RTSP in HTTP
)
DATAGRAMS: Final[dict[int, DatagramParser]] = {
    Parser.DNS: dns.parse,
    Parser.MDNS: dns.parse_mdns,
    Parser.DHCP: dhcp.parse,
    Parser.SSDP: ssdp.parse,
    Parser.WSD: wsd.parse,
    Parser.SIP: sip.parse,
    Parser.SNMP: snmp.parse,
    Parser.NATPMP: natpmp.parse,
    Parser.SRT: srt.parse,
    Parser.SADP: sadp.parse,
    Parser.DHDISCOVER: dhdiscover.parse,
    Parser.XMDISCOVER: xmdiscover.parse,
    Parser.NBNS: nbns.parse,
    Parser.NFS: nfs.parse,
}
CONNECTIONS: Final[dict[int, type[Connection]]] = {
    Parser.QUIC: quic.Connection,
    Parser.DTLS: dtls.Connection,
    Parser.STUN: turn.Connection,
    Parser.RTP: rtp.Connection,
}
SERVICES: Final[dict[int, str]] = {
    Parser.DNS: "dns", Parser.DNS_TCP: "dns", Parser.MDNS: "mdns", Parser.TLS: "tls", Parser.QUIC: "quic",
    Parser.HTTP: "http", Parser.RTSP: "rtsp", Parser.DHCP: "dhcp", Parser.SSDP: "ssdp",
    Parser.WSD: "ws-discovery", Parser.SIP: "sip", Parser.STUN: "stun", Parser.MQTT: "mqtt",
    Parser.DTLS: "dtls", Parser.SNMP: "snmp", Parser.NATPMP: "nat-pmp", Parser.SRT: "srt",
    Parser.RTP: "rtp", Parser.SADP: "sadp", Parser.DHDISCOVER: "dhdiscover",
    Parser.XMDISCOVER: "xmdiscover", Parser.NBNS: "nbns", Parser.RTMP: "rtmp", Parser.FTP: "ftp",
    Parser.SMTP: "smtp", Parser.SMB: "smb", Parser.NFS: "nfs", Parser.TELNET: "telnet",
}  # fmt: skip


def reader(parser: int) -> StreamParser:
    """What reads a stream from its beginning on."""
    made = READERS.get(parser)
    return _PLAIN[parser] if made is None else made()


def within(parser: int, buf: bytes) -> int:
    """The parser of what goes on within the connection of another one; 0: none."""
    return next((inner for inner, begin in _WITHIN if inner != parser and begin.match(buf)), 0)
