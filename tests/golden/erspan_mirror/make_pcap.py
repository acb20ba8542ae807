# SPDX-License-Identifier: Apache-2.0
"""The login of cloud_login, each frame carried in ERSPAN type II (draft-foschiano-erspan)."""

import struct

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import ethernet, ipv4, pcap

GRE = 47


def carried(number, data):
    """GRE with a sequence number, the ERSPAN header (version 1, VLAN 20, session 5), the frame."""
    head = struct.pack("!HHI", 0x1000, 0x88BE, number) + struct.pack("!HHI", 0x1014, 0x0005, 0)
    packet = ipv4("10.99.0.1", "10.99.0.2", GRE, head + data, ttl=250)
    return ethernet("02:00:00:00:99:01", "02:00:00:00:99:02", packet)


def capture():
    end = s.DAY + 5 * s.MINUTE
    session = acts.cloud_session(s.DAY + s.MINUTE, end, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113)
    mirrored = sorted(session, key=lambda frame: frame.ts)
    return pcap((ts, carried(number, data)) for number, (ts, data) in enumerate(mirrored))
