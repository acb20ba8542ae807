# SPDX-License-Identifier: Apache-2.0
"""A camera that serves its recorder, asks for the time and announces itself: nothing to tell anybody.

The most frequent case in the field; an alert here is noise that makes people stop reading.
"""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s


def frames():
    day = [*acts.keep_house(s.DAY, s.CLEAN, 0), *acts.record(s.DAY, s.CLEAN, 0)]
    return sorted((f for f in day if f.ts < s.DAY + s.HOUR), key=lambda frame: frame.ts)


CHECKS = [
    ("alerts", {}, 0),
    ("flows", {"direction": "outbound"}, 0),
    ("cameras", {"vendor": "axis"}, 1),
    ("ledger", {"balanced": True}, 1),
]
