# SPDX-License-Identifier: Apache-2.0
"""SRT handshakes: live video on its way, and whether it is encrypted (draft-sharabayko-srt-01 §3.2.1).

Gives srt; UDT 4, from which SRT comes, opens with the same bytes and is told apart where it can be. The
stream id may carry a user and a password: only that there is one is told, and whether it publishes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from egresswatch.records import Item, Message

_HANDSHAKE: Final = b"\x80\x00\x00\x00"
_FIELDS: Final = struct.Struct(">IHHIIIIII")
_HEADER, _FIXED = 16, 64
_MAGIC = 0x4A17
"""What a listener's first answer says instead of the extensions (§3.2.1)."""
_STREAM, _DATAGRAM = 1, 2
_STEPS: Final = {1: "induction", 0: "wave a hand", 0xFFFFFFFF: "conclusion", 0xFFFFFFFE: "agreement"}
_REJECTED: Final = range(1000, 2000)
_CIPHERS: Final = {2: "AES-128", 3: "AES-192", 4: "AES-256"}
_ASK, _ANSWER, _STREAM_ID = 1, 2, 5
_MAX_EXTENSIONS = 16
_LEAST_MTU, _MOST_MTU = 76, 9000


def parse(m: Message) -> tuple[Item, ...] | None:
    """A handshake packet."""
    payload = m.payload
    if len(payload) < _FIXED or payload[:4] != _HANDSHAKE:
        return None
    version, cipher, extension, _, mtu, window, step, _, _ = _FIELDS.unpack_from(payload, _HEADER)
    name = _STEPS.get(step) or (f"rejected, reason {step}" if step in _REJECTED else "")
    if version not in (4, 5) or not name or not _LEAST_MTU <= mtu <= _MOST_MTU or not window:
        return None
    details = [name, f"version {version}"]
    if version == 4 and extension == _STREAM:
        return (Item("srt", "udt", ", ".join(details)),)
    if version == 4 and extension not in (_STREAM, _DATAGRAM):
        return None
    if version == 4:
        details.append("UDT asks with the same bytes")
    if cipher in _CIPHERS:
        details.append(f"encrypted {_CIPHERS[cipher]}")
    if version == 5 and name == "conclusion" and extension != _MAGIC:
        details += [said for kind, data in _extensions(payload) if (said := _said(kind, data))]
    return (Item("srt", "srt", ", ".join(dict.fromkeys(details))),)


def _extensions(payload: bytes) -> Iterator[tuple[int, bytes]]:
    at = _FIXED
    for _ in range(_MAX_EXTENSIONS):
        if at + 4 > len(payload):
            return
        kind, words = struct.unpack_from(">HH", payload, at)
        data = payload[at + 4 : at + 4 + 4 * words]
        if len(data) < 4 * words:
            return
        yield kind, data
        at += 4 + 4 * words


def _said(kind: int, data: bytes) -> str:
    if kind in (_ASK, _ANSWER) and len(data) >= 4:
        return f"SRT {data[1]}.{data[2]}.{data[3]}"
    if kind == _STREAM_ID and data:
        # words are written in the little end first (§3.2.1.3)
        text = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
        return "stream id given" + (", publishes" if b"m=publish" in text else "")
    return ""
