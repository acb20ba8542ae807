# SPDX-License-Identifier: Apache-2.0
"""DHCP of an Android phone, then TLS to the interface for apps."""

from egresswatch.demo import payloads as p
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import BROADCAST, End, Talk, packed, pcap, udp_frame

PHONE = End("da:a1:19:5c:00:77", "10.20.0.77")
CLOUD = End(s.GATEWAY.mac, "203.0.113.21", 443)
NAME = "api.hik-connect.com"


def capture():
    tell = [(12, b"Pixel-7"), (50, packed(PHONE.addr)), (60, b"android-dhcp-14"), (55, bytes([1, 3, 6, 15]))]
    ask = p.dhcp(3, PHONE.mac, xid=77, options=tell)
    asking, talk = PHONE._replace(port=50002), Talk(PHONE._replace(port=45003), CLOUD, vlan=s.VLAN)
    frames = [
        udp_frame(End(PHONE.mac, "0.0.0.0", 68), End(BROADCAST, "255.255.255.255", 67), ask, vlan=s.VLAN),
        udp_frame(asking, s.RESOLVER, p.dns_query(NAME, ident=8), vlan=s.VLAN),
        udp_frame(
            s.RESOLVER, asking, p.dns_answer(NAME, [(NAME, p.A, CLOUD.addr)], ident=8), vlan=s.VLAN, ttl=63
        ),
        *talk.handshake(), *talk.send(0, p.client_hello(NAME, alpn=("h2", "http/1.1"), seed="app")),
        *talk.send(1, p.server_hello(seed="app")), *talk.send(0, p.tls_data(800, "app")), *talk.close(),
    ]  # fmt: skip
    return pcap((s.DAY + i * 20 * s.MS, data) for i, data in enumerate(frames))
