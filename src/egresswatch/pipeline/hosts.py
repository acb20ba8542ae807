# SPDX-License-Identifier: Apache-2.0
"""Senders of notes, told to the register in columns.

A part of a second is told as a whole, before anything that was said in it is read: who is there comes
before what is said. What follows from it for a monitored host is done in its turn, by the caller.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from egresswatch.enrich.asset import Asset
from egresswatch.enrich.register import Register
from egresswatch.packets import KEY_V6
from egresswatch.records import AddressClass, Array


class Met(NamedTuple):
    """A monitored host that sent something."""

    low_word: int
    """Of the address it sent from."""
    asset: Asset


def observe(register: Register, rows: Array, places: Array) -> dict[int, Met]:
    """Tell of the senders of the NOTE rows at ``places`` (ascending); gives those that are monitored."""
    if not len(places):
        return {}
    b = rows["side"][places] != 0
    hi = np.where(b, rows["b_hi"][places], rows["a_hi"][places])
    lo = np.where(b, rows["b_lo"][places], rows["a_lo"][places])
    classes, tag = rows["class_ab"][places], rows["vlan"][places].astype(np.int64)
    met = register.observe_many(
        rows["src_mac"][places], hi, lo, rows["meta"][places] & np.uint64(KEY_V6) != 0,
        np.where(tag >> 28 != 0, tag >> 12 & 0xFFF, -1), rows["ts"][places],
        np.where(b, classes & 15, classes >> 4) == AddressClass.inside,
    )  # fmt: skip
    return {int(places[k]): Met(int(lo[k]), asset) for k, asset in met}
