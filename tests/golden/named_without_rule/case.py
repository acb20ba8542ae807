# SPDX-License-Identifier: Apache-2.0
"""A camera opens TLS to a name that no rule knows: told at low severity, with the name."""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import End


def frames():
    server = End(s.GATEWAY.mac, "198.51.100.202", 443)
    session = acts.cloud_session(
        s.DAY + s.MINUTE, s.DAY + 4 * s.MINUTE, s.CLEAN, server, "updates.plumber.example", 45200
    )
    return sorted(session, key=lambda frame: frame.ts)


CHECKS = [
    (
        "alerts",
        {"rule.id": "EW-UNK-0002", "destination.domain": "updates.plumber.example", "egresswatch.update": 0},
        1,
    ),
    ("alerts", {"egresswatch.dest_class": "vendor_cloud"}, 0),
]
