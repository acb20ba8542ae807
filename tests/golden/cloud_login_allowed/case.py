# SPDX-License-Identifier: Apache-2.0
"""The same login where the site's policy allows this platform: no alert, and the platform is still told."""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s

SITE = s.site().replace(
    '    "recorders",\n',
    '    "recorders",\n    { to = "*.hik-connect.com", proto = "tcp", ports = [443] },\n',
)


def frames():
    session = acts.cloud_session(
        s.DAY + s.MINUTE, s.DAY + 5 * s.MINUTE, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113
    )
    return sorted(session, key=lambda frame: frame.ts)


CHECKS = [
    ("alerts", {}, 0),
    ("flows", {"verdict": "allowed", "dest_class": "vendor_cloud", "resp_p": 443}, 2),
]
