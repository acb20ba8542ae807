# SPDX-License-Identifier: Apache-2.0
"""The same login where the site's policy isolates the cameras: a violation, and the platform is told."""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s

SITE = s.site()


def frames():
    session = acts.cloud_session(
        s.DAY + s.MINUTE, s.DAY + 5 * s.MINUTE, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113
    )
    return sorted(session, key=lambda frame: frame.ts)


CHECKS = [
    ("alerts", {"egresswatch.verdict": "violation", "source.ip": s.CLOUD.addr, "egresswatch.update": 0}, 1),
    ("flows", {"verdict": "violation", "dest_class": "vendor_cloud", "resp_p": 443}, 2),
    ("flows", {"verdict": "allowed", "resp_p": 53}, 1),
]
