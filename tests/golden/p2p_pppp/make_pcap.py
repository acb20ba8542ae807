# SPDX-License-Identifier: Apache-2.0
"""PPPP as the public write-ups show it: hello, punch, ready, data with acknowledgements."""

from egresswatch.demo import scenario as s
from egresswatch.demo.frames import End, noise, packed, pcap, udp_frame

HELLO, HELLO_ACK, PUNCH_TO, PUNCH, READY, DATA, DATA_ACK, ALIVE = 0, 1, 0x40, 0x41, 0x42, 0xD0, 0xD1, 0xE0
SERVERS = [End(s.GATEWAY.mac, f"198.51.100.{n}", 32100) for n in (31, 32, 33)]
PEER = End(s.GATEWAY.mac, "192.0.2.140", 21985)
UID = b"EXMP\0\0\0\0\0\x01\xe2\x40ABCDE\0\0\0"


def message(kind, body=b""):
    """Magic, type, length of the rest."""
    return bytes([0xF1, kind]) + len(body).to_bytes(2, "big") + body


def address(end):
    """As HELLO_ACK and PUNCH_TO carry it."""
    return b"\0\2" + end.port.to_bytes(2, "little") + packed(end.addr)[::-1] + b"\0" * 8


def capture():
    camera = s.CLOUD.end(15030)
    frames = []

    def up(after, to, data):
        frames.append((s.DAY + after * s.MS, udp_frame(camera, to, data, vlan=s.VLAN)))

    def down(after, source, data):
        frames.append((s.DAY + after * s.MS, udp_frame(source, camera, data, vlan=s.VLAN, ttl=50)))

    for k, server in enumerate(SERVERS):
        up(10 * k, server, message(HELLO))
        down(10 * k + 60, server, message(HELLO_ACK, address(camera)))
    down(500, SERVERS[0], message(PUNCH_TO, address(PEER)))
    for k in range(3):
        up(510 + 10 * k, PEER, message(PUNCH, UID))
    down(600, PEER, message(PUNCH, UID))
    down(610, PEER, message(READY, UID))
    up(620, PEER, message(READY, UID))
    for k in range(800):
        up(700 + 25 * k, PEER, message(DATA, b"\xd1\2" + k.to_bytes(2, "big") + noise(f"video {k}", 1024)))
        if k % 8 == 7:
            down(705 + 25 * k, PEER, message(DATA_ACK, b"\xd1\2\0\1" + k.to_bytes(2, "big")))
    down(20_800, PEER, message(ALIVE))
    return pcap(sorted(frames, key=lambda frame: frame[0]))
