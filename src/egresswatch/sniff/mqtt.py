# SPDX-License-Identifier: Apache-2.0
"""MQTT: who connects, and on what it publishes and listens (MQTT 3.1, 3.1.1 and 5.0, §3.1, §3.3, §3.8).

Gives mqtt_client_id (the detail says the version and whether user name and password were given) and
mqtt_topic: the beginning of a topic, levels that look like identifiers shown as ``*``. User name,
password, will and messages are never read.
"""

from __future__ import annotations

import re

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff.text import NAME_LIMIT, printable

Parsed = tuple[Verdict, tuple[Item, ...], int]

_CONNECT = 0x10
_PROTOCOLS = {(b"MQIsdp", 3): "3.1", (b"MQTT", 4): "3.1.1", (b"MQTT", 5): "5.0"}
_BRIDGE = 0x80
"""Brokers set this bit in the level when they connect as a bridge."""
_USERNAME, _PASSWORD = 0x80, 0x40
_PUBLISH, _SUBSCRIBE = 3, 8
_KINDS = range(1, 16)
_MAX_TOPICS = 16
"""Told of one side of a connection."""
_LEVELS = 3
_IDENTIFIER = re.compile(rb"(?=.*\d)[0-9A-Za-z_.:\-]{8,}|[0-9A-Fa-f]{8,}|\d{5,}")
TOPIC_LIMIT = 512
MAX_WAIT = 4096
"""A client identifier lies within this many bytes, or is not waited for."""


class _ShortError(Exception):
    """The buffer ends before the field; never leaves this module."""


class _BeyondError(Exception):
    """The packet ends before the field: it is none. Never leaves this module."""


def parse(buf: bytes, m: Message) -> Parsed:
    """A CONNECT at the start of a connection."""
    try:
        return _connect(buf)
    except _ShortError:
        wait = len(buf) < MAX_WAIT and len(m.payload) >= m.length
        return (Verdict.NEED_MORE if wait else Verdict.NOT_MINE), (), 0


class Reader:
    """The client's side of a connection: its CONNECT, then the topics of what it sends."""

    __slots__ = ("_five", "_skip", "_topics")

    def __init__(self) -> None:
        self._five: bool | None = None
        """Version 5 (its packets have properties); None before the CONNECT."""
        self._skip = 0
        self._topics: set[Item] = set()

    def __call__(self, buf: bytes, m: Message) -> Parsed:
        """The next packet, or the rest of one whose topic was read."""
        if self._skip:
            taken = min(self._skip, len(buf))
            self._skip -= taken
            return Verdict.MATCH, (), taken
        if self._five is None or buf[:1] == b"\x10":
            found = parse(buf, m)
            if found[0] is Verdict.MATCH:
                self._five = found[1][0].detail.startswith("MQTT 5")
                length, at = _varint(buf, 1)
                self._skip = max(0, at + length - len(buf))
            return found
        try:
            return self._packet(buf)
        except _ShortError:
            wait = len(buf) < MAX_WAIT and len(m.payload) >= m.length
            return (Verdict.NEED_MORE if wait else Verdict.NOT_MINE), (), 0
        except _BeyondError:
            return Verdict.NOT_MINE, (), 0

    def _packet(self, buf: bytes) -> Parsed:
        kind = buf[0] >> 4
        length, at = _varint(buf, 1)
        if kind not in _KINDS:
            return Verdict.NOT_MINE, (), 0
        end = at + length
        items: list[Item] = []
        if kind == _PUBLISH:
            topic, _ = _field(buf, at, end)
            items = self._topic(topic, "publish")
        elif kind == _SUBSCRIBE:
            _need(buf, min(end, at + MAX_WAIT))
            at += 2
            if self._five:
                size, at = _varint(buf, at)
                at += size
            while at < min(end, len(buf)):
                topic, at = _field(buf, at, end)
                at += 1
                items += self._topic(topic, "subscribe")
        self._skip = max(0, end - len(buf))
        return Verdict.MATCH, tuple(items), min(end, len(buf))

    def _topic(self, topic: bytes, how: str) -> list[Item]:
        levels = topic[:TOPIC_LIMIT].split(b"/")
        kept = [b"*" if _IDENTIFIER.fullmatch(level) else level for level in levels[: _LEVELS + 1]]
        shown = printable(b"/".join(kept if topic[:1] == b"/" else kept[:_LEVELS]), NAME_LIMIT)
        item = Item("mqtt_topic", shown, how)
        if not topic or item in self._topics or len(self._topics) >= _MAX_TOPICS:
            return []
        self._topics.add(item)
        return [item]


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
    given = ((_USERNAME, ", username given"), (_PASSWORD, ", password given"))
    detail = f"MQTT {version}" + "".join(text for flag, text in given if flags & flag)
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


def _field(buf: bytes, at: int, limit: int | None = None) -> tuple[bytes, int]:
    """Two length bytes and as many bytes, which end before ``limit`` when the packet does."""
    _need(buf, at + 2)
    end = at + 2 + (buf[at] << 8 | buf[at + 1])
    if limit is not None and end > limit:
        raise _BeyondError
    _need(buf, end)
    return buf[at + 2 : end], end
