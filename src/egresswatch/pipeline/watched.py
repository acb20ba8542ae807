# SPDX-License-Identifier: Apache-2.0
"""Which flows are looked at as they happen, before any Python is spent on them.

Owns the addresses that matter: monitored hosts, remotes whose name a rule knows, networks that a rule
names. It only saves work: addresses are compared by their low 64 bits, and a wrong hit is sorted out by
whoever looks. When it would grow beyond its cap, everything is looked at.
"""

from __future__ import annotations

from ipaddress import ip_address

import numpy as np

from egresswatch.packets import KEY_V6
from egresswatch.records import Array
from egresswatch.rules import MatchTables

_MAX = 1 << 20
_LOW = 0xFFFF_FFFF_FFFF_FFFF
_MAPPED = 0xFFFF << 32


class Watched:
    """Addresses and networks of interest."""

    def __init__(self, tables: MatchTables) -> None:
        self._low: set[int] = set()
        self._all = False
        self._v6 = bool(tables.nets.get(6))
        spans = []
        for length, table in tables.nets.get(4, ()):
            for number in table:
                first = number << (32 - length)
                spans.append((_MAPPED | first, _MAPPED | first + (1 << (32 - length)) - 1))
        self._spans = [(np.uint64(first), np.uint64(last)) for first, last in sorted(spans)]

    def add(self, *low_words: int) -> None:
        """Look at flows of these addresses from now on."""
        self._low.update(low_words)
        if len(self._low) > _MAX:
            self._all = True

    def holds(self, a_lo: int, b_lo: int) -> bool:
        """Is one end of interest?"""
        return a_lo in self._low or b_lo in self._low or self._all

    def near(self, rows: Array) -> list[bool]:
        """Of NOTE rows: does an end lie in a network that a rule names?"""
        hit = np.zeros(len(rows), bool)
        v6 = rows["meta"] & np.uint64(KEY_V6) != 0
        for end in ("a_lo", "b_lo"):
            for first, last in self._spans:
                hit |= (rows[end] >= first) & (rows[end] <= last) & ~v6
        if self._v6:
            hit |= v6
        return hit.tolist()


def low_word(addr: str) -> int:
    """The low 64 bits of an address as the packet path has it."""
    number = int(ip_address(addr))
    return number | _MAPPED if ":" not in addr else number & _LOW
