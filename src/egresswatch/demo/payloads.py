# SPDX-License-Identifier: Apache-2.0
"""Builds application payloads: DNS, TLS hellos, HTTP and RTSP, DHCP, NTP, RTP, mDNS, WS-Discovery, Dahua P2P.

Gets plain values, gives the bytes of one message. The messages are well formed and as short as real
ones may be; what a camera of some maker would say is decided by the story, not here.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from egresswatch.demo.frames import mac as mac_bytes
from egresswatch.demo.frames import noise, packed

A, CNAME, PTR, TXT, AAAA, SRV = 1, 5, 12, 16, 28, 33  # RFC 1035 §3.2.2, RFC 3596, RFC 2782


# --- DNS (RFC 1035) -------------------------------------------------------------------------------
def dns_name(name: str) -> bytes:
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def dns_query(name: str, kind: int = A, *, ident: int = 0, flags: int = 0x0100) -> bytes:
    return struct.pack("!HHHHHH", ident, flags, 1, 0, 0, 0) + dns_name(name) + struct.pack("!HH", kind, 1)


def dns_answer(
    name: str,
    records: Sequence[tuple[str, int, str]],
    *,
    kind: int = A,
    ident: int = 0,
    ttl: int = 300,
    flags: int = 0x8180,
    question: bool = True,
) -> bytes:
    """An answer; ``records`` are (owner, type, value), ``flags`` carry the response code."""
    out = struct.pack("!HHHHHH", ident, flags, int(question), len(records), 0, 0)
    if question:
        out += dns_name(name) + struct.pack("!HH", kind, 1)
    for owner, record_kind, value in records:
        data = packed(value) if record_kind in (A, AAAA) else dns_name(value)
        pointer = b"\xc0\x0c" if question and owner == name else dns_name(owner)  # §4.1.4
        out += pointer + struct.pack("!HHIH", record_kind, 1, ttl, len(data)) + data
    return out


def mdns_announcement(host: str, addr: str, services: Sequence[str]) -> bytes:
    """What a device multicasts of itself (RFC 6762 §8.3): its services and its address."""
    records = [(service, PTR, f"{host}.{service}") for service in services] + [(f"{host}.local", A, addr)]
    return dns_answer("", records, flags=0x8400, question=False, ttl=120)


# --- TLS (RFC 8446, RFC 5246) ---------------------------------------------------------------------
CIPHERS = (0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0x009C, 0x009D, 0x002F, 0x0035)


def _block(width: int, data: bytes) -> bytes:
    """``data`` behind its length in ``width`` bytes."""
    return len(data).to_bytes(width, "big") + data


def _extension(number: int, data: bytes) -> bytes:
    return struct.pack("!H", number) + _block(2, data)


def tls_record(kind: int, data: bytes, version: int = 0x0303) -> bytes:
    return struct.pack("!BH", kind, version) + _block(2, data)


def client_hello(
    sni: str | None,
    *,
    alpn: Sequence[str] = (),
    ciphers: Sequence[int] = CIPHERS,
    versions: Sequence[int] = (0x0304, 0x0303),
    extra: bytes = b"",
    seed: str = "client",
    record: bool = True,
) -> bytes:
    """A ClientHello; no ``versions``: no supported_versions (TLS 1.2); ``extra`` adds extensions."""
    extensions = b""
    if sni is not None:
        extensions += _extension(0, _block(2, b"\0" + _block(2, sni.encode())))  # RFC 6066 §3
    extensions += _extension(10, _block(2, struct.pack("!3H", 0x001D, 0x0017, 0x0018)))
    extensions += _extension(11, _block(1, b"\0"))
    if alpn:
        extensions += _extension(
            16, _block(2, b"".join(_block(1, name.encode()) for name in alpn))
        )  # RFC 7301
    extensions += _extension(13, _block(2, struct.pack("!5H", 0x0403, 0x0804, 0x0401, 0x0503, 0x0501)))
    if versions:
        extensions += _extension(43, _block(1, b"".join(struct.pack("!H", v) for v in versions)))
        extensions += _extension(
            51, _block(2, struct.pack("!H", 0x001D) + _block(2, noise(seed + "key", 32)))
        )
    body = struct.pack("!H", 0x0303) + noise(seed, 32) + _block(1, noise(seed + "session", 32))
    body += (
        _block(2, b"".join(struct.pack("!H", c) for c in ciphers)) + b"\1\0" + _block(2, extensions + extra)
    )
    handshake = b"\1" + _block(3, body)
    return tls_record(22, handshake, 0x0301) if record else handshake


def server_hello(*, seed: str = "server", cipher: int = 0x1301) -> bytes:
    """A TLS 1.3 server's first flight: ServerHello, ChangeCipherSpec, encrypted rest."""
    extensions = _extension(43, b"\3\4") + _extension(
        51, struct.pack("!H", 0x001D) + _block(2, noise(seed, 32))
    )
    body = struct.pack("!H", 0x0303) + noise(seed + "random", 32) + _block(1, noise(seed + "id", 32))
    body += struct.pack("!HB", cipher, 0) + _block(2, extensions)
    flight = tls_record(22, b"\2" + _block(3, body)) + tls_record(20, b"\1")
    return flight + tls_data(1800, seed + "encrypted")


def tls_data(length: int, seed: str) -> bytes:
    """An application data record of ``length`` encrypted bytes."""
    return tls_record(23, noise(seed, length))


# --- text protocols -------------------------------------------------------------------------------
def text_message(first: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """An HTTP-shaped message (RFC 9112, RFC 7826): first line, headers, body."""
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def wsd_hello(uuid: str, scopes: Sequence[str], address: str) -> bytes:
    """An ONVIF device's WS-Discovery Hello (SOAP over UDP)."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
        ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
        ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><s:Header>'
        "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Hello</a:Action></s:Header><s:Body><d:Hello>"
        f"<a:EndpointReference><a:Address>urn:uuid:{uuid}</a:Address></a:EndpointReference>"
        f"<d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>{' '.join(scopes)}</d:Scopes>"
        f"<d:XAddrs>http://{address}/onvif/device_service</d:XAddrs></d:Hello></s:Body></s:Envelope>"
    ).encode()


# --- DHCP (RFC 2131, RFC 2132) --------------------------------------------------------------------
def dhcp(
    kind: int, mac: str, *, xid: int, options: Sequence[tuple[int, bytes]] = (), yours: str = "0.0.0.0"
) -> bytes:
    """A DHCP message: 1 discover, 2 offer, 3 request, 5 ack; ``yours`` is the address given."""
    reply = kind in (2, 5)
    head = struct.pack("!BBBBIHH", 2 if reply else 1, 1, 6, 0, xid, 0, 0)
    head += b"\0" * 4 + packed(yours) + b"\0" * 8 + mac_bytes(mac).ljust(16, b"\0") + b"\0" * 192
    tail = b"".join(bytes([number]) + _block(1, data) for number, data in [(53, bytes([kind])), *options])
    return head + b"\x63\x82\x53\x63" + tail + b"\xff"


# --- NTP (RFC 5905), RTP (RFC 3550) ---------------------------------------------------------------
def ntp(mode: int, ts: int) -> bytes:
    """An NTP version 4 message (mode 3 client, 4 server) with its transmit time."""
    seconds, rest = divmod(ts, 10**9)
    stamp = struct.pack("!II", (seconds + 2_208_988_800) % 2**32, rest * 2**32 // 10**9)
    return struct.pack("!BBBbIII", 0x20 | mode, 2 if mode == 4 else 0, 6, -20, 0, 0, 0) + b"\0" * 24 + stamp


def rtp(
    sequence: int, stamp: int, ssrc: int, payload: bytes, *, marker: bool = False, kind: int = 96
) -> bytes:
    return struct.pack("!BBHII", 0x80, marker << 7 | kind, sequence % 65536, stamp % 2**32, ssrc) + payload


def interleaved(channel: int, packet: bytes) -> bytes:
    """RTP inside the RTSP connection (RFC 7826 §14)."""
    return b"$" + bytes([channel]) + _block(2, packet)


# --- Dahua P2P as the public write-ups of it show ---------------------------------------------------
def dh_request(method: str, path: str, sequence: int, body: bytes = b"") -> bytes:
    """DHGET / DHPOST: HTTP-like text over UDP."""
    return text_message(f"{method} {path} HTTP/1.1", {"CSeq": str(sequence)}, body)


def inverted_stun(label: str, addr: str, port: int) -> bytes:
    """The hole punch: a STUN binding request with every bit turned over, 44 bytes."""
    plain = b"\0\1\0\x18" + noise(label, 16) + b"\x80\x2a\0\x08" + noise(label + "id", 8)
    plain += b"\0\4\0\x08\0\1" + struct.pack("!H", port) + packed(addr)
    return bytes(byte ^ 0xFF for byte in plain)


def ptcp(sent: int, received: int, packet: int, body: bytes) -> bytes:
    """A segment of PTCP, TCP's idea over UDP: byte counters of both directions, packet number."""
    return b"PTCP" + struct.pack("!IIIII", sent % 2**32, received % 2**32, packet, 0, 0) + body
