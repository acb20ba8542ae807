# SPDX-License-Identifier: Apache-2.0
"""Texts of whole columns at once: uids, community ids, MACs, addresses, protocol names.

NumPy over flow records where the contract wants text; nothing here judges. A column of texts is a line of
bytes a row, as wide as the longest; zero bytes, wherever they stand in a line, are no part of its text.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.pipeline.community import LENGTH, community_ids
from egresswatch.pipeline.groups import distinct
from egresswatch.pipeline.notes import Addresses
from egresswatch.records import Array

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32


def _table(texts: list[str], kind: Any) -> Array:
    """Short texts as numbers whose bytes are the text: one look-up then writes several characters."""
    width = np.dtype(kind).itemsize
    return np.frombuffer(b"".join(text.encode().ljust(width, b"\0") for text in texts), kind)


_UID_FIRST = _table([f"F{digit}" for digit in _DIGITS[:16]], np.uint16)
_UID_PAIRS = _table([a + b for a in _DIGITS for b in _DIGITS], np.uint16)
_HEX = _table([f"{number:02x}" for number in range(256)], np.uint16)
_OCTET = _table([f"{number}." for number in range(256)], np.uint32)
_LAST_OCTET = _table([f"{number}" for number in range(256)], np.uint32)
_MAC = np.dtype(
    [(f"{part}{k}", kind) for k in range(6) for part, kind in (("byte", "u2"), ("colon", "u1"))][:-1]
)
_V4_WIDTH, _V6_WIDTH = 16, 48
PROTOCOLS = {
    1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 33: "dccp", 41: "ipv6", 47: "gre", 50: "esp",
    51: "ah", 58: "ipv6-icmp", 89: "ospf", 103: "pim", 112: "vrrp", 132: "sctp", 136: "udplite",
}  # fmt: skip
"""IANA protocol numbers with the names that flow tools use; the others are written as numbers."""


def uid_text(uid: int) -> str:
    """``F`` and 13 base-32 digits."""
    return "F" + "".join(_DIGITS[uid >> shift & 31] for shift in range(60, -1, -5))


def uids(values: Array) -> Array:
    """``uid_text`` of a uint64 column."""
    values = np.ascontiguousarray(values)
    out = np.empty((len(values), 7), np.uint16)
    out[:, 0] = _UID_FIRST.take(values >> np.uint64(60))
    for k, shift in enumerate(range(50, -1, -10)):
        out[:, k + 1] = _UID_PAIRS.take(values >> np.uint64(shift) & np.uint64(1023))
    return out.view(np.uint8)


def proto_name(number: int) -> str:
    """Name of an IP protocol, else its number as text."""
    return PROTOCOLS.get(number, str(number))


def macs(values: Array) -> Array:
    """``d4:b7:61:6f:c4:99`` of a uint64 column; empty for none."""
    values = np.ascontiguousarray(values)
    out = np.empty(len(values), _MAC)
    for k in range(6):
        out[f"byte{k}"] = _HEX.take(values >> np.uint64(40 - 8 * k) & np.uint64(255))
        if k:
            out[f"colon{k - 1}"] = ord(":")
    lines = out.view(np.uint8).reshape(len(values), _MAC.itemsize)
    lines[values == 0] = 0
    return lines


def addresses(hi: Array, lo: Array, v6: Array, texts: Addresses) -> Array:
    """Canonical text of addresses; ``v6`` is a mask."""
    if not v6.any():
        return _dotted(np.ascontiguousarray(lo))
    out = np.zeros((len(lo), _V6_WIDTH), np.uint8)
    out[:, :_V4_WIDTH] = _dotted(lo)
    six = np.flatnonzero(v6)
    hi, lo = hi[six], lo[six]
    groups = distinct(hi, lo)
    pairs = zip(hi[groups.first].tolist(), lo[groups.first].tolist(), strict=True)
    known = np.array([texts.text(*pair, 1) for pair in pairs], f"S{_V6_WIDTH}")
    out[six] = known.view(np.uint8).reshape(len(known), _V6_WIDTH).take(groups.of, axis=0)
    return out


def _dotted(lo: Array) -> Array:
    """IPv4 addresses, mapped."""
    out = np.empty((len(lo), 4), np.uint32)
    for k in range(3):
        out[:, k] = _OCTET.take(lo >> np.uint64(24 - 8 * k) & np.uint64(255))
    out[:, 3] = _LAST_OCTET.take(lo & np.uint64(255))
    return out.view(np.uint8)


def coded(values: Array, text: Any) -> tuple[list[str], Array]:
    """(texts, codes) of a column with few distinct values."""
    groups = distinct(values)
    return [text(int(value)) for value in values[groups.first]], groups.of


def community_column(rows: Array) -> Array:
    """community_id (v1) of every record."""
    return community_ids(rows).view(np.uint8).reshape(len(rows), LENGTH)
