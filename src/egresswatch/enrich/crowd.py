# SPDX-License-Identifier: Apache-2.0
"""The crowd: inside hosts that only send, each with one address, and nothing that speaks about them.

A flood, or a large site, has many thousands of such hosts and nobody ever asks about most of them. They are
held in arrays (``kernels``), not as objects; nothing about them is judged, because what follows from
nothing is known. Whoever is asked about by name, shows a second address or shares one, is *met*: ``hosts``
makes an ``Asset`` of the row, once for all, and the crowd only remembers to ask. Rows are in the order
in which the hosts were seen first, those that were met from the beginning among them.
"""

from __future__ import annotations

from collections.abc import Callable
from socket import AF_INET, AF_INET6, inet_pton
from typing import NamedTuple

import numpy as np

from egresswatch.enrich import kernels
from egresswatch.enrich.kernels import HOST, INDEX, MEMORY, NOTED
from egresswatch.records import Array

_FIRST = 1024
_MAPPED = 0xFFFF << 32
_MAC = (1 << 48) - 1


class Words(NamedTuple):
    """An address as the packet path has it: IPv4 is mapped into the low word."""

    hi: int
    lo: int
    v6: bool


_NOWHERE = Words(0, 0, True)


def address_words(addr: str) -> Words | None:
    """The words of a canonical text; None for one that is no address."""
    try:
        if ":" in addr:
            raw = inet_pton(AF_INET6, addr)
            return Words(int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:], "big"), True)
        return Words(0, _MAPPED | int.from_bytes(inet_pton(AF_INET, addr), "big"), False)
    except (OSError, ValueError):
        return None


def noted(mac: Array, hi: Array, lo: Array, v6: Array) -> Array:
    """NOTED rows of equally long arrays; the other fields are zero."""
    notes = np.zeros(len(mac), NOTED)
    notes["mac"], notes["hi"], notes["lo"], notes["v6"] = mac, hi, lo, v6
    return notes


class Crowd:
    """At most ``most_hosts`` hosts, those that were met among them."""

    def __init__(self, most_hosts: int, odd_vlans: Array, met: Callable[[int], object]) -> None:
        """``odd_vlans``: bool by VLAN id, does the site say something about it? ``met``: meet this row."""
        self.rows = np.zeros(_FIRST, HOST)
        self._index = np.zeros(4 * _FIRST, INDEX)
        self._memory = np.zeros(2 * kernels.MOST_SEEN, MEMORY)
        self._odd = odd_vlans
        self._met = met
        self._keys = 0
        self._placeless: set[int] = set()
        """Routers that the index has no place for."""
        self._one = np.zeros(1, NOTED)
        self._tally = np.zeros(kernels.TALLY, np.int64)
        self._tally[kernels.MOST] = most_hosts
        self._tally[kernels.TURN] = 1

    @property
    def refused(self) -> int:
        """Notes that no host could be made of, because there are enough."""
        return int(self._tally[kernels.REFUSED])

    @property
    def used(self) -> int:
        """Rows in use, those of hosts that are none any more included."""
        return int(self._tally[kernels.USED])

    @property
    def places(self) -> int:
        """Addresses of hosts that nobody has met."""
        return int(self._tally[kernels.PLACES])

    def __len__(self) -> int:
        return int(self._tally[kernels.HOSTS])

    @property
    def full(self) -> bool:
        """Are there as many hosts as may be?"""
        return bool(self._tally[kernels.HOSTS] >= self._tally[kernels.MOST])

    def take(self, notes: Array, start: int, places: int) -> int:
        """Take notes from ``start`` on (``kernels.take``); ``places``: room for that many addresses."""
        room = max(0, int(self._tally[kernels.MOST]) - len(self))
        left = len(notes) - start
        self._reserve(min(left, room), min(left, int(self._tally[kernels.MOST]) - self.routers))
        self._tally[kernels.MOST_PLACES] = places
        before = 2 * self.used + self.routers
        at = int(kernels.take(notes, start, self.rows, self._index, self._memory, self._odd, self._tally))
        self._keys += 2 * self.used + self.routers - before
        return at

    def owners(self, asked: Array) -> Array:
        """int64 per NOTED row: row of the host, ``kernels.NOBODY`` or ``kernels.ASK``."""
        out = np.empty(len(asked), np.int64)
        kernels.owners(asked, self.rows, self._index, out)
        return out

    def with_mac(self, mac: int) -> int:
        """Row of the host with this MAC that nobody has met yet; -1: there is none."""
        at = int(kernels.look_up(self._index, self._about(mac, _NOWHERE), True))
        return at if at >= 0 and not self.rows[at]["met"] else -1

    def with_addr(self, words: Words | None) -> int:
        """Row of the host with this address that nobody has met yet; -1: there is none."""
        return -1 if words is None else max(-1, int(self.owners(self._about(0, words))[0]))

    def meet(self, row: int) -> tuple[int, Words, int | None, int, int]:
        """From now on Python holds this host: its MAC, address, VLAN, first and last time."""
        mac, hi, lo, first, last, vlan, v6 = self.rows[row].item()[:7]
        self.rows[row]["met"] = 1
        self._tally[kernels.PLACES] -= 1
        return mac, Words(hi, lo, bool(v6)), None if vlan < 0 else vlan, first, last

    def add(self, mac: int, words: Words | None) -> int:
        """A new host that is met at once, with this MAC, or with this address alone: its row."""
        self._reserve(1, 0)
        row = self.used
        self.rows[row] = 0
        self.rows[row]["mac"], self.rows[row]["met"] = mac, 1
        self._tally[kernels.USED] += 1
        self._tally[kernels.HOSTS] += 1
        if mac:
            self._note_mac(mac, kernels.ASK)
        else:
            self.note_addr(words)
        return row

    def drop(self) -> None:
        """A host is none any more: it turned out to be a router, or another host's address."""
        self._tally[kernels.HOSTS] -= 1

    @property
    def routers(self) -> int:
        """How many MACs forward for others."""
        return int(self._tally[kernels.ROUTERS])

    @property
    def enough_routers(self) -> bool:
        """Are there as many as may be?"""
        return bool(self._tally[kernels.ROUTERS] >= self._tally[kernels.MOST])

    def is_router(self, mac: int) -> bool:
        """Does this MAC forward for others?"""
        found = kernels.look_up(self._index, self._about(mac, _NOWHERE), True)
        return found in (kernels.ROUTER, kernels.TELLS) or mac in self._placeless

    def route(self, mac: int, tells: bool) -> None:
        """This MAC forwards for others; ``tells``: its maker says something of them."""
        self._tally[kernels.ROUTERS] += 1
        if not self._note_mac(mac, kernels.TELLS if tells else kernels.ROUTER):
            self._placeless.add(mac)

    def _note_mac(self, mac: int, word: int) -> bool:
        self._reserve(0, 1)
        self._keys += 1
        return bool(kernels.enter(self._index, self._about(mac, _NOWHERE), True, word))

    def note_addr(self, words: Words | None) -> None:
        """An address is Python's."""
        if words is not None:
            self._reserve(0, 1)
            self._keys += 1
            held = int(kernels.look_up(self._index, self._about(0, words), False))
            if held >= 0 and not self.rows[held]["met"]:
                self._met(held)  # another address with the same key
            kernels.enter(self._index, self._about(0, words), False, kernels.ASK)

    def remember(self, mac: int, words: Words) -> bool:
        """Was this sender not told since the memory last started anew? Remembers it."""
        return bool(kernels.remember(self._memory, self._tally, self._about(mac, words)))

    @property
    def turn(self) -> int:
        """Changes whenever the memory starts anew."""
        return int(self._tally[kernels.TURN])

    def forget(self) -> None:
        """Who is who has changed: what was told before counts anew."""
        self._tally[kernels.SEEN] = 0
        self._tally[kernels.TURN] += 1

    def _about(self, mac: int, words: Words) -> Array:
        self._one[0] = (mac, words.hi, words.lo, 0, -1, words.v6, 1, 0, 0)
        return self._one

    def _reserve(self, fresh: int, keys: int) -> None:
        """Room for so many more hosts, each with two keys, and for so many other keys."""
        rows = self.used + fresh
        if rows > len(self.rows):
            grown = np.zeros(max(rows, 2 * len(self.rows)), HOST)
            grown.view(np.uint8)[: self.rows.nbytes] = self.rows.view(np.uint8)  # not field by field
            self.rows = grown
        keys += self._keys + 2 * fresh
        if 2 * keys > len(self._index):
            old, self._index = self._index, np.zeros(1 << (2 * keys).bit_length(), INDEX)
            at = 0
            while (at := int(kernels.enter_keys(self._index, old, at))) < len(old):
                self._displace(int(old[at]["key"]), int(old[at]["at"]))
                at += 1

    def _displace(self, key: int, word: int) -> None:
        """A key without a place counts as Python's, so what it leads to has to be."""
        if word >= 0 and not self.rows[word]["met"]:
            self._met(word)
        elif word in (kernels.ROUTER, kernels.TELLS):
            self._placeless.add(key & _MAC)
