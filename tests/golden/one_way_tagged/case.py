# SPDX-License-Identifier: Apache-2.0
"""A mirror that tags one direction only: camera to cloud untagged, cloud to camera with VLAN 20.

Whole conversations come of it, shown under the tagged stack (decode.vlan_in_key = auto).
"""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import Frame, mac


def frames():
    session = acts.cloud_session(
        s.DAY + s.MINUTE, s.DAY + 5 * s.MINUTE, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113
    )
    own = mac(s.CLOUD.mac)
    return [
        Frame(ts, data[:12] + data[16:] if data[6:12] == own else data)
        for ts, data in sorted(session, key=lambda frame: frame.ts)
    ]


CHECKS = [
    ("flows", {"outcome": "one_sided"}, 0),
    ("flows", {"resp_p": 443, "vlan": 20, "outcome": "answered"}, 2),
    ("alerts", {"egresswatch.dest_class": "vendor_cloud", "egresswatch.update": 0}, 1),
]
