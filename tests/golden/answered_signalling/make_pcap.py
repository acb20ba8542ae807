# SPDX-License-Identifier: Apache-2.0
"""Half an hour of a Dahua camera's presence at its P2P server."""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import pcap


def capture():
    presence = acts.p2p_presence(s.DAY, s.P2P, s.DAHUA_CLOUD, s.DAHUA_CLOUD_NAME, s.DAHUA_SERIAL)
    return pcap(frame for frame in presence if frame.ts < s.DAY + 30 * s.MINUTE)
