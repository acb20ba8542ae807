# SPDX-License-Identifier: Apache-2.0
"""Numbers that look like chance and are the same everywhere: SplitMix64 of a stream's name and a place.

Only integers and operations that IEEE 754 rounds exactly (+ - * / sqrt) are used: no logarithm, whose
last bit differs between processors. So a workload is the same file to the byte on every machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_GOLDEN = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1
_NORMAL_TERMS = 12
_SQUARINGS = 8


class Draw:
    """Independent columns of numbers for one workload: each call is a new column."""

    def __init__(self, seed: int) -> None:
        self._next = seed << 16

    def bits(self, n: int) -> Array:
        """uint64[n]."""
        self._next += 1
        start = np.uint64(self._next * _GOLDEN & _WORD)
        x = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(_GOLDEN) + start
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))

    def unit(self, n: int) -> Array:
        """Evenly over [0, 1)."""
        return (self.bits(n) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def below(self, limit: int, n: int) -> Array:
        """Whole numbers 0 .. limit - 1."""
        return (self.unit(n) * limit).astype(np.int64)

    def choice(self, values: list[int], n: int, parts: list[int] | None = None) -> Array:
        """One of ``values``, in proportion to ``parts``."""
        edges = np.cumsum(parts or [1] * len(values))
        return np.array(values, np.int64)[np.searchsorted(edges, self.below(int(edges[-1]), n), "right")]

    def pareto(self, n: int) -> Array:
        """Heavy-tailed sizes: Pareto (Lomax) of shape 4/3, many small and few very large."""
        root = np.sqrt(1.0 - self.unit(n))
        return 1.0 / (root * np.sqrt(root)) - 1.0

    def lognormal(self, n: int, mean: float = 0.0) -> Array:
        """Sizes around e**mean, spread by a factor of e either way."""
        total = np.full(n, -_NORMAL_TERMS / 2)
        for _ in range(_NORMAL_TERMS):
            total += self.unit(n)
        power = 1.0 + (total + mean) / 2.0**_SQUARINGS
        for _ in range(_SQUARINGS):
            power *= power
        return power


def share(weights: Array, least: Array, total: int) -> Array:
    """Whole numbers that sum to ``total``: at least ``least``, above that in proportion to ``weights``."""
    extra = total - int(least.sum())
    if extra < 0:
        raise ValueError(f"{total} packets are too few for {len(least)} flows of this workload")
    counts = least + np.floor(weights / max(float(weights.sum()), 1e-300) * extra).astype(np.int64)
    left = int(total - counts.sum())
    counts[np.argsort(-weights, kind="stable")[:left]] += 1
    return counts
