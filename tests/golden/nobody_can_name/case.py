# SPDX-License-Identifier: Apache-2.0
"""A camera sends UDP to an address that no DNS answer, certificate or protocol names, and is answered."""

from egresswatch.demo import scenario as s
from egresswatch.demo.frames import End, Frame, noise, udp_frame


def frames():
    camera, stranger = s.CLEAN.end(40001), End(s.GATEWAY.mac, "198.51.100.201", 30303)
    out = []
    for i in range(40):
        ts = s.DAY + s.MINUTE + i * 500 * s.MS
        out.append(Frame(ts, udp_frame(camera, stranger, noise(f"up {i}", 700), vlan=s.VLAN)))
        out.append(Frame(ts + 40 * s.MS, udp_frame(stranger, camera, noise(f"down {i}", 60), vlan=s.VLAN)))
    return out


CHECKS = [
    ("flows", {"verdict": "unknown", "resp_h": "198.51.100.201"}, 1),
    ("alerts", {"rule.id": "EW-UNK-0001", "egresswatch.update": 0}, 1),
]
