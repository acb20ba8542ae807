# SPDX-License-Identifier: Apache-2.0
"""Twelve seconds of a Dahua camera watched peer to peer."""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import pcap


def capture():
    upload = acts.p2p_upload(s.DAY + s.MINUTE, 12, s.P2P, s.DAHUA_CLOUD, s.VIEWERS[0], s.DAHUA_SERIAL)
    return pcap(sorted(upload, key=lambda frame: frame.ts))
