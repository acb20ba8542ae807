# SPDX-License-Identifier: Apache-2.0
"""Text from the wire, made safe to write and to show.

Owns the one rule for every byte string that ends in an output: UTF-8 with replacement, control and
direction-changing characters escaped, length capped; and the one rule for credentials in URLs:
they are taken out before anything else sees the text. Never raises on any input.
"""

from __future__ import annotations

import re

NAME_LIMIT = 255
"""Characters kept of a name."""
TEXT_LIMIT = 512
"""Characters kept of any other text."""


def _escapes() -> dict[int, str]:
    # A fixed table, not str.isprintable(): that follows the interpreter's Unicode version, and the
    # same capture must give the same bytes on every machine.
    unsafe = [
        *range(0x20), *range(0x7F, 0xA0),      # C0, DEL, C1: terminal control
        0xAD, 0x061C, 0x180E,                        # invisible
        *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070),  # direction, separators
        0xFEFF, *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080),  # marks and tags
    ]
    table = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in unsafe}
    return table | {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}


_ESCAPES = _escapes()

# What looks like one character of the first UTF-8 (RFC 2279: up to six bytes, surrogates, overlong
# forms) but must not be one is one replacement, as tshark shows it; Python would give one per byte.
_ILL_FORMED = re.compile(
    rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]?|\xed[\xa0-\xbf][\x80-\xbf]?"
    rb"|\xf0[\x80-\x8f][\x80-\xbf]{0,2}|\xf4[\x90-\xbf][\x80-\xbf]{0,2}"
    rb"|[\xf5-\xf7][\x80-\xbf]{1,3}|[\xf8-\xfb][\x80-\xbf]{1,4}|[\xfc\xfd][\x80-\xbf]{1,5}"
)
_REPLACEMENT = "\ufffd".encode()


def printable(raw: bytes, limit: int = TEXT_LIMIT) -> str:
    """``raw`` as one line of text that is safe in a terminal, a log and a table.

    At most ``limit`` characters, counted after escaping; an escape is never cut in half.
    """
    # Six bytes are the most that become one character, so nothing beyond them can be kept.
    raw = raw[: 6 * limit]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = _ILL_FORMED.sub(_REPLACEMENT, raw).decode("utf-8", "replace")
    return escaped(text, limit)


def escaped(text: str, limit: int = TEXT_LIMIT) -> str:
    """The same for text that is already decoded."""
    if text.isascii() and text.isprintable():
        return text[:limit]
    text = text[:limit].encode("utf-8", "replace").decode("utf-8")  # lone surrogates
    safe = text.translate(_ESCAPES)
    if len(safe) <= limit:
        return safe
    kept: list[str] = []
    room = limit
    for character in text:
        piece = _ESCAPES.get(ord(character), character)
        room -= len(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept)


# Up to the last "@": a password may hold "/", "?" and "#" unescaped, and to lose the host of a URL
# with an "@" in its path costs less than to keep a password.
_USERINFO = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]{0,31}:/{0,2}).*@", re.DOTALL)
# Cameras also take credentials as parameters, in the query (user=..&password=..) or, Xiongmai
# style, in the path (user=admin_password=secret_channel=1): the value goes, the name stays.
_SECRET = re.compile(
    r"((?:user|usr|username|login|account|loginuse|pas|pass|passwd|password|pwd|psw|token|ticket|auth|key|appkey"
    r"|secret|sign|signature|sig|hmac|session|sessionid|sid|nonce|cnonce|response)(?:=|%3D))"
    r"(?:(?!_[A-Za-z]{1,16}=|%26)[^&;/?#\s])*",
    re.IGNORECASE,
)


def _without_userinfo(url: str) -> str:
    """Also of a URL that stands within: a path names where to go on to."""
    head, mark, rest = _USERINFO.sub(r"\1", url).partition("://")
    return head + mark + rest.rpartition("@")[2] if mark else head


def without_credentials(url: str) -> str:
    """A URL without user, password and the values of parameters that carry secrets."""
    if "@" in url:
        url = _without_userinfo(url)
    return _SECRET.sub(r"\1", url) if "=" in url or "%3" in url else url


def url(raw: bytes, limit: int = TEXT_LIMIT) -> str:
    """A URL from the wire, without credentials (taken out before it is cut, so no half of one stays)."""
    return without_credentials(printable(raw, len(raw) * 10))[:limit]


def path_only(raw: bytes, limit: int = TEXT_LIMIT) -> str:
    """A request target without query, fragment and credentials."""
    target = printable(raw, len(raw) * 10)
    if "@" in target:
        target = _without_userinfo(target)
    for mark in "?#":  # no secret reaches beyond one, so what stands behind needs no search
        target = target.partition(mark)[0]
    return without_credentials(target)[:limit]


_EXTENSION = re.compile(rb"\.([A-Za-z0-9]{1,8})\Z")


def extension(name: bytes) -> str:
    """The extension of a file name, in lower case; names of files may hold what was seen."""
    found = _EXTENSION.search(name.strip()[-64:])
    return found[1].decode("ascii").lower() if found else ""
