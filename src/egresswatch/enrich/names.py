# SPDX-License-Identifier: Apache-2.0
"""Passive names: what a host had asked DNS for before it contacted an address.

An answer counts for the host that got it, never for another: on shared cloud addresses somebody
else's question would put a name on a camera's traffic that the camera never used. An entry is good for
its TTL and a day more, because cameras keep addresses far beyond the TTL (they ask at boot and
reconnect for hours); a new answer for the same address takes precedence from its own time on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from egresswatch.config import NS

GRACE = 86_400 * NS
_MAX_TTL = 7 * 86_400
"""Seconds; longer ones are cut (RFC 8767 §4 suggests the same bound)."""
_SLACK = NS
"""An answer captured up to this much after the flow's first packet still names it (mirrors reorder)."""
_MAX_ADDRESSES = 64
_KEPT = 3
"""Answers kept per host and address: rows are judged up to an hour after the flow began."""


class _Answer(NamedTuple):
    ts: int
    expires: int
    names: tuple[str, ...]


class PassiveNames:
    """(asking host, address) -> names, bounded; the entry refreshed longest ago goes first."""

    def __init__(self, max_entries: int) -> None:
        self._max = max(1, max_entries)
        # ordered: a plain dict looks over all that was deleted before it finds its first key
        self._entries: OrderedDict[tuple[str, str], tuple[_Answer, ...]] = OrderedDict()
        self._hosts: dict[str, int] = {}  # who asked -> entries of it
        self.evicted = 0
        """Entries given up because the table was full."""
        self.refused = 0
        """Addresses of one answer beyond the first 64."""

    def __len__(self) -> int:
        return len(self._entries)

    def knows(self, host: str) -> bool:
        """Is any answer to ``host`` held? Where not, ``names`` has nothing for it."""
        return host in self._hosts

    def known(self, pairs: Iterable[tuple[str, str]]) -> Iterator[bool]:
        """Of many (host, address): is any answer held? Where not, ``names`` has nothing for it."""
        return map(self._entries.__contains__, pairs)

    def add(self, host: str, addresses: Sequence[str], names: Sequence[str], ttl: int, ts: int) -> None:
        """``host`` was told at ``ts`` that ``names`` (question first, then aliases) is at ``addresses``."""
        if not names:
            return
        self.refused += max(0, len(addresses) - _MAX_ADDRESSES)
        life = min(max(ttl, 0), _MAX_TTL) * NS + GRACE
        answer = _Answer(ts, ts + life, tuple(names))
        for address in addresses[:_MAX_ADDRESSES]:
            self._put((host, address), answer)

    def names(self, host: str, addr: str, ts: int) -> tuple[str, ...]:
        """What ``host`` called ``addr`` at ``ts``: the name it asked for, then that name's aliases."""
        for answer in self._entries.get((host, addr), ()):
            if answer.ts <= ts + _SLACK:
                return answer.names if ts <= answer.expires else ()
        return ()

    def lookup(self, host: str, addr: str, ts: int) -> str:
        """The name ``host`` had asked for when it was given ``addr``; empty when none."""
        names = self.names(host, addr, ts)
        return names[0] if names else ""

    def _put(self, key: tuple[str, str], answer: _Answer) -> None:
        known = self._entries.pop(key, ())
        if known:
            self._entries[key] = _kept(known, answer)
            return
        self._entries[key] = (answer,)
        self._hosts[key[0]] = self._hosts.get(key[0], 0) + 1
        if len(self._entries) > self._max:
            (host, _), _ = self._entries.popitem(last=False)
            self.evicted += 1
            self._hosts[host] -= 1
            if not self._hosts[host]:
                del self._hosts[host]


def _kept(known: tuple[_Answer, ...], answer: _Answer) -> tuple[_Answer, ...]:
    """The answers kept for one host and address, latest first, when another came."""
    last = known[0]
    if last.names[0] == answer.names[0] and last.ts <= answer.ts <= last.expires:
        # the same question again: its name was good all the time between
        answer = _Answer(last.ts, max(last.expires, answer.expires), answer.names)
        known = known[1:]
    return tuple(sorted((answer, *known), key=lambda entry: -entry.ts)[:_KEPT])
