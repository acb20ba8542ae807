# SPDX-License-Identifier: Apache-2.0
"""The DNS messages that most are: one question, and answers that are all addresses of what was asked.

Reads without intermediate objects what ``dnswire.read`` would read (its slow twin); gives None as soon as
anything is otherwise.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from egresswatch.sniff.dnswire import AAAA, HEADER, MAX_NAME, NO_TTL, TO_FIRST, A, ipv4, ipv6, plain_name

_OTHER_KINDS: Final = 0x78
"""Bits of the flags that only operations beside the standard query have."""
_ONE: Final = b"\0\1"
_RECORD: Final = Struct(">HHHIH").unpack_from
"""A record whose owner is a pointer."""
_OWNED: Final = 12
_SIZES: Final = {A: 4, AAAA: 16}


def question(payload: bytes) -> tuple[str, int, int] | None:
    """Name and type of the one thing that a standard query or its answer is about, and where that ends.

    None: it has to be looked at.
    """
    if len(payload) < HEADER + 5 or payload[2] & _OTHER_KINDS or payload[4:6] != _ONE:
        return None
    zero = payload.find(0, HEADER, HEADER + MAX_NAME)
    if zero < 0 or zero + 4 >= len(payload):
        return None
    name = plain_name(payload, HEADER, zero + 1, True)
    return (name, payload[zero + 1] << 8 | payload[zero + 2], zero + 5) if name else None


def addresses(payload: bytes, at: int, count: int) -> list[tuple[int, int, str]] | None:
    """Type, TTL and text of ``count`` records from ``at`` on; None when they are not all addresses of the
    message's first name."""
    found: list[tuple[int, int, str]] = []
    size = len(payload) - _OWNED
    for _ in range(count):
        if at > size:
            return None
        owner, kind, _, ttl, length = _RECORD(payload, at)
        at += _OWNED
        data = payload[at : at + length]
        if owner != TO_FIRST or len(data) != length or _SIZES.get(kind) != length:
            return None
        found.append((kind, 0 if ttl >= NO_TTL else ttl, ipv4(data) if length == 4 else ipv6(data)))
        at += length
    return found
