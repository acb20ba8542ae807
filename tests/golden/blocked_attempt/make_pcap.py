# SPDX-License-Identifier: Apache-2.0
"""An hour of SYNs, three an attempt, an attempt every three minutes."""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import pcap


def capture():
    attempts = acts.blocked_attempts(s.DAY, s.BLOCKED, s.UNIVIEW_CLOUD, s.UNIVIEW_CLOUD_NAME)
    hour = [frame for frame in attempts if frame.ts < s.DAY + s.HOUR]
    return pcap(sorted(hour, key=lambda frame: frame.ts))
