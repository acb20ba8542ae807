# SPDX-License-Identifier: Apache-2.0
"""A Dahua camera tells its P2P server every ten minutes that it is there, and is answered each time.

Two datagrams and their answers, then silence: never a blocked attempt.
"""

import itertools

from egresswatch.demo import acts
from egresswatch.demo import scenario as s


def frames():
    presence = acts.p2p_presence(s.DAY, s.P2P, s.DAHUA_CLOUD, s.DAHUA_CLOUD_NAME, s.DAHUA_SERIAL)
    return list(itertools.takewhile(lambda frame: frame.ts < s.DAY + 30 * s.MINUTE, presence))


CHECKS = [
    ("alerts", {"egresswatch.update": 0, "event.type": ["connection", "allowed"]}, 1),
    ("alerts", {"event.type": ["connection", "denied"]}, 0),
]
