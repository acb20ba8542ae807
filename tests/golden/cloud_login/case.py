# SPDX-License-Identifier: Apache-2.0
"""A Hikvision camera resolves its maker's cloud, logs in over TLS and keeps the session.

The name is seen in DNS and in the ClientHello; no policy is given, so the verdict is the platform's.
"""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s


def frames():
    session = acts.cloud_session(
        s.DAY + s.MINUTE, s.DAY + 20 * s.MINUTE, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113
    )
    return sorted(session, key=lambda frame: frame.ts)


CHECKS = [
    (
        "alerts",
        {"egresswatch.dest_class": "vendor_cloud", "source.ip": s.CLOUD.addr, "egresswatch.update": 0},
        1,
    ),
    ("alerts", {"egresswatch.dest_class": "p2p"}, 0),
    ("sightings", {"kind": "tls_sni", "value": s.HIK_CLOUD_NAME}, 1),
    ("sightings", {"kind": "dns_query", "value": s.HIK_CLOUD_NAME}, 1),
    ("ledger", {"balanced": True}, 1),
]
