# SPDX-License-Identifier: Apache-2.0
"""Sightings that are held: each waits until its host may have got its name, then all are one table.

The latest are tuples, the quickest way in; the others lie in columns, which take less memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from itertools import count
from typing import Any, NamedTuple, TypeVar

import numpy as np

from egresswatch.enrich.crowd import address_words
from egresswatch.enrich.register import Register
from egresswatch.pipeline.columns import uids
from egresswatch.records import Array
from egresswatch.sinks.parquet import Coded

K = TypeVar("K", bound=Hashable)
_CHUNK = 8192


class _Block(NamedTuple):
    """Some sightings in columns, in the order they came; ``kind`` and ``host`` are codes."""

    ts: Array
    frame: Array
    uid: Array
    kind: Array
    host: Array
    value: tuple[str, ...]
    detail: tuple[str, ...]


class Sightings:
    """The hold of one run: ``most`` of them fill it."""

    def __init__(self, most: int) -> None:
        self.full = False
        self._most = most
        self._until = min(_CHUNK, most)
        """As many of the latest are packed together."""
        self._latest: list[tuple[int, int, int, str, str, str, str, int]] = []
        self._blocks: list[_Block] = []
        self._packed = 0
        self._kinds: dict[str, int] = _numbers()
        self._hosts: dict[tuple[str, int], int] = _numbers()

    def __len__(self) -> int:
        return self._packed + len(self._latest)

    def add(
        self, ts: int, frame: int, uid: int, kind: str, value: str, detail: str, host: str, mac: int
    ) -> None:
        """Keep one; ``host`` and ``mac``: the inside host that it speaks of, empty for none."""
        self._latest.append((ts, frame, uid, kind, value, detail, host, mac))
        if len(self._latest) >= self._until:
            self._pack()

    def take(self, register: Register) -> dict[str, Any]:
        """All of them, by time, as columns of sightings.parquet; nothing is held any more."""
        if self._latest:
            self._pack()
        blocks = self._blocks
        ts, frame, uid, kind, host = map(np.concatenate, list(zip(*blocks, strict=True))[:5])
        order = np.lexsort((frame, ts))
        values = [value for block in blocks for value in block.value]
        details = [detail for block in blocks for detail in block.detail]
        places = order.tolist()
        out = {
            "ts": ts[order],
            "uid": uids(uid[order]),
            "kind": Coded(list(self._kinds), kind[order]),
            "value": [values[place] for place in places],
            "detail": [details[place] for place in places],
            "asset": Coded(_asset_ids(register, list(self._hosts)), host[order]),
        }
        self.clear()
        return out

    def clear(self) -> None:
        """Nothing is held any more."""
        self._latest, self._blocks, self._packed = [], [], 0
        self._kinds, self._hosts = _numbers(), _numbers()
        self.full, self._until = False, min(_CHUNK, self._most)

    def _pack(self) -> None:
        """The latest into columns."""
        ts, frame, uid, kinds, value, detail, hosts, macs = zip(*self._latest, strict=True)
        kind = _codes(self._kinds, kinds, len(kinds))
        host = _codes(self._hosts, zip(hosts, macs, strict=True), len(macs))
        self._blocks.append(
            _Block(
                np.fromiter(ts, np.int64), np.fromiter(frame, np.int64), np.fromiter(uid, np.uint64),
                kind, host, value, detail,
            )
        )  # fmt: skip
        self._packed += len(self._latest)
        self._latest = []
        self.full = self._packed >= self._most
        self._until = max(1, min(_CHUNK, self._most - self._packed))


def _numbers() -> dict[Any, int]:
    """Gives each key that is asked for a number, new ones the next."""
    return defaultdict(count().__next__)


def _codes(numbers: dict[K, int], column: Iterable[K], size: int) -> Array:
    return np.fromiter(map(numbers.__getitem__, column), np.int32, size)


def _asset_ids(register: Register, hosts: list[tuple[str, int]]) -> list[str]:
    """What hosts (address, MAC) are called; empty for nobody's."""
    words = [address_words(host) for host, _ in hosts]
    places = [k for k, each in enumerate(words) if each is not None]
    known = list(filter(None, words))
    hi, lo, v6 = zip(*known, strict=True) if known else ((), (), ())
    macs = np.array([hosts[k][1] for k in places], np.uint64)
    owners = register.assets_of(np.array(hi, np.uint64), np.array(lo, np.uint64), np.array(v6, bool), macs)
    ids = [""] * len(hosts)
    for k, code in zip(places, owners.codes.tolist(), strict=True):
        if code >= 0:
            ids[k] = owners.ids[code]
    return ids
