# SPDX-License-Identifier: Apache-2.0
"""HTTP, header blocks and targets against their slow twins, which look for everything everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import headers, http, text

Build = Callable[..., Message]


# --- the twins -------------------------------------------------------------------------------------
def slow_parse(buf: bytes, m: Message) -> http.Parsed:
    """One request or response at the start of ``buf``."""
    if http._BEGIN.match(buf) is None:
        return http._NOT_MINE if buf else http._NEED_MORE
    final = headers.cut(m)
    line = headers.start_line(buf)
    if line is None:
        return http._NOT_MINE if final or len(buf) >= headers.MAX_START else http._NEED_MORE
    # Targets with blanks in them are sent by devices, so the version is what stands last.
    method, _, rest = line.partition(b" ")
    target, _, version = rest.rstrip().rpartition(b" ")
    request = bool(http._METHOD.fullmatch(method) and target and http._VERSION.fullmatch(version))
    status = http._STATUS.fullmatch(line)
    if not request and status is None:
        return http._NOT_MINE
    head = slow_read(buf, final=final)
    if head is None:
        return http._NEED_MORE
    if status is None:
        items = slow_request(head, method, target.strip())
        body = headers.content_length(head)
    else:
        items = http._response(head, f"status {status[1].decode()}")
        # 1xx, 204 and 304 have no body, whatever they announce (RFC 9112 §6.3).
        body = 0 if status[1][:1] == b"1" or status[1] in (b"204", b"304") else headers.content_length(head)
    return Verdict.MATCH, items, min(len(buf), head.length + body)


def slow_request(head: headers.Head, method: bytes, target: bytes) -> tuple[Item, ...]:
    detail = f"{text.printable(method)} {slow_path_only(target)}"
    items: list[Item] = []
    host = head.get(b"host")
    if host:
        items.append(Item("http_host", text.printable(host.rpartition(b"@")[2], text.NAME_LIMIT), detail))
    agent = head.get(b"user-agent")
    if agent:
        shown = text.printable(agent, text.TEXT_LIMIT)
        items.append(Item("http_user_agent", shown, detail if not host else ""))
    items.append(Item("http_path", slow_path_only(target) or "/", text.printable(method)))
    return tuple(items)


def slow_read(buf: bytes, *, final: bool) -> headers.Head | None:
    """The header block at the start of ``buf``; None when more bytes are needed.

    ``final``: no more bytes will come, so what is there is read up to its last whole line.
    """
    end = headers._end(buf)
    complete = end > 0
    if not complete:
        if not final and len(buf) < headers.MAX_HEAD:
            return None
        end = buf.rfind(b"\n", 0, headers.MAX_HEAD) + 1
    lines = buf[:end].split(b"\n", headers.MAX_FIELDS)[:headers.MAX_FIELDS]
    fields: dict[bytes, bytes] = {}
    last = b""
    for line in lines[1:]:
        if line[:1] in (b" ", b"\t"):
            if last and len(fields[last]) < headers.MAX_START:
                fields[last] += b" " + line.strip()
            continue
        name, colon, value = line.partition(b":")
        last = name.strip().lower() if colon else b""
        if last in fields:
            last = b""
        elif last:
            fields[last] = value.strip()
    return headers.Head(lines[0].rstrip(b"\r"), fields, end, complete)


def slow_without_credentials(url: str) -> str:
    """A URL without user, password and the values of parameters that carry secrets."""
    url = text._USERINFO.sub(r"\1", url)
    return text._SECRET.sub(r"\1", re.sub("(?s)(://).*@", r"\1", url, count=1))


def slow_path_only(raw: bytes, limit: int = text.TEXT_LIMIT) -> str:
    """A request target without query, fragment and credentials."""
    target = slow_without_credentials(text.printable(raw, len(raw) * 10))[: len(raw) * 10]
    for mark in "?#":
        target = target.partition(mark)[0]
    return target[:limit]


# --- the comparison --------------------------------------------------------------------------------
REQUEST = (
    b"GET /a/b?id=5 HTTP/1.1\r\nHost: Cloud.Example:80\r\nUser-Agent: x\r\n y\r\n"
    b"Content-Length: 2\r\n\r\nab"
)
RESPONSE = b'HTTP/1.1 401 No\r\nServer: x\r\nWWW-Authenticate: Basic realm="r"\r\n\r\n'
PIECES = st.sampled_from([
    b"GET ", b"POST ", b"A ", b"HTTP", b"HTTP/1.1", b" HTTP/1.1", b" 200", b" 304 x", b"/p", b"/a b",
    b"\r\n", b"\n", b"\r\n\r\n", b"\n\n", b"\n \n", b"Host: a", b"host:b", b" : c", b"\tfold", b" fold", b":",
    b"Content-Length: 3", b"Server:", b"User-Agent: \xff", b"x", b"?", b"=", b"@", b"",
])  # fmt: skip
TARGET = st.lists(
    st.sampled_from([
        "user=", "pwd=", "_channel=", "x", "rtsp://", "http:", "a:b@", "@", "?", "#", "/", "&", ";", " ", "=",
        "nonce=", "é", "\x00", "_", "key",
    ]),
    max_size=12,
).map(lambda parts: "".join(parts).encode())  # fmt: skip


@given(st.lists(PIECES, max_size=14), st.integers(0, 1))
def test_any_head_is_read_as_by_the_twin(segment: Build, pieces: list[bytes], missing: int) -> None:
    """Lines, folds, blanks and colons in any order; with and without more to come."""
    buf = b"".join(pieces)
    m = segment(buf, length=len(buf) + missing)
    assert http.parse(buf, m) == slow_parse(buf, m)
    for final in (False, True):
        assert headers.read(buf, final=final) == slow_read(buf, final=final)


@given(st.sampled_from([REQUEST, RESPONSE]), st.integers(0, 110), st.binary(max_size=3), st.integers(0, 110))
def test_damaged_messages_are_read_as_by_the_twin(
    segment: Build, sound: bytes, place: int, damage: bytes, end: int
) -> None:
    """Changed anywhere and cut anywhere."""
    data = bytearray(sound)
    data[place : place + len(damage)] = damage
    for buf in (bytes(data), bytes(data[:end])):
        for missing in (0, 1):
            m = segment(buf, length=len(buf) + missing)
            assert http.parse(buf, m) == slow_parse(buf, m)


def test_long_beginnings_are_read_as_by_the_twin(segment: Build) -> None:
    """At the bounds of a start line and of a head."""
    for size in (headers.MAX_START - 1, headers.MAX_START, headers.MAX_HEAD - 20, headers.MAX_HEAD):
        for buf in (b"GET /" + b"a" * size, b"GET / HTTP/1.1\r\nA: " + b"a" * size, b"\0" * size):
            m = segment(buf)
            assert http.parse(buf, m) == slow_parse(buf, m)


@given(TARGET, st.integers(1, 60))
def test_any_target_is_shown_as_by_the_twin(raw: bytes, limit: int) -> None:
    """Credentials, queries and fragments in any order, never more and never less."""
    assert text.path_only(raw, limit) == slow_path_only(raw, limit)
    shown = text.printable(raw)
    assert text.without_credentials(shown) == slow_without_credentials(shown)
