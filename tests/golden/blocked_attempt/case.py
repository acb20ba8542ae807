# SPDX-License-Identifier: Apache-2.0
"""A Uniview camera resolves its maker's cloud and sends SYNs that nobody answers, for an hour.

Nothing left, and somebody should still know: a blocked attempt, one case, no repetition an attempt.
"""

import itertools

from egresswatch.demo import acts
from egresswatch.demo import scenario as s


def frames():
    attempts = acts.blocked_attempts(s.DAY, s.BLOCKED, s.UNIVIEW_CLOUD, s.UNIVIEW_CLOUD_NAME)
    hour = itertools.takewhile(lambda frame: frame.ts < s.DAY + s.HOUR, attempts)
    return sorted(hour, key=lambda frame: frame.ts)


CHECKS = [
    ("flows", {"resp_h": s.UNIVIEW_CLOUD.addr, "outcome": "unanswered"}, 20),
    ("alerts", {"source.ip": s.BLOCKED.addr, "egresswatch.update": 0}, 1),
    ("alerts", {"egresswatch.dest_class": "p2p"}, 0),
]
