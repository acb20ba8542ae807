# SPDX-License-Identifier: Apache-2.0
"""A Hikvision camera, the proxy 10.10.0.8:3128 and dev.hik-connect.com behind it."""

from egresswatch.demo import acts, payloads
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import End, Talk, pcap

PROXY = End(s.GATEWAY.mac, "10.10.0.8", 3128)


def capture():
    talk = Talk(s.CLOUD.end(45300), PROXY, vlan=s.VLAN)
    name = f"{s.HIK_CLOUD_NAME}:443"
    frames = [
        *talk.handshake(),
        *talk.send(0, payloads.text_message(f"CONNECT {name} HTTP/1.1", {"Host": name})),
        *talk.send(1, payloads.text_message("HTTP/1.1 200 Connection established", {})),
        *talk.send(0, payloads.client_hello(s.HIK_CLOUD_NAME)),
        *talk.send(1, payloads.server_hello()),
        *talk.send(0, payloads.tls_data(2400, "report")),
        *talk.send(1, payloads.tls_data(300, "thanks")),
        *talk.close(),
    ]
    return pcap(list(acts.spread(s.DAY + s.MINUTE, frames)))
