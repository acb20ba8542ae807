# SPDX-License-Identifier: Apache-2.0
"""SIP heads, also as GB/T 28181 cameras use them: who registers where, with what software (RFC 3261).

Gives sip_register, sip_user_agent, sip_realm and what ``gb28181`` reads. Of bodies only the command of a
MANSCDP document is read; passwords in URIs and all authorization fields are left out.
"""

from __future__ import annotations

import re

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import gb28181, headers
from egresswatch.sniff.text import NAME_LIMIT, TEXT_LIMIT, printable

_REQUEST = re.compile(rb"([A-Z]{3,16}) +(\S+) +SIP/2\.0\s*")
_STATUS = re.compile(rb"SIP/2\.0 +(\d{3})(?: .*)?", re.DOTALL)
_BEGIN = re.compile(rb"[A-Z]{1,16}(?: |\Z)|SIP(?:/|\Z)")
_URI = re.compile(rb"(sips?|tel):([^\s<>;?]*)", re.IGNORECASE)
_MANSCDP = b"application/manscdp+xml"
_MAX_BODY = 8 << 10
_COMPACT = {b"from": b"f", b"to": b"t", b"contact": b"m", b"content-length": b"l"}  # RFC 3261 §7.3.3


def parse(m: Message) -> tuple[Item, ...] | None:
    """A SIP message in a datagram."""
    verdict, items, _ = _message(m.payload, final=True)
    return items if verdict is Verdict.MATCH else None


def parse_stream(buf: bytes, m: Message) -> tuple[Verdict, tuple[Item, ...], int]:
    """One SIP message at the start of ``buf``; keep-alive empty lines before it are skipped."""
    if not buf:
        return Verdict.NEED_MORE, (), 0
    start = len(buf) - len(buf.lstrip(b"\r\n"))
    if start:
        return Verdict.MATCH, (), start
    return _message(buf, final=headers.cut(m))


def _message(buf: bytes, *, final: bool) -> tuple[Verdict, tuple[Item, ...], int]:
    line = headers.start_line(buf)
    if line is None:
        more = not final and len(buf) < headers.MAX_START and _BEGIN.match(buf) is not None
        return (Verdict.NEED_MORE if more else Verdict.NOT_MINE), (), 0
    request, status = _REQUEST.fullmatch(line), _STATUS.fullmatch(line)
    if request is None and status is None:
        return Verdict.NOT_MINE, (), 0
    head = headers.read(buf, final=final)
    if head is None:
        return Verdict.NEED_MORE, (), 0
    length = _field(head, b"content-length")
    body = int(length) if length.isdigit() and len(length) < 8 else 0
    command = head.get(b"content-type").lower().startswith(_MANSCDP)
    if command and not final and len(buf) - head.length < min(body, _MAX_BODY):
        return Verdict.NEED_MORE, (), 0
    method = printable(request[1]) if request else "status " + printable(status[1] if status else b"")
    items: list[Item] = []
    if method == "REGISTER":
        items.append(_register(head))
    agent = head.get(b"user-agent") or head.get(b"server")
    if agent:
        items.append(Item("sip_user_agent", printable(agent, TEXT_LIMIT), method))
    realm = headers.realm(head)
    if realm:
        items.append(Item("sip_realm", printable(realm, NAME_LIMIT), method))
    if request:
        who = gb28181.identity(_uri_part(_field(head, b"from")))
        whom = gb28181.identity(request[2]) or gb28181.identity(_uri_part(_field(head, b"to")))
        content = buf[head.length : head.length + min(body, _MAX_BODY)] if command else b""
        items += gb28181.told(method, who, whom, content)
    return Verdict.MATCH, tuple(items), min(len(buf), head.length + body)


def _register(head: headers.Head) -> Item:
    """Who registers, and from where it says it can be reached."""
    who = _field(head, b"to") or _field(head, b"from")
    words: list[str] = []
    if gb28181.identity(_uri_part(who)):
        words.append("GB/T 28181 id")
    contact = _uri(_field(head, b"contact"))
    if contact:
        words.append(f"contact {contact}")
    return Item("sip_register", _uri(who), " ".join(words))


def _field(head: headers.Head, name: bytes) -> bytes:
    return head.get(name) or head.get(_COMPACT[name])


def _uri_part(value: bytes) -> bytes:
    """Scheme, user and host of a name-addr: the display name and the parameters may hold any digits."""
    match = _URI.search(value)
    return match[2] if match else b""


def _uri(value: bytes) -> str:
    """The URI of a name-addr, without its password, its parameters and the digits of one device."""
    match = _URI.search(value)
    if match is None:
        return ""
    user, at, host = match[2].rpartition(b"@")
    address = gb28181.without_serial(user.partition(b":")[0] + at + host)
    return printable(match[1].lower() + b":" + address, NAME_LIMIT)
