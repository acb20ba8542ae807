# SPDX-License-Identifier: Apache-2.0
"""A capture that ends in the middle of a record: everything before is processed, the rest is told."""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import pcap


def capture():
    session = acts.cloud_session(
        s.DAY + s.MINUTE, s.DAY + 5 * s.MINUTE, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113
    )
    return pcap(sorted(session, key=lambda frame: frame.ts))[:-20]


CHECKS = [
    ("ledger", {"balanced": True, "frames_read": 28}, 1),
    ("alerts", {"egresswatch.dest_class": "vendor_cloud", "egresswatch.update": 0}, 1),
]
