# SPDX-License-Identifier: Apache-2.0
"""RTSP in HTTP: requests in base64 one way, answers in clear the other."""

from __future__ import annotations

import base64
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from egresswatch.patterns import Parser
from egresswatch.records import Item, Message
from egresswatch.sniff import http, probes, tunnel
from egresswatch.sniff.engine import Engine

Build = Callable[..., Message]
Read = Callable[..., list[Item]]

TYPE = b"application/x-rtsp-tunnelled"
POST = b"POST /axis-media/media.amp HTTP/1.0\r\nContent-Type: %b\r\nContent-Length: 32767\r\n\r\n" % TYPE
GET = b"GET /axis-media/media.amp HTTP/1.0\r\nAccept: %b\r\nx-sessioncookie: abc\r\n\r\n" % TYPE
DESCRIBE = b"DESCRIBE rtsp://a:b@192.0.2.9/media.amp RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: VMS/1\r\n\r\n"
SETUP = (
    b"SETUP rtsp://192.0.2.9/t1 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
)
CODED = base64.b64encode(DESCRIBE) + b"\r\n" + base64.b64encode(SETUP)


def test_requests_are_read_out_of_the_post(whole_or_not: Read) -> None:
    """Each coded by itself; credentials are out of them as always."""
    told = whole_or_not(http.Reader, POST + CODED)
    assert [(item.kind, item.value) for item in told] == [
        ("http_path", "/axis-media/media.amp"), ("rtsp_tunnel", "/axis-media/media.amp"),
        ("rtsp_request", "rtsp://192.0.2.9/media.amp"), ("rtsp_user_agent", "VMS/1"),
        ("rtsp_request", "rtsp://192.0.2.9/t1"), ("rtsp_transport", "tcp interleaved 0-1"),
    ]  # fmt: skip


def test_one_code_over_several_requests(whole_or_not: Read) -> None:
    """Some clients do not end the code between them."""
    told = whole_or_not(http.Reader, POST + base64.b64encode(DESCRIBE + SETUP))
    assert [item.value for item in told if item.kind == "rtsp_request"][1:] == ["rtsp://192.0.2.9/t1"]


def test_the_get_is_a_tunnel(read: Read) -> None:
    """It has no body."""
    assert [item.kind for item in read(http.Reader(), GET)] == ["http_path", "rtsp_tunnel"]


def test_answers_go_on_as_rtsp(segment: Build) -> None:
    """Behind the head of HTTP, with media between them."""
    engine = Engine(4, 32 << 10, probes.BUILTIN)
    head = b"HTTP/1.0 200 OK\r\nServer: h\r\nContent-Type: %b\r\n\r\n" % TYPE
    answers = (
        b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: CamRtsp\r\n\r\n$\0\0\x04abcd"
        b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;interleaved=0-1;ssrc=0A0B0C0D\r\n\r\n"
    )
    engine.feed(segment(head, parser=Parser.HTTP, seq=1, side=1))
    told = engine.feed(segment(answers, parser=Parser.HTTP, start=False, seq=1 + len(head), side=1))
    assert [(item.kind, item.value, item.detail) for item in told] == [
        ("rtsp_server", "CamRtsp", "status 200"),
        ("rtsp_transport", "tcp interleaved 0-1", "status 200, ssrc 0A0B0C0D"),
    ]


def test_what_waits_is_bounded() -> None:
    """A request without end."""
    body = tunnel.Requests()
    endless = base64.b64encode(b"DESCRIBE rtsp://a RTSP/1.0\r\n" + b"A: b\r\n" * 200)
    done = [body.read(endless, final=False)[2] for _ in range(20)]
    assert any(done)


def test_what_is_no_base64_ends_it(read: Read) -> None:
    """And other bytes in it tell nothing."""
    for wire in (b"\xff\xfe\xfd\xfc\xfb", base64.b64encode(b"GET / HTTP/1.1\r\n\r\n")):
        assert len(read(http.Reader(), POST + wire)) == 2


@given(st.binary(max_size=100), st.booleans())
def test_no_bytes_raise(read: Read, data: bytes, coded: bool) -> None:
    """Any body, decodable or not."""
    read(http.Reader(), POST, base64.b64encode(data) if coded else data, b"=", b"ab")
