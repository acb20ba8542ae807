# SPDX-License-Identifier: Apache-2.0
"""Slow twin of the decode kernel: one frame in, what its PACKET row must say out.

Plain Python over ``bytes``; knows nothing of arrays, hashes or canonical ends: addresses are their
packed bytes, source and destination as sent.
"""

from collections import Counter
from dataclasses import dataclass, field

from link_twin import ENCRYPTED, IP, UNSUPPORTED, V4, V6, Cut, Place, first_header, need, number, to_network
from tunnels_twin import inside, is_wanted

PORTS = {6, 17, 136, 132, 33}
EXTENSIONS = {0, 43, 60}


@dataclass
class Packet:
    """The outermost packet that counts."""

    v6: bool = False
    src: bytes = b""
    dst: bytes = b""
    proto: int = 0
    ip_bytes: int = 0
    ports: tuple[int, int] | None = None
    ident: int = 0
    frag_off: int = 0
    more: bool = False
    seq: int = 0
    ack: int = 0
    tcp_flags: int = 0
    icmp: int = 0
    pay: int = -1
    pay_len: int = 0
    pay_cap: int = 0
    tags: tuple[int, ...] = ()
    dst_mac: bytes | None = None
    src_mac: bytes | None = None
    l4: int | None = None
    end: int = 0


@dataclass
class Decoded:
    """A frame's bucket, its packet when accounted, the packet it quotes, counters beside."""

    bucket: str
    packet: Packet | None = None
    quote: Packet | None = None
    counts: Counter = field(default_factory=Counter)


def decode(frame: bytes, wire: int | None = None, link: int = 1, wanted=frozenset()) -> Decoded:
    """What the decode kernel must say about this frame."""
    out = Decoded("non_ip")
    wire = max(len(frame), wire or 0)
    out.counts["truncated_frames"] += wire > len(frame)
    try:
        place = to_network(frame, first_header(frame, link))
    except Cut:
        out.bucket = "malformed_l2"
        return out
    if place.code == ENCRYPTED:
        out.counts["encrypted_wifi"] += 1
    if place.code == UNSUPPORTED:
        out.bucket = "unsupported_linktype"
    if place.code not in (V4, V6, IP):
        return out
    version = ip_version(frame, place)
    if not version:
        out.bucket = "malformed_l3"
        return out
    out.bucket = "accounted"
    packet = read_ip(frame, place, version, wire, out.counts)
    packet = open_tunnels(frame, packet, wire, wanted, out.counts)
    out.packet = packet
    out.counts["ip_bytes"] += packet.ip_bytes
    read_error(frame, packet, out)
    return out


def ip_version(data: bytes, place: Place) -> int:
    """4 or 6 when a whole and consistent header is there."""
    head = data[place.at :]
    if head and head[0] >> 4 == 4 and place.code != V6 and len(head) >= 20:
        size, total = (head[0] & 15) * 4, number(head, 2, ">H")
        return 4 if size >= 20 and (total == 0 or total >= size) else 0
    return 6 if head and head[0] >> 4 == 6 and place.code != V4 and len(head) >= 40 else 0


def read_ip(data: bytes, place: Place, version: int, wire: int, counts: Counter) -> Packet:
    """The IP and transport headers at a checked place; ``wire`` is where the frame ended on the wire."""
    at = place.at
    packet = Packet(version == 6, tags=place.tags, dst_mac=place.dst, src_mac=place.src)
    if version == 4:
        size = (data[at] & 15) * 4
        total, packet.ident, word, _, packet.proto = need(data, at + 2, ">HHHBB")
        packet.src, packet.dst = data[at + 12 : at + 16], data[at + 16 : at + 20]
        packet.frag_off, packet.more = (word & 0x1FFF) * 8, bool(word & 0x2000)
        counts["ip_options"] += size > 20
        counts["zero_ip_length"] += total == 0
        total = total or wire - at
        end, l4 = at + total, at + size
    else:
        length, packet.proto = need(data, at + 4, ">HB")
        packet.src, packet.dst = data[at + 8 : at + 24], data[at + 24 : at + 40]
        total = length + 40
        end, l4 = at + total, at + 40
        if length == 0:
            counts["zero_ipv6_length"] += 1
            end = wire if packet.proto in (0, 6, 17) else end
        l4 = walk_extensions(data[:end], l4, packet, counts)
    packet.ip_bytes = total
    counts["ip_length_beyond_frame"] += end > wire
    counts["super_frames"] += total > 1600
    counts["fragments_later"] += packet.frag_off > 0
    counts["fragments_first"] += packet.more and not packet.frag_off
    packet.end = min(end, len(data))
    read_transport(data[: packet.end], l4, end, packet, counts)
    packet.l4 = None if packet.frag_off else l4
    return packet


def walk_extensions(data: bytes, at: int, packet: Packet, counts: Counter) -> int | None:
    """Extension headers (RFC 8200 §4): place of the upper layer, None when it is not there."""
    seen = 0
    try:
        for _ in range(16):
            if packet.proto in EXTENSIONS:
                following, size = need(data, at, ">BB6x")[:2]
                packet.proto = following
                seen = 1
                need(data, at, f"{(size + 1) * 8}s")
                at += (size + 1) * 8
            elif packet.proto == 44:
                packet.proto, word, packet.ident = need(data, at, ">BxHI")
                packet.frag_off, packet.more = word & 0xFFF8, bool(word & 1)
                seen = 1
                at += 8
                if packet.frag_off:
                    return at
            else:
                return at
    except Cut:
        pass
    finally:
        counts["ipv6_extensions"] += seen
    return None


def read_transport(data: bytes, l4: int | None, end: int, packet: Packet, counts: Counter) -> None:
    """Ports, TCP fields, ICMP type, payload; ``data`` ends with the packet or the capture."""
    pay = None
    if packet.frag_off:
        pay = l4 if l4 is not None and l4 <= len(data) else None
    elif packet.proto in PORTS:
        try:
            if l4 is None:
                raise Cut
            packet.ports = need(data, l4, ">HH")
            if packet.proto == 6:
                packet.seq, packet.ack, words, packet.tcp_flags = need(data, l4 + 4, ">IIBB")
                if words >> 4 < 5:
                    raise Cut
                pay = l4 + (words >> 4) * 4
            else:
                need(data, l4, "8s")
                pay = l4 + 8
        except Cut:
            counts["malformed_l4"] += 1
    elif packet.proto in (1, 58) and l4 is not None and l4 + 2 <= len(data):
        packet.icmp = number(data, l4, ">H")
    if pay is not None and end > pay:
        packet.pay, packet.pay_len, packet.pay_cap = pay, end - pay, max(0, len(data) - pay)


def read_error(frame: bytes, packet: Packet, out: Decoded) -> None:
    """ICMP errors (RFC 792, 4443): counted; what an unreachable quotes is read."""
    if packet.proto not in (1, 58) or packet.l4 is None or packet.end - packet.l4 < 28:
        return
    kind = frame[packet.l4]
    if kind not in ((3, 4, 5, 11, 12) if packet.proto == 1 else (1, 2, 3, 4)):
        return
    out.counts["icmp_errors"] += 1
    if kind == (3 if packet.proto == 1 else 1):
        data, place = frame[: packet.end], Place(IP, packet.l4 + 8)
        version = ip_version(data, place)
        if version:
            out.quote = read_ip(data, place, version, packet.end, Counter())


def open_tunnels(frame: bytes, packet: Packet, wire: int, wanted, counts: Counter) -> Packet:
    """The packet inside, as long as the tunnel is wanted and what it holds is sound."""
    for _ in range(8):
        if packet.l4 is None or not is_wanted(packet.proto, wanted):
            break
        data = frame[: packet.end]
        try:
            place = to_network(data, inside(data, packet.proto, packet.l4, wanted))
            version = ip_version(data, place) if place.code in (V4, V6, IP) else 0
        except Cut:
            version = 0
        if not version:
            counts["unopened_tunnels"] += packet.proto != 17
            break
        inner = read_ip(data, place, version, wire, counts)
        if place.dst is None:  # no Ethernet inside: the MAC addresses are those of the frame
            inner.dst_mac, inner.src_mac = packet.dst_mac, packet.src_mac
        packet = inner
        counts["opened_tunnels"] += 1
    return packet
