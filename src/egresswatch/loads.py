# SPDX-License-Identifier: Apache-2.0
"""Reading numbers out of a byte array, inlined into every kernel.

Callers have checked the bounds; these cannot fail and do not look. Small numbers come back as
int64, 64-bit words as uint64 (mixing the two would make a float under numba).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.jit import inline

_ONE = np.uint64(1)
_MULT = np.uint64(0x9E3779B97F4A7C15)
_S29 = np.uint64(29)
_SEED = np.uint64(0x51_7C_C1_B7_27_22_0A_95)


@inline
def u8(d: Any, i: Any) -> Any:
    """Byte at i."""
    return np.int64(d[np.uint64(i)])


@inline
def be16(d: Any, i: Any) -> Any:
    """Big-endian 16 bit at i."""
    j = np.uint64(i)
    return np.int64(d[j]) << np.int64(8) | np.int64(d[j + _ONE])


@inline
def be32(d: Any, i: Any) -> Any:
    """Big-endian 32 bit at i, never negative."""
    j = np.uint64(i)
    return (
        np.int64(d[j]) << np.int64(24)
        | np.int64(d[j + _ONE]) << np.int64(16)
        | np.int64(d[j + np.uint64(2)]) << np.int64(8)
        | np.int64(d[j + np.uint64(3)])
    )


@inline
def le16(d: Any, i: Any) -> Any:
    """Little-endian 16 bit at i."""
    j = np.uint64(i)
    return np.int64(d[j + _ONE]) << np.int64(8) | np.int64(d[j])


@inline
def le32(d: Any, i: Any) -> Any:
    """Little-endian 32 bit at i, never negative."""
    j = np.uint64(i)
    return (
        np.int64(d[j + np.uint64(3)]) << np.int64(24)
        | np.int64(d[j + np.uint64(2)]) << np.int64(16)
        | np.int64(d[j + _ONE]) << np.int64(8)
        | np.int64(d[j])
    )


@inline
def be64(d: Any, i: Any) -> Any:
    """Big-endian 64-bit word at i."""
    j = np.uint64(i)
    return (
        np.uint64(d[j]) << np.uint64(56)
        | np.uint64(d[j + _ONE]) << np.uint64(48)
        | np.uint64(d[j + np.uint64(2)]) << np.uint64(40)
        | np.uint64(d[j + np.uint64(3)]) << np.uint64(32)
        | np.uint64(d[j + np.uint64(4)]) << np.uint64(24)
        | np.uint64(d[j + np.uint64(5)]) << np.uint64(16)
        | np.uint64(d[j + np.uint64(6)]) << np.uint64(8)
        | np.uint64(d[j + np.uint64(7)])
    )


@inline
def mix(h: Any, v: Any) -> Any:
    """One step of the hash: multiply and fold (uint64 both)."""
    x = (h ^ v) * _MULT
    return x ^ (x >> _S29)


@inline
def pair_hash(a_hi: Any, a_lo: Any, b_hi: Any, b_lo: Any, meta: Any) -> Any:
    """Hash of the address pair alone: it decides the shard, so a fragment meets its first one."""
    h = mix(mix(_SEED, a_lo), b_lo)
    if meta & _ONE != np.uint64(0):
        h = mix(mix(h, a_hi), b_hi)
    return h
