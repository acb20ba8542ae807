# SPDX-License-Identifier: Apache-2.0
"""Slow twin of flow.tcp's accounting of missing bytes: one end's sequence space as a set of numbers."""

M32 = 1 << 32
MAX_HOLE = 1 << 26
"""A longer jump is a new numbering, not a loss."""


def distance(a, b):
    """a - b in sequence space, signed (RFC 9293 §3.4)."""
    gap = (a - b) % M32
    return gap if gap < M32 // 2 else gap - M32


class Stream:
    """What was seen of one end's bytes; only its youngest hole can still be filled."""

    def __init__(self):
        self.next = None
        self.hole: set[int] = set()
        self.missed = 0

    def see(self, seq, size):
        if self.next is None:
            self.next = (seq + size) % M32
            return
        ahead = distance(seq, self.next)
        if ahead > 0:
            if ahead <= MAX_HOLE:
                self.missed += len(self.hole)
                self.hole = {(self.next + k) % M32 for k in range(ahead)}
            self.next = (seq + size) % M32
            return
        self.fill(seq, size)
        if ahead < -MAX_HOLE or distance(seq + size, self.next) > 0:
            self.next = (seq + size) % M32

    def fill(self, seq, size):
        arrived = {n for n in self.hole if 0 <= distance(n, seq) < size}
        if not arrived:
            return
        before = {n for n in self.hole if distance(n, seq) < 0}
        after = self.hole - arrived - before
        if after:  # what lies before the part that came can no longer be filled
            self.missed += len(before)
            self.hole = after
        else:
            self.hole = before

    def take(self, *, final):
        """Bytes missed since the last record; at the end, an open hole is missed as well."""
        if final:
            self.missed += len(self.hole)
            self.hole = set()
        missed, self.missed = self.missed, 0
        return missed
