# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.x: which host was asked for what, by what software, what answered, what was pushed (RFC 9112).

Gives http_host, http_path, http_user_agent, http_server, http_realm, http_connect, soap_action,
rtsp_tunnel and http_push ``image`` (a picture that is sent) from heads; what the first bytes of a body
tell, ``bodies`` reads. Query strings and credentials are cut off before anything is given out.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import bodies, headers, soap
from egresswatch.sniff.text import NAME_LIMIT, TEXT_LIMIT, path_only, printable

Parsed = tuple[Verdict, tuple[Item, ...], int]

_NOT_MINE: Parsed = (Verdict.NOT_MINE, (), 0)
_NEED_MORE: Parsed = (Verdict.NEED_MORE, (), 0)
_METHOD = re.compile(rb"[A-Z][A-Z\-_]{1,23}")
_VERSION = re.compile(rb"HTTP/\d\.\d")
_STATUS = re.compile(rb"HTTP/\d\.\d +(\d{3})(?: .*)?", re.DOTALL)
_BEGIN = re.compile(rb"[A-Z][A-Z\-_]{0,23}(?: |\Z)|HTTP(?:/|\Z)")
_ORIGIN = re.compile(r"\A[A-Za-z][A-Za-z0-9+.\-]{0,31}://[^/]*")
_AUTHORITY = re.compile(rb"(\[[0-9A-Fa-f:.]{2,45}\]|[^\s:/@\[\]]{1,255}):(\d{1,5})")
_FILE = re.compile(r"(?<=/)[^/]+(\.(?:jpe?g|png|gif|bmp|webp|mp4|avi|mkv|dav|ts|h26[45]))\Z", re.IGNORECASE)
"""A picture or recording that is sent: its name may hold what was seen."""
_PATHLESS = (b"CONNECT", b"PRI")
"""PRI begins HTTP/2 (RFC 9113 §3.4), which is not read."""
_TUNNELLED = b"application/x-rtsp-tunnelled"


class Heading(NamedTuple):
    """A whole head: what it told, and what follows it."""

    items: tuple[Item, ...]
    head: headers.Head
    detail: str
    """``METHOD /path`` or ``status NNN``."""
    status: bytes
    """Empty for a request."""
    body: int
    """Bytes of the body as announced (0 also when nothing is announced)."""


def parse(buf: bytes, m: Message) -> Parsed:
    """One request or response at the start of ``buf``; its body is stepped over."""
    found = heading(buf, m)
    if isinstance(found, Heading):
        return Verdict.MATCH, found.items, min(len(buf), found.head.length + found.body)
    return found


class Reader:
    """One side of a connection: heads, and the bodies of which ``bodies`` wants the beginning."""

    __slots__ = ("_body", "_left")

    def __init__(self) -> None:
        self._body: bodies.Body | None = None
        self._left: int | None = None

    @property
    def held(self) -> int:
        """Bytes of payload kept by what reads the body."""
        return 0 if self._body is None else self._body.held

    def __call__(self, buf: bytes, m: Message) -> Parsed:
        """The next message, or the next piece of a body."""
        body = self._body
        if body is not None:
            if not body.begun and buf.startswith(b"HTTP/1."):
                self._body = None  # the answer to a HEAD has no body, whatever it announces
            else:
                return self._read(body, buf, final=headers.cut(m))
        found = heading(buf, m)
        if not isinstance(found, Heading):
            return found
        length = found.head.length
        if found.head.complete:
            wanted, self._left = bodies.wanted(found.head, found.detail, found.status, found.body)
            if wanted is not None:
                self._body = wanted
                return Verdict.MATCH, found.items, length
        return Verdict.MATCH, found.items, min(len(buf), length + found.body)

    def _read(self, body: bodies.Body, buf: bytes, *, final: bool) -> Parsed:
        left = self._left
        data = buf if left is None else buf[:left]
        final = final or (left is not None and len(buf) >= left)
        items, used, done = body.read(data, final=final)
        if left is not None:
            self._left = left - used
        if done or final:
            self._body = None
            return Verdict.MATCH, items, len(data)
        return (Verdict.MATCH, items, used) if used else _NEED_MORE


def heading(buf: bytes, m: Message) -> Heading | Parsed:
    """The head at the start of ``buf``, or why there is none."""
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
        path = path_only(target.strip())
        if method in (b"POST", b"PUT"):
            path = _FILE.sub(r"*\1", path)
        detail = f"{method.decode()} {path}"
        return Heading(
            _request(head, method, target.strip(), path), head, detail, b"", headers.content_length(head)
        )
    # 1xx, 204 and 304 have no body, whatever they announce (RFC 9112 §6.3).
    bare = status[1][:1] == b"1" or status[1] in (b"204", b"304")
    detail = f"status {status[1].decode('ascii')}"
    return Heading(
        _response(head, detail), head, detail, status[1], 0 if bare else headers.content_length(head)
    )


def _request(head: headers.Head, method: bytes, target: bytes, path: str) -> tuple[Item, ...]:
    detail = f"{method.decode()} {path}"
    items: list[Item] = []
    if method == b"CONNECT":
        authority = _AUTHORITY.fullmatch(target)
        if authority:
            # the connection goes on to that host (RFC 9110 §9.3.6): said before the name of the proxy
            items.append(Item("http_connect", printable(target.lower(), NAME_LIMIT), ""))
    host = head.get(b"host")
    if host:
        items.append(Item("http_host", printable(host.rpartition(b"@")[2], NAME_LIMIT), detail))
    agent = head.get(b"user-agent")
    if agent:
        items.append(Item("http_user_agent", printable(agent, TEXT_LIMIT), detail if not host else ""))
    if method not in _PATHLESS:
        items.append(Item("http_path", _ORIGIN.sub("", path, count=1) or "/", method.decode()))
        kind = head.get(b"accept") if method == b"GET" else head.get(b"content-type")
        if kind == _TUNNELLED:
            items.append(Item("rtsp_tunnel", path, method.decode()))
        elif method == b"POST":
            items += soap.announced(head, path)
        if method in (b"POST", b"PUT") and kind[:6].lower() == b"image/":
            shown = printable(kind.partition(b";")[0].rstrip().lower(), 64)
            items.append(Item("http_push", "image", f"{detail}; {shown}"))
    return tuple(items)


def _response(head: headers.Head, detail: str) -> tuple[Item, ...]:
    items: list[Item] = []
    server = head.get(b"server")
    if server:
        items.append(Item("http_server", printable(server, TEXT_LIMIT), detail))
    realm = headers.realm(head)
    if realm:
        items.append(Item("http_realm", printable(realm, NAME_LIMIT), detail))
    return tuple(items)
