# SPDX-License-Identifier: Apache-2.0
"""The names that hosts are written under: the inventory's, else maker and a short stable hash.

Owns which id belongs to which host; two hosts never have the same one. An id that was given out stays,
because alerts and rows carry it; a bare MAC is never one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from egresswatch.enrich.asset import Asset, address_text, host_key
from egresswatch.enrich.crowd import Crowd

_SHORTEST = 6
_PLAIN = "host-"


class Ids:
    """asset_id -> key of the host that has it.

    Hosts of the crowd get theirs when somebody wants an id, in the order in which they came: whoever came
    first has the short one. So ``settle`` goes before everything else here.
    """

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}
        self._of_rows: list[str] = []

    def of_row(self, row: int) -> str:
        """What a host of the crowd is called."""
        return self._of_rows[row]

    def settle(self, crowd: Crowd) -> Iterator[int]:
        """Name the crowd. Gives the rows of those whose short id another one has: as what they are called
        depends on who else is there, they are to be met."""
        names, start = self._of_rows, len(self._of_rows)
        rows = crowd.rows[start : crowd.used]
        names += [""] * len(rows)
        columns = (rows[name].tolist() for name in ("mac", "hi", "lo", "v6", "met"))
        for row, (mac, hi, lo, v6, met) in enumerate(zip(*columns, strict=True), start):
            if met:
                continue
            key = host_key(mac, "" if mac else address_text(hi, lo, v6))
            name = _PLAIN + _digest(key)[:_SHORTEST]
            if self._keys.setdefault(name, key) == key:
                names[row] = name
            else:
                names[row] = self._take("", "", key)
                yield row

    def give(self, asset: Asset) -> None:
        """Name a host anew from what is known of it now."""
        self.free(asset)
        asset.asset_id = self._take(asset.name, asset.vendor, asset.key)

    def free(self, asset: Asset) -> None:
        """The host is no longer called so."""
        self._keys.pop(asset.asset_id, None)

    def hand_on(self, former: Asset, asset: Asset) -> None:
        """``asset`` goes on under the id that ``former`` was given out with."""
        self.free(asset)
        asset.asset_id, asset.name, asset.settled = former.asset_id, former.name, True
        self._keys[asset.asset_id] = asset.key

    def _take(self, name: str, vendor: str, key: str) -> str:
        digest = _digest(key)
        before = f"{vendor}-" if vendor else _PLAIN
        wanted, length = name, _SHORTEST
        while not wanted or self._keys.get(wanted, key) != key:
            wanted = before + digest[:length]
            length += 2
        self._keys[wanted] = key
        return wanted


def _digest(key: str) -> str:
    return hashlib.sha256(key.partition(" ")[2].encode()).hexdigest()
