# SPDX-License-Identifier: Apache-2.0
"""Community ID v1 (https://github.com/corelight/community-id-spec): ``1:`` and base64 of the SHA-1
over seed, addresses, protocol and ports, lower end first. ICMP types stand in for ports.

A kernel, because every flow record has one; its twin in the tests uses hashlib.
"""

from __future__ import annotations

import hashlib
import struct
from base64 import b64encode
from ipaddress import ip_address
from typing import Any

import numpy as np

from egresswatch.jit import DISABLED, inline, kernel
from egresswatch.loads import be32
from egresswatch.records import Array

_B64 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)
LANES = 1 if DISABLED else 16
"""Hashes that are made side by side."""
_B, _C, _D, _E = LANES, 2 * LANES, 3 * LANES, 4 * LANES
_FIRST = tuple(map(np.uint32, (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)))
_ADD = tuple(map(np.uint32, (0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6)))


def _pairs(*couples: tuple[int, int]) -> Array:
    """Of each ICMP type the one that answers it; -1: none, then type and code are used as they are."""
    table = np.full(256, -1, np.int16)
    for ask, answer in couples:
        table[ask], table[answer] = answer, ask
    return table


_PAIRS4 = _pairs((8, 0), (10, 9), (13, 14), (15, 16), (17, 18))
_PAIRS6 = _pairs((128, 129), (130, 131), (133, 134), (135, 136), (139, 140), (144, 145))
LENGTH = 30  # "1:" and 28 characters


@inline
def _roll(x: Any, n: Any) -> Any:
    return (x << np.uint32(n)) | (x >> np.uint32(32 - n))


@inline
def _turn(s: Any, k: Any, f: Any, word: Any, add: Any) -> None:
    """One round in one lane: the five working variables move on by one place."""
    new = _roll(s[k], 5) + f + s[_E + k] + word + add
    s[_E + k] = s[_D + k]
    s[_D + k] = s[_C + k]
    s[_C + k] = _roll(s[_B + k], 30)
    s[_B + k] = s[k]
    s[k] = new


@kernel
def _sha1_blocks(words: Any, s: Any) -> None:
    """SHA-1 (FIPS 180-4 §6.1) of LANES padded blocks at once: ``words`` uint32[80 * LANES], of which the
    first 16 rows are given; ``s`` uint32[5 * LANES] becomes the words of the digests. Each loop over the
    lanes is a few vector instructions: places that are apart by constants tell the compiler so."""
    for t in range(16 * LANES, 80 * LANES, LANES):
        for k in range(t, t + LANES):
            late, early = words[k - 3 * LANES] ^ words[k - 8 * LANES], words[k - 14 * LANES]
            words[k] = _roll(late ^ early ^ words[k - 16 * LANES], 1)
    for i in range(5):
        for k in range(LANES):
            s[i * LANES + k] = _FIRST[i]
    for t in range(80):
        at = t * LANES
        if t < 20:
            for k in range(LANES):
                _turn(s, k, (s[_B + k] & s[_C + k]) | (~s[_B + k] & s[_D + k]), words[at + k], _ADD[0])
        elif t >= 40 and t < 60:
            for k in range(LANES):
                most = (s[_B + k] & (s[_C + k] | s[_D + k])) | (s[_C + k] & s[_D + k])
                _turn(s, k, most, words[at + k], _ADD[2])
        else:
            add = _ADD[1] if t < 40 else _ADD[3]
            for k in range(LANES):
                _turn(s, k, s[_B + k] ^ s[_C + k] ^ s[_D + k], words[at + k], add)
    for i in range(5):
        for k in range(LANES):
            s[i * LANES + k] += _FIRST[i]


@inline
def _put(block: Any, at: Any, value: Any, size: Any) -> None:
    """The lower ``size`` bytes of a word, the highest first."""
    for j in range(np.int64(size)):
        block[at + j] = (np.uint64(value) >> np.uint64(8 * (size - 1 - j))) & np.uint64(0xFF)


@inline
def _fill(row: Any, pairs4: Any, pairs6: Any, block: Any) -> None:
    """The padded block of one record."""
    s_hi, s_lo, d_hi, d_lo = row["orig_hi"], row["orig_lo"], row["resp_hi"], row["resp_lo"]
    sport, dport = np.int64(row["orig_p"]), np.int64(row["resp_p"])
    one_way: Any = False
    with_ports: Any = row["has_ports"] != 0
    if row["proto"] == 1 or row["proto"] == 58:
        kind = np.int64(row["icmp"]) >> 8
        back = np.int64((pairs6 if row["proto"] == 58 else pairs4)[kind])
        one_way, with_ports = back < 0, True
        sport = kind
        dport = np.int64(row["icmp"]) & 255 if one_way else back
    swap = s_hi > d_hi or (s_hi == d_hi and (s_lo > d_lo or (s_lo == d_lo and sport > dport)))
    if swap and not one_way:
        s_hi, s_lo, sport, d_hi, d_lo, dport = d_hi, d_lo, dport, s_hi, s_lo, sport
    for j in range(64):
        block[j] = 0
    at = np.int64(2)  # seed 0
    if row["ver"] == 6:
        for word in (s_hi, s_lo, d_hi, d_lo):
            _put(block, at, word, np.int64(8))
            at += 8
    else:
        for word in (s_lo, d_lo):
            _put(block, at, word, np.int64(4))
            at += 4
    block[at] = row["proto"]
    at += 2
    if with_ports:
        _put(block, at, np.uint64(sport), np.int64(2))
        _put(block, at + 2, np.uint64(dport), np.int64(2))
        at += 4
    block[at] = 0x80
    _put(block, np.int64(62), np.uint64(8 * at), np.int64(2))


@kernel
def _write_ids(
    rows: Any, alphabet: Any, pairs4: Any, pairs6: Any, block: Any, words: Any, state: Any, out: Any,
) -> None:
    for first in range(0, len(rows), LANES):
        count = min(LANES, len(rows) - first)
        for k in range(count):
            _fill(rows[first + k], pairs4, pairs6, block)
            for t in range(16):
                words[t * LANES + k] = be32(block, 4 * t)
        _sha1_blocks(words, state)
        for k in range(count):
            n = first + k
            out[n, 0], out[n, 1] = 49, 58
            for group in range(7):
                value = np.int64(0)
                for j in range(3 * group, 3 * group + 3):
                    value <<= 8
                    if j < 20:
                        value |= np.int64(state[(j >> 2) * LANES + k]) >> (24 - 8 * (j & 3)) & 255
                for j in range(4):
                    out[n, 2 + 4 * group + j] = alphabet[value >> (18 - 6 * j) & 63]
            out[n, 29] = 61


def community_ids(rows: Array) -> Array:
    """Community ids of FLOW_RECORD rows, as S30. Records without ports hash without them."""
    out = np.zeros((len(rows), LENGTH), np.uint8)
    _write_ids(
        rows, _B64, _PAIRS4, _PAIRS6, np.zeros(64, np.uint8), np.zeros(80 * LANES, np.uint32),
        np.zeros(5 * LANES, np.uint32), out,
    )
    return out.reshape(-1).view(f"S{LENGTH}")


def community_id(host: str, remote: str, lport: int, rport: int, proto: int) -> str:
    """Community ID v1 of one flow; ICMP without its types."""
    ends = [(ip_address(host).packed, lport), (ip_address(remote).packed, rport)]
    (a, ap), (b, bp) = sorted(ends)
    ports = struct.pack(">HH", ap, bp) if proto in (6, 17, 33, 132, 136) else b""
    digest = hashlib.sha1(b"\0\0" + a + b + bytes((proto, 0)) + ports, usedforsecurity=False).digest()
    return "1:" + b64encode(digest).decode("ascii")
