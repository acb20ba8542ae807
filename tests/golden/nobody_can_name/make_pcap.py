# SPDX-License-Identifier: Apache-2.0
"""Forty datagrams to a stranger, each answered."""

from egresswatch.demo import scenario as s
from egresswatch.demo.frames import End, noise, pcap, udp_frame


def capture():
    camera, stranger = s.CLEAN.end(40001), End(s.GATEWAY.mac, "198.51.100.201", 30303)
    out = []
    for i in range(40):
        ts = s.DAY + s.MINUTE + i * 500 * s.MS
        out.append((ts, udp_frame(camera, stranger, noise(f"up {i}", 700), vlan=s.VLAN)))
        out.append((ts + 40 * s.MS, udp_frame(stranger, camera, noise(f"down {i}", 60), vlan=s.VLAN)))
    return pcap(out)
