# SPDX-License-Identifier: Apache-2.0
"""The login with the tags of the camera's own frames taken off."""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import mac, pcap


def capture():
    end = s.DAY + 5 * s.MINUTE
    session = acts.cloud_session(s.DAY + s.MINUTE, end, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113)
    own = mac(s.CLOUD.mac)
    return pcap(
        (ts, data[:12] + data[16:] if data[6:12] == own else data)
        for ts, data in sorted(session, key=lambda frame: frame.ts)
    )
