# SPDX-License-Identifier: Apache-2.0
"""RTMP: to which application media is sent, or from which it is taken (Adobe RTMP 1.0 §5, §7.2).

Gives rtmp: the application's name; the detail is ``connect`` with the host asked for and the software, and
``publish`` or ``play`` once that was asked for. The stream's name is its key: it is never read.
"""

from __future__ import annotations

import re
import struct

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import headers
from egresswatch.sniff.text import NAME_LIMIT, printable, without_credentials

Parsed = tuple[Verdict, tuple[Item, ...], int]

_NOT_MINE: Parsed = (Verdict.NOT_MINE, (), 0)
_NEED_MORE: Parsed = (Verdict.NEED_MORE, (), 0)
_HANDSHAKE = 1 + 1536 + 1536
_HEADERS = (11, 7, 3, 0)
"""Bytes of a message header by the format of its chunk (§5.3.1.2)."""
_BASIC = {0: 2, 1: 3}
"""Bytes of a basic header by its lower six bits, where it is more than one (§5.3.1.1)."""
_KINDS = frozenset({1, 2, 3, 4, 5, 6, 8, 9, 15, 17, 18, 20, 22})
_SET_CHUNK_SIZE, _COMMANDS = 1, {20: 0, 17: 1}
MAX_COMMAND = 8 << 10
_MAX_STREAMS = 16
_MAX_DEPTH = 3
_MAX_FIELDS = 64
_BEHIND = re.compile(rb"[?&=;]")
"""What keys and other parameters stand behind."""


class _Chunks:
    """What is known of one chunk stream."""

    __slots__ = ("data", "kind", "left", "length")

    def __init__(self) -> None:
        self.kind = self.length = self.left = 0
        self.data = b""


class Reader:
    """One side: the handshake, then chunks."""

    __slots__ = ("_app", "_greeted", "_limit", "_skip", "_streams", "_told")

    def __init__(self) -> None:
        self._greeted = False
        self._limit = 128
        self._streams: dict[int, _Chunks] = {}
        self._app = ""
        self._skip = 0
        self._told: set[str] = set()

    @property
    def held(self) -> int:
        """Bytes of payload kept: commands that are not whole."""
        return sum(len(stream.data) for stream in self._streams.values())

    def __call__(self, buf: bytes, m: Message) -> Parsed:
        """The handshake, or the next chunk."""
        short = _NOT_MINE if headers.cut(m) else _NEED_MORE
        if not self._greeted:
            if buf[:1] != b"\x03":
                return _NOT_MINE if buf else _NEED_MORE
            if len(buf) < _HANDSHAKE + 12:
                return short
            # after it comes a whole header, of a message that exists, on a stream of its own
            if buf[_HANDSHAKE] >> 6 or buf[_HANDSHAKE + 7] not in _KINDS:
                return _NOT_MINE
            self._greeted = True
            return Verdict.MATCH, (), _HANDSHAKE
        if self._skip:
            taken = min(self._skip, len(buf))
            self._skip -= taken
            return Verdict.MATCH, (), taken
        return self._chunk(buf) or short

    def _chunk(self, buf: bytes) -> Parsed | None:
        """None: there is not enough of it."""
        form = buf[0] >> 6
        at = _BASIC.get(buf[0] & 63, 1)
        number = int.from_bytes(buf[:at], "big") & (1 << (8 * at - 2)) - 1
        head = buf[at : at + _HEADERS[form]]
        stream = self._streams.get(number)
        if len(head) < _HEADERS[form]:
            return None
        if stream is None:
            if form or len(self._streams) >= _MAX_STREAMS:
                return _NOT_MINE
            stream = self._streams[number] = _Chunks()
        if form < 2:
            stream.length, stream.kind = int.from_bytes(head[3:6], "big"), head[6]
            if stream.kind not in _KINDS:
                return _NOT_MINE
        if form < 3 or not stream.left:
            stream.left, stream.data = stream.length, b""
        at += _HEADERS[form]
        if head[:3] == b"\xff\xff\xff":
            at += 4  # extended timestamp; chunks of format 3 repeat it, but no command is that late
        wanted = stream.kind in _COMMANDS or stream.kind == _SET_CHUNK_SIZE
        size = min(self._limit, stream.left)
        if not wanted or stream.length > MAX_COMMAND:
            stream.left -= size
            self._skip = max(0, at + size - len(buf))
            return Verdict.MATCH, (), min(len(buf), at + size)
        if len(buf) < at + size:
            return None
        stream.left -= size
        stream.data += buf[at : at + size]
        items: tuple[Item, ...] = ()
        if not stream.left:
            data, stream.data = stream.data, b""
            if stream.kind == _SET_CHUNK_SIZE:
                self._limit = max(1, int.from_bytes(data[:4], "big") & 0x7FFFFFFF)
            else:
                items = self._command(data[_COMMANDS[stream.kind] :])
        return Verdict.MATCH, items, at + size

    def _command(self, data: bytes) -> tuple[Item, ...]:
        values = amf0(data, 3)
        name = values[0] if values else None
        if name == b"connect" and len(values) == 3 and isinstance(values[2], dict):
            fields = values[2]
            self._app = printable(_first(fields.get(b"app")), NAME_LIMIT)
            host = printable(_host(fields.get(b"tcUrl")), NAME_LIMIT)
            software = printable(_text(fields.get(b"flashVer")), 64)
            detail = " ".join(filter(None, ["connect", host, software]))
        elif name in (b"publish", b"play"):
            detail = printable(name)
        else:
            return ()
        if detail in self._told or len(self._told) >= _MAX_STREAMS:
            return ()
        self._told.add(detail)
        return (Item("rtmp", self._app, detail),)


Value = bytes | float | dict[bytes, "Value"] | None


def amf0(data: bytes, count: int) -> list[Value]:
    """The first values of an AMF0 message, as far as they can be read."""
    values: list[Value] = []
    at = 0
    try:
        while len(values) < count and at < len(data):
            value, at = _value(data, at, 0)
            values.append(value)
    except (IndexError, struct.error):
        pass
    return values


def _value(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    marker = data[at]
    at += 1
    if marker == 0:
        return struct.unpack_from(">d", data, at)[0], at + 8
    if marker == 1:
        return float(data[at]), at + 1
    if marker in (2, 12):
        width = 2 if marker == 2 else 4
        end = at + width + int.from_bytes(data[at : at + width], "big")
        if end > len(data):
            raise IndexError
        return data[at + width : end], end
    if marker in (5, 6):
        return None, at
    if marker in (3, 8) and depth < _MAX_DEPTH:
        return _object(data, at + (4 if marker == 8 else 0), depth)
    raise IndexError


def _object(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    fields: dict[bytes, Value] = {}
    for _ in range(_MAX_FIELDS):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        name = data[at + 2 : end]
        if not name and data[end] == 9:
            return fields, end + 1
        value, at = _value(data, end, depth + 1)
        fields.setdefault(name, value)
    raise IndexError


def _text(value: Value) -> bytes:
    return value if isinstance(value, bytes) else b""


def _first(value: Value) -> bytes:
    """The first level of an application's name: some put the key behind it."""
    return _BEHIND.split(_text(value), maxsplit=1)[0].strip(b"/").partition(b"/")[0]


def _host(value: Value) -> bytes:
    """Host and port of a URL."""
    plain = without_credentials(_text(value).decode("latin-1")).encode("latin-1", "replace")
    return _BEHIND.split(plain.partition(b"://")[2].partition(b"/")[0], maxsplit=1)[0].rpartition(b"@")[2]
