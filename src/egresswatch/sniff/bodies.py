# SPDX-License-Identifier: Apache-2.0
"""The beginnings of HTTP bodies that say something of a device or of a push; all others are not read.

Gives http_title, http_favicon (MD5 of a whole small icon, as favicon tables have it), what ``devices``,
``soap`` and ``pushes`` read. A body is read as far as it comes within ``xmltext.LIMIT``, an icon within
``ICON_LIMIT``; compressed ones are opened within that.
"""

from __future__ import annotations

import hashlib
import html
import re
import zlib
from collections.abc import Callable
from functools import partial
from typing import Protocol

from egresswatch.records import Item
from egresswatch.sniff import devices, multipart, pushes, soap, tunnel, xmltext
from egresswatch.sniff.headers import Head
from egresswatch.sniff.text import NAME_LIMIT, escaped

ICON_LIMIT = 24 << 10
_ICONS = (b"image/x-icon", b"image/vnd.microsoft.icon", b"image/ico", b"image/icon")
_ICO = b"\x00\x00\x01\x00"
_UNTOLD = (b"", b"application/octet-stream", b"text/plain")
_TITLE = re.compile(rb"<title(?:\s[^<>]{0,128})?>([^<]{0,512})</title", re.IGNORECASE)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]{0,256}\r?\n")
_LAST_CHUNK = b"\n0\r\n\r\n"
_PUSHING = ("POST", "PUT")
_INFLATE = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}
"""Window bits of zlib by content coding (RFC 9110 §8.4.1)."""


class Body(Protocol):
    """A body being read."""

    begun: bool
    """Some of it was taken already."""

    @property
    def held(self) -> int:
        """Bytes of it kept beyond what was not taken."""
        ...

    def read(self, data: bytes, *, final: bool) -> tuple[tuple[Item, ...], int, bool]:
        """(items, bytes taken from the front, is nothing more of it wanted); ``final``: no more will come."""
        ...


Reading = Callable[[bytes], tuple[Item, ...]]


def wanted(head: Head, detail: str, status: bytes, length: int) -> tuple[Body | None, int | None]:
    """What reads the body behind a head, and how long it is (None: until it ends by itself)."""
    chunked = b"chunked" in head.get(b"transfer-encoding").lower()
    left = length if not chunked and head.get(b"content-length") else None
    kind = head.get(b"content-type").partition(b";")[0].strip().lower()
    if left == 0 or (status and (status[:1] == b"1" or status in (b"204", b"304"))):
        return None, None
    if not status and kind == tunnel.TYPE:
        return tunnel.Requests(), left
    if not status and left is None and not chunked:
        return None, None
    if kind.startswith(b"multipart/") and (status or detail.startswith(_PUSHING)):
        return multipart.reader(head.get(b"content-type"), detail, request=not status, chunked=chunked), left
    coding = head.get(b"content-encoding").lower()
    if coding and coding not in _INFLATE:
        return None, None
    function = _of_answer(kind, detail, left) if status else _of_request(head, kind, detail)
    if function is None:
        return None, None
    small = ICON_LIMIT if left is not None and left <= ICON_LIMIT and kind in (*_ICONS, *_UNTOLD) else 0
    return Whole(function, chunked=chunked, coding=coding, limit=small or xmltext.LIMIT), left


class Whole:
    """Waits until enough of a body is there, then reads it once."""

    held = 0

    def __init__(self, function: Reading, *, chunked: bool, coding: bytes, limit: int) -> None:
        self.begun = False
        self._function, self._chunked, self._coding, self._limit = function, chunked, coding, limit

    def read(self, data: bytes, *, final: bool) -> tuple[tuple[Item, ...], int, bool]:
        """All at once, or nothing yet."""
        enough = final or len(data) >= self._limit
        # looked at only when it can be the end: a body that comes byte by byte must not be read as often
        if not enough and not (data.endswith(_LAST_CHUNK) if self._chunked else b"</" in data[-96:]):
            return (), 0, False
        plain, ended = dechunked(data) if self._chunked else (data, False)
        plain = plain[: self._limit]
        if self._coding:
            plain = _inflated(plain, _INFLATE[self._coding], self._limit)
        enough = enough or ended or xmltext.ended(plain)
        return (self._function(plain), len(data), True) if enough else ((), 0, False)


def dechunked(data: bytes) -> tuple[bytes, bool]:
    """The chunks so far, and whether the last one was seen (RFC 9112 §7.1)."""
    parts: list[bytes] = []
    at = 0
    while True:
        line = _CHUNK.match(data, at)
        if line is None:
            return b"".join(parts), False
        size = int(line[1], 16)
        if size == 0:
            return b"".join(parts), True
        parts.append(data[line.end() : line.end() + size])
        at = line.end() + size
        at += 2 if data.startswith(b"\r\n", at) else data.startswith(b"\n", at)


def _inflated(data: bytes, bits: int, limit: int) -> bytes:
    try:
        return zlib.decompressobj(bits).decompress(data, limit)
    except zlib.error:
        return b""


def _of_answer(kind: bytes, detail: str, left: int | None) -> Reading | None:
    if b"html" in kind:
        return partial(_title, detail)
    if b"xml" in kind:
        return partial(_document, detail)
    if kind in _ICONS or (kind in _UNTOLD and left is not None and left <= ICON_LIMIT):
        return partial(_small, kind, detail, left)
    return None


def _of_request(head: Head, kind: bytes, detail: str) -> Reading | None:
    if not detail.startswith(_PUSHING) and not detail.startswith("NOTIFY"):
        return None
    if b"xml" not in kind and b"json" not in kind and kind not in _UNTOLD:
        return None
    return partial(_pushed, kind, detail, bool(soap.action(head)))


def _title(detail: str, data: bytes) -> tuple[Item, ...]:
    found = _TITLE.search(data)
    if found is None:
        return ()
    text = html.unescape(found[1].decode("utf-8", "replace"))
    title = escaped(" ".join(text.split()), NAME_LIMIT)
    return (Item("http_title", title, detail),) if title else ()


def _document(detail: str, data: bytes) -> tuple[Item, ...]:
    if xmltext.root(data).lower() == b"html":
        return _title(detail, data)
    return devices.described(data, detail) + pushes.in_xml(data, detail, request=False)


def _small(kind: bytes, detail: str, left: int | None, data: bytes) -> tuple[Item, ...]:
    """An answer that may be an icon; where the type says nothing, its beginning does."""
    if kind in _ICONS or data.startswith(_ICO):
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return (Item("http_favicon", digest, f"{detail}, {len(data)} bytes"),) if len(data) == left else ()
    begin = data.lstrip()[:1]
    if begin != b"<":
        return pushes.in_text(data, detail, request=False)
    return _title(detail, data) or _document(detail, data)


def _pushed(kind: bytes, detail: str, known: bool, data: bytes) -> tuple[Item, ...]:
    """A request: an event, or a call."""
    find = pushes.finder(kind, data)
    items = find(data, detail, request=True) if find is not None else ()
    if find is pushes.in_xml and xmltext.root(data) == b"Envelope":
        items += soap.called(data, detail, known=known)
    return items
