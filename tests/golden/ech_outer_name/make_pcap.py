# SPDX-License-Identifier: Apache-2.0
"""An Axis camera, front.plumber.example outside and whatever lies behind it."""

from egresswatch.demo import acts, payloads
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import End, Talk, noise, pcap

FRONT = End(s.GATEWAY.mac, "198.51.100.90", 443)
ENCRYPTED_CLIENT_HELLO = 0xFE0D


def capture():
    inner = b"\0" + bytes.fromhex("00010001") + b"\7"  # outer, HKDF-SHA256 with AES-128-GCM, configuration 7
    inner += b"\0\x20" + noise("enc", 32) + b"\0\x80" + noise("inner", 128)
    offer = ENCRYPTED_CLIENT_HELLO.to_bytes(2, "big") + len(inner).to_bytes(2, "big") + inner
    talk = Talk(s.CLEAN.end(45500), FRONT, vlan=s.VLAN)
    frames = [
        *talk.handshake(),
        *talk.send(0, payloads.client_hello("front.plumber.example", extra=offer)),
        *talk.send(1, payloads.server_hello()),
        *talk.send(0, payloads.tls_data(1800, "data")),
        *talk.close(),
    ]
    return pcap(list(acts.spread(s.DAY + s.MINUTE, frames)))
