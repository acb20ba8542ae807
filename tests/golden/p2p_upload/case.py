# SPDX-License-Identifier: Apache-2.0
"""A Dahua camera is watched peer to peer: rendezvous, hole punch, video to an address nobody resolved.

The payloads name the protocol; the rate makes it video-like.
"""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s


def frames():
    upload = acts.p2p_upload(s.DAY + s.MINUTE, 12, s.P2P, s.DAHUA_CLOUD, s.VIEWERS[0], s.DAHUA_SERIAL)
    return sorted(upload, key=lambda frame: frame.ts)


CHECKS = [
    ("flows", {"resp_h": s.VIEWERS[0].addr, "verdict": "p2p", "dest_class": "p2p"}, 1),
    (
        "alerts",
        {"destination.ip": s.VIEWERS[0].addr, "egresswatch.dest_class": "p2p", "egresswatch.update": 0},
        1,
    ),
    ("ledger", {"balanced": True}, 1),
]
