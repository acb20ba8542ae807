# SPDX-License-Identifier: Apache-2.0
"""One row of the PATTERN table from what a person writes, and rows for protocols that begin with words."""

from __future__ import annotations

import numpy as np

from egresswatch.patterns import PATTERN
from egresswatch.records import Array

TCP, UDP = 6, 17
_WORD = 8


def row(
    parser: int,
    proto: int,
    first: bytes = b"",
    second: bytes = b"",
    *,
    off1: int = 0,
    off2: int = 8,
    mask1: bytes = b"",
    mask2: bytes = b"",
    min_len: int = 0,
    max_len: int = 0,
    port: int = 0,
    every: bool = False,
    rel: tuple[int, int, int] = (0, 0, 0),
) -> Array:
    """One PATTERN row: ``first`` at ``off1`` and ``second`` at ``off2``, under masks (default: exactly).

    ``rel`` is kind, offset and summand of the length relation.
    """
    out = np.zeros(1, dtype=PATTERN)
    out["parser"], out["proto"] = parser, proto
    for k, offset, value, given in ((1, off1, first, mask1), (2, off2, second, mask2)):
        mask = given or b"\xff" * len(value)
        if len(value) > _WORD or len(mask) != len(value):
            raise ValueError("a comparison has at most 8 bytes and a mask of the same length")
        masked = bytes(v & m for v, m in zip(value, mask, strict=True))
        out[f"n{k}"], out[f"off{k}"] = len(value), offset if value else 0
        out[f"mask{k}"] = int.from_bytes(mask.ljust(_WORD, b"\0"), "big")
        out[f"value{k}"] = int.from_bytes(masked.ljust(_WORD, b"\0"), "big")
    out["min_len"], out["max_len"], out["port"], out["every"] = min_len, max_len, port, every
    out["rel"], out["rel_off"], out["rel_add"] = rel
    return out


def texts(parser: int, proto: int, *texts: bytes) -> list[Array]:
    """A row per text that a payload must begin with: up to 16 bytes over both comparisons.

    On a TCP connection messages follow each other, so all of its payloads are looked at.
    """
    every = proto == TCP
    return [row(parser, proto, text[:8], text[8:16], min_len=len(text), every=every) for text in texts]
