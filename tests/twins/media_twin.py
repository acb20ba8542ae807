# SPDX-License-Identifier: Apache-2.0
"""Slow twin of flow/media.py: RTP packets of one side, followed with plain Python values (RFC 3550 §5.1)."""

import struct


class Follower:
    """One side of a flow."""

    def __init__(self):
        self.source = None
        self.told = False

    def packet(self, payload: bytes, length: int) -> bool:
        """True with the packet that makes it sure."""
        if len(payload) < 12 or not fits(payload, length):
            return False
        _, _, seq, stamp, source = struct.unpack_from(">BBHII", payload)
        if source != self.source:
            self.source, self.told = source, False
            self.begin(seq, stamp)
        else:
            step = (seq - self.seq) % 65536
            ahead = (stamp - self.stamp + 2**31) % 2**32 - 2**31
            if step == 0 or step > 65535 - 50:
                return False
            if step > 50 or abs(ahead) > 900_000:
                self.begin(seq, stamp)
            else:
                self.moved |= ahead != 0
                self.seq, self.stamp, self.count = seq, stamp, self.count + 1
        if self.told or self.count < (3 if self.moved else 6):
            return False
        self.told = True
        return True

    def begin(self, seq: int, stamp: int) -> None:
        self.seq, self.stamp, self.count, self.moved = seq, stamp, 1, False


def fits(payload: bytes, length: int) -> bool:
    flags, kind = payload[0], payload[1] & 127
    if 64 <= kind < 96 or payload[8:12] == bytes(4):
        return False
    need = 12 + 4 * (flags & 15)
    if flags & 16:
        if need + 4 > len(payload):
            return False
        need += 4 + 4 * int.from_bytes(payload[need + 2 : need + 4], "big")
    if flags & 32 and len(payload) == length:
        need += payload[-1]
    return need <= length
