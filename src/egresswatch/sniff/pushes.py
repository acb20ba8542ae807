# SPDX-License-Identifier: Apache-2.0
"""Events that devices report over HTTP: which kind of event, in which form; never what was seen.

Gives http_push. Its value is the form (isapi-event, onvif-event, xml-event, json-event, text-event) or,
where type or field names speak of them, what it is about (plate, face). The detail has the event's type
and state. Numbers of plates, names, times and pictures are not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from egresswatch.records import Item
from egresswatch.sniff import xmltext
from egresswatch.sniff.text import printable

_MAX_EVENTS = 4
"""Types told of one document."""
_WORD = re.compile(rb"(?!(?:[^0-9]*[0-9]){3})[A-Za-z0-9_.:/\-]{1,128}")
_ABOUT = (
    ("plate", re.compile(r"(?<!tem)plate|anpr|lpr\b|tollgate", re.IGNORECASE)),
    ("face", re.compile(r"(?<!inter)(?<!sur)face", re.IGNORECASE)),
)
_KEY = re.compile(rb'"([A-Za-z_][\w\-]{0,63})"\s{0,16}:\s{0,16}(?:"([^"\\]{0,128})"|(\d{1,12}))?')
_MAX_KEYS = 256
_TYPES = frozenset({
    b"eventtype", b"event_type", b"eventname", b"event_name", b"eventcode", b"event_code", b"alarmtype",
    b"alarm_type", b"alarmname", b"eventtypes", b"ability",
})  # fmt: skip
_EVENTS = frozenset({b"event", b"events", b"alarm", b"alarms", b"alarminfo", b"eventinfo"}) | _TYPES
_NOTICE = re.compile(rb"event|alarm|alert|notif", re.IGNORECASE)
_STEP = re.compile(rb'"action"\s{0,16}:\s{0,16}"(?:start|stop|pulse|state)"', re.IGNORECASE)
"""Beside it ``code`` is an event's; elsewhere it may be the one of a log-in."""
_LINE = re.compile(rb"Code=([A-Za-z]\w{0,63});\s{0,4}action=(\w{1,16})")


def in_xml(data: bytes, where: str, *, request: bool) -> tuple[Item, ...]:
    """Events of an XML document."""
    root = xmltext.root(data)
    if root == b"EventNotificationAlert":
        state = _word(xmltext.text(data, "eventState"))
        types = [f"{kind} {state}".strip() for kind in _words(xmltext.texts(data, "eventType"))]
        return _told("isapi-event", types, xmltext.names(data), where)
    if root == b"Envelope":
        if xmltext.call(data) not in (b"Notify", b"PullMessagesResponse"):
            return ()
        types = _words(xmltext.texts(data, "Topic"))
        # an answer without a message is a poll without an event
        return _told("onvif-event", types, (), where) if types or request else ()
    if not request or not _NOTICE.search(root):
        return ()
    types = [_word(root), *_words(xmltext.texts(data, "eventType") or xmltext.texts(data, "EventType"))]
    return _told("xml-event", types, xmltext.names(data), where)


def in_json(data: bytes, where: str, *, request: bool) -> tuple[Item, ...]:
    """Events of a JSON document; of an answer only when it names a type."""
    keys: list[bytes] = []
    types: list[str] = []
    coded = _STEP.search(data, 0, xmltext.LIMIT) is not None
    for match in _KEY.finditer(data, 0, xmltext.LIMIT):
        key = match[1].lower()
        keys.append(match[1])
        if key in _TYPES or (key == b"code" and coded):
            types += _words([match[2] or match[3] or b""])
        if len(keys) >= _MAX_KEYS:
            break
    if not types and not (request and any(key.lower() in _EVENTS for key in keys)):
        return ()
    return _told("json-event", types, keys, where)


def in_text(data: bytes, where: str, *, request: bool) -> tuple[Item, ...]:  # noqa: ARG001 - as the others
    """Lines like ``Code=VideoMotion;action=Start``."""
    found = [f"{_word(m[1])} {_word(m[2])}" for m in _LINE.finditer(data, 0, xmltext.LIMIT)]
    return _told("text-event", found, (), where) if found else ()


Finder = Callable[..., tuple[Item, ...]]


def finder(kind: bytes, data: bytes) -> Finder | None:
    """Which of them reads a document of a media type, or of none, that begins like ``data``."""
    if b"xml" in kind:
        return in_xml
    if b"json" in kind:
        return in_json
    if kind in (b"", b"text/plain", b"application/octet-stream"):
        lines = in_text if kind == b"text/plain" else None
        return {b"<": in_xml, b"{": in_json, b"[": in_json}.get(data.lstrip()[:1], lines)
    return None


def _told(form: str, types: Iterable[str], fields: Iterable[bytes], where: str) -> tuple[Item, ...]:
    shown = list(dict.fromkeys(types))[:_MAX_EVENTS]
    words = " ".join([*shown, *map(_word, fields)])
    value = next((about for about, pattern in _ABOUT if pattern.search(words)), form)
    detail = f"{where}; {form}" if value != form else where
    return (Item("http_push", value, f"{detail}; {', '.join(shown)}" if shown else detail),)


def _words(values: Iterable[bytes]) -> list[str]:
    return [word for value in values if (word := _word(value))]


def _word(value: bytes) -> str:
    """A name of an event is one word with few digits, or a number; anything else may be what was seen."""
    return printable(value, 128) if value.isdigit() or _WORD.fullmatch(value) else ""
