# SPDX-License-Identifier: Apache-2.0
"""Builds frames and captures byte by byte: Ethernet with tags, ARP, IPv4/IPv6, UDP, TCP, ICMP, pcap.

Gets addresses as text, gives bytes with right lengths and checksums; a caller that wants something
wrong says so (``total=0``, ``checksum=0x1234``) or cuts the result. Never reads a clock, never draws
a random number: ``noise`` gives the same bytes for the same label on every machine.
"""

from __future__ import annotations

import hashlib
import ipaddress
import struct
from collections.abc import Iterable, Sequence
from typing import BinaryIO, NamedTuple

NS = 1_000_000_000

ETH_IPV4, ETH_ARP, ETH_IPV6 = 0x0800, 0x0806, 0x86DD
TPID_C, TPID_S, TPID_OLD = 0x8100, 0x88A8, 0x9100  # IEEE 802.1Q C-tag, S-tag, pre-standard QinQ
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
BROADCAST = "ff:ff:ff:ff:ff:ff"


class End(NamedTuple):
    """One end of a conversation: MAC address, IP address, port."""

    mac: str
    addr: str
    port: int = 0


class Frame(NamedTuple):
    """A frame with its capture time in nanoseconds."""

    ts: int
    data: bytes


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def packed(addr: str) -> bytes:
    return ipaddress.ip_address(addr).packed


def noise(label: str, length: int) -> bytes:
    """``length`` bytes that look random and are a function of ``label`` alone."""
    return hashlib.shake_128(label.encode()).digest(length)


def checksum(data: bytes) -> int:
    """Internet checksum (RFC 1071): the one's complement sum is the value modulo 0xffff."""
    if len(data) % 2:
        data += b"\0"
    number = int.from_bytes(data, "big")
    return 0xFFFF - (number % 0xFFFF or (0xFFFF if number else 0))


# --- layer 2 --------------------------------------------------------------------------------------
def ethernet(
    src: str,
    dst: str,
    payload: bytes,
    ethertype: int | None = None,
    vlan: Sequence[int | tuple[int, int]] | int | None = None,
    *,
    pad: bool = False,
) -> bytes:
    """An Ethernet II frame; the EtherType is told by the IP version when not given.

    ``vlan`` is a VID, or a sequence from the outermost tag on, each a VID (TPID 0x8100) or
    (TPID, TCI). ``pad`` fills up to 60 bytes as a network card does.
    """
    if ethertype is None:
        ethertype = ETH_IPV6 if payload[:1] and payload[0] >> 4 == 6 else ETH_IPV4
    tags = () if vlan is None else (vlan,) if isinstance(vlan, int) else vlan
    head = mac(dst) + mac(src)
    for tag in tags:
        tpid, tci = (TPID_C, tag) if isinstance(tag, int) else tag
        head += struct.pack("!HH", tpid, tci)
    frame = head + struct.pack("!H", ethertype) + payload
    return frame.ljust(60, b"\0") if pad else frame


def arp(src: End, target: str, *, reply_to: str | None = None, vlan: int | None = None) -> bytes:
    """An ARP request for ``target``, or the reply of ``src`` to the MAC ``reply_to`` (RFC 826)."""
    operation = 1 if reply_to is None else 2
    body = struct.pack("!HHBBH", 1, ETH_IPV4, 6, 4, operation) + mac(src.mac) + packed(src.addr)
    body += (b"\0" * 6 if reply_to is None else mac(reply_to)) + packed(target)
    return ethernet(src.mac, reply_to or BROADCAST, body, ETH_ARP, vlan, pad=True)


# --- layer 3 --------------------------------------------------------------------------------------
def ipv4(
    src: str,
    dst: str,
    proto: int,
    payload: bytes,
    *,
    ttl: int = 64,
    ident: int = 0,
    offset: int = 0,
    more: bool = False,
    dont: bool = False,
    tos: int = 0,
    options: bytes = b"",
    total: int | None = None,
) -> bytes:
    """An IPv4 packet (RFC 791); ``offset`` in bytes, ``total`` overrides the total length."""
    header_length = 20 + len(options)
    flags = (0x4000 if dont else 0) | (0x2000 if more else 0) | offset // 8
    head = struct.pack(
        "!BBHHHBBH4s4s",
        0x40 | header_length // 4, tos, header_length + len(payload) if total is None else total,
        ident, flags, ttl, proto, 0, packed(src), packed(dst),
    ) + options  # fmt: skip
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(
    src: str,
    dst: str,
    proto: int,
    payload: bytes,
    *,
    hop: int = 64,
    extensions: Sequence[tuple[int, bytes]] = (),
) -> bytes:
    """An IPv6 packet (RFC 8200); ``extensions`` are (header number, its bytes from byte 1 on)."""
    numbers = [number for number, _ in extensions] + [proto]
    body = b"".join(bytes([numbers[i + 1]]) + rest for i, (_, rest) in enumerate(extensions)) + payload
    return struct.pack("!IHBB", 6 << 28, len(body), numbers[0], hop) + packed(src) + packed(dst) + body


def ip(src: str, dst: str, proto: int, payload: bytes, *, ttl: int = 64, ident: int = 0) -> bytes:
    """An IP packet of the version of its addresses."""
    if ":" in src:
        return ipv6(src, dst, proto, payload, hop=ttl)
    return ipv4(src, dst, proto, payload, ttl=ttl, ident=ident)


# --- layer 4 --------------------------------------------------------------------------------------
def _pseudo(src: str, dst: str, proto: int, length: int) -> bytes:
    a, b = packed(src), packed(dst)
    if len(a) == 4:
        return a + b + struct.pack("!BBH", 0, proto, length)
    return a + b + struct.pack("!II", length, proto)


def udp(src: End, dst: End, payload: bytes, *, checksummed: bool = True) -> bytes:
    """A UDP datagram (RFC 768) with the checksum of its pseudo header."""
    head = struct.pack("!HHHH", src.port, dst.port, 8 + len(payload), 0)
    if not checksummed:
        return head + payload
    value = checksum(_pseudo(src.addr, dst.addr, UDP, 8 + len(payload)) + head + payload) or 0xFFFF
    return head[:6] + struct.pack("!H", value) + payload


def tcp(
    src: End,
    dst: End,
    payload: bytes = b"",
    *,
    seq: int = 0,
    ack: int = 0,
    flags: int = ACK,
    window: int = 64240,
    options: bytes = b"",
) -> bytes:
    """A TCP segment (RFC 9293); ``options`` must fill whole words."""
    words = (5 + len(options) // 4) << 4
    head = struct.pack("!HHIIBBHHH", src.port, dst.port, seq % 2**32, ack % 2**32, words, flags, window, 0, 0)
    head += options
    value = checksum(_pseudo(src.addr, dst.addr, TCP, len(head) + len(payload)) + head + payload)
    return head[:16] + struct.pack("!H", value) + head[18:] + payload


def icmp(kind: int, code: int, rest: bytes = b"\0" * 4, payload: bytes = b"") -> bytes:
    """An ICMP message (RFC 792); ``rest`` is the second word."""
    body = struct.pack("!BBH", kind, code, 0) + rest + payload
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def udp_frame(src: End, dst: End, payload: bytes, *, vlan: int | None = None, ttl: int = 64) -> bytes:
    """A whole UDP frame from ``src`` to ``dst``."""
    packet = ip(src.addr, dst.addr, UDP, udp(src, dst, payload), ttl=ttl)
    return ethernet(src.mac, dst.mac, packet, vlan=vlan)


def icmp_frame(src: End, dst: End, message: bytes, *, vlan: int | None = None, ttl: int = 64) -> bytes:
    """A whole ICMP frame from ``src`` to ``dst``."""
    return ethernet(src.mac, dst.mac, ip(src.addr, dst.addr, ICMP, message, ttl=ttl), vlan=vlan)


class Talk:
    """A TCP conversation that keeps both sequence numbers; every method gives one frame's bytes."""

    MSS = 1460

    def __init__(
        self, client: End, server: End, *, vlan: int | None = None, isn: tuple[int, int] = (1000, 900000)
    ):
        self.ends = (client, server)
        self.vlan = vlan
        self.next = list(isn)

    def segment(self, side: int, payload: bytes = b"", flags: int = ACK, options: bytes = b"") -> bytes:
        """A segment from side 0 (client) or 1 (server) at its present sequence number."""
        src, dst = self.ends[side], self.ends[1 - side]
        ack = self.next[1 - side] if flags & ACK else 0
        data = tcp(src, dst, payload, seq=self.next[side], ack=ack, flags=flags, options=options)
        self.next[side] += len(payload) + bool(flags & SYN) + bool(flags & FIN)
        return ethernet(src.mac, dst.mac, ip(src.addr, dst.addr, TCP, data), vlan=self.vlan)

    def syn(self) -> bytes:
        return self.segment(0, flags=SYN, options=struct.pack("!BBH", 2, 4, self.MSS))

    def syn_ack(self) -> bytes:
        return self.segment(1, flags=SYN | ACK, options=struct.pack("!BBH", 2, 4, self.MSS))

    def handshake(self) -> list[bytes]:
        return [self.syn(), self.syn_ack(), self.segment(0)]

    def send(self, side: int, payload: bytes) -> list[bytes]:
        """``payload`` in segments of at most MSS bytes, and the other side's acknowledgement."""
        cuts = range(0, len(payload), self.MSS)
        out = [self.segment(side, payload[i : i + self.MSS], PSH | ACK) for i in cuts]
        return [*out, self.segment(1 - side)]

    def close(self, side: int = 0) -> list[bytes]:
        return [
            self.segment(side, flags=FIN | ACK),
            self.segment(1 - side, flags=FIN | ACK),
            self.segment(side),
        ]

    def reset(self, side: int = 1) -> bytes:
        return self.segment(side, flags=RST | ACK)


# --- captures -------------------------------------------------------------------------------------
def pcap_header(*, link: int = 1, snaplen: int = 262144, nano: bool = False, order: str = "<") -> bytes:
    """The file header of a pcap capture; ``order`` is ``<`` or ``>``."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)


def pcap_record(
    ts: int,
    data: bytes,
    *,
    snaplen: int = 262144,
    nano: bool = False,
    order: str = "<",
    wire: int | None = None,
) -> bytes:
    """One record; ``wire`` tells the length the frame had when it is not ``len(data)``."""
    seconds, rest = divmod(ts, NS)
    cut = data[:snaplen]
    fraction = rest if nano else rest // 1000
    return struct.pack(order + "IIII", seconds, fraction, len(cut), len(data) if wire is None else wire) + cut


def pcap(
    frames: Iterable[tuple[int, bytes]],
    *,
    link: int = 1,
    snaplen: int = 262144,
    nano: bool = False,
    order: str = "<",
) -> bytes:
    """A whole pcap capture of (time, frame)."""
    records = (pcap_record(ts, data, snaplen=snaplen, nano=nano, order=order) for ts, data in frames)
    return pcap_header(link=link, snaplen=snaplen, nano=nano, order=order) + b"".join(records)


def write_pcap(file: BinaryIO, frames: Iterable[tuple[int, bytes]], *, nano: bool = False) -> int:
    """Writes an Ethernet capture and gives the number of frames."""
    file.write(pcap_header(nano=nano))
    count = 0
    for ts, data in frames:
        file.write(pcap_record(ts, data, nano=nano))
        count += 1
    return count
