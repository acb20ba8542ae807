# SPDX-License-Identifier: Apache-2.0
"""A login while another camera writes to 300 ports of the recorder."""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import noise, pcap, udp_frame


def capture():
    end = s.DAY + 5 * s.MINUTE
    session = acts.cloud_session(s.DAY + s.MINUTE, end, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113)
    frames = [*session]
    for k in range(300):
        to = s.RECORDER._replace(port=20000 + k)
        data = udp_frame(s.CLEAN.end(6000 + k), to, noise(f"log {k}", 64), vlan=s.VLAN)
        frames.append((s.DAY + s.MINUTE + k * 700 * s.MS, data))
    return pcap(sorted(frames, key=lambda frame: frame[0]))
