# SPDX-License-Identifier: Apache-2.0
"""Multipart: events and kinds of part, over any cut of the stream."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item
from egresswatch.sniff import http, multipart

Read = Callable[..., list[Item]]

EVENT = (
    b"<EventNotificationAlert><eventType>%b</eventType><eventState>active</eventState>"
    b"</EventNotificationAlert>"
)


def part(body: bytes, *fields: bytes, length: bool = True) -> bytes:
    lines = [*fields, b"Content-Length: %d" % len(body)] if length else fields
    return b"--MIME_boundary\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body + b"\r\n"


def push(*parts: bytes, kind: bytes = b"multipart/form-data; boundary=MIME_boundary") -> bytes:
    body = b"".join(parts) + b"--MIME_boundary--\r\n"
    return b"POST /push HTTP/1.1\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        kind,
        len(body),
        body,
    )


XML = part(
    EVENT % b"linedetection",
    b'Content-Disposition: form-data; name="linedetection"',
    b"Content-Type: application/xml",
)
PICTURE = part(
    b"\xff\xd8" + b"p" * 9000,
    b'Content-Disposition: form-data; name="pic"; filename="AB123CD_2026.jpg"',
    b"Content-Type: image/jpeg",
)  # fmt: skip


def told(items: list[Item]) -> list[tuple[str, str]]:
    return [(item.value, item.detail) for item in items if item.kind == "http_push"]


@pytest.mark.parametrize("length", [True, False])
def test_an_event_with_a_picture(whole_or_not: Read, length: bool) -> None:
    """What the event is, and that a picture is sent along: its name only by its extension."""
    wire = push(XML, PICTURE) if length else push(
        part(EVENT % b"linedetection", b'Content-Disposition: form-data; name="linedetection"',
             b"Content-Type: application/xml", length=False),
        part(b"\xff\xd8" + b"p" * 9000, b'Content-Disposition: form-data; name="pic"; filename="AB123CD.jpg"',
             b"Content-Type: image/jpeg", length=False),
    )  # fmt: skip
    found = told(whole_or_not(http.Reader, wire))
    assert found == [
        ("isapi-event", "POST /push; linedetection active; part linedetection application/xml"),
        ("multipart", "POST /push; part pic image/jpeg jpg"),
    ]
    assert "AB123CD" not in repr(found)


def test_what_follows_on_the_connection_is_read(whole_or_not: Read) -> None:
    """A body that is whole ends where it says."""
    items = whole_or_not(http.Reader, push(XML) + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
    assert [item.value for item in items if item.kind == "http_path"] == ["/push", "/next"]


def test_a_stream_of_events_in_an_answer(read: Read) -> None:
    """Part after part, as they come; the connection never ends."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=MIME_boundary\r\n\r\n"
    first, second = (
        part(EVENT % kind, b"Content-Type: application/xml; charset=UTF-8") for kind in (b"VMD", b"ANPR")
    )
    reader = http.Reader()
    assert told(read(reader, head)) == []
    assert told(read(reader, first)) == [("isapi-event", "status 200; VMD active; part application/xml")]
    assert told(read(reader, second)) == [
        ("plate", "status 200; isapi-event; ANPR active; part application/xml")
    ]


def test_lines_of_events_in_an_answer(read: Read) -> None:
    """Without a length of their own: each ends with the next boundary."""
    head = b'HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary="--MIME_boundary"\r\n\r\n'
    event = part(b"Code=VideoMotion;action=Start;index=0", b"Content-Type: text/plain", length=False)
    assert told(read(http.Reader(), head, event, event[:20])) == [
        ("text-event", "status 200; VideoMotion Start; part text/plain")
    ]


def test_pictures_in_an_answer_are_no_push(read: Read) -> None:
    """Somebody watches: that is a stream."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=MIME_boundary\r\n\r\n"
    assert told(read(http.Reader(), head, PICTURE, PICTURE)) == []


def test_an_event_in_chunks(read: Read) -> None:
    """The sizes of chunks between the parts do no harm."""
    body = XML + b"--MIME_boundary--\r\n"
    wire = (
        b"POST /push HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=MIME_boundary\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    )
    assert told(read(http.Reader(), wire)) == [
        ("isapi-event", "POST /push; linedetection active; part linedetection application/xml")
    ]


def test_kinds_of_part_are_told_once_and_bounded(read: Read) -> None:
    """A form without end."""
    parts = [
        part(b"x", b'Content-Disposition: form-data; name="f%d"' % (number // 2)) for number in range(200)
    ]
    assert len(told(read(http.Reader(), push(*parts)))) == multipart.MAX_ITEMS


def test_a_cut_part_is_read_as_far_as_it_goes(read: Read) -> None:
    """With a short snaplen the event is still there."""
    wire = push(XML, PICTURE)
    assert len(told(read(http.Reader(), wire[: wire.index(b"</eventState>") + 20], cut=True))) == 1


def test_without_a_boundary_there_are_no_parts(read: Read) -> None:
    """The body is stepped over."""
    items = read(http.Reader(), push(XML, kind=b"multipart/form-data") + b"GET /next HTTP/1.1\r\n\r\n")
    assert [item.kind for item in items] == ["http_path", "http_path"]


@given(
    st.lists(
        st.sampled_from([
            b"--MIME_boundary", b"--", b"\r\n",
            b"\n\n", b"Content-Length: 5", b"Content-Type: a/b", b"x", b":",
            b"Content-Length: 99999999", b"\r\n\r\n", b"<a>",
        ]),
        max_size=20,
    ),
    st.booleans(),
)  # fmt: skip
def test_no_bytes_raise(whole_or_not: Read, read: Read, parts: list[bytes], chunked: bool) -> None:
    """Any parts, read the same in one piece and in many when their lengths are told."""
    fields = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 5000"
    head = b"POST / HTTP/1.1\r\nContent-Type: multipart/x; boundary=MIME_boundary\r\n" + fields + b"\r\n\r\n"
    whole_or_not(http.Reader, head + b"".join(parts))
    read(http.Reader(), head + b"".join(parts), cut=True)
