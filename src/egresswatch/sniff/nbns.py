# SPDX-License-Identifier: Apache-2.0
"""NetBIOS names: how Windows and Samba hosts, recorders among them, call themselves (RFC 1002 §4.2).

Gives nbns: a name with the detail what was done with it. ``query``: the sender looks for somebody else;
``group``: the name is that of many.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from egresswatch.records import Item, Message
from egresswatch.sniff.text import NAME_LIMIT, printable

PORT = 137
_HEADER: Final = struct.Struct(">HHHHHH")
_ANSWER = 0x8000
_QUERY, _REGISTER = 0, 5
_OPCODES: Final = {
    _QUERY: "query", _REGISTER: "register", 6: "release", 7: "wait", 8: "refresh", 9: "refresh",
}  # fmt: skip
_NAME, _STATUS = 0x0020, 0x0021
_ENCODED = 32
_LONGEST = 255
_GROUP = 0x8000
_CLAIM = 16
"""From the end of the question's name to the flags of the record that follows it (RFC 1002 §4.2.2)."""
_MAX_NAMES = 16
_USES: Final = {
    0x00: "workstation", 0x03: "messenger", 0x06: "remote access", 0x1B: "domain master", 0x1C: "domain",
    0x1D: "master browser", 0x1E: "browser election", 0x20: "file server",
}  # fmt: skip


def parse(m: Message) -> tuple[Item, ...] | None:
    """A message of the name service."""
    payload = m.payload
    if PORT not in (m.sport, m.dport) or len(payload) < _HEADER.size:
        return None
    _, flags, questions, answers, _, _ = _HEADER.unpack_from(payload)
    what = _OPCODES.get(flags >> 11 & 15)
    if what is None or questions + answers != 1:
        return None
    name = _decoded(payload, _HEADER.size)
    if name is None:
        return None
    label, use, end = name
    if not flags & _ANSWER:
        if _kind(payload, end) not in (_NAME, _STATUS):
            return None
        claim = int.from_bytes(payload[end + _CLAIM : end + _CLAIM + 2], "big") if what != "query" else 0
        return (_item(label, use, f"group {what}" if claim & _GROUP else what),)
    if flags & 0x0F or what != "query":
        return ()  # refused, or the answer to somebody's own name
    if _kind(payload, end) == _STATUS:
        return tuple(_table(payload[end + 10 :]))
    return (_item(label, use, "answer"),) if _kind(payload, end) == _NAME else None


def _item(label: bytes, use: int, what: str) -> Item:
    return Item("nbns", printable(label, NAME_LIMIT), f"{what} {_USES.get(use, f'use {use:02x}')}")


def _kind(payload: bytes, at: int) -> int:
    """Type of the question or record behind a name, if its class is IN."""
    kind, network = (int.from_bytes(payload[k : k + 2], "big") for k in (at, at + 2))
    return kind if network == 1 else 0


def _decoded(payload: bytes, at: int) -> tuple[bytes, int, int] | None:
    """(name, use, place behind it) of a name in its first-level encoding (RFC 1001 §14.1)."""
    if payload[at : at + 1] != bytes([_ENCODED]) or at + 2 + _ENCODED > len(payload):
        return None
    letters = payload[at + 1 : at + 1 + _ENCODED]
    if any(not 0x41 <= letter <= 0x50 for letter in letters):
        return None
    halves = [letter - 0x41 for letter in letters]
    raw = bytes(high << 4 | low for high, low in zip(halves[::2], halves[1::2], strict=True))
    end = at + 1 + _ENCODED
    while payload[end : end + 1] not in (b"", b"\x00"):  # a scope
        if payload[end] > 63 or end > at + _LONGEST:
            return None
        end += 1 + payload[end]
    name = raw[:15].rstrip(b" \x00")
    return (name, raw[15], end + 1) if name else None


def _table(data: bytes) -> Iterator[Item]:
    """The names a host has, its groups left out (RFC 1002 §4.2.18)."""
    for at in range(1, 1 + 18 * min(data[0] if data else 0, _MAX_NAMES), 18):
        entry = data[at : at + 18]
        if len(entry) < 18:
            return
        name = entry[:15].rstrip(b" \x00")
        if name and not int.from_bytes(entry[16:18], "big") & _GROUP:
            yield _item(name, entry[15], "status")
