# SPDX-License-Identifier: Apache-2.0
"""WS-Discovery as ONVIF devices speak it: scopes, types and service addresses
(WS-Discovery 2005/04, ONVIF Core Specification §7.3).

Gives onvif_scope (one per scope), wsd_types and wsd_address. The XML is scanned for the three
elements and never interpreted: no entities, no nesting, so hostile documents cost nothing.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from egresswatch.records import Item, Message
from egresswatch.sniff.text import NAME_LIMIT, TEXT_LIMIT, printable, url

MAX_SCOPES = 64
MAX_ELEMENTS = 16
"""Elements of one kind read of one message (a reply may carry several matches)."""
_ACTIONS = (b"ProbeMatches", b"ResolveMatches", b"Hello", b"Bye", b"Probe", b"Resolve")
_SERIAL = re.compile(rb"(/(?:serial(?:[_-]?(?:number|no))?|sn|device[_-]?id)/).*", re.IGNORECASE | re.DOTALL)
"""Scopes that name one device; what others say is of a kind of devices, or a place."""
_NAME_END = b" \t\r\n/>"
_ENTITIES = ((b"&lt;", b"<"), (b"&gt;", b">"), (b"&quot;", b'"'), (b"&apos;", b"'"), (b"&amp;", b"&"))


def parse(m: Message) -> tuple[Item, ...] | None:
    """A SOAP envelope of WS-Discovery."""
    payload = m.payload
    if b"Envelope" not in payload[:1024] or b"discovery" not in payload:
        return None
    action = next((name.decode("ascii") for name in _ACTIONS if b"/" + name in payload), "")
    items: list[Item] = []
    scopes = [word for text in _elements(payload, b"Scopes") for word in text.split()]
    for scope in dict.fromkeys(scopes[:MAX_SCOPES]):
        # Devices percent-encode blanks and other alphabets in names and models.
        told = _SERIAL.sub(rb"\1*", unquote_to_bytes(scope))
        items.append(Item("onvif_scope", printable(told, TEXT_LIMIT), action))
    for text in dict.fromkeys(_elements(payload, b"Types")):
        if text:
            items.append(Item("wsd_types", printable(b" ".join(text.split()), TEXT_LIMIT), action))
    for text in dict.fromkeys(_elements(payload, b"XAddrs")):
        if text:
            addresses = " ".join(map(url, text.split()[:MAX_ELEMENTS]))
            items.append(Item("wsd_address", addresses[:TEXT_LIMIT], action))
    return tuple(items)


def _elements(payload: bytes, name: bytes) -> list[bytes]:
    """Text of the elements with this local name, whatever their prefix."""
    found: list[bytes] = []
    at = 0
    while len(found) < MAX_ELEMENTS:
        at = payload.find(name, at)
        if at < 0:
            break
        before, after = payload[at - 1 : at], payload[at + len(name) : at + len(name) + 1]
        start = at
        at += len(name)
        if before not in (b":", b"<") or not after or after not in _NAME_END:
            continue
        opening = payload.rfind(b"<", max(0, start - NAME_LIMIT), start)
        if opening < 0 or payload[opening + 1 : opening + 2] == b"/":
            continue
        close = payload.find(b">", at)
        if close < 0:
            break
        if payload[close - 1 : close] == b"/":
            continue
        end = payload.find(b"<", close)
        text = payload[close + 1 : end if end >= 0 else len(payload)].strip()
        for entity, character in _ENTITIES:
            text = text.replace(entity, character)
        found.append(text)
        at = close
    return found
