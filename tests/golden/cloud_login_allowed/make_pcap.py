# SPDX-License-Identifier: Apache-2.0
"""DNS, TLS handshake, login and a heartbeat a minute of a Hikvision camera."""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import pcap


def capture():
    end = s.DAY + 5 * s.MINUTE
    session = acts.cloud_session(s.DAY + s.MINUTE, end, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113)
    return pcap(sorted(session, key=lambda frame: frame.ts))
