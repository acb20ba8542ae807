# SPDX-License-Identifier: Apache-2.0
"""Random packets of a small world: few hosts and ports, so that keys meet, close, join and collide."""

import struct

from drive import T0, Shot
from hypothesis import strategies as st

from egresswatch.demo.frames import ACK, FIN, PSH, RST, SYN, End, ethernet, icmp, ip, ipv4, ipv6, tcp, udp

NS = 10**9
HOSTS4 = ("10.0.0.1", "10.0.0.2", "192.168.3.4", "203.0.113.9", "224.0.0.251", "255.255.255.255")
HOSTS6 = ("fd00::1", "2001:db8::9", "ff02::fb")
PORTS = (53, 80, 40001)
MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")
KINDS = ("tcp",) * 6 + ("udp", "udp", "icmp", "quote", "first", "later", "cut")
STACKS = (None, 20, [(0x88A8, 5), 20], 0)
FLAGS = (SYN, SYN | ACK, ACK, PSH | ACK, ACK, FIN | ACK, RST, RST | ACK, 0)
SEQS = (0, 1, 100, 101, 200, 1000, 2**31, 2**32 - 100, 2**32 - 1)
SIZES = (0, 0, 1, 100, 900)
STEPS = (
    0, 0, 1000, 3_000_000, 6_000_000, NS // 2, NS, 2 * NS, 7 * NS, 70 * NS, 130 * NS, 400 * NS, -2 * NS,
)  # fmt: skip


class Dice:
    """Choices read off some bytes: one draw makes a packet, and it still shrinks."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def pick(self, values):
        return values[next(self._data, 0) % len(values)]


def packets(longest=40, steps=STEPS, stacks=STACKS, hosts=None):
    """Strategy: frames in capture order."""
    def make(rolls):
        now, shots = T0, []
        for roll in rolls:
            dice = Dice(roll)
            now = max(T0, now + dice.pick(steps))
            if shots and dice.pick(range(10)) == 0:
                shots.append(dice.pick(shots)._replace(ts=now))
            else:
                shots.append(Shot(frame(dice.pick, stacks, hosts), now))
        return shots

    return st.lists(st.binary(min_size=16, max_size=16), max_size=longest).map(make)


def frame(pick, stacks, hosts):
    """One frame between two of the hosts."""
    known = list(hosts or pick((HOSTS4, HOSTS4, HOSTS6)))
    a = known.pop(pick(range(len(known))))
    b = known.pop(pick(range(len(known))))
    one, two = End(MACS[0], a, pick(PORTS)), End(MACS[1], b, pick(PORTS))
    known = (HOSTS6 if ":" in a else HOSTS4)[:3]
    return build(pick(KINDS), one, two, pick(stacks), pick, (a,) if hosts else known)


def build(kind, one, two, stack, pick, routers=("10.0.0.1", "203.0.113.9")):
    """One frame of a kind between two ends; ``routers`` send ICMP errors."""
    def segment():
        return tcp(one, two, b"d" * pick(SIZES), seq=pick(SEQS), ack=pick(SEQS), flags=pick(FLAGS))

    v6 = ":" in one.addr
    if kind == "tcp":
        packet = ip(one.addr, two.addr, 6, segment(), ident=pick((1, 2, 3)))
    elif kind == "cut":
        packet = ip(one.addr, two.addr, 6, segment()[: pick((0, 4, 12))])
    elif kind == "udp":
        packet = ip(one.addr, two.addr, 17, udp(one, two, b"u" * pick(SIZES)), ident=pick((1, 2, 3)))
    elif kind == "icmp":
        packet = ip(one.addr, two.addr, 58 if v6 else 1, icmp(pick((0, 8)), 0))
    elif kind == "quote":
        proto = pick((6, 17))
        quoted = ip(two.addr, one.addr, proto, (tcp if proto == 6 else udp)(two, one, b""))
        packet = ip(pick(routers), two.addr, 58 if v6 else 1,
                    icmp(1 if v6 else 3, 1, payload=quoted))  # fmt: skip
    else:
        later = kind == "later"
        body = b"f" * 16 if later else udp(one, two, b"f" * 8)
        ident = pick((7, 8))
        if v6:
            field = struct.pack(">BHI", 0, (16 if later else 0) | 1, ident)
            packet = ipv6(one.addr, two.addr, 17, body, extensions=[(44, field)])
        else:
            packet = ipv4(one.addr, two.addr, 17, body, ident=ident, offset=16 if later else 0, more=True)
    return ethernet(one.mac, two.mac, packet, vlan=stack)
