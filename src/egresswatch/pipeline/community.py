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

from egresswatch.jit import inline, kernel
from egresswatch.records import Array

_B64 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)
_M32 = np.uint64(0xFFFFFFFF)


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
    return ((x << np.uint64(n)) | (x >> np.uint64(32 - n))) & _M32


@kernel
def _sha1_block(block: Any, words: Any, digest: Any) -> None:
    """SHA-1 (FIPS 180-4 §6.1) of one padded 64-byte block into ``digest`` uint8[20]."""
    for t in range(16):
        words[t] = (
            np.uint64(block[4 * t]) << np.uint64(24)
            | np.uint64(block[4 * t + 1]) << np.uint64(16)
            | np.uint64(block[4 * t + 2]) << np.uint64(8)
            | np.uint64(block[4 * t + 3])
        )
    for t in range(16, 80):
        words[t] = _roll(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1)
    h0, h1, h2 = np.uint64(0x67452301), np.uint64(0xEFCDAB89), np.uint64(0x98BADCFE)
    h3, h4 = np.uint64(0x10325476), np.uint64(0xC3D2E1F0)
    a, b, c, d, e = h0, h1, h2, h3, h4
    for t in range(80):
        if t < 20:
            f, k = (b & c) | ((b ^ _M32) & d), np.uint64(0x5A827999)
        elif t < 40:
            f, k = b ^ c ^ d, np.uint64(0x6ED9EBA1)
        elif t < 60:
            f, k = (b & c) | (b & d) | (c & d), np.uint64(0x8F1BBCDC)
        else:
            f, k = b ^ c ^ d, np.uint64(0xCA62C1D6)
        total = (_roll(a, 5) + f + e + k + words[t]) & _M32
        e, d, c, b, a = d, c, _roll(b, 30), a, total
    state = (h0 + a, h1 + b, h2 + c, h3 + d, h4 + e)
    for i in range(5):
        value = state[i] & _M32
        for j in range(4):
            digest[4 * i + j] = (value >> np.uint64(24 - 8 * j)) & np.uint64(0xFF)


@inline
def _put(block: Any, at: Any, value: Any, size: Any) -> None:
    for j in range(size):
        block[at + j] = (value >> np.uint64(8 * (size - 1 - j))) & np.uint64(0xFF)


@kernel
def _write_ids(
    rows: Any, alphabet: Any, pairs4: Any, pairs6: Any, block: Any, words: Any, digest: Any, out: Any
) -> None:
    for n in range(len(rows)):
        row = rows[n]
        v6 = row["ver"] == 6
        width = 16 if v6 else 4
        s_hi, s_lo, d_hi, d_lo = row["orig_hi"], row["orig_lo"], row["resp_hi"], row["resp_lo"]
        sport, dport = np.uint64(row["orig_p"]), np.uint64(row["resp_p"])
        one_way: Any = False
        with_ports: Any = row["has_ports"] != 0
        if row["proto"] == 1 or row["proto"] == 58:
            kind = np.int64(row["icmp"]) >> 8
            back = np.int64((pairs6 if row["proto"] == 58 else pairs4)[kind])
            one_way, with_ports = back < 0, True
            sport = np.uint64(kind)
            dport = np.uint64(np.int64(row["icmp"]) & 255) if one_way else np.uint64(back)
        swap = s_hi > d_hi or (s_hi == d_hi and (s_lo > d_lo or (s_lo == d_lo and sport > dport)))
        if swap and not one_way:
            s_hi, s_lo, sport, d_hi, d_lo, dport = d_hi, d_lo, dport, s_hi, s_lo, sport
        block[:] = 0
        at = 2  # seed 0
        if v6:
            _put(block, at, s_hi, 8)
            _put(block, at + 8, s_lo, 8)
            _put(block, at + 16, d_hi, 8)
            _put(block, at + 24, d_lo, 8)
        else:
            _put(block, at, s_lo & _M32, 4)
            _put(block, at + 4, d_lo & _M32, 4)
        at += 2 * width
        block[at] = row["proto"]
        at += 2
        if with_ports:
            _put(block, at, sport, 2)
            _put(block, at + 2, dport, 2)
            at += 4
        block[at] = 0x80
        _put(block, 62, np.uint64(8 * at), 2)
        _sha1_block(block, words, digest)
        out[n, 0], out[n, 1] = 49, 58
        for group in range(7):
            value = np.uint64(0)
            for j in range(3):
                value <<= np.uint64(8)
                if 3 * group + j < 20:
                    value |= np.uint64(digest[3 * group + j])
            for j in range(4):
                out[n, 2 + 4 * group + j] = alphabet[np.int64(value >> np.uint64(18 - 6 * j)) & 63]
        out[n, 29] = 61


def community_ids(rows: Array) -> Array:
    """Community ids of FLOW_RECORD rows, as S30. Records without ports hash without them."""
    out = np.zeros((len(rows), LENGTH), np.uint8)
    _write_ids(
        rows, _B64, _PAIRS4, _PAIRS6, np.zeros(64, np.uint8), np.zeros(80, np.uint64),
        np.zeros(20, np.uint8), out,
    )
    return out.reshape(-1).view(f"S{LENGTH}")


def community_id(host: str, remote: str, lport: int, rport: int, proto: int) -> str:
    """Community ID v1 of one flow; ICMP without its types."""
    ends = [(ip_address(host).packed, lport), (ip_address(remote).packed, rport)]
    (a, ap), (b, bp) = sorted(ends)
    ports = struct.pack(">HH", ap, bp) if proto in (6, 17, 33, 132, 136) else b""
    digest = hashlib.sha1(b"\0\0" + a + b + bytes((proto, 0)) + ports, usedforsecurity=False).digest()
    return "1:" + b64encode(digest).decode("ascii")
