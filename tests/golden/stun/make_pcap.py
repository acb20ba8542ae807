# SPDX-License-Identifier: Apache-2.0
"""A binding request, a connectivity check with a peer, then RTP to it."""

import struct

from egresswatch.demo import payloads as p
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import End, noise, packed, pcap, udp_frame

SERVER = End(s.GATEWAY.mac, "198.51.100.34", 3478)
PEER = End(s.GATEWAY.mac, "192.0.2.150", 40404)
PUBLIC = End("", "203.0.113.2", 61000)
COOKIE = 0x2112A442  # RFC 8489 §5


def binding(kind, label, attributes=b""):
    return struct.pack("!HHI", kind, len(attributes), COOKIE) + noise(label, 12) + attributes


def mapped(end):
    """XOR-MAPPED-ADDRESS (RFC 8489 §14.2)."""
    number = int.from_bytes(packed(end.addr), "big") ^ COOKIE
    return struct.pack("!HHBBHI", 0x20, 8, 0, 1, end.port ^ COOKIE >> 16, number)


def capture():
    camera = s.CLOUD.end(50020)
    frames = []
    for k, (far, name) in enumerate(((SERVER, "server"), (PEER, "peer"))):
        ts = s.DAY + k * 200 * s.MS
        frames.append((ts, udp_frame(camera, far, binding(1, name), vlan=s.VLAN)))
        answer = binding(0x101, name, mapped(PUBLIC))
        frames.append((ts + 50 * s.MS, udp_frame(far, camera, answer, vlan=s.VLAN, ttl=50)))
    for k in range(300):
        media = p.rtp(k, k * 3000, 0x51, noise(f"media {k}", 900))
        frames.append((s.DAY + (400 + 30 * k) * s.MS, udp_frame(camera, PEER, media, vlan=s.VLAN)))
    return pcap(frames)
