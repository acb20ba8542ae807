# SPDX-License-Identifier: Apache-2.0
"""The login twice: as the camera sent it and as the router passed it on."""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import Frame, checksum, pcap


def routed(data):
    """The frame as it leaves the router: other MAC addresses, TTL less one, new header checksum."""
    head = bytearray(data[18:38])
    head[8] -= 1
    head[10:12] = b"\0\0"
    head[10:12] = checksum(bytes(head)).to_bytes(2, "big")
    return bytes.fromhex("02000000000202000000000181000014") + data[16:18] + bytes(head) + data[38:]


def capture():
    end = s.DAY + 5 * s.MINUTE
    session = acts.cloud_session(s.DAY + s.MINUTE, end, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113)
    once = list(session)
    twice = [*once, *(Frame(frame.ts + 100_000, routed(frame.data)) for frame in once)]
    return pcap(sorted(twice, key=lambda frame: frame.ts))
