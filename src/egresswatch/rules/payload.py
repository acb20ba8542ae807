# SPDX-License-Identifier: Apache-2.0
"""The payload grammar's meaning, twice: as plain Python and as ``PATTERN`` rows for the kernel.

Owns how bytes, masks, a length field, ports and limits of a rule become one or more rows: at most
two comparisons of eight bytes each, words big-endian and left-aligned (a three-byte comparison
uses the three high bytes of the word). A row needs all compared bytes to have been captured;
``min_len``, ``max_len`` and the length field look at the payload's length as declared.
``holds`` is the obvious twin of what ``rows`` compiles to.
"""

from __future__ import annotations

import numpy as np

from egresswatch.records import PATTERN, Array
from egresswatch.rules.model import Bytes, Payload

LENGTH_FORMS = {
    "be16": (1, 2, "big"),
    "le16": (2, 2, "little"),
    "be32": (3, 4, "big"),
    "le32": (4, 4, "little"),
}
"""Form of a length field -> (PATTERN.rel, size, byte order)."""
WORD = 8
MAX_OFFSET = 1024
MAX_LEN = 65535


def holds(payload: Payload, proto: int, sport: int, dport: int, data: bytes, length: int) -> bool:
    """Does this packet look like ``payload``? ``data`` may be shorter than ``length`` (cut)."""
    if proto != payload.proto or (payload.ports and not {sport, dport} & set(payload.ports)):
        return False
    if length < payload.min_len or (payload.max_len and length > payload.max_len):
        return False
    for condition in payload.bytes:
        seen = data[condition.at : condition.at + len(condition.value)]
        if len(seen) < len(condition.value):
            return False
        if any(s & m != v & m for s, v, m in zip(seen, condition.value, condition.mask, strict=True)):
            return False
    if payload.length is None:
        return True
    _, size, order = LENGTH_FORMS[payload.length.form]
    raw = data[payload.length.at : payload.length.at + size]
    if len(raw) < size:
        return False
    return int.from_bytes(raw, order) + payload.length.add == length  # type: ignore[arg-type]


def windows(conditions: tuple[Bytes, ...]) -> list[tuple[int, bytes, bytes]]:
    """The conditions as (offset, value, mask) windows of at most eight bytes, few as possible.

    ValueError says why two comparisons are not enough.
    """
    pairs: dict[int, tuple[int, int]] = {}
    for condition in conditions:
        for i, (value, mask) in enumerate(zip(condition.value, condition.mask, strict=True)):
            at = condition.at + i
            if mask and at in pairs and pairs[at] != (value & mask, mask):
                raise ValueError(f"two conditions for the byte at {at}")
            if mask:
                pairs[at] = (value & mask, mask)
    result: list[tuple[int, bytes, bytes]] = []
    left = sorted(pairs)
    while left:
        start = left[0]
        inside = [at for at in left if at < start + WORD]
        size = inside[-1] - start + 1
        row = [pairs.get(start + i, (0, 0)) for i in range(size)]
        result.append((start, bytes(v for v, _ in row), bytes(m for _, m in row)))
        left = left[len(inside) :]
    if len(result) > 2:
        raise ValueError("needs more than two comparisons of eight bytes")
    return result


def rows(payload: Payload, parser: int) -> Array:
    """``payload`` as PATTERN rows that ask for ``parser``: one for each port."""
    ports = payload.ports or (0,)
    result = np.zeros(len(ports), PATTERN)
    spans = windows(payload.bytes)
    need = max((at + len(value) for at, value, _ in spans), default=0)
    result["min_len"] = max(payload.min_len, need)
    result["max_len"] = payload.max_len
    result["proto"] = payload.proto
    result["port"] = ports
    result["every"] = payload.every
    result["parser"] = parser
    for k, (at, value, mask) in enumerate(spans, 1):
        result[f"off{k}"] = at
        result[f"n{k}"] = len(value)
        result[f"value{k}"] = int.from_bytes(value.ljust(WORD, b"\0"), "big")
        result[f"mask{k}"] = int.from_bytes(mask.ljust(WORD, b"\0"), "big")
    if payload.length is not None:
        form, size, _ = LENGTH_FORMS[payload.length.form]
        result["rel"] = form
        result["rel_off"] = payload.length.at
        result["rel_add"] = payload.length.add
        result["min_len"] = np.maximum(result["min_len"], payload.length.at + size)
    return result


def fixed_bits(payload: Payload) -> int:
    """How many bits chance must get right: compared bits, a length field, an exact length, a port."""
    bits = sum(mask.bit_count() for _, _, raw in windows(payload.bytes) for mask in raw)
    if payload.length is not None:
        bits += 8 * LENGTH_FORMS[payload.length.form][1]
    if payload.max_len and payload.max_len == payload.min_len:
        bits += 8
    return bits + (8 if payload.ports else 0)
