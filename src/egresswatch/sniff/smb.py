# SPDX-License-Identifier: Apache-2.0
"""SMB: which shares are opened ([MS-SMB2] §2.2.9, [MS-CIFS] §2.2.4.55).

Gives smb_share: the share's name; the detail says the protocol and the server as the client calls it. File
names, user names and data are not read; an encrypted session shows nothing.
"""

from __future__ import annotations

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import headers
from egresswatch.sniff.text import NAME_LIMIT, printable

Parsed = tuple[Verdict, tuple[Item, ...], int]

_NOT_MINE: Parsed = (Verdict.NOT_MINE, (), 0)
_NEED_MORE: Parsed = (Verdict.NEED_MORE, (), 0)
MAX_FRAME = 2048
"""Bytes of a frame that are waited for: a request for a share is shorter."""
MAX_TOLD = 32
_ONE, _TWO, _SEALED, _PACKED = b"\xffSMB", b"\xfeSMB", b"\xfdSMB", b"\xfcSMB"
_SESSION = range(0x81, 0x86)
"""NetBIOS session service (RFC 1002 §4.3.1)."""
MAX_SESSION = 256
_HEADER_ONE, _HEADER_TWO = 32, 64
_MAX_CHAIN = 8
_TREE_CONNECT_TWO = 3
_TREE_CONNECT_ONE = 0x75
_CHAINED = frozenset({0x24, 0x2D, 0x2E, 0x2F, 0x73, 0x74, 0x75, 0xA2})
"""Commands of SMB 1 that another one can follow in the same message (§2.2.3.4)."""


class Reader:
    """One side, frame by frame (RFC 1002 §4.3.1, [MS-SMB2] §2.1)."""

    __slots__ = ("_skip", "_told")

    def __init__(self) -> None:
        self._skip = 0
        self._told: set[Item] = set()

    def __call__(self, buf: bytes, m: Message) -> Parsed:
        """The next frame, or the rest of one that was read."""
        if self._skip:
            taken = min(self._skip, len(buf))
            self._skip -= taken
            return Verdict.MATCH, (), taken
        if len(buf) < 8:
            return _NOT_MINE if headers.cut(m) else _NEED_MORE
        length = 4 + int.from_bytes(buf[1:4], "big")
        if buf[0] in _SESSION:
            if length > MAX_SESSION or (length > len(buf) and headers.cut(m)):
                return _NOT_MINE
            return (Verdict.MATCH, (), length) if length <= len(buf) else _NEED_MORE
        magic = buf[4:8]
        if buf[0] or magic not in (_ONE, _TWO, _SEALED, _PACKED):
            return _NOT_MINE
        if len(buf) < min(length, MAX_FRAME) and not headers.cut(m):
            return _NEED_MORE
        frame = buf[4 : min(length, MAX_FRAME)]
        shares = _two(frame) if magic == _TWO else _one(frame) if magic == _ONE else []
        self._skip = max(0, length - len(buf))
        items = self._items(shares, "SMB 1" if magic == _ONE else "SMB 2")
        return Verdict.MATCH, items, min(length, len(buf))

    def _items(self, shares: list[bytes], protocol: str) -> tuple[Item, ...]:
        items: list[Item] = []
        for path in shares:
            server, _, share = path.strip(b"\0").lstrip(b"\\").rpartition(b"\\")
            detail = f"{protocol}, server {printable(server, NAME_LIMIT)}" if server else protocol
            item = Item("smb_share", printable(share, NAME_LIMIT), detail)
            if share and item not in self._told and len(self._told) < MAX_TOLD:
                self._told.add(item)
                items.append(item)
        return tuple(items)


def _utf16(raw: bytes) -> bytes:
    return raw[: len(raw) & ~1].decode("utf-16-le", "replace").encode("utf-8", "replace")


def _le(data: bytes, at: int, size: int = 2) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _two(frame: bytes) -> list[bytes]:
    """Shares that the requests of a compound ask for ([MS-SMB2] §2.2.1, §3.2.4.1.4)."""
    found: list[bytes] = []
    at = 0
    for _ in range(_MAX_CHAIN):
        if len(frame) < at + _HEADER_TWO + 8:
            break
        if _le(frame, at + 12) == _TREE_CONNECT_TWO and not frame[at + 16] & 1:
            start, size = _le(frame, at + _HEADER_TWO + 4), _le(frame, at + _HEADER_TWO + 6)
            path = frame[at + start : at + start + size]
            if start >= _HEADER_TWO and len(path) == size:
                found.append(_utf16(path))
        following = _le(frame, at + 20, 4)
        if following < _HEADER_TWO:
            break
        at += following
    return found


def _one(frame: bytes) -> list[bytes]:
    """The share that a request asks for, alone or behind the set-up of its session."""
    if len(frame) < _HEADER_ONE + 1 or frame[9] & 0x80:
        return []
    command, at = frame[4], _HEADER_ONE
    unicode = bool(_le(frame, 10) & 0x8000)
    for _ in range(_MAX_CHAIN):
        if at < _HEADER_ONE or at + 5 > len(frame):
            break
        words = frame[at]
        if command == _TREE_CONNECT_ONE:
            if words < 4:
                break
            start = at + 1 + 2 * words + 2 + _le(frame, at + 7)  # the password comes first
            return [_path(frame, start, unicode=unicode)]
        if command not in _CHAINED or words < 2:
            break
        command, at = frame[at + 1], _le(frame, at + 3)
    return []


def _path(frame: bytes, start: int, *, unicode: bool) -> bytes:
    if not unicode:
        return frame[start:].partition(b"\0")[0]
    start += start & 1  # aligned, counted from the header (§2.2.1.1)
    end = next((k for k in range(start, len(frame) - 1, 2) if not frame[k] and not frame[k + 1]), len(frame))
    return _utf16(frame[start:end])
