# SPDX-License-Identifier: Apache-2.0
"""RTSP heads: which stream was asked for and what serves it (RFC 2326, RFC 7826).

Gives rtsp_request, rtsp_user_agent, rtsp_server, rtsp_realm, rtsp_transport (how the media travels) and
rtsp_push (media that is sent to the server: ANNOUNCE, RECORD). Interleaved media frames before a message
are stepped over; credentials in URLs are taken out.
"""

from __future__ import annotations

import re

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import headers
from egresswatch.sniff.text import NAME_LIMIT, TEXT_LIMIT, printable, url

Parsed = tuple[Verdict, tuple[Item, ...], int]

_NOT_MINE: Parsed = (Verdict.NOT_MINE, (), 0)
_NEED_MORE: Parsed = (Verdict.NEED_MORE, (), 0)
_REQUEST = re.compile(rb"([A-Z][A-Z_]{2,23}) +(\S+) +RTSP/\d\.\d\s*")
_STATUS = re.compile(rb"RTSP/\d\.\d +(\d{3})(?: .*)?", re.DOTALL)
_BEGIN = re.compile(rb"[A-Z][A-Z_]{0,23}(?: |\Z)|RTSP(?:/|\Z)")
_PUSHING = (b"ANNOUNCE", b"RECORD")
_PLACES = (b"interleaved", b"client_port", b"server_port", b"port", b"multicast")
_MAX_WORDS = 16
_FRAME = 0x24  # "$": RFC 2326 §10.12


def parse(buf: bytes, m: Message) -> Parsed:
    """One request or response at the start of ``buf``, or the interleaved frames before it."""
    skipped = _interleaved(buf)
    if skipped:
        return Verdict.MATCH, (), skipped
    final = headers.cut(m)
    if buf[:1] == b"$":
        return _NOT_MINE if final else _NEED_MORE
    if _BEGIN.match(buf) is None:
        return _NOT_MINE if buf else _NEED_MORE
    line = headers.start_line(buf)
    if line is None:
        return _NOT_MINE if final or len(buf) >= headers.MAX_START else _NEED_MORE
    request, status = _REQUEST.fullmatch(line), _STATUS.fullmatch(line)
    if request is None and status is None:
        return _NOT_MINE
    head = headers.read(buf, final=final)
    if head is None:
        return _NEED_MORE
    if request is not None:
        items = _request(head, request[1], request[2])
    else:
        assert status is not None
        items = _response(head, status[1])
    return Verdict.MATCH, items, min(len(buf), head.length + headers.content_length(head))


def _interleaved(buf: bytes) -> int:
    """Bytes of whole interleaved frames at the start."""
    at = 0
    while at + 4 <= len(buf) and buf[at] == _FRAME:
        end = at + 4 + int.from_bytes(buf[at + 2 : at + 4], "big")
        if end > len(buf):
            break
        at = end
    return at


def _request(head: headers.Head, method: bytes, target: bytes) -> tuple[Item, ...]:
    items = [Item("rtsp_request", url(target), printable(method))]
    agent = head.get(b"user-agent")
    if agent:
        items.append(Item("rtsp_user_agent", printable(agent, TEXT_LIMIT), ""))
    if method in _PUSHING:
        items.append(Item("rtsp_push", url(target), printable(method)))
    return (*items, *_transport(head, printable(method)))


def _response(head: headers.Head, status: bytes) -> tuple[Item, ...]:
    detail = f"status {status.decode('ascii')}"
    items: list[Item] = []
    server = head.get(b"server")
    if server:
        items.append(Item("rtsp_server", printable(server, TEXT_LIMIT), detail))
    realm = headers.realm(head)
    if realm:
        items.append(Item("rtsp_realm", printable(realm, NAME_LIMIT), detail))
    return (*items, *_transport(head, detail))


def _transport(head: headers.Head, detail: str) -> tuple[Item, ...]:
    """The first choice of a Transport field (RFC 2326 §12.39): ``tcp interleaved 0-1`` or ``udp client_port
    5000-5001 server_port 6000-6001``; the detail adds the stream's SSRC and its direction."""
    words = head.get(b"transport").partition(b",")[0].split(b";", _MAX_WORDS)[:_MAX_WORDS]
    profile = words[0].strip().upper()
    if not profile:
        return ()
    shown, more = ["tcp" if profile.endswith(b"/TCP") else "udp"], [detail]
    for word in words[1:]:
        name, _, value = word.strip().partition(b"=")
        name, text = name.strip().lower(), printable(value.strip(b'" '), 32)
        if name in _PLACES:
            shown.append(f"{name.decode()} {text}".rstrip())
        elif name in (b"ssrc", b"mode"):
            more.append(f"{name.decode()} {text}")
    return (Item("rtsp_transport", " ".join(shown), ", ".join(more)),)
