# SPDX-License-Identifier: Apache-2.0
"""Beginnings of HTTP bodies: titles, icons, what is pushed; stepping over all the rest."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import bodies, http

Build = Callable[..., Message]
Read = Callable[..., list[Item]]

PAGE = b"<!DOCTYPE html>\r\n<html><head><title>\r\n Web &amp; Viewer \r\n</title></head><body>x</body></html>"
ICON = b"\0\0\1\0\1\0\x10\x10" + bytes(range(256)) * 4
NEXT = b"HTTP/1.1 404 No\r\nServer: next\r\nContent-Length: 0\r\n\r\n"


def answer(body: bytes, *fields: bytes, status: bytes = b"200 OK", length: bool = True) -> bytes:
    lines = [*fields, b"Content-Length: %d" % len(body)] if length else fields
    return b"HTTP/1.1 " + status + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def post(body: bytes, kind: bytes = b"application/json", method: bytes = b"POST") -> bytes:
    return b"%b /e HTTP/1.1\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        method,
        kind,
        len(body),
        body,
    )


def test_a_title_is_told(whole_or_not: Read) -> None:
    """On one line, entities resolved; the next answer is read."""
    told = whole_or_not(http.Reader, answer(PAGE, b"Content-Type: text/html; charset=utf-8") + NEXT)
    assert told == [
        Item("http_title", "Web & Viewer", "status 200"),
        Item("http_server", "next", "status 404"),
    ]


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip", gzip.compress(PAGE)),
        (b"deflate", zlib.compress(PAGE)),
        (b"br", PAGE),
        (b"gzip", b"\x1f\x8bxx" + PAGE),
    ],
)
def test_compressed_pages(read: Read, coding: bytes, body: bytes) -> None:
    """What zlib can open is; the rest is stepped over."""
    wire = answer(body, b"Content-Type: text/html", b"Content-Encoding: " + coding)
    told = [item.value for item in read(http.Reader(), wire + NEXT)]
    assert told in (["Web & Viewer", "next"], ["next"])
    assert (len(told) == 2) == (body != PAGE and b"xx<" not in body)


def test_a_bomb_is_opened_no_further_than_the_limit() -> None:
    """A megabyte of blanks before the title."""
    packed = gzip.compress(b" " * (1 << 20) + PAGE)
    assert len(bodies._inflated(packed, 31, 8192)) == 8192


def test_pages_in_chunks_and_without_length(whole_or_not: Read, read: Read) -> None:
    """RFC 9112 §6.3."""
    kind = b"Content-Type: text/html"
    chunks = b"5\r\n" + PAGE[:5] + b"\r\n%x;a=b\r\n" % (len(PAGE) - 5) + PAGE[5:] + b"\r\n0\r\n\r\n"
    wire = answer(chunks, kind, b"Transfer-Encoding: chunked", length=False)
    assert [item.value for item in whole_or_not(http.Reader, wire)] == ["Web & Viewer"]
    assert [item.value for item in read(http.Reader(), answer(PAGE, kind, length=False))] == ["Web & Viewer"]


def test_a_long_page_is_read_to_the_limit(read: Read) -> None:
    """Then its title is told, and the rest is not waited for."""
    wire = answer(PAGE[:-7] + b"x" * 60000, b"Content-Type: text/html")
    assert [item.kind for item in read(http.Reader(), wire[:9000])] == ["http_title"]


def test_the_answer_to_a_head_request_has_no_body(segment: Build) -> None:
    """What follows it is the next answer, whatever length was announced."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 500\r\n\r\n"
    reader = http.Reader()
    assert reader(head, segment(head))[2] == len(head)
    assert reader(NEXT, segment(NEXT))[1] == (Item("http_server", "next", "status 404"),)


@pytest.mark.parametrize(
    "fields",
    [
        (b"Content-Type: image/x-icon",),
        (b"Content-Type: image/vnd.microsoft.icon",),
        (),
        (b"Content-Type: text/plain",),
    ],
)
def test_an_icon_is_told_by_its_digest(whole_or_not: Read, fields: tuple[bytes, ...]) -> None:
    """Of all of it, by its type or by its first bytes."""
    digest = hashlib.md5(ICON, usedforsecurity=False).hexdigest()
    assert whole_or_not(http.Reader, answer(ICON, *fields)) == [
        Item("http_favicon", digest, f"status 200, {len(ICON)} bytes")
    ]


def test_an_icon_that_is_cut_or_big_has_no_digest(read: Read) -> None:
    """Half a digest would be another icon's."""
    wire = answer(ICON, b"Content-Type: image/x-icon")
    assert read(http.Reader(), wire[:-1], cut=True) == []
    assert read(http.Reader(), answer(ICON * 30, b"Content-Type: image/x-icon")) == []


def test_a_page_without_type_is_known_by_its_beginning(read: Read) -> None:
    """Small servers forget to say."""
    assert [item.value for item in read(http.Reader(), answer(PAGE))] == ["Web & Viewer"]


@pytest.mark.parametrize("kind", [b"image/jpeg", b"video/mp4", b"application/javascript", b"text/css"])
def test_other_bodies_are_stepped_over(segment: Build, kind: bytes) -> None:
    """At once, with their head."""
    wire = answer(b"<title>x</title>" * 9, b"Content-Type: " + kind)
    assert http.Reader()(wire + NEXT, segment(b""))[2] == len(wire)


def test_a_picture_that_is_sent_is_told_with_the_head(read: Read) -> None:
    """Nothing of it is waited for."""
    wire = post(b"\xff\xd8" + bytes(50000), b"image/jpeg", b"PUT")
    assert [item for item in read(http.Reader(), wire[:200]) if item.kind == "http_push"] == [
        Item("http_push", "image", "PUT /e; image/jpeg")
    ]


@pytest.mark.parametrize(
    ("wire", "told"),
    [
        (post(b'{"eventType":"VMD"}'), [("json-event", "POST /e; VMD")]),
        (post(b'{"eventType":"VMD"}', b""), [("json-event", "POST /e; VMD")]),
        (
            post(b"<EventNotificationAlert></EventNotificationAlert>", b"text/xml", b"PUT"),
            [("isapi-event", "PUT /e")],
        ),
        (post(b'{"eventType":"VMD"}', b"application/json", b"DELETE"), []),
        (post(b'{"eventType":"VMD"}', b"application/x-www-form-urlencoded"), []),
    ],
)
def test_what_is_pushed(read: Read, wire: bytes, told: list[tuple[str, str]]) -> None:
    """Events in requests that send something."""
    items = read(http.Reader(), wire + b"GET /n HTTP/1.1\r\n\r\n")
    assert [(item.value, item.detail) for item in items if item.kind == "http_push"] == told
    assert [item.value for item in items if item.kind == "http_path"] == ["/e", "/n"]


@given(
    st.binary(max_size=120),
    st.sampled_from([b"text/html", b"text/xml", b"application/json", b""]),
    st.booleans(),
)
def test_no_bytes_raise(read: Read, whole_or_not: Read, body: bytes, kind: bytes, cut: bool) -> None:
    """Any body of any kind, with any length said of it; read the same in pieces when it is whole."""
    fields = (b"Content-Type: " + kind,)
    whole_or_not(http.Reader, answer(body, *fields))
    whole_or_not(http.Reader, post(body, kind))
    for more in ((b"Transfer-Encoding: chunked",), (b"Content-Encoding: gzip",), ()):
        read(http.Reader(), answer(body, *fields, *more, length=False), cut=cut)


@given(st.binary(max_size=200))
def test_no_chunks_raise(data: bytes) -> None:
    """Any sizes; never more than there was."""
    for wire in (data, b"5\r\n" + data, b"ffffffff\r\n" + data):
        assert len(bodies.dechunked(wire)[0]) <= len(wire)


def test_a_read_is_a_whole_answer_or_a_wait(segment: Build) -> None:
    """Nothing is taken from a page before it is told."""
    wire = answer(PAGE, b"Content-Type: text/html")
    reader = http.Reader()
    at = reader(wire, segment(b""))[2]
    for end in range(at + 1, len(wire)):
        assert reader(wire[at:end], segment(b""))[0] is Verdict.NEED_MORE
