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
    return Reader()(buf, m)


class Reader:
    """One side: goes on where it had to wait, so that bytes that come one by one are not read as often."""

    __slots__ = ("_at", "_handshake", "_taken", "_whole")

    def __init__(self) -> None:
        self._at = 0
        """Where the first record begins that has not been taken whole, and how much of it has been."""
        self._taken = 0
        self._handshake = bytearray()
        """What the records so far hold, and how much of that are whole messages."""
        self._whole = 0

    def __call__(self, buf: bytes, m: Message) -> Parsed:
        """As ``parse``; ``buf`` begins as it did before when the answer was to wait."""
        found = None if self._at or self._taken else _single(buf)
        if found is None:
            found = self.records(buf, headers.cut(m))
            if found is not _NEED_MORE:
                self._at = self._taken = self._whole = 0
                self._handshake.clear()
        return found

    def records(self, buf: bytes, final: bool) -> Parsed:
        """However messages are spread over records; ``final``: no more bytes will come."""
        while True:
            begin = self._at + _RECORD_HEADER
            header = buf[self._at : begin]
            if header[1:2] not in (b"", b"\x03"):
                return _NOT_MINE
            if len(header) < _RECORD_HEADER:
                return self._waiting(final)
            kind, length = header[0], int.from_bytes(header[3:5], "big")
            inside = len(self._handshake) > self._taken
            if length > _MAX_RECORD or not _plain(kind, length, inside):
                return _NOT_MINE
            if kind == _HANDSHAKE:
                fragment = buf[begin + self._taken : begin + length]
                self._handshake += fragment
                self._taken += len(fragment)
                if not self._advance():
                    return _NOT_MINE
            if begin + length > len(buf):
                return self._waiting(final)
            self._at, self._taken = begin + length, 0
            if kind == _HANDSHAKE and self._whole == len(self._handshake):
                messages = split(bytes(self._handshake)) or ()
                return Verdict.MATCH, tuple(item for message in messages for item in read(*message)), self._at

    def _advance(self) -> bool:
        """Step over the messages that are whole now; False: these are none."""
        data = self._handshake
        while self._whole + _MESSAGE_HEADER <= len(data):
            kind, length = data[self._whole], int.from_bytes(data[self._whole + 1 : self._whole + 4], "big")
            if kind not in _KNOWN or length > _MAX_MESSAGE:
                return False
            if self._whole + _MESSAGE_HEADER + length > len(data):
                break
            self._whole += _MESSAGE_HEADER + length
        return True

    def _waiting(self, final: bool) -> Parsed:
        if final:
            found = _cut_short(bytes(self._handshake))
            return (Verdict.MATCH, found, max(self._at, 1)) if found else _NOT_MINE
        if not self._handshake and self._at:
            return Verdict.MATCH, (), self._at
        return _NEED_MORE


def _single(buf: bytes) -> Parsed | None:
    """One message in one record, as nearly all are; None: look closer."""
    if len(buf) < _RECORD_HEADER + _MESSAGE_HEADER or buf[1] != _MAJOR_VERSION:
        return None
    kind, _, length, message, high, low = _BEGIN(buf)
    end = _RECORD_HEADER + length
    if kind not in _CLEAR:
        return _NOT_MINE
    if kind != _HANDSHAKE or (high << 16 | low) + _MESSAGE_HEADER != length or end > len(buf):
        return None
    if length > _MAX_RECORD or message not in _KNOWN:
        return _NOT_MINE
    items = read(message, buf[_RECORD_HEADER + _MESSAGE_HEADER : end]) if message in _READ else ()
    return Verdict.MATCH, items, end


def _plain(kind: int, length: int, inside: bool) -> bool:
    """Is this record in the clear, and may it stand here (``inside``: within a handshake message)?"""
    if kind == _HANDSHAKE:
        return length > 0
    return not inside and (kind, length) in ((_CHANGE_CIPHER_SPEC, 1), (_ALERT, 2))


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
