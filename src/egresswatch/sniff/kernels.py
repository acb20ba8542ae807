# SPDX-License-Identifier: Apache-2.0
"""The compiled part of the sniff stage: where the name of a ClientHello is, and what decides all the rest.

``hello`` goes once over a TCP payload that is one TLS record with one whole ClientHello. It gives the place
of the server name, and writes down what JA4 and the offered protocols depend on, so that two hellos that
wrote the same are told alike. It judges nothing that is unusual: what it does not take, ``hello.parse``
reads, which is also its slow twin.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from egresswatch.jit import inline, kernel
from egresswatch.records import U8

ROOM: Final = 1024
"""Bytes that ``hello`` may need to write down what it found."""

_RECORD, _MESSAGE = 5, 9
"""Bytes of a record header, and with the message header behind it."""
_MAX_SIZE = 16384
_HANDSHAKE, _CLIENT_HELLO, _MAJOR = 22, 1, 3
_SESSION = _MESSAGE + 34
_SERVER_NAME, _SIGNATURES, _ALPN, _VERSIONS = 0, 13, 16, 43
_KINDS_AT, _LISTS_AT = 2, 80
"""Where the kinds of extensions and, behind the last of them, the lists are written."""
_MAX_KINDS = (_LISTS_AT - _KINDS_AT) // 2
_MAX_LIST = 200
_MAX_NAME = 255


@inline
def _word(b: bytes, at: int) -> int:
    return np.int64(b[at]) << 8 | np.int64(b[at + 1])  # type: ignore[return-value]


@inline
def _grease(number: int) -> bool:
    """RFC 8701."""
    return number & 0x0F0F == 0x0A0A and number >> 8 == number & 0xFF


@inline
def _put_in(out: U8, count: int, kind: int) -> None:
    """A kind of extension into the sorted ones: browsers shuffle theirs."""
    at = _KINDS_AT + 2 * count
    high, low = kind >> 8, kind & 0xFF
    while at > _KINDS_AT and (out[at - 2] > high or (out[at - 2] == high and out[at - 1] > low)):
        out[at], out[at + 1] = out[at - 2], out[at - 1]
        at -= 2
    out[at], out[at + 1] = high, low


@inline
def _put_words(b: bytes, at: int, end: int, out: U8, to: int) -> int:
    """16-bit numbers but GREASE, behind their count; where they end."""
    begin = to
    to += 1
    while at < end:
        if not _grease(_word(b, at)):
            out[to], out[to + 1] = b[at], b[at + 1]
            to += 2
        at += 2
    out[begin] = (to - begin) >> 1
    return to


@inline
def _host(b: bytes, at: int, end: int) -> int:
    """Size of the only name in a server_name extension, five bytes behind its beginning (RFC 6066 §3).

    -1: there is another, or it is not plain text.
    """
    size = end - at - 5
    if size < 1 or size > _MAX_NAME or _word(b, at) != size + 3 or b[at + 2] != 0 or _word(b, at + 3) != size:
        return -1
    for k in range(at + 5, end):
        if b[k] < 0x21 or b[k] > 0x7E:
            return -1
    return size


@inline
def _put_list(b: bytes, kind: int, at: int, end: int, out: U8, to: int) -> int:
    """One of the extensions that JA4 reads; where it ends, -1 when its list does not fill it."""
    out[to] = kind
    size = end - at
    if kind == _ALPN:
        out[to + 1] = size
        for k in range(size):
            out[to + 2 + k] = b[at + k]
        return to + 2 + size
    if kind == _VERSIONS:
        sound = size > 0 and size & 1 == 1 and b[at] == size - 1
        return _put_words(b, at + 1, end, out, to + 1) if sound else -1
    sound = size > 1 and size & 1 == 0 and _word(b, at) == size - 2
    return _put_words(b, at + 2, end, out, to + 1) if sound else -1


@kernel
def hello(b: bytes, out: U8) -> int:
    """What was written << 32 | place of the name << 8 | size of the name (0: none); -1: not so plain.

    ``b`` is one record with one ClientHello; in ``out`` stands what decides, with nothing random in it.
    """
    size = len(b)
    if size <= _SESSION or size > _MAX_SIZE or b[0] != _HANDSHAKE or b[1] != _MAJOR:
        return -1
    if b[5] != _CLIENT_HELLO or b[6] != 0 or b[_MESSAGE] != _MAJOR:
        return -1
    if _word(b, 3) != size - _RECORD or _word(b, 7) != size - _MESSAGE:
        return -1
    begin = _SESSION + 1 + b[_SESSION] + 2  # of the ciphers
    if begin > size:
        return -1
    length = _word(b, begin - 2)
    at = begin + length
    if at >= size or length > _MAX_LIST or length & 1 == 1:
        return -1
    to = _put_words(b, begin, at, out, _LISTS_AT)
    at += 1 + b[at] + 2
    if at > size or at + _word(b, at - 2) != size:
        return -1
    kinds = count = seen = name_at = name_size = 0
    while at < size:
        count += 1
        begin = at + 4
        if begin > size or count > _MAX_KINDS:
            return -1
        kind, length = _word(b, at), _word(b, at + 2)
        at = begin + length
        if at > size:
            return -1
        if not _grease(kind):
            _put_in(out, kinds, kind)
            kinds += 1
        if kind in (_SERVER_NAME, _SIGNATURES, _ALPN, _VERSIONS):
            if seen >> kind & 1 or (kind != _SERVER_NAME and length > _MAX_LIST):
                return -1
            seen |= 1 << kind
            if kind == _SERVER_NAME:
                name_at, name_size = begin + 5, _host(b, begin, at)
            else:
                to = _put_list(b, kind, begin, at, out, to)
            if to < 0 or name_size < 0:
                return -1
    out[0], out[1] = b[_MESSAGE + 1], kinds
    for k in range(_KINDS_AT + 2 * kinds, _LISTS_AT):
        out[k] = 0
    return to << 32 | name_at << 8 | name_size
