# SPDX-License-Identifier: Apache-2.0
"""The ClientHello message of TLS, QUIC and DTLS taken apart (RFC 8446 §4.1.2, RFC 6347 §4.2.1).

Gives the fields that names and JA4 need. A message that is cut short gives what stands before the cut,
marked ``complete = False``; any other contradiction gives None. Never raises, never reads a key.
"""

from __future__ import annotations

from dataclasses import dataclass

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
_MAX_EXTENSIONS = 512


@dataclass(frozen=True, slots=True)
class ClientHello:
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


class _Reader:
    """A cursor over one message: a read past the end gives what there is, and is remembered."""

    __slots__ = ("_short", "data", "pos")

    def __init__(self, data: bytes):
        self.data, self.pos, self._short = data, 0, False

    def short(self) -> bool:
        """Was anything read past the end?"""
        return self._short

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> bytes:
        piece = self.data[self.pos : self.pos + size]
        self.pos += size
        self._short = self._short or len(piece) < size
        return piece

    def vector(self, size: int) -> bytes:
        """A field behind its own length of ``size`` bytes."""
        return self.take(self.number(size))


def parse(body: bytes, *, datagram: bool = False, cut: bool = False) -> ClientHello | None:
    """The message without its handshake header; ``datagram``: DTLS, with a cookie.

    ``cut`` says that ``body`` is only the beginning. Without it a message that is too short is refused.
    """
    reader = _Reader(body)
    version = reader.number(2)
    if version >> 8 not in (0x03, 0xFE) or reader.short():
        return None
    reader.take(32)
    reader.vector(1)
    if datagram:
        reader.vector(1)
    ciphers = _numbers(reader.vector(2))
    reader.vector(1)
    if reader.short():
        return ClientHello(version) if cut else None
    if reader.pos == len(body) and not cut:
        return ClientHello(version, ciphers, complete=True)  # SSL 3.0 has no extensions
    wanted = reader.number(2)
    block = reader.take(wanted)
    if reader.short() and not cut:
        return None
    return _with_extensions(version, ciphers, block, complete=not reader.short())


def _with_extensions(
    version: int, ciphers: tuple[int, ...], block: bytes, *, complete: bool
) -> ClientHello | None:
    types: list[int] = []
    found: dict[int, bytes] = {}
    reader = _Reader(block)
    while reader.pos < len(block) and len(types) < _MAX_EXTENSIONS:
        kind, value = reader.number(2), reader.vector(2)
        if reader.short():
            if complete:
                return None
            break
        types.append(kind)
        found.setdefault(kind, value)
    versions = found.get(_SUPPORTED_VERSIONS, b"")
    return ClientHello(
        version,
        ciphers,
        tuple(types),
        _server_name(found.get(_SERVER_NAME)),
        _names(found.get(_ALPN, b"")),
        _numbers(_Reader(found.get(_SIGNATURE_ALGORITHMS, b"")).vector(2)),
        _numbers(_Reader(versions).vector(1)),
        complete,
    )


def _numbers(block: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(block[i : i + 2], "big") for i in range(0, len(block) - 1, 2))


def _names(extension: bytes) -> tuple[bytes, ...]:
    """ProtocolNameList (RFC 7301 §3.1)."""
    reader = _Reader(_Reader(extension).vector(2))
    names: list[bytes] = []
    while reader.pos < len(reader.data) and len(names) < _MAX_EXTENSIONS:
        names.append(reader.vector(1))
    return tuple(names)


def _server_name(extension: bytes | None) -> bytes | None:
    """The first host_name of a ServerNameList (RFC 6066 §3)."""
    if extension is None:
        return None
    reader = _Reader(_Reader(extension).vector(2))
    while reader.pos < len(reader.data):
        kind, name = reader.number(1), reader.vector(2)
        if kind == 0 and name and not reader.short():
            return name
    return None


def items(hello: ClientHello, transport: str) -> tuple[Item, ...]:
    """What is told of a ClientHello; ``transport`` is JA4's letter: t, q or d."""
    out: list[Item] = []
    if hello.server_name:
        notes = [_ECH_DETAIL] if _ENCRYPTED_CLIENT_HELLO in hello.extensions else []
        if not hello.complete:
            notes.append("hello cut short")
        kind = "quic_sni" if transport == "q" else "tls_sni"
        out.append(Item(kind, printable(hello.server_name.lower(), NAME_LIMIT), "; ".join(notes)))
    if hello.complete:
        out.append(Item("ja4", ja4.fingerprint(hello, transport), _offers(hello)))
    return tuple(out)


def _offers(hello: ClientHello) -> str:
    if not hello.alpn:
        return ""
    return printable(b"alpn=" + b",".join(hello.alpn), TEXT_LIMIT)
