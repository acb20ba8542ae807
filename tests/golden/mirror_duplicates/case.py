# SPDX-License-Identifier: Apache-2.0
"""A mirror that delivers every frame twice, the second time routed (TTL less one, other MAC addresses).

Counts are those of the login without duplicates; the copies stand in their own bucket of the ledger.
"""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import Frame, checksum


def routed(data):
    """The frame as it leaves the router: other MAC addresses, TTL less one, new header checksum."""
    head = bytearray(data[18:38])
    head[8] -= 1
    head[10:12] = b"\0\0"
    head[10:12] = checksum(bytes(head)).to_bytes(2, "big")
    return bytes.fromhex("02000000000202000000000181000014") + data[16:18] + bytes(head) + data[38:]


def frames():
    session = acts.cloud_session(
        s.DAY + s.MINUTE, s.DAY + 5 * s.MINUTE, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113
    )
    once = sorted(session, key=lambda frame: frame.ts)
    twice = [*once, *(Frame(frame.ts + 100_000, routed(frame.data)) for frame in once)]
    return sorted(twice, key=lambda frame: frame.ts)


CHECKS = [
    ("ledger", {"balanced": True, "buckets.duplicate": 29, "buckets.accounted": 29}, 1),
    ("alerts", {"egresswatch.dest_class": "vendor_cloud", "egresswatch.update": 0}, 1),
]
