# SPDX-License-Identifier: Apache-2.0
"""The names that hosts are written under: the inventory's, else maker and a short stable hash.

Owns which id belongs to which host; two hosts never have the same one. An id that was given out stays,
because alerts and rows carry it; a bare MAC is never one.
"""

from __future__ import annotations

import hashlib

from egresswatch.enrich.asset import Asset

_SHORTEST = 6


class Ids:
    """asset_id -> key of the host that has it."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}

    def give(self, asset: Asset) -> None:
        """Name a host anew from what is known of it now."""
        self.free(asset)
        wanted = asset.name
        digest = hashlib.sha256(asset.key.partition(" ")[2].encode()).hexdigest()
        length = _SHORTEST
        while not wanted or self._keys.get(wanted, asset.key) != asset.key:
            wanted = f"{asset.vendor or 'host'}-{digest[:length]}"
            length += 2
        asset.asset_id = wanted
        self._keys[wanted] = asset.key

    def free(self, asset: Asset) -> None:
        """The host is no longer called so."""
        self._keys.pop(asset.asset_id, None)

    def hand_on(self, former: Asset, asset: Asset) -> None:
        """``asset`` goes on under the id that ``former`` was given out with."""
        self.free(asset)
        asset.asset_id, asset.name, asset.settled = former.asset_id, former.name, True
        self._keys[asset.asset_id] = asset.key
