# SPDX-License-Identifier: Apache-2.0
"""The ClientHello message of TLS, QUIC and DTLS taken apart (RFC 8446 §4.1.2, RFC 6347 §4.2.1).

Gives the fields that names and JA4 need. A message that is cut short gives what stands before the cut,
marked ``complete = False``; any other contradiction gives None. Never raises, never reads a key.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from egresswatch.records import Item
from egresswatch.sniff import ja4
from egresswatch.sniff.text import NAME_LIMIT, TEXT_LIMIT, printable

CLIENT_HELLO = 1

_SERVER_NAME = 0
_SIGNATURE_ALGORITHMS = 13
_ALPN = 16
_SUPPORTED_VERSIONS = 43
_ENCRYPTED_CLIENT_HELLO = 0xFE0D
_ECH_DETAIL = "outer name, ECH offered"
_READ: Final = frozenset((_SERVER_NAME, _SIGNATURE_ALGORITHMS, _ALPN, _SUPPORTED_VERSIONS))
_MAJOR_VERSIONS: Final = (0x03, 0xFE)
_SESSION = 34
"""Version and random stand before the session id."""
_SHORT = 64
"""Bytes of an extension that is worth remembering."""
_MAX_EXTENSIONS = 512
_TURNS: Final = range(_MAX_EXTENSIONS)
_EXTENSION: Final = Struct(">HH").unpack_from
_LISTS: Final = tuple(Struct(f">{count}H").unpack_from for count in range(129))
"""Readers of short lists of numbers."""


class Outer(NamedTuple):
    """Data of a name that may be the outer one: Encrypted ClientHello was offered (also clients that know
    no key offer it, draft-ietf-tls-esni §6.2, so that the name may be the true one all the same)."""

    ech: bool


class ClientHello(NamedTuple):
    """What a client offered, in its own order, GREASE included."""

    version: int
    """legacy_version of the message."""
    ciphers: tuple[int, ...] = ()
    extensions: tuple[int, ...] = ()
    server_name: bytes | None = None
    alpn: tuple[bytes, ...] = ()
    signature_algorithms: tuple[int, ...] = ()
    supported_versions: tuple[int, ...] = ()
    complete: bool = False


def parse(body: bytes, *, datagram: bool = False, cut: bool = False) -> ClientHello | None:
    """The message without its handshake header; ``datagram``: DTLS, with a cookie.

    ``cut`` says that ``body`` is only the beginning. Without it a message that is too short is refused.
    """
    size = len(body)
    if size < 2 or body[0] not in _MAJOR_VERSIONS:
        return None
    version = body[0] << 8 | body[1]
    try:  # each field begins behind the last: one that is too long puts the next beyond the end
        at = _SESSION + 1 + body[_SESSION]
        if datagram:
            at += 1 + body[at]
        first = at + 2
        at = first + (body[at] << 8 | body[at + 1])
        begin = at + 1 + body[at]
    except IndexError:
        begin = size + 1
    if begin > size:
        return ClientHello(version) if cut else None
    ciphers = _numbers(body, first, at)
    if begin == size and not cut:
        return ClientHello(version, ciphers, complete=True)  # SSL 3.0 has no extensions
    if begin + 2 > size:
        return ClientHello(version, ciphers) if cut else None
    end = begin + 2 + (body[begin] << 8 | body[begin + 1])
    if end <= size:
        return _with_extensions(version, ciphers, body, begin + 2, end, complete=True)
    return _with_extensions(version, ciphers, body, begin + 2, size, complete=False) if cut else None


def _with_extensions(
    version: int, ciphers: tuple[int, ...], body: bytes, at: int, end: int, *, complete: bool
) -> ClientHello | None:
    types: list[int] = []
    found: dict[int, tuple[int, int]] = {}
    for _ in _TURNS:
        if at >= end:
            break
        if at + 4 > end:
            if complete:
                return None
            break
        kind, length = _EXTENSION(body, at)
        begin = at + 4
        at = begin + length
        if at > end:
            if complete:
                return None
            break
        types.append(kind)
        if kind in _READ and kind not in found:
            found[kind] = begin, at
    name = alpn = signatures = versions = None
    if found:
        name, alpn = found.get(_SERVER_NAME), found.get(_ALPN)
        signatures, versions = found.get(_SIGNATURE_ALGORITHMS), found.get(_SUPPORTED_VERSIONS)
    return ClientHello(
        version,
        ciphers,
        tuple(types),
        _server_name(body, *name) if name else None,
        _names(body[alpn[0] : alpn[1]]) if alpn else (),
        _behind_size(body, 2, *signatures) if signatures else (),
        _behind_size(body, 1, *versions) if versions else (),
        complete,
    )


def _numbers(data: bytes, at: int, end: int) -> tuple[int, ...]:
    """The 16-bit numbers between two places; an odd byte at the end is left."""
    count = (end - at) >> 1
    if count < len(_LISTS):
        return _LISTS[count](data, at)
    return Struct(f">{count}H").unpack_from(data, at)


def _behind_size(data: bytes, size: int, at: int, end: int) -> tuple[int, ...]:
    """A list of numbers behind its length in bytes, as far as the extension goes."""
    begin = at + size
    if begin >= end:
        return ()
    return _numbers(data, begin, min(begin + int.from_bytes(data[at:begin], "big"), end))


def _names(extension: bytes) -> tuple[bytes, ...]:
    """ProtocolNameList (RFC 7301 §3.1)."""
    return _known_names(extension) if len(extension) <= _SHORT else _read_names(extension)


def _read_names(extension: bytes) -> tuple[bytes, ...]:
    end = min(2 + int.from_bytes(extension[:2], "big"), len(extension))
    at = 2
    names: list[bytes] = []
    while at < end and len(names) < _MAX_EXTENSIONS:
        stop = at + 1 + extension[at]
        names.append(extension[at + 1 : min(stop, end)])
        at = stop
    return tuple(names)


_known_names = lru_cache(maxsize=1024)(_read_names)
"""Clients of one kind offer the same protocols."""


def _server_name(body: bytes, at: int, end: int) -> bytes | None:
    """The first host_name of a ServerNameList (RFC 6066 §3)."""
    end = min(at + 2 + int.from_bytes(body[at : min(at + 2, end)], "big"), end)
    at += 2
    while at + 3 <= end:
        begin = at + 3
        stop = begin + (body[at + 1] << 8 | body[at + 2])
        if stop > end:
            break
        if body[at] == 0 and stop > begin:
            return body[begin:stop]
        at = stop
    return None


def items(hello: ClientHello, transport: str) -> tuple[Item, ...]:
    """What is told of a ClientHello; ``transport`` is JA4's letter: t, q or d."""
    name: tuple[Item, ...] = ()
    if hello.server_name:
        outer = Outer(ech=True) if _ENCRYPTED_CLIENT_HELLO in hello.extensions else None
        notes = _ECH_DETAIL if outer else ""
        if not hello.complete:
            notes = f"{notes}; hello cut short" if notes else "hello cut short"
        kind = "quic_sni" if transport == "q" else "tls_sni"
        name = (Item(kind, printable(hello.server_name.lower(), NAME_LIMIT), notes, outer),)
    if not hello.complete:
        return name
    return (*name, Item("ja4", ja4.fingerprint(hello, transport), offers(hello)))


def offers(hello: ClientHello) -> str:
    """The protocols as they are told."""
    if not hello.alpn:
        return ""
    return printable(b"alpn=" + b",".join(hello.alpn), TEXT_LIMIT)
