# SPDX-License-Identifier: Apache-2.0
"""Texts of whole columns at once: uids, community ids, MACs, addresses, protocol names.

NumPy over flow records where the contract wants text; nothing here judges.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.pipeline.community import community_ids
from egresswatch.pipeline.notes import Addresses
from egresswatch.records import Array

_ALPHABET = np.frombuffer(b"0123456789abcdefghjkmnpqrstvwxyz", np.uint8)  # Crockford's base 32
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
PROTOCOLS = {
    1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 33: "dccp", 41: "ipv6", 47: "gre", 50: "esp",
    51: "ah", 58: "ipv6-icmp", 89: "ospf", 103: "pim", 112: "vrrp", 132: "sctp", 136: "udplite",
}  # fmt: skip
"""IANA protocol numbers with the names that flow tools use; the others are written as numbers."""


def uid_text(uid: int) -> str:
    """``F`` and 13 base-32 digits."""
    return "F" + "".join(chr(_ALPHABET[uid >> shift & 31]) for shift in range(60, -1, -5))


def uids(values: Array) -> Array:
    """``uid_text`` of a uint64 column, as fixed-width bytes."""
    out = np.empty((len(values), 14), np.uint8)
    out[:, 0] = ord("F")
    for k, shift in enumerate(range(60, -1, -5)):
        out[:, k + 1] = _ALPHABET[(values >> np.uint64(shift) & np.uint64(31)).astype(np.intp)]
    return out.reshape(-1).view("S14")


def proto_name(number: int) -> str:
    """Name of an IP protocol, else its number as text."""
    return PROTOCOLS.get(number, str(number))


def macs(values: Array) -> Array:
    """``d4:b7:61:6f:c4:99`` of a uint64 column, as fixed-width bytes; empty for none."""
    out = np.full((len(values), 17), ord(":"), np.uint8)
    for k in range(12):
        digit = (values >> np.uint64(44 - 4 * k) & np.uint64(15)).astype(np.intp)
        out[:, k + k // 2] = _HEX[digit]
    out[values == 0] = 0
    return out.reshape(-1).view("S17")


class Ends:
    """The distinct addresses of both ends of some records: texts once each, codes per row."""

    def __init__(self, rows: Array, addresses: Addresses) -> None:
        n = len(rows)
        hi = np.concatenate([rows["orig_hi"], rows["resp_hi"]])
        lo = np.concatenate([rows["orig_lo"], rows["resp_lo"]])
        v6 = np.concatenate([rows["ver"], rows["ver"]]) == 6
        codes = np.empty(2 * n, np.int64)
        four, inverse = np.unique(lo[~v6], return_inverse=True)
        codes[~v6] = inverse
        pairs = np.stack([hi[v6], lo[v6]], axis=1)
        six, inverse = np.unique(pairs, axis=0, return_inverse=True)
        codes[v6] = inverse.reshape(-1) + len(four)
        self.texts = [addresses.text(0, value, 0) for value in four.tolist()]
        self.texts += [addresses.text(first, second, 1) for first, second in six.tolist()]
        self.orig, self.resp = codes[:n], codes[n:]


def coded(values: Array, text: Any) -> tuple[list[str], Array]:
    """(texts, codes) of a column with few distinct values."""
    distinct, codes = np.unique(values, return_inverse=True)
    return [text(int(value)) for value in distinct], codes.reshape(-1)


def community_column(rows: Array) -> Array:
    """community_id (v1) of every record, as fixed-width bytes."""
    return community_ids(rows)
