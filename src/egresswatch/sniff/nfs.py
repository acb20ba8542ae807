# SPDX-License-Identifier: Apache-2.0
"""NFS and what leads to it: calls of ONC RPC to the port mapper, MOUNT and NFS (RFC 5531, RFC 1813).

Gives nfs: its value is the program and its version; the detail says what is called and, for MOUNT, the
path that is mounted. File names, handles, user numbers and data are not read.
"""

from __future__ import annotations

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import headers
from egresswatch.sniff.text import NAME_LIMIT, printable

Parsed = tuple[Verdict, tuple[Item, ...], int]

_NOT_MINE: Parsed = (Verdict.NOT_MINE, (), 0)
_NEED_MORE: Parsed = (Verdict.NEED_MORE, (), 0)
MAX_CALL = 1024
"""Bytes of a call that are waited for."""
MAX_TOLD = 32
_PORTMAP, _NFS, _MOUNT = 100000, 100003, 100005
_PROGRAMS = {
    _PORTMAP: "portmap", 100001: "rstat", 100002: "rusers", _NFS: "nfs", _MOUNT: "mount", 100021: "nlockmgr",
    100024: "status",
}  # fmt: skip
_PROCEDURES = {
    (_MOUNT, 1): "MNT", (_MOUNT, 3): "UMNT", (_MOUNT, 5): "EXPORT", (_PORTMAP, 3): "GETPORT",
    (_PORTMAP, 4): "DUMP",
}  # fmt: skip
_WRITING = {2: {8: "WRITE", 9: "CREATE", 14: "MKDIR"}, 3: {7: "WRITE", 8: "CREATE", 9: "MKDIR"}}
"""Procedures of NFS by its version that send something (RFC 1094 §2.2, RFC 1813 §3.3)."""
_CALL = b"\0\0\0\0\0\0\0\2"  # message type 0, RPC version 2
_REPLY = b"\0\0\0\1"
_LAST = 0x80000000


class Reader:
    """One side of a TCP connection: records (RFC 5531 §11)."""

    __slots__ = ("_skip", "_told")

    def __init__(self) -> None:
        self._skip = 0
        self._told: set[Item] = set()

    def __call__(self, buf: bytes, m: Message) -> Parsed:
        """The next fragment of a record, or the rest of one that was read."""
        if self._skip:
            taken = min(self._skip, len(buf))
            self._skip -= taken
            return Verdict.MATCH, (), taken
        if len(buf) < 12:
            return _NOT_MINE if headers.cut(m) else _NEED_MORE
        length = 4 + (int.from_bytes(buf[:4], "big") & ~_LAST)
        known = buf[8:12] in (_CALL[:4], _REPLY)
        if not known and not self._told:
            return _NOT_MINE
        if len(buf) < min(length, MAX_CALL) and not headers.cut(m):
            return _NEED_MORE
        item = _call(buf[4 : min(length, MAX_CALL)]) if known else None
        if item is None and not self._told:
            return _NOT_MINE
        self._skip = max(0, length - len(buf))
        new = item is not None and item not in self._told and len(self._told) < MAX_TOLD
        if item is not None and new:
            self._told.add(item)
            return Verdict.MATCH, (item,), min(length, len(buf))
        return Verdict.MATCH, (), min(length, len(buf))


def parse(m: Message) -> tuple[Item, ...] | None:
    """A call in a datagram."""
    item = _call(m.payload)
    return None if item is None else (item,)


def _call(data: bytes) -> Item | None:
    """A call to one of the programs, from its transaction number on (RFC 5531 §9)."""
    if len(data) < 40 or data[4:12] != _CALL:
        return None
    program, version, procedure = (int.from_bytes(data[at : at + 4], "big") for at in (12, 16, 20))
    name = _PROGRAMS.get(program)
    if name is None or not 1 <= version <= 4:
        return None
    words = _PROCEDURES.get((program, procedure), "")
    if program == _NFS:
        words = _WRITING.get(version, {}).get(procedure, "")
    at = _after_credentials(data)
    if program == _MOUNT and procedure in (1, 3):
        words += " " + printable(_opaque(data, at), NAME_LIMIT)
    elif program == _PORTMAP and procedure == 3 and version == 2 and len(data) >= at + 8:
        asked = int.from_bytes(data[at : at + 4], "big")
        words += f" {_PROGRAMS.get(asked, asked)} v{int.from_bytes(data[at + 4 : at + 8], 'big')}"
    return Item("nfs", f"{name} v{version}", words.strip())


def _after_credentials(data: bytes) -> int:
    """Where the arguments begin: behind credentials and verifier, each a kind and a padded length."""
    at = 24
    for _ in range(2):
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        at += 8 + min(size, 400) + (-size % 4)  # 400 is the most (RFC 5531 §8.2)
    return at


def _opaque(data: bytes, at: int) -> bytes:
    size = int.from_bytes(data[at : at + 4], "big")
    return data[at + 4 : at + 4 + size] if size <= 1024 else b""
