# SPDX-License-Identifier: Apache-2.0
"""Which notes of a part of a second are looked at one by one, in frame order.

Most are known from the start, from columns. Others become of interest on the way: what a note shows can
make an address worth watching, and of its later notes none may be passed over. That costs something only
in parts in which it happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

import numpy as np

from egresswatch.pipeline.watched import Watched
from egresswatch.records import Array


class Stops:
    """Places in ``rows`` (NOTE rows). ``sure``: mask of those that are looked at in any case; ``maybe``: of
    others that are when an end is watched by the time their turn comes."""

    def __init__(self, watched: Watched, rows: Array, sure: Array, maybe: Array) -> None:
        self._watched, self._rows = watched, rows
        now = sure | maybe & watched.either(rows["a_lo"], rows["b_lo"]) if maybe.any() else sure
        self._sure = np.flatnonzero(now)
        self._maybe = maybe & ~now
        self._of: dict[int, list[int]] | None = None
        watched.news.clear()

    def __iter__(self) -> Iterator[int]:
        later: list[int] = []
        news = self._watched.news
        for place in self._sure.tolist():
            if later:
                yield from self._between(later, place)
            yield place
            if news:
                self._learn(place, later)
        yield from self._between(later, len(self._rows))

    def _between(self, later: list[int], end: int) -> Iterator[int]:
        """Places before ``end`` that became of interest."""
        while later and later[0] < end:
            more = heappop(later)
            if not later or later[0] != more:  # both ends may have put it there
                yield more
                if self._watched.news:
                    self._learn(more, later)

    def _learn(self, place: int, later: list[int]) -> None:
        """More has become of interest at this place."""
        if self._of is None:
            self._of = self._index()
        words = self._of if self._watched.everything else self._watched.news
        for more in (more for word in words for more in self._of.get(word, ()) if more > place):
            heappush(later, more)
        self._watched.news.clear()

    def _index(self) -> dict[int, list[int]]:
        """Places that may become of interest, by address."""
        of: dict[int, list[int]] = {}
        places = np.flatnonzero(self._maybe).tolist()
        for name in ("a_lo", "b_lo"):
            words = self._rows[name][self._maybe].tolist()
            for word, place in zip(words, places, strict=True):
                of.setdefault(word, []).append(place)
        return of
