# SPDX-License-Identifier: Apache-2.0
"""A DNS answer with an alias, then TCP on port 8666 with bytes that say nothing."""

from egresswatch.demo import payloads as p
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import End, Talk, noise, pcap, udp_frame

NAME, ALIAS = "litedev.ezvizlife.com", "balancer-7.cloud.example"
CLOUD = End(s.GATEWAY.mac, "203.0.113.86", 8666)


def capture():
    asking = s.CLOUD.end(50001)
    answer = p.dns_answer(NAME, [(NAME, p.CNAME, ALIAS), (ALIAS, p.A, CLOUD.addr)], ident=7)
    talk = Talk(s.CLOUD.end(45002), CLOUD, vlan=s.VLAN)
    frames = [
        udp_frame(asking, s.RESOLVER, p.dns_query(NAME, ident=7), vlan=s.VLAN),
        udp_frame(s.RESOLVER, asking, answer, vlan=s.VLAN, ttl=63),
        *talk.handshake(), *talk.send(0, b"\x9e\xba\xac\xe9" + noise("up", 300)),
        *talk.send(1, b"\x9e\xba\xac\xe9" + noise("down", 60)), *talk.close(),
    ]  # fmt: skip
    return pcap((s.DAY + i * 20 * s.MS, data) for i, data in enumerate(frames))
