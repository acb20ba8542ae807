# SPDX-License-Identifier: Apache-2.0
"""802.11 data frames and the radiotap header before them (IEEE 802.11 §9.2, radiotap.org).

Only data frames in clear lead to a network header; encrypted ones are told apart, because they are
what a monitor-mode capture of a protected network mostly holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.decode.codes import K_BAD, K_ENCRYPTED, K_ETHERNET, K_LLC, K_NON_IP
from egresswatch.jit import kernel
from egresswatch.loads import le16, le32, u8


@kernel
def wifi(d: Any, p: Any, e: Any, padded: Any) -> Any:
    """802.11 MAC header at p: (code, payload, destination MAC, source MAC)."""
    if e - p < 24:
        return K_BAD if e - p < 10 else K_NON_IP, p, np.int64(-1), np.int64(-1)
    control, flags = u8(d, p), u8(d, p + 1)
    if (control >> 2) & 3 != 2 or control & 0x40 != 0:
        return K_NON_IP, p, np.int64(-1), np.int64(-1)
    if flags & 0x40 != 0:
        return K_ENCRYPTED, p, np.int64(-1), np.int64(-1)
    size = 24
    to_ds, from_ds = flags & 1 != 0, flags & 2 != 0
    dst = p + 16 if to_ds else p + 4
    src = p + 10
    if from_ds:
        src = p + 24 if to_ds else p + 16
    if to_ds and from_ds:
        size += 6
    aggregated = False
    if control & 0x80 != 0:
        if e - p < size + 2:
            return K_BAD, p, np.int64(-1), np.int64(-1)
        aggregated = u8(d, p + size) & 0x80 != 0
        size += 2
        if flags & 0x80 != 0:
            size += 4
    if padded:
        size = (size + 3) & ~3
    if e - p < size:
        return K_BAD, p, np.int64(-1), np.int64(-1)
    if aggregated:  # A-MSDU: the first subframe, an 802.3 header whose length leads to LLC
        return K_ETHERNET, p + size, np.int64(-1), np.int64(-1)
    return K_LLC, p + size, np.int64(dst), np.int64(src)


@kernel
def radiotap(d: Any, p: Any, e: Any) -> Any:
    """Radiotap header (radiotap.org): (802.11 header's place or -1, is the body padded)."""
    if e - p < 8:
        return np.int64(-1), False
    size = le16(d, p + 2)
    if size < 8 or e - p < size:
        return np.int64(-1), False
    present = le32(d, p + 4)
    at, word = p + 8, present
    while word & 0x80000000 != 0 and at + 4 <= p + size:
        word = le32(d, at)
        at += 4
    padded = False
    if present & 1 != 0:
        at = p + (((at - p) + 7) & ~7) + 8
    if present & 2 != 0 and at < p + size:
        padded = u8(d, at) & 0x20 != 0
    return np.int64(p + size), padded
