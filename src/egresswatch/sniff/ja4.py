# SPDX-License-Identifier: Apache-2.0
"""JA4, the TLS client fingerprint (FoxIO, the BSD-3-Clause part of the JA4+ suite; written from its text).

    t13d1516h2_8daaf6152771_02713d6af862
    a: transport, version, SNI there (d) or not (i), ciphers, extensions, ALPN
    b: hash of the sorted ciphers
    c: hash of the sorted extensions (without SNI and ALPN), and the signature algorithms as sent

GREASE values (RFC 8701) count nowhere. An ALPN whose first or last byte is not a letter or digit shows the
first and last digit of its hexadecimal form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Protocol

_VERSIONS = {
    0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2",
    0xFEFF: "d1", 0xFEFD: "d2", 0xFEFC: "d3",
}  # fmt: skip
_GREASE = frozenset(0x0A0A + 0x1010 * k for k in range(16))
_NOTHING = "000000000000"
_SERVER_NAME, _ALPN = 0x0000, 0x0010
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
    ciphers = _real(hello.ciphers)
    extensions = _real(hello.extensions)
    name = "d" if _SERVER_NAME in extensions else "i"
    first = (
        f"{transport}{_version(hello, transport)}{name}"
        f"{min(len(ciphers), 99):02d}{min(len(extensions), 99):02d}{_alpn(hello.alpn)}"
    )
    return f"{first}_{_hash(_hex(sorted(ciphers)))}_{_hash(_third(extensions, hello.signature_algorithms))}"


def _third(extensions: list[int], signature_algorithms: tuple[int, ...]) -> str:
    kept = _hex(sorted(kind for kind in extensions if kind not in (_SERVER_NAME, _ALPN)))
    signatures = _hex(_real(signature_algorithms))
    return f"{kept}_{signatures}" if signatures else kept


def _real(numbers: Iterable[int]) -> list[int]:
    return [number for number in numbers if number not in _GREASE]


def _version(hello: Offer, transport: str) -> str:
    """The highest version offered; DTLS counts downwards (RFC 9147 §5.3)."""
    offered = _real(hello.supported_versions) or [hello.version]
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
