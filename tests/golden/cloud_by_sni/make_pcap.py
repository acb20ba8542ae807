# SPDX-License-Identifier: Apache-2.0
"""A TLS handshake and a kilobyte, the ClientHello in two segments."""

from egresswatch.demo import payloads as p
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import Talk, pcap


def capture():
    talk = Talk(s.CLOUD.end(45001), s.HIK_CLOUD, vlan=s.VLAN)
    hello = p.client_hello(s.HIK_CLOUD_NAME, alpn=("http/1.1",), seed="by sni")
    frames = [
        *talk.handshake(), talk.segment(0, hello[:120]), talk.segment(0, hello[120:], 0x18),
        *talk.send(1, p.server_hello(seed="by sni")), *talk.send(0, p.tls_data(1000, "by sni")),
        *talk.close(),
    ]  # fmt: skip
    return pcap((s.DAY + i * 20 * s.MS, data) for i, data in enumerate(frames))
