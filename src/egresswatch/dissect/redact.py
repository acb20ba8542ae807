# SPDX-License-Identifier: Apache-2.0
"""What may be printed of a packet: no credential, no content.

Two rules. tshark's summary text is printed only for protocols whose summary is made of header facts
(``SUMMARISED``); for any other protocol its name and length are all that is told. And what is
printed passes ``redacted``, which hides what people put into addresses and headers all the same.
Fields are printed from the list ``SHOWN`` and no others.
"""

from __future__ import annotations

import re

HIDDEN = "(hidden)"
LONGEST = 160
SUMMARISED = frozenset(
    {
        "TCP", "UDP", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", "SSLv2", "SSLv3", "SSL", "TLS", "DTLS",
        "DTLSv1.0", "DTLSv1.2", "DTLS 1.2", "DTLS 1.3", "QUIC", "DNS", "MDNS", "LLMNR", "ICMP", "ICMPv6",
        "IGMPv2", "IGMPv3", "ARP", "NTP", "DHCP", "DHCPv6", "HTTP", "HTTP/XML", "HTTP/JSON", "HTTP2",
        "RTSP", "SIP", "SIP/SDP", "RTP", "RTCP", "SRTP", "STUN", "CLASSIC-STUN", "SSDP", "MQTT",
        "IPv4", "IPv6", "SCTP", "ESP", "WireGuard", "OpenVPN",
    }
)  # fmt: skip
"""Values of tshark's protocol column whose summary text is shown."""
SHOWN: dict[str, tuple[tuple[str, str], ...]] = {
    # layer as tshark names it: (field, what a person calls it)
    "dns": (
        ("dns.qry.name", "asks for"), ("dns.a", "address"), ("dns.aaaa", "address"), ("dns.cname", "alias"),
    ),
    "mdns": (("dns.qry.name", "asks for"), ("dns.resp.name", "answers for")),
    "tls": (
        ("tls.handshake.extensions_server_name", "server name"),
        ("tls.handshake.extensions_alpn_str", "protocol offered"),
        ("x509sat.printableString", "certificate text"),
        ("x509sat.uTF8String", "certificate text"),
        ("x509ce.dNSName", "certificate name"),
        ("tls.alert_message.desc", "alert"),
    ),
    "dtls": (("dtls.handshake.extensions_server_name", "server name"),),
    "quic": (("tls.handshake.extensions_server_name", "server name"), ("quic.version", "version")),
    "http": (
        ("http.request.method", "method"), ("http.host", "host"), ("http.request.uri", "path"),
        ("http.user_agent", "client"), ("http.server", "server"), ("http.response.code", "status"),
        ("http.content_type", "content"), ("http.content_length_header", "content length"),
    ),
    "rtsp": (
        ("rtsp.method", "method"), ("rtsp.url", "address"), ("rtsp.status", "status"),
        ("rtsp.content-type", "content"), ("rtsp.transport", "transport"),
    ),
    "sip": (("sip.Method", "method"), ("sip.Status-Code", "status"), ("sip.User-Agent", "client")),
    "mqtt": (("mqtt.clientid", "client id"), ("mqtt.topic", "topic")),
    "stun": (("stun.type", "type"), ("stun.att.ipv4", "address"), ("stun.att.software", "software")),
    "dhcp": (("dhcp.option.hostname", "host name"), ("dhcp.option.vendor_class_id", "vendor class")),
    "ssdp": (("http.server", "server"), ("http.request.method", "method")),
    "icmp": (("icmp.type", "type"), ("icmp.code", "code")),
}  # fmt: skip

_SECRET = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|credential|nonce|cnonce|response|signature|sign|auth(?:code|key)?"
    r"|session(?:id|_id|key)?|sid|api[_-]?key|access[_-]?(?:key|token)|key|verif(?:y|ication)code|otp|pin|user(?:name)?"
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # scheme://user:password@host (RFC 3986 §3.2.1), sip:user:password@host (RFC 3261 §19.1.1)
    (re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^\s/]*@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(\bsips?:)[^\s@>;]*:[^\s@>;]*@", re.IGNORECASE), rf"\1{HIDDEN}@"),
    # the same without a scheme, as some clients write into Host
    (re.compile(r"(?<![\w:/@])(?!sips?:)[^\s/@:;,<>\"'()]+:[^\s/@<>]+@(?=[\w\[])", re.IGNORECASE),
     f"{HIDDEN}@"),
    # everything behind the question mark of a path: cameras take user and password there
    (re.compile(r"\?[^\s\"'<>]+"), f"?{HIDDEN}"),
    # header lines that carry credentials (RFC 9110 §11, RFC 6265)
    (re.compile(r"\b((?:proxy-)?authorization|(?:set-)?cookie2?|x-[a-z-]*(?:token|key|auth)[a-z-]*)\s*:.*",
                re.IGNORECASE | re.DOTALL), rf"\1: {HIDDEN}"),
    (re.compile(r"\b(basic|bearer|digest)\s+\S.*", re.IGNORECASE | re.DOTALL), rf"\1 {HIDDEN}"),
    # the same with its marks percent-encoded: up to the next of them
    (re.compile(rf"((?:\b|%26|%3F|%2F)(?:{_SECRET})%3D)(?:(?!%26)[^\s,;&\"'<>])+", re.IGNORECASE),
     rf"\1{HIDDEN}"),
    # an identifier of GB/T 28181: its last seven digits are one device's
    (re.compile(r"(?<!\d)(\d{13})\d{7}(?!\d)"), r"\1*******"),
    # name=value and "name": "value"
    (re.compile(rf"([\"']?\b(?:{_SECRET})\b[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&\"'<>]+)",
                re.IGNORECASE), rf"\1{HIDDEN}"),
    # long runs of base64 or hex: a key, a ticket, a picture
    (re.compile(r"[A-Za-z0-9+/_=-]{64,}"), "(long value)"),
)  # fmt: skip


def redacted(text: str) -> str:
    """``text`` without credentials, printable and of a bounded length."""
    text = text[: LONGEST * 8].replace("\\r\\n", "")  # tshark spells the end of a header line out
    text = "".join(char if char.isprintable() else "\ufffd" for char in text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def summary(protocol: str, text: str) -> str:
    """The summary of a packet as it may be shown."""
    if protocol not in SUMMARISED:
        return "content not shown"
    return redacted(text)


def path_only(text: str) -> str:
    """A request path without its query: cameras take user and password there."""
    return text.partition("?")[0] + ("?" + HIDDEN if "?" in text else "")
