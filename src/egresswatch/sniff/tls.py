# SPDX-License-Identifier: Apache-2.0
"""TLS over TCP: records put back into handshake messages, of which two are read.

The ClientHello gives tls_sni and ja4; the server's Certificate (TLS <= 1.2, later it is encrypted) gives
tls_cert_subject. Reading stops at the first record that is not in the clear. Messages may be spread over
records and records over segments (RFC 8446 §5.1); a ChangeCipherSpec record is stepped over, because the
second ClientHello after a HelloRetryRequest stands behind one (RFC 8446 §D.4).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import certificate, headers, hello

Parsed = tuple[Verdict, tuple[Item, ...], int]

_MAJOR_VERSION = 3
_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE = 20, 21, 22
_CLEAR = frozenset((_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE))
_CERTIFICATE = 11
_KNOWN = frozenset((0, 1, 2, 3, 4, 5, 6, 8, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 67))
"""Handshake message types (IANA); others mean that the record is encrypted."""
_READ = frozenset((hello.CLIENT_HELLO, _CERTIFICATE))
_BEGIN: Final = Struct(">BHHBBH").unpack_from
"""A record header and the message header behind it."""
_RECORD_HEADER, _MESSAGE_HEADER = 5, 4
_MAX_RECORD = 16384 + 2048
_MAX_MESSAGE = 1 << 17

_NOT_MINE: Parsed = (Verdict.NOT_MINE, (), 0)
_NEED_MORE: Parsed = (Verdict.NEED_MORE, (), 0)


def parse(buf: bytes, m: Message) -> Parsed:
    """Records from the start of ``buf`` up to the first place where a record and a message end together."""
    if len(buf) >= _RECORD_HEADER + _MESSAGE_HEADER and buf[1] == _MAJOR_VERSION:
        kind, _, length, message, high, low = _BEGIN(buf)
        end = _RECORD_HEADER + length
        if kind not in _CLEAR:
            return _NOT_MINE
        if kind == _HANDSHAKE and (high << 16 | low) + _MESSAGE_HEADER == length and end <= len(buf):
            # one message in one record, as nearly all are
            if length > _MAX_RECORD or message not in _KNOWN:
                return _NOT_MINE
            items = read(message, buf[_RECORD_HEADER + _MESSAGE_HEADER : end]) if message in _READ else ()
            return Verdict.MATCH, items, end
    return _records(buf, headers.cut(m))


def _records(buf: bytes, final: bool) -> Parsed:
    """The same however messages are spread over records; ``final``: no more bytes will come."""
    pos, handshake = 0, bytearray()
    while True:
        header = buf[pos : pos + _RECORD_HEADER]
        if header[1:2] not in (b"", b"\x03"):
            return _NOT_MINE
        if len(header) < _RECORD_HEADER:
            return _waiting(bytes(handshake), pos, final)
        kind, length = header[0], int.from_bytes(header[3:5], "big")
        fragment = buf[pos + _RECORD_HEADER : pos + _RECORD_HEADER + length]
        if length > _MAX_RECORD or not _plain(kind, length, bool(handshake)):
            return _NOT_MINE
        if kind == _HANDSHAKE:
            handshake += fragment
        if len(fragment) < length:
            return _waiting(bytes(handshake), pos, final)
        pos += _RECORD_HEADER + length
        if kind != _HANDSHAKE:
            continue
        messages = split(bytes(handshake))
        if messages is None:
            return _NOT_MINE
        if sum(_MESSAGE_HEADER + len(body) for _, body in messages) == len(handshake):
            return Verdict.MATCH, tuple(item for message in messages for item in read(*message)), pos


def _plain(kind: int, length: int, inside: bool) -> bool:
    """Is this record in the clear, and may it stand here (``inside``: within a handshake message)?"""
    if kind == _HANDSHAKE:
        return length > 0
    return not inside and (kind, length) in ((_CHANGE_CIPHER_SPEC, 1), (_ALERT, 2))


def _waiting(handshake: bytes, skipped: int, final: bool) -> Parsed:
    if not final:
        if not handshake and skipped:
            return Verdict.MATCH, (), skipped
        if handshake and split(handshake) is None:
            return _NOT_MINE
        return _NEED_MORE
    found = _cut_short(handshake)
    return (Verdict.MATCH, found, max(skipped, 1)) if found else _NOT_MINE


def split(handshake: bytes) -> list[tuple[int, bytes]] | None:
    """The whole messages at the start of a handshake stream; None when this is no such stream."""
    messages: list[tuple[int, bytes]] = []
    pos = 0
    while pos + _MESSAGE_HEADER <= len(handshake):
        kind, length = handshake[pos], int.from_bytes(handshake[pos + 1 : pos + 4], "big")
        if kind not in _KNOWN or length > _MAX_MESSAGE:
            return None
        body = handshake[pos + _MESSAGE_HEADER : pos + _MESSAGE_HEADER + length]
        if len(body) < length:
            break
        messages.append((kind, body))
        pos += _MESSAGE_HEADER + length
    return messages


def read(kind: int, body: bytes) -> tuple[Item, ...]:
    """Items of one whole handshake message."""
    if kind == hello.CLIENT_HELLO:
        offer = hello.parse(body)
        return hello.items(offer, "t") if offer else ()
    if kind == _CERTIFICATE:
        return certificate.items(body)
    return ()


def _cut_short(handshake: bytes) -> tuple[Item, ...]:
    """What a capture shows that cuts the packets: whole messages, then the beginning of one."""
    messages = split(handshake)
    if messages is None:
        return ()
    found = [item for message in messages for item in read(*message)]
    rest = handshake[sum(_MESSAGE_HEADER + len(body) for _, body in messages) :]
    kind, body = rest[:1], rest[_MESSAGE_HEADER:]
    if kind == bytes([hello.CLIENT_HELLO]):
        offer = hello.parse(body, cut=True)
        found += hello.items(offer, "t") if offer else ()
    elif kind == bytes([_CERTIFICATE]):
        found += certificate.items(body)
    return tuple(found)
