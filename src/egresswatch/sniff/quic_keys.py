# SPDX-License-Identifier: Apache-2.0
"""Keys of QUIC Initial packets: anyone who sees the first packet can derive them (RFC 9001 §5.2).

Gives the client's keys for a version and a Destination Connection ID, and takes the protection of one
packet off. Versions: 1 (RFC 9001), 2 (RFC 9369 §3.3) and the drafts 23 to 34. Verifies: a packet of the
server, or of another connection, does not open.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

V1, V2 = 0x00000001, 0x6B3343CF
_DRAFT = 0xFF000000
_SALT_V1 = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
_SALT_V2 = bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9")
_SALT_29 = bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")
_SALT_23 = bytes.fromhex("c3eef712c72ebb5a11a7d2432bb46365bef9f502")
_SALTS = (
    {V1: _SALT_V1, V2: _SALT_V2}
    | {_DRAFT + n: _SALT_23 for n in range(23, 29)}
    | {_DRAFT + n: _SALT_29 for n in range(29, 33)}
    | {_DRAFT + n: _SALT_V1 for n in range(33, 35)}
)
_SAMPLE, _TAG = 16, 16


@dataclass(frozen=True, slots=True)
class Keys:
    """What opens the client's Initial packets of one connection."""

    version: int
    key: bytes
    iv: bytes
    header: bytes


def known(version: int) -> bool:
    """Can Initial packets of this version be opened?"""
    return version in _SALTS


def client_keys(version: int, connection_id: bytes) -> Keys:
    """From the Destination Connection ID of the client's first Initial (after a Retry: the server's)."""
    prefix = b"quicv2 " if version == V2 else b"quic "
    initial = hmac.digest(_SALTS[version], connection_id, hashlib.sha256)
    secret = _expand(initial, b"client in", 32)
    return Keys(
        version,
        _expand(secret, prefix + b"key", 16),
        _expand(secret, prefix + b"iv", 12),
        _expand(secret, prefix + b"hp", 16),
    )


def _expand(secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label for one block (RFC 8446 §7.1)."""
    full = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(full)]) + full + b"\0"
    return hmac.digest(secret, info + b"\x01", hashlib.sha256)[:size]


def open_initial(keys: Keys, packet: bytes, number_at: int) -> bytes | None:
    """The frames of a packet whose packet number begins at ``number_at``; None when the keys do not fit."""
    # here, because most captures hold no QUIC and loading it is a part of each start
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    sample = packet[number_at + 4 : number_at + 4 + _SAMPLE]
    if len(sample) < _SAMPLE:
        return None
    encryptor = Cipher(algorithms.AES(keys.header), modes.ECB()).encryptor()  # noqa: S305 - RFC 9001 §5.4.3
    mask = encryptor.update(sample)
    first = packet[0] ^ (mask[0] & 0x0F)
    size = (first & 3) + 1
    number = bytes(a ^ b for a, b in zip(packet[number_at:], mask[1 : 1 + size], strict=False))
    header = bytes([first]) + packet[1:number_at] + number
    nonce = (int.from_bytes(keys.iv, "big") ^ int.from_bytes(number, "big")).to_bytes(12, "big")
    sealed = packet[number_at + size :]
    if len(sealed) < _TAG:
        return None
    try:
        return AESGCM(keys.key).decrypt(nonce, sealed, header)
    except InvalidTag:
        return None
