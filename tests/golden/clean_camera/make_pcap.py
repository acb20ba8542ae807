# SPDX-License-Identifier: Apache-2.0
"""An hour of an Axis camera: recorder, time, announcements."""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import pcap


def capture():
    day = [*acts.keep_house(s.DAY, s.CLEAN, 0), *acts.record(s.DAY, s.CLEAN, 0)]
    return pcap(sorted((f for f in day if f.ts < s.DAY + s.HOUR), key=lambda frame: frame.ts))
