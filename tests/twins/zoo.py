# SPDX-License-Identifier: Apache-2.0
"""One frame of every kind that decode knows: link types, tags, encapsulations, tunnels.

``LINKS`` and ``TAGS`` all carry the same IPv4 or IPv6 packet, ``TUNNELS`` carry it inside another.
"""

import struct
from typing import NamedTuple

from egresswatch.demo.frames import ACK, End, ethernet, ipv4, ipv6, mac, tcp, udp

A = End("02:00:00:00:00:0a", "10.20.0.5", 40001)
B = End("02:00:00:00:00:0b", "203.0.113.9", 40002)
A6 = A._replace(addr="fd00::20:5")
B6 = B._replace(addr="2001:db8::9")
TEXT = b"twenty bytes of text"
P4 = ipv4(A.addr, B.addr, 17, udp(A, B, TEXT))
P6 = ipv6(A6.addr, B6.addr, 17, udp(A6, B6, TEXT))
T4 = ipv4(A.addr, B.addr, 6, tcp(A, B, TEXT, seq=7, ack=9, flags=ACK))
SNAP = b"\xaa\xaa\x03\0\0\0"
V4, V6 = b"\x08\x00", b"\x86\xdd"
MA, MB = mac(A.mac), mac(B.mac)


class Kind(NamedTuple):
    """A frame of the zoo."""

    name: str
    link: int
    data: bytes
    tags: tuple[int, ...] = ()
    tunnel: str = ""
    tshark: bool = True
    """Does tshark 4.0 read the packet inside without being configured?"""


def wifi(flags: int, body: bytes, *, qos: bytes = b"", control: int = 0x08, fourth: bytes = b"") -> bytes:
    """An 802.11 data frame (IEEE 802.11 §9.3.2.1); MB is the access point's other side."""
    bss = b"\x02\0\0\0\0\x0c"
    order = {0: (MB, MA, bss), 1: (bss, MA, MB), 2: (MB, bss, MA), 3: (bss, bss, MB)}
    first, second, third = order[flags & 3]
    head = bytes([control | (0x80 if qos else 0), flags]) + b"\0\0" + first + second + third + b"\x10\0"
    return head + fourth + qos + body


def radiotap(frame: bytes, *, flags: int | None = None, tsft: bool = False, more: bool = False) -> bytes:
    """A radiotap header (radiotap.org) before an 802.11 frame."""
    present = (1 if tsft else 0) | (2 if flags is not None else 0)
    body = struct.pack("<II", present | 0x80000000, 0) if more else struct.pack("<I", present)
    if tsft:
        body += b"\0" * (-(4 + len(body)) % 8) + b"\1" * 8
    if flags is not None:
        body += bytes([flags])
    return struct.pack("<BBH", 0, 0, 4 + len(body)) + body + frame


def ppi(link: int, frame: bytes) -> bytes:
    return struct.pack("<BBHI", 0, 0, 8, link) + frame


def nflog(family: int, packet: bytes) -> bytes:
    """NFLOG (tcpdump.org LINKTYPE_NFLOG): a prefix attribute, then the payload attribute."""
    return (
        struct.pack("<BBH", family, 0, 0) + struct.pack("<HH", 9, 10) + b"eggs\0\0\0\0"
        + struct.pack("<HH", 4 + len(packet), 9) + packet
    )  # fmt: skip


def sll(kind: bytes, body: bytes, *, length: int = 6) -> bytes:
    return struct.pack(">HHH", 0, 1, length) + MA + b"\0\0" + kind + body


def sll2(kind: bytes, body: bytes, *, length: int = 6) -> bytes:
    return kind + struct.pack(">HIHBB", 0, 3, 1, 0, length) + MA + b"\0\0" + body


def dot3(body: bytes) -> bytes:
    """An IEEE 802.3 frame: a length, then 802.2."""
    return MB + MA + struct.pack(">H", len(body)) + body


def pppoe(body: bytes) -> bytes:
    return struct.pack(">BBHH", 0x11, 0, 7, len(body)) + body


def label(value: int, *, last: bool) -> bytes:
    return struct.pack(">I", value << 12 | last << 8 | 64)


ETH4, ETH6 = ethernet(A.mac, B.mac, P4), ethernet(A.mac, B.mac, P6)
LINKS = (
    Kind("ethernet v4", 1, ETH4), Kind("ethernet v6", 1, ETH6),
    Kind("ethernet padded", 1, ETH4 + b"\0" * 18),
    Kind("802.3 snap", 1, dot3(SNAP + V4 + P4)), Kind("802.3 sap 6", 1, dot3(b"\x06\x06\x03" + P4)),
    Kind("802.3 snap rfc1042 bridge", 1, dot3(b"\xaa\xaa\x03\0\0\xf8" + V4 + P4), tshark=False),
    Kind("raw 12", 12, P4, tshark=False), Kind("raw 14", 14, P4, tshark=False),
    Kind("raw 101", 101, P4), Kind("raw 101 v6", 101, P6),
    Kind("ipv4 228", 228, P4), Kind("ipv6 229", 229, P6),
    Kind("null little", 0, struct.pack("<I", 2) + P4), Kind("null big", 0, struct.pack(">I", 2) + P4),
    *(Kind(f"null v6 {n}", 0, struct.pack("<I", n) + P6) for n in (24, 28, 30)),
    Kind("null v6 linux", 0, struct.pack("<I", 10) + P6, tshark=False),
    Kind("loop", 108, struct.pack(">I", 2) + P4), Kind("loop v6", 108, struct.pack(">I", 30) + P6),
    Kind("sll", 113, sll(V4, P4)), Kind("sll v6", 113, sll(V6, P6)),
    Kind("sll no mac", 113, sll(V4, P4, length=0)), Kind("sll llc", 113, sll(b"\0\4", SNAP + V4 + P4)),
    Kind("sll tag", 113, sll(b"\x81\x00", b"\0\x14" + V4 + P4), (20,)),
    Kind("sll2", 276, sll2(V4, P4)), Kind("sll2 v6", 276, sll2(V6, P6)),
    Kind("sll2 no mac", 276, sll2(V4, P4, length=0)), Kind("sll2 llc", 276, sll2(b"\0\4", SNAP + V4 + P4)),
    Kind("ppp", 9, b"\xff\x03\0\x21" + P4), Kind("ppp bare", 9, b"\0\x57" + P6),
    Kind("ppp short", 9, b"\x21" + P4),
    Kind("ppp hdlc", 50, b"\xff\x03\0\x21" + P4), Kind("ppp cisco", 50, b"\x0f\0\x08\0" + P4),
    Kind("ppp direction", 204, b"\0\xff\x03\0\x21" + P4),
    Kind("pppoe", 51, pppoe(b"\0\x21" + P4), tshark=False),
    Kind("c-hdlc", 104, b"\x0f\0" + V4 + P4),
    Kind("c-hdlc direction", 205, b"\0\x0f\0" + V4 + P4, tshark=False),
    Kind("frame relay", 107, b"\x18\x41\x03\xcc" + P4), Kind("frame relay v6", 107, b"\x18\x41\x03\x8e" + P6),
    Kind("frame relay pad", 107, b"\x18\x41\x03\0\xcc" + P4, tshark=False),
    Kind("frame relay snap", 107, b"\x18\x41\x03\0\x80\0\0\0" + V4 + P4),
    Kind("frame relay cisco", 107, b"\x18\x41" + V4 + P4, tshark=False),
    Kind("frame relay long", 107, b"\x18\x40\x40\x41\x03\xcc" + P4, tshark=False),
    *(Kind(f"wifi {f}", 105, wifi(f, SNAP + V4 + P4, fourth=MA if f == 3 else b"")) for f in range(4)),
    Kind("wifi qos", 105, wifi(1, SNAP + V4 + P4, qos=b"\0\0")),
    Kind("wifi qos order", 105, wifi(0x81, SNAP + V4 + P4, qos=b"\0\0\0\0\0\0")),
    Kind("wifi a-msdu", 105, wifi(1, dot3(SNAP + V4 + P4), qos=b"\x80\0")),
    Kind("radiotap", 127, radiotap(wifi(2, SNAP + V6 + P6))),
    Kind("radiotap flags", 127, radiotap(wifi(1, SNAP + V4 + P4), flags=0)),
    Kind("radiotap padded", 127,
         radiotap(wifi(1, SNAP + V4 + P4, qos=b"\0\0\0\0"), flags=0x20, tsft=True)),
    Kind("radiotap more", 127,
         radiotap(wifi(1, SNAP + V4 + P4, qos=b"\0\0\0\0"), flags=0x20, tsft=True, more=True)),
    Kind("prism", 119, b"\0\0\0\x44\0\0\0\x90" + b"\0" * 136 + wifi(1, SNAP + V4 + P4), tshark=False),
    Kind("avs", 163, struct.pack(">II", 0x80211001, 64) + b"\0" * 56 + wifi(1, SNAP + V4 + P4)),
    Kind("nflog", 239, nflog(2, P4)), Kind("nflog v6", 239, nflog(10, P6)),
    Kind("ppi ethernet", 192, ppi(1, ETH4)), Kind("ppi wifi", 192, ppi(105, wifi(1, SNAP + V4 + P4))),
    Kind("ppi raw", 192, ppi(101, P6)),
    Kind("ipnet", 226, b"\1\2" + b"\0" * 22 + P4, tshark=False),
    Kind("802.3br", 274, b"\x55" * 7 + b"\xd5" + ETH4, tshark=False),
)  # fmt: skip

TAGGED = (
    Kind("8100", 1, ethernet(A.mac, B.mac, P4, vlan=20), (20,)),
    Kind("8100 priority", 1, ethernet(A.mac, B.mac, P4, vlan=[(0x8100, 0xE014)]), (20,)),
    Kind("8100 vid 0", 1, ethernet(A.mac, B.mac, P4, vlan=0), (0,)),
    Kind("88a8", 1, ethernet(A.mac, B.mac, P6, vlan=[(0x88A8, 5)]), (5,)),
    Kind("9100", 1, ethernet(A.mac, B.mac, P4, vlan=[(0x9100, 6)]), (6,)),
    Kind("qinq", 1, ethernet(A.mac, B.mac, P4, vlan=[(0x88A8, 5), 20]), (5, 20)),
    Kind("8100 8100", 1, ethernet(A.mac, B.mac, P6, vlan=[7, 20]), (7, 20)),
    Kind("three tags", 1, ethernet(A.mac, B.mac, P4, vlan=[5, 6, 7]), (5, 6)),
    Kind("tag then llc", 1,
         MB + MA + b"\x81\0\0\x14" + struct.pack(">H", 8 + len(P4)) + SNAP + V4 + P4, (20,)),
    Kind("pppoe", 1, ethernet(A.mac, B.mac, pppoe(b"\0\x21" + P4), 0x8864)),
    Kind("tag pppoe v6", 1, ethernet(A.mac, B.mac, pppoe(b"\0\x57" + P6), 0x8864, vlan=20), (20,)),
    Kind("mpls", 1, ethernet(A.mac, B.mac, label(16, last=True) + P4, 0x8847)),
    Kind("mpls stack v6", 1,
         ethernet(A.mac, B.mac, label(16, last=False) + label(17, last=True) + P6, 0x8847)),
    Kind("mpls multicast", 1, ethernet(A.mac, B.mac, label(16, last=True) + P4, 0x8848)),
    Kind("mpls ethernet", 1, ethernet(A.mac, B.mac, label(16, last=True) + b"\0\0\0\0" + ETH4, 0x8847),
         tshark=False),
    Kind("tag mpls ethernet tag", 1,
         ethernet(A.mac, B.mac, label(16, last=True) + b"\0\0\0\0" + ethernet(A.mac, B.mac, P4, vlan=9),
                  0x8847, vlan=20), (20, 9), tshark=False),
    Kind("fabricpath", 1, MB + MA + b"\x89\x03\0\0" + ETH4),
    Kind("cisco metadata", 1, ethernet(A.mac, B.mac, b"\1\1\0\1\0\2" + V4 + P4, 0x8909)),
    Kind("macsec clear", 1, ethernet(A.mac, B.mac, b"\0\0\0\0\0\1" + V4 + P4, 0x88E5), tshark=False),
    Kind("macsec clear sci", 1, ethernet(A.mac, B.mac, b"\x20\0\0\0\0\1" + b"\1" * 8 + V4 + P4, 0x88E5),
         tshark=False),
)  # fmt: skip


def outer4(proto: int, body: bytes) -> bytes:
    return ethernet(A.mac, B.mac, ipv4("192.0.2.1", "192.0.2.2", proto, body), vlan=4)


def outer_udp(sport: int, dport: int, body: bytes) -> bytes:
    return outer4(17, udp(End("", "192.0.2.1", sport), End("", "192.0.2.2", dport), body))


def gre(proto: int, body: bytes, *, key: bool = False, seq: bool = False, check: bool = False) -> bytes:
    """GRE (RFC 2784, 2890)."""
    flags = 0x8000 * check | 0x2000 * key | 0x1000 * seq
    fields = b"\0\0\0\0" * check + b"\0\0\0\1" * key + b"\0\0\0\2" * seq
    return struct.pack(">HH", flags, proto) + fields + body


INSIDE = ethernet(A.mac, B.mac, P4, vlan=20)
ERSPAN2 = struct.pack(">HHI", 0x1014, 0x0001, 0)
ERSPAN3 = struct.pack(">HHIHH", 0x2014, 0x0001, 0, 0, 0)
TEREDO_AUTH = b"\0\1\2\3" + b"id" + b"key" + b"n" * 8 + b"\0"
TUNNELS = (
    Kind("gre v4", 1, outer4(47, gre(0x0800, P4)), (), "gre"),
    Kind("gre v6 key seq", 1, outer4(47, gre(0x86DD, P6, key=True, seq=True)), (), "gre"),
    Kind("gre checksum", 1, outer4(47, gre(0x0800, P4, check=True)), (), "gre"),
    Kind("gre bridge", 1, outer4(47, gre(0x6558, INSIDE, key=True)), (20,), "gre"),
    Kind("pptp", 1, outer4(47, struct.pack(">HHHHII", 0x3081, 0x880B, 0, 1, 2, 3) + b"\xff\x03\0\x21" + P4),
         (), "gre"),
    Kind("pptp bare", 1,
         outer4(47, struct.pack(">HHHHI", 0x3001, 0x880B, 0, 1, 2) + b"\x21" + P4), (), "gre"),
    Kind("erspan i", 1, outer4(47, gre(0x88BE, INSIDE)), (20,), "erspan"),
    Kind("erspan ii", 1, outer4(47, gre(0x88BE, ERSPAN2 + INSIDE, seq=True)), (20,), "erspan"),
    Kind("erspan iii", 1, outer4(47, gre(0x22EB, ERSPAN3 + INSIDE, seq=True)), (20,), "erspan"),
    Kind("erspan iii sub", 1,
         outer4(47, gre(0x22EB, ERSPAN3[:11] + b"\1" + b"\0" * 8 + INSIDE, seq=True)), (20,), "erspan"),
    Kind("vxlan", 1, outer_udp(50000, 4789, b"\x08\0\0\0\0\0\7\0" + INSIDE), (20,), "vxlan"),
    Kind("geneve", 1, outer_udp(50000, 6081, b"\0\0\x65\x58\0\0\7\0" + INSIDE), (20,), "geneve"),
    Kind("geneve options v4", 1, outer_udp(50000, 6081, b"\2\0\x08\0\0\0\7\0" + b"\0\0\1\1abcd" + P4), (),
         "geneve"),
    Kind("ipip", 1, outer4(4, P4), (), "ipip"), Kind("6in4", 1, outer4(41, P6), (), "6in4"),
    Kind("gtp-u", 1, outer_udp(2152, 2152, b"\x30\xff" + struct.pack(">HI", len(P4), 9) + P4), (), "gtpu"),
    Kind("gtp-u extension", 1,
         outer_udp(2152, 2152, b"\x34\xff" + struct.pack(">HI", len(P4) + 8, 9) + b"\0\0\0\x85\1\0\5\0" + P4),
         (), "gtpu"),
    Kind("tzsp", 1, outer_udp(50000, 37008, b"\1\0\0\1" + b"\0\x0a\1\xe0\1" + INSIDE), (20,), "tzsp"),
    Kind("teredo", 1, outer_udp(50000, 3544, P6), (), "teredo"),
    Kind("teredo indications", 1, outer_udp(3544, 50000, TEREDO_AUTH + b"\0\0\x12\x34\1\2\3\4" + P6), (),
         "teredo"),
)  # fmt: skip

ALL = LINKS + TAGGED + TUNNELS
