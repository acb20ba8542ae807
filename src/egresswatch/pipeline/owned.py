# SPDX-License-Identifier: Apache-2.0
"""Whose the ends of some flow records are: asked of the register once per distinct address and MAC.

Only inside ends belong to anybody. Code -1 says nobody's, and every column of hosts ends with what holds
for nobody, so that a code can be used as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from egresswatch.enrich.register import Register
from egresswatch.pipeline.groups import distinct
from egresswatch.records import AddressClass, Array

_INSIDE = int(AddressClass.inside)


class Owned(NamedTuple):
    """The hosts of some records, and a code per record for either end."""

    ids: Sequence[str]
    """asset_id of each host."""
    monitored: Array
    vlans: Array
    """-1: none known."""
    macs: Array
    """0: known by its address."""
    orig: Array
    resp: Array

    @property
    def watched(self) -> Array:
        """Mask of the records of which an end belongs to a monitored host."""
        mask: Array = self.monitored.take(self.orig) | self.monitored.take(self.resp)
        return mask


def owned(rows: Array, register: Register) -> Owned:
    """Whose the ends of these records are."""
    both = {
        name: np.concatenate([rows[f"orig_{name}"], rows[f"resp_{name}"]])
        for name in ("hi", "lo", "mac", "class")
    }
    inside = np.flatnonzero(both["class"] == _INSIDE)
    hi, lo, mac = (both[name].take(inside) for name in ("hi", "lo", "mac"))
    v6 = np.concatenate([rows["ver"], rows["ver"]]).take(inside) == 6
    pairs = distinct(hi, lo, mac, v6)
    first = pairs.first
    hosts = register.assets_of(hi.take(first), lo.take(first), v6.take(first), mac.take(first))
    codes = np.full(2 * len(rows), -1, np.int32)
    codes[inside] = hosts.codes.take(pairs.of)
    return Owned(
        hosts.ids, np.append(hosts.monitored, False), np.append(hosts.vlans, -1),
        np.append(hosts.macs, np.uint64(0)), codes[: len(rows)], codes[len(rows) :],
    )  # fmt: skip
