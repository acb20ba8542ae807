# SPDX-License-Identifier: Apache-2.0
"""Names and texts out of XML that may be cut, damaged or hostile: a finder, no XML parser.

Gives the root's name, the first child of a SOAP body, and the text of elements by name, prefixes left
out. No entity is expanded beyond the five of XML, nothing is nested, every search has a bound.
"""

from __future__ import annotations

import re
from functools import cache

LIMIT = 8 << 10
"""Bytes of a document that are looked at."""
_MAX_VALUES = 8
_MAX_NAMES = 256
_PROLOGUE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s{0,64}(?:<\?[^>]{0,512}>|<!--[^>]{0,2048}-->|<![A-Za-z][^>]{0,512}>)?\s{0,64}"
)
_NAME = re.compile(rb"<(?:[\w.\-]{1,40}:)?([A-Za-z_][\w.\-]{0,80})(?=[\s/>])")
_BODY = re.compile(rb"<(?:[\w.\-]{1,40}:)?Body(?:\s[^<>]{0,1024})?>\s{0,64}(?=<)")
_ENTITIES = ((b"&lt;", b"<"), (b"&gt;", b">"), (b"&quot;", b'"'), (b"&apos;", b"'"), (b"&amp;", b"&"))


def root(data: bytes) -> bytes:
    """Local name of the first element; empty when it does not begin like XML."""
    at = 0
    for _ in range(4):  # declaration, comments, doctype
        prologue = _PROLOGUE.match(data, at, LIMIT)
        if prologue is None or prologue.end() == at:
            break
        at = prologue.end()
    found = _NAME.match(data, at, LIMIT)
    return found[1] if found else b""


def call(data: bytes) -> bytes:
    """Local name of the first child of a SOAP body."""
    body = _BODY.search(data, 0, LIMIT)
    found = _NAME.match(data, body.end(), LIMIT) if body else None
    return found[1] if found else b""


def names(data: bytes) -> tuple[bytes, ...]:
    """Local names of the elements, in order, the first ones of many."""
    found: list[bytes] = []
    for match in _NAME.finditer(data, 0, LIMIT):
        found.append(match[1])
        if len(found) >= _MAX_NAMES:
            break
    return tuple(found)


def texts(data: bytes, name: str) -> tuple[bytes, ...]:
    """Texts of the elements of that local name that hold nothing else."""
    found: list[bytes] = []
    for match in _element(name).finditer(data, 0, LIMIT):
        found.append(_plain(match[1]))
        if len(found) >= _MAX_VALUES:
            break
    return tuple(found)


def text(data: bytes, name: str) -> bytes:
    """The first of them, or nothing."""
    return next(iter(texts(data, name)), b"")


def ended(data: bytes) -> bool:
    """Does the document end with the end of its root?"""
    name = root(data)
    return bool(name) and data.rstrip().endswith(name + b">") and b"</" in data


@cache
def _element(name: str) -> re.Pattern[bytes]:
    head = rb"<(?:[\w.\-]{1,40}:)?" + re.escape(name.encode())
    return re.compile(head + rb"(?:\s[^<>]{0,512})?>([^<]{0,512})</")


def _plain(value: bytes) -> bytes:
    for entity, plain in _ENTITIES:
        value = value.replace(entity, plain)
    return value.strip()
