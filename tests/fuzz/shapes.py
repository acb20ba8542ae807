# SPDX-License-Identifier: Apache-2.0
"""The worst traffic we can think of, as many frames of it as asked for: (time, frame), in capture order."""

import struct

from egresswatch.demo import payloads
from egresswatch.demo.frames import NS

T0 = 1_700_000_000 * NS
CAMERA, ROUTER = bytes.fromhex("c056e3000001"), bytes.fromhex("00005e000101")
INSIDE, RESOLVER, OUTSIDE = 0x0A140005, 0x0A140001, 0xCB007107
HELLO = payloads.client_hello("a.hik-connect.com")
US, MS = 1000, 1_000_000
SYN, RST, PSH_ACK = 2, 4, 24


def eth(packet, src=CAMERA, dst=ROUTER, tags=b""):
    return dst + src + tags + b"\x08\x00" + packet


def ip4(src, dst, proto, body, ident=0, frag=0):
    size = 20 + len(body)
    return struct.pack("!BBHHHBBHII", 0x45, 0, size, ident & 0xFFFF, frag, 64, proto, 0, src, dst) + body


def udp4(src, dst, sport, dport, body, number):
    return ip4(src, dst, 17, struct.pack("!HHHH", sport, dport, 8 + len(body), 0) + body, number)


def tcp4(src, dst, sport, dport, body=b"", seq=0, ack=0, flags=PSH_ACK, number=0):
    head = struct.pack("!HHIIBBHHH", sport, dport, seq % 2**32, ack % 2**32, 0x50, flags, 64240, 0, 0)
    return ip4(src, dst, 6, head + body, number)


def maker(number):
    """A MAC of a camera maker."""
    return CAMERA[:3] + struct.pack("!I", number)[1:]


def word(number):
    return struct.pack("!I", number)


# --- keys -----------------------------------------------------------------------------------------
def one_key(n):
    """All packets are of one flow."""
    for k in range(n):
        yield T0 + k * US, eth(udp4(INSIDE, OUTSIDE, 1000, 2000, word(k), k))


def all_keys_new(n):
    """Each packet opens a connection to another address."""
    for k in range(n):
        yield T0 + k * US, eth(tcp4(INSIDE, 0xCB000000 + k, 1000 + k % 50000, 443, flags=SYN, number=k))


def one_moment(n):
    """The same, and all at the same nanosecond."""
    for _, frame in all_keys_new(n):
        yield T0, frame


def tag_stacks(n):
    """One pair of ends, in another pair of VLANs each time."""
    for k in range(n):
        tags = struct.pack("!HHHH", 0x88A8, k & 0xFFF, 0x8100, k >> 12 & 0xFFF)
        yield T0 + k * US, eth(udp4(INSIDE, OUTSIDE, 1000, 2000, word(k), k), tags=tags)


def reset_and_again(n):
    """One connection, opened and reset over and over within microseconds."""
    for k in range(n):
        flags = RST if k & 1 else SYN
        yield T0 + k * 10, eth(tcp4(INSIDE, OUTSIDE, 1000, 443, seq=k, flags=flags, number=k))


def wrapping(n):
    """Sequence numbers that jump by three packets each time, and around."""
    for k in range(n):
        data = tcp4(INSIDE, OUTSIDE, 1000, 443, bytes(100), 0xFFFF0000 + k * 300, k * 7, number=k)
        yield T0 + k * US, eth(data)


# --- fragments ------------------------------------------------------------------------------------
def fragments(n):
    """Datagrams in pieces that never end."""
    for k in range(n):
        yield T0 + k * US, eth(ip4(INSIDE, OUTSIDE, 17, bytes(64), k // 4, 0x2000 | k % 4 * 8))


def later_fragments(n):
    """Only pieces whose beginning nobody saw."""
    for k in range(n):
        yield T0 + k * US, eth(ip4(INSIDE, OUTSIDE, 17, bytes(64), k, 0x2000 | 1 + k % 8000))


def overlapping_fragments(n):
    """Pieces of one datagram over one another."""
    for k in range(n):
        yield T0 + k * US, eth(ip4(INSIDE, OUTSIDE, 17, bytes(64), 7, 0x2000 | k * 3 % 8000))


# --- payloads -------------------------------------------------------------------------------------
def answers(n, step=US):
    """DNS answers of 50 new addresses each, of a name that raises alerts."""
    for k in range(n):
        told = b"".join(
            b"\xc0\x0c" + struct.pack("!HHIHI", 1, 1, 300, 4, 0x0B000000 + (k * 50 + i)) for i in range(50)
        )
        name = payloads.dns_name(f"x{k}.hik-connect.com") + struct.pack("!HH", 1, 1)
        body = struct.pack("!HHHHHH", k & 0xFFFF, 0x8180, 1, 50, 0, 0) + name + told
        yield T0 + k * step, eth(udp4(RESOLVER, INSIDE, 53, 4000 + k % 60000, body, k), ROUTER, CAMERA)


def slow_answers(n):
    """The same, one a second."""
    return answers(n, NS)


def hellos(n):
    """A ClientHello on a new connection each time."""
    for k in range(n):
        yield T0 + k * US, eth(tcp4(INSIDE, 0xCB000000 + k, 1000 + k % 50000, 443, HELLO, number=k))


def single_bytes(n):
    """HTTP requests whose header comes byte by byte and never ends."""
    text = b"GET / HTTP/1.1\r\nX: " + b"a" * 20000
    for k in range(n):
        flow, at = divmod(k, 20000)
        body = text[at + 18 : at + 19] if at else text[:19]
        seq = at + 18 if at else 0
        yield T0 + k * US, eth(tcp4(INSIDE, OUTSIDE + flow, 1000, 80, body, seq, number=k))


def requests(n):
    """HTTP requests for another host each time, all on one connection."""
    for k in range(n):
        text = f"GET /{k} HTTP/1.1\r\nHost: h{k}.hik-connect.com\r\nX: ".encode().ljust(96, b"x")
        text += b"\r\n\r\n"
        yield T0 + k * US, eth(tcp4(INSIDE, OUTSIDE, 1000, 80, text, k * len(text), number=k))


def announcements(n):
    """mDNS from thousands of hosts, each with another name every time."""
    for k in range(n):
        text = payloads.mdns_announcement(f"cam{k}", "10.0.0.1", ["_http._tcp.local"] * 5)
        host = k % 5000
        yield T0 + k * US, eth(udp4(INSIDE + host, 0xE00000FB, 5353, 5353, text, k), maker(host))


# --- hosts ----------------------------------------------------------------------------------------
def cameras(n):
    """Each packet is the first of another camera; its MAC ends as its address does."""
    for k in range(n):
        yield T0 + k * US, eth(udp4(0x0A000000 + k, OUTSIDE, 1000, 2000, word(k), k), maker(k))


def late_cameras(n):
    """Much traffic of one camera first, then camera after camera shows itself."""
    early = n // 2
    for k in range(early):
        yield T0 + k * US, eth(udp4(INSIDE, 0xCB000000 + k, 1000 + k % 60000, 2000, b"x", k))
    for k in range(n - early):
        host = 0x0A000000 + k
        yield T0 + 200 * NS + k * MS, eth(udp4(host, OUTSIDE, 1000, 2000, word(k), k), maker(k))


def routers(n):
    """Host after host turns out to be a router."""
    hosts = n // 2
    for k in range(n):
        source = (0x0A000000 if k < hosts else 0x0B000000) + k % hosts
        yield T0 + k * US, eth(udp4(source, RESOLVER, 1000, 2000, word(k), k), maker(k % hosts))


def turning_hosts(n):
    """Hosts that change their address all the time."""
    for k in range(n):
        host = 0x0A000000 + k * 7919 % 200000
        yield T0 + k * US, eth(udp4(host, OUTSIDE, k % 65536, 2000, word(k), k), maker(k % 3000))


# --- time -----------------------------------------------------------------------------------------
def hours_apart(n):
    """A packet an hour, for years."""
    for k in range(n):
        data = tcp4(INSIDE, 0xCB000000 + k % 7, 1000 + k % 50000, 443, bytes(200), number=k)
        yield T0 + k * 3600 * NS, eth(data)


def silent_week(n):
    """Connections, a week of nothing, connections."""
    for k in range(n):
        gap = 7 * 86400 * NS if 2 * k >= n else 0
        yield T0 + gap + k * US, eth(tcp4(INSIDE, 0xCB000000 + k, 1000, 443, bytes(200), number=k))


def far_future(n):
    """1970, then one packet of 2106, then today: the packet clock stands still."""
    for k, (ts, frame) in enumerate(hellos(n)):
        if k < n // 3:
            yield k, frame
        else:
            yield (2**32 - 1) * NS if k == n // 3 else ts, frame


# --- beside the flows, and readers -----------------------------------------------------------------
def arp(host, sender):
    body = struct.pack("!HHBBH6sI6sI", 1, 0x800, 6, 4, 1, sender, host, bytes(6), RESOLVER)
    return b"\xff" * 6 + sender + b"\x08\x06" + body.ljust(46, b"\0")


def arp_crowd(n):
    """One address, claimed from another camera's MAC each time."""
    for k in range(n):
        yield T0 + k * US, arp(INSIDE, maker(k))


def arp_a_second(n):
    """A quiet network: an ARP frame a second."""
    for k in range(n):
        yield T0 + k * NS, arp(INSIDE + k % 9, maker(k % 9))


def lldp(n):
    """Announcements of many fields, never the same."""
    def field(kind, value):
        return struct.pack("!H", kind << 9 | len(value)) + value

    for k in range(n):
        said = b"".join(field(4, b"%d-%d" % (k, i)) for i in range(20))
        body = field(1, b"\x07c") + field(2, b"\x07p") + field(3, b"\0\x78") + said + b"\0\0"
        yield T0 + k * US, bytes.fromhex("0180c200000e") + maker(k % 50) + b"\x88\xcc" + body


def forged_senders(n):
    """A camera's address from ever other MACs."""
    for k in range(n):
        packet = tcp4(INSIDE, 0xCB000000 + k, 1000 + k % 50000, 8443, b"x", 1, number=k)
        yield T0 + k * US, eth(packet, CAMERA if k < 9 else b"\x02\x01" + word(k))


def proxied(n):
    """A connection through another host of the site each time."""
    for k in range(n):
        text = f"CONNECT h{k}.hik-connect.com:443 HTTP/1.1\r\n\r\n".encode()
        proxy = 0x0A150000 + k // 50000
        yield T0 + k * US, eth(tcp4(INSIDE, proxy, 1000 + k % 50000, 3128, text, 1, number=k))


def media(n):
    """Three packets of a source of media, then another source."""
    for k in range(n):
        source, at = divmod(k, 3)
        head = struct.pack("!BBHII", 0x80, 96, at + 1, 3000 * at, source + 1)
        body = udp4(INSIDE, OUTSIDE, 20000 + source // 5 % 40000, 4000, head + bytes(40), k)
        yield T0 + k * US, eth(body)


def crumbs(n):
    """TLS records of one byte each, a segment each, of a hello that never ends."""
    for k in range(n):
        flow, at = divmod(k, 5000)
        record = b"\x16\x03\x01\x00\x01" + b"\x01\x01\xff\xff"[at : at + 1].ljust(1, b"\0")
        if at == 0:
            record = b"\x16\x03\x01\x00\x04\x01\x01\xff\xff"
        seq = at * 6 + 3 if at else 0
        yield T0 + k * US, eth(tcp4(INSIDE, OUTSIDE + flow, 1000, 443, record, seq, number=k))


ALL = (
    one_key, all_keys_new, one_moment, tag_stacks, reset_and_again, wrapping, fragments, later_fragments,
    overlapping_fragments, answers, slow_answers, hellos, single_bytes, requests, announcements, cameras,
    late_cameras, routers, turning_hosts, hours_apart, silent_week, far_future, arp_crowd,
    arp_a_second, lldp, forged_senders, proxied, media, crumbs,
)  # fmt: skip
