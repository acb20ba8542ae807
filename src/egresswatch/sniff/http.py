# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.x heads: which host was asked, by what software, and what answered (RFC 9112).

Gives http_host, http_user_agent, http_server and http_realm. Bodies are skipped, never read; query
strings and credentials are cut off before anything is given out.
"""

from __future__ import annotations

import re

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import headers
from egresswatch.sniff.text import NAME_LIMIT, TEXT_LIMIT, path_only, printable

Parsed = tuple[Verdict, tuple[Item, ...], int]

_NOT_MINE: Parsed = (Verdict.NOT_MINE, (), 0)
_NEED_MORE: Parsed = (Verdict.NEED_MORE, (), 0)
_METHOD = re.compile(rb"[A-Z][A-Z\-_]{1,23}")
_VERSION = re.compile(rb"HTTP/\d\.\d")
_STATUS = re.compile(rb"HTTP/\d\.\d +(\d{3})(?: .*)?", re.DOTALL)
_BEGIN = re.compile(rb"[A-Z][A-Z\-_]{0,23}(?: |\Z)|HTTP(?:/|\Z)")


def parse(buf: bytes, m: Message) -> Parsed:
    """One request or response at the start of ``buf``."""
    final = headers.cut(m)
    line = headers.start_line(buf)
    if line is None:
        if _BEGIN.match(buf) is None:
            return _NOT_MINE if buf else _NEED_MORE
        return _NOT_MINE if final or len(buf) >= headers.MAX_START else _NEED_MORE
    # Targets with blanks in them are sent by devices, so the version is what stands last.
    method, _, rest = line.partition(b" ")
    target, _, version = rest.rstrip().rpartition(b" ")
    request = target and _METHOD.fullmatch(method) and _VERSION.fullmatch(version)
    status = None if request else _STATUS.fullmatch(line)
    if not request and status is None:
        return _NOT_MINE
    head = headers.read(buf, final=final)
    if head is None:
        return _NEED_MORE
    if status is None:
        items = _request(head, method, target.strip())
        body = headers.content_length(head)
    else:
        items = _response(head, status[1])
        # 1xx, 204 and 304 have no body, whatever they announce (RFC 9112 §6.3).
        body = 0 if status[1][:1] == b"1" or status[1] in (b"204", b"304") else headers.content_length(head)
    return Verdict.MATCH, items, min(len(buf), head.length + body)


def _request(head: headers.Head, method: bytes, target: bytes) -> tuple[Item, ...]:
    detail = f"{method.decode()} {path_only(target)}"
    items: list[Item] = []
    host = head.get(b"host")
    if host:
        items.append(Item("http_host", printable(host.rpartition(b"@")[2], NAME_LIMIT), detail))
    agent = head.get(b"user-agent")
    if agent:
        items.append(Item("http_user_agent", printable(agent, TEXT_LIMIT), detail if not host else ""))
    return tuple(items)


def _response(head: headers.Head, status: bytes) -> tuple[Item, ...]:
    detail = f"status {status.decode('ascii')}"
    items: list[Item] = []
    server = head.get(b"server")
    if server:
        items.append(Item("http_server", printable(server, TEXT_LIMIT), detail))
    realm = headers.realm(head)
    if realm:
        items.append(Item("http_realm", printable(realm, NAME_LIMIT), detail))
    return tuple(items)
