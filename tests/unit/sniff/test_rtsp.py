# SPDX-License-Identifier: Apache-2.0
"""RTSP heads: streams, servers and realms, also behind interleaved media."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import rtsp

Build = Callable[..., Message]

REQUEST = (
    b"DESCRIBE rtsp://admin:pw@10.0.0.5:554/Streaming/Channels/101 RTSP/1.0\r\n"
    b"CSeq: 2\r\nUser-Agent: NVR\r\n\r\n"
)


def test_a_request_tells_the_stream_without_credentials(segment: Build) -> None:
    """The URL says which stream of which device; the password is gone."""
    assert rtsp.parse(REQUEST, segment(REQUEST)) == (
        Verdict.MATCH,
        (
            Item("rtsp_request", "rtsp://10.0.0.5:554/Streaming/Channels/101", "DESCRIBE"),
            Item("rtsp_user_agent", "NVR", ""),
        ),
        len(REQUEST),
    )


def test_a_response_tells_server_and_realm(segment: Build) -> None:
    """The realm often is the model or the serial number."""
    head = (
        b"RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nServer: Rtsp Server/3.0\r\n"
        b'WWW-Authenticate: Digest realm="Login to 3C0001", nonce="x"\r\n\r\n'
    )
    assert rtsp.parse(head, segment(head))[1] == (
        Item("rtsp_server", "Rtsp Server/3.0", "status 401"),
        Item("rtsp_realm", "Login to 3C0001", "status 401"),
    )


def transport(segment: Build, value: bytes, status: bool = False) -> list[tuple[str, str]]:
    start = b"RTSP/1.0 200 OK" if status else b"SETUP rtsp://a/t RTSP/1.0"
    _, found, _ = rtsp.parse(start + b"\r\nTransport: " + value + b"\r\n\r\n", segment(b""))
    return [(item.value, item.detail) for item in found if item.kind == "rtsp_transport"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b"RTP/AVP;unicast;client_port=5000-5001", ("udp client_port 5000-5001", "SETUP")),
        (b'RTP/AVP/TCP;unicast;interleaved=0-1;mode="PLAY"', ("tcp interleaved 0-1", "SETUP, mode PLAY")),
        (b"RTP/AVP/TCP;interleaved=2-3;mode=record", ("tcp interleaved 2-3", "SETUP, mode record")),
        (b"rtp/avp/udp; multicast ; port = 9000-9001;ttl=5", ("udp multicast port 9000-9001", "SETUP")),
        (b"RTP/AVP;client_port=1-2,RTP/AVP/TCP;interleaved=0-1", ("udp client_port 1-2", "SETUP")),
    ],
)
def test_how_media_travels(segment: Build, value: bytes, told: tuple[str, str]) -> None:
    """The first choice, in one form."""
    assert transport(segment, value) == [told]


def test_an_answer_tells_the_ports_of_both_and_the_source(segment: Build) -> None:
    """RFC 2326 §12.39."""
    value = b"RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001;ssrc=1A2B3C4D;source=192.0.2.1"
    assert transport(segment, value, status=True) == [
        ("udp client_port 5000-5001 server_port 6000-6001", "status 200, ssrc 1A2B3C4D")
    ]


def test_without_a_transport_there_is_none(segment: Build) -> None:
    """Nor for an empty one; a list without end is cut."""
    assert transport(segment, b"") == []
    assert len(transport(segment, b"RTP/AVP" + b";port=1-2" * 900)[0][0]) < 200


@pytest.mark.parametrize("method", [b"ANNOUNCE", b"RECORD"])
def test_a_push_is_told(segment: Build, method: bytes) -> None:
    """Media that goes to the server."""
    head = method + b" rtsp://u:pw@media.example/live/cam RTSP/1.0\r\n\r\n"
    assert rtsp.parse(head, segment(b""))[1] == (
        Item("rtsp_request", "rtsp://media.example/live/cam", method.decode()),
        Item("rtsp_push", "rtsp://media.example/live/cam", method.decode()),
    )


def test_a_description_is_stepped_over(segment: Build) -> None:
    """The SDP body is not read."""
    head = b"RTSP/1.0 200 OK\r\nContent-Length: 4\r\n\r\n"
    assert rtsp.parse(head + b"v=0\nRTSP", segment(b""))[2] == len(head) + 4


def test_interleaved_media_is_stepped_over(segment: Build) -> None:
    """A response may follow RTP frames in the same bytes."""
    media = b"$\x00\x00\x04abcd$\x01\x00\x00"
    assert rtsp.parse(media + REQUEST, segment(b"")) == (Verdict.MATCH, (), len(media))
    assert rtsp.parse(b"$\x00\x10\x00abc", segment(b""))[0] is Verdict.NEED_MORE
    assert rtsp.parse(b"$\x00\x10\x00abc", segment(b"abc", length=99))[0] is Verdict.NOT_MINE


def test_a_head_waits_for_its_last_byte(segment: Build) -> None:
    """Cut anywhere it asks for more."""
    for size in range(1, len(REQUEST)):
        assert rtsp.parse(REQUEST[:size], segment(REQUEST[:size]))[0] is Verdict.NEED_MORE, size


@pytest.mark.parametrize(
    "buf",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x00", b"DESCRIBE x\r\n", b"RTSP/1.0 OK\r\n", b"OPTIONS " + b"x" * 5000],
)
def test_other_protocols_are_left_alone(segment: Build, buf: bytes) -> None:
    """A first line that is not one of RTSP ends it."""
    assert rtsp.parse(buf, segment(buf))[0] is Verdict.NOT_MINE


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_raise(segment: Build, tail: bytes, cut: bool) -> None:
    """Any bytes, bare and behind a sound beginning."""
    for buf in (tail, b"OPTIONS * RTSP/1.0\r\n" + tail, b"RTSP/1.0 200 OK\r\n" + tail, b"$" + tail):
        verdict, _, used = rtsp.parse(buf, segment(buf, length=len(buf) + cut))
        assert 0 <= used <= len(buf)
        assert (used > 0) == (verdict is Verdict.MATCH)
