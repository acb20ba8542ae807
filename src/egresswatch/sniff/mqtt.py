# SPDX-License-Identifier: Apache-2.0
"""MQTT: the client identifier of a CONNECT (MQTT 3.1, 3.1.1 and 5.0, §3.1).

Gives mqtt_client_id; the detail says the version and whether a user name was given. User name,
password and will are never read.
"""

from __future__ import annotations

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff.text import NAME_LIMIT, printable

Parsed = tuple[Verdict, tuple[Item, ...], int]

_CONNECT = 0x10
_PROTOCOLS = {(b"MQIsdp", 3): "3.1", (b"MQTT", 4): "3.1.1", (b"MQTT", 5): "5.0"}
_BRIDGE = 0x80
"""Brokers set this bit in the level when they connect as a bridge."""
_USERNAME = 0x80
MAX_WAIT = 4096
"""A client identifier lies within this many bytes, or is not waited for."""


class _ShortError(Exception):
    """The buffer ends before the field; never leaves this module."""


def parse(buf: bytes, m: Message) -> Parsed:
    """A CONNECT at the start of a connection."""
    try:
        return _connect(buf)
    except _ShortError:
        wait = len(buf) < MAX_WAIT and len(m.payload) >= m.length
        return (Verdict.NEED_MORE if wait else Verdict.NOT_MINE), (), 0


def _connect(buf: bytes) -> Parsed:
    if buf[:1] != b"\x10":
        return (Verdict.NOT_MINE if buf else Verdict.NEED_MORE), (), 0
    length, at = _varint(buf, 1)
    end = at + length
    if not any(name.startswith(buf[at : at + 2]) for name in (b"\x00\x04", b"\x00\x06")):
        return Verdict.NOT_MINE, (), 0
    name, at = _field(buf, at)
    _need(buf, at + 4)
    version = _PROTOCOLS.get((name, buf[at] & ~_BRIDGE))
    if version is None:
        return Verdict.NOT_MINE, (), 0
    flags = buf[at + 1]
    at += 4
    if version == "5.0":
        size, at = _varint(buf, at)
        at += size
    client, at = _field(buf, at)
    if at > end:
        return Verdict.NOT_MINE, (), 0
    detail = f"MQTT {version}" + (", username given" if flags & _USERNAME else "")
    return Verdict.MATCH, (Item("mqtt_client_id", printable(client, NAME_LIMIT), detail),), min(end, len(buf))


def _need(buf: bytes, end: int) -> None:
    if end > len(buf):
        raise _ShortError


def _varint(buf: bytes, at: int) -> tuple[int, int]:
    """Variable byte integer, four bytes at most (§1.5.5)."""
    value = 0
    for shift in (0, 7, 14, 21):
        _need(buf, at + 1)
        value |= (buf[at] & 0x7F) << shift
        at += 1
        if not buf[at - 1] & 0x80:
            break
    return value, at


def _field(buf: bytes, at: int) -> tuple[bytes, int]:
    """Two length bytes and as many bytes."""
    _need(buf, at + 2)
    end = at + 2 + (buf[at] << 8 | buf[at + 1])
    _need(buf, end)
    return buf[at + 2 : end], end
