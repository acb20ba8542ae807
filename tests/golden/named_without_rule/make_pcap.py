# SPDX-License-Identifier: Apache-2.0
"""An Axis camera and updates.plumber.example."""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import End, pcap


def capture():
    server = End(s.GATEWAY.mac, "198.51.100.202", 443)
    end = s.DAY + 4 * s.MINUTE
    session = acts.cloud_session(s.DAY + s.MINUTE, end, s.CLEAN, server, "updates.plumber.example", 45200)
    return pcap(sorted(session, key=lambda frame: frame.ts))
