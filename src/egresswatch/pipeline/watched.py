# SPDX-License-Identifier: Apache-2.0
"""Which flows are looked at as they happen, before any Python is spent on them.

Owns the addresses that matter: monitored hosts, remotes whose name a rule knows, networks that a rule
names. It only saves work: addresses are compared by their low 64 bits, and a wrong hit is sorted out by
whoever looks. When it would grow beyond its cap, everything is looked at.
"""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_pton

import numpy as np

from egresswatch.records import Array
from egresswatch.rules import MatchTables

_MAX = 1 << 20
_MAPPED = 0xFFFF << 32


class Networks:
    """The networks that rules name, as the flow kernel wants them."""

    def __init__(self, tables: MatchTables) -> None:
        self.v6 = bool(tables.nets.get(6))
        """Do rules name any of IPv6? Then every IPv6 flow counts as near."""
        spans: list[list[int]] = []
        for length, table in tables.nets.get(4, ()):
            size = 1 << (32 - length)
            spans += ([_MAPPED | number * size, (_MAPPED | number * size) + size] for number in table)
        edges: list[int] = []
        for first, end in sorted(spans):
            if edges and first <= edges[-1]:
                edges[-1] = max(edges[-1], end)
            else:
                edges += (first, end)
        edges[1::2] = [end - 1 for end in edges[1::2]]
        self.spans: Array = np.array(edges, np.uint64).reshape(-1, 2)
        """First and last of the IPv4 ones, ascending; they neither overlap nor touch."""


class Watched:
    """Addresses of interest."""

    def __init__(self) -> None:
        self._low: set[int] = set()
        self._fresh: list[int] = []
        self._tiers: list[Array] = []
        self._all = False
        self.news: list[int] = []
        """What has become of interest since somebody emptied this."""

    def add(self, *low_words: int) -> None:
        """Look at flows of these addresses from now on."""
        if self._all:
            return
        fresh = [word for word in low_words if word not in self._low]
        self._low.update(fresh)
        self._fresh += fresh
        self.news += fresh
        if len(self._low) > _MAX:
            self._all = True
            self._low, self._fresh, self._tiers = set(), [], []

    def holds(self, a_lo: int, b_lo: int) -> bool:
        """Is one end of interest?"""
        return a_lo in self._low or b_lo in self._low or self._all

    @property
    def everything(self) -> bool:
        """Is every address of interest?"""
        return self._all

    def either(self, one: Array, other: Array) -> Array:
        """Mask: is one of the two low words of interest?"""
        if self._all:
            return np.ones(len(one), np.bool_)
        if self._fresh:
            self._settle()
        hit = np.zeros(len(one), np.bool_)
        for tier in self._tiers:
            hit |= _within(one, tier) | _within(other, tier)
        return hit

    def _settle(self) -> None:
        """Sort what was added, together with the tiers that are not much larger: each word is sorted again
        only a few times however it was added, and the tiers stay few."""
        parts = [np.array(self._fresh, np.uint64)]
        self._fresh = []
        size = len(parts[0])
        while self._tiers and len(self._tiers[-1]) <= 2 * size:
            parts.append(self._tiers.pop())
            size += len(parts[-1])
        self._tiers.append(np.unique(np.concatenate(parts)))


def low_word(addr: str) -> int:
    """The low 64 bits of an address as the packet path has it."""
    if ":" in addr:
        return int.from_bytes(inet_pton(AF_INET6, addr)[8:], "big")
    return _MAPPED | int.from_bytes(inet_pton(AF_INET, addr), "big")


def _within(words: Array, tier: Array) -> Array:
    """Mask: which words are in a sorted, non-empty tier?"""
    places = np.minimum(np.searchsorted(tier, words), len(tier) - 1)
    hit: Array = tier[places] == words
    return hit
