# SPDX-License-Identifier: Apache-2.0
"""JA4, the TLS client fingerprint (FoxIO, the BSD-3-Clause part of the JA4+ suite; written from its text).

    t13d1516h2_8daaf6152771_02713d6af862
    a: transport, version, SNI there (d) or not (i), ciphers, extensions, ALPN
    b: hash of the sorted ciphers
    c: hash of the sorted extensions (without SNI and ALPN), and the signature algorithms as sent

GREASE values (RFC 8701) count nowhere. An ALPN whose first or last byte is not a letter or digit shows the
first and last digit of its hexadecimal form.

Clients of one kind offer the same: the hash of each list is remembered, for a bounded number of lists. The
extensions are remembered in sorted order, because browsers shuffle them and put in GREASE at random.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Protocol

_VERSIONS = {
    0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2",
    0xFEFF: "d1", 0xFEFD: "d2", 0xFEFC: "d3",
}  # fmt: skip
_GREASE = frozenset(0x0A0A + 0x1010 * k for k in range(16))
_NOTHING = "000000000000"
_SERVER_NAME, _ALPN = 0x0000, 0x0010
_KEPT: Final = 1024
"""Lists remembered of each sort."""
_SHORT: Final = 128
"""Numbers in a list that is worth it: more are sent by nobody but an attacker."""
_ALNUM = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class Offer(Protocol):
    """The part of a ClientHello that JA4 reads."""

    @property
    def version(self) -> int: ...
    @property
    def ciphers(self) -> tuple[int, ...]: ...
    @property
    def extensions(self) -> tuple[int, ...]: ...
    @property
    def alpn(self) -> tuple[bytes, ...]: ...
    @property
    def signature_algorithms(self) -> tuple[int, ...]: ...
    @property
    def supported_versions(self) -> tuple[int, ...]: ...


def fingerprint(hello: Offer, transport: str) -> str:
    """JA4 of a whole ClientHello; ``transport``: ``t`` (TCP), ``q`` (QUIC) or ``d`` (DTLS)."""
    ciphers, signatures, offered = hello.ciphers, hello.signature_algorithms, hello.supported_versions
    kinds = tuple(sorted(hello.extensions))
    short = len(ciphers) <= _SHORT and len(kinds) <= _SHORT and len(signatures) <= _SHORT
    second = (_known_ciphers if short else _ciphers)(ciphers)
    third = (_known_extensions if short else _extensions)(kinds, signatures)
    version = (_known_version if len(offered) <= _SHORT else _version)(hello.version, offered, transport)
    return f"{transport}{version}{third[0]}{second[0]}{third[1]}{_alpn(hello.alpn)}_{second[1]}_{third[2]}"


def _ciphers(ciphers: tuple[int, ...]) -> tuple[str, str]:
    """Count and hash."""
    real = _real(ciphers)
    return f"{min(len(real), 99):02d}", _hash(_hex(sorted(real)))


def _extensions(kinds: tuple[int, ...], signature_algorithms: tuple[int, ...]) -> tuple[str, str, str]:
    """Whether there is a server name, count and hash; ``kinds`` are sorted."""
    real = _real(kinds)
    kept = _hex(kind for kind in real if kind not in (_SERVER_NAME, _ALPN))
    signatures = _hex(_real(signature_algorithms))
    third = _hash(f"{kept}_{signatures}" if signatures else kept)
    return "d" if _SERVER_NAME in real else "i", f"{min(len(real), 99):02d}", third


def _real(numbers: Iterable[int]) -> list[int]:
    return [number for number in numbers if number not in _GREASE]


def _version(legacy: int, supported: tuple[int, ...], transport: str) -> str:
    """The highest version offered; DTLS counts downwards (RFC 9147 §5.3)."""
    offered = _real(supported) or [legacy]
    return _VERSIONS.get(min(offered) if transport == "d" else max(offered), "00")


def _alpn(names: tuple[bytes, ...]) -> str:
    if not names or not names[0]:
        return "00"
    first = names[0]
    if first[0] in _ALNUM and first[-1] in _ALNUM:
        return chr(first[0]) + chr(first[-1])
    text = first.hex()
    return text[0] + text[-1]


def _hex(numbers: Iterable[int]) -> str:
    return ",".join(f"{number:04x}" for number in numbers)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12] if text else _NOTHING


_known_ciphers = lru_cache(maxsize=_KEPT)(_ciphers)
_known_extensions = lru_cache(maxsize=_KEPT)(_extensions)
_known_version = lru_cache(maxsize=_KEPT)(_version)
