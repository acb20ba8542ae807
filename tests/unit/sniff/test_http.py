# SPDX-License-Identifier: Apache-2.0
"""HTTP heads: hosts, software and realms; no bodies, queries or credentials."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.patterns import Parser
from egresswatch.records import FlowInfo, Item, Message, Verdict
from egresswatch.sniff import facts, http

Build = Callable[..., Message]

REQUEST = b"GET /v2/sync?seq=9&hmac=abc HTTP/1.1\r\nHost: api.example.com:8080\r\nUser-Agent: cam/1.0\r\n\r\n"


def items(segment: Build, buf: bytes) -> tuple[Item, ...]:
    verdict, found, _ = http.parse(buf, segment(buf))
    assert verdict is Verdict.MATCH
    return found


def test_a_request_tells_host_as_sent_and_software(segment: Build) -> None:
    """The detail says what was asked for, without the query."""
    assert items(segment, REQUEST) == (
        Item("http_host", "api.example.com:8080", "GET /v2/sync"),
        Item("http_user_agent", "cam/1.0", ""),
        Item("http_path", "/v2/sync", "GET"),
    )


def test_a_response_tells_server_and_realm(segment: Build) -> None:
    """A challenge names the device more often than not."""
    head = (
        b"HTTP/1.1 401 Unauthorized\r\nServer: App-webs/\r\n"
        b'WWW-Authenticate: Digest realm="DS-2CD2143"\r\n\r\n'
    )
    assert items(segment, head) == (
        Item("http_server", "App-webs/", "status 401"),
        Item("http_realm", "DS-2CD2143", "status 401"),
    )


def test_credentials_never_come_out(segment: Build) -> None:
    """Neither from the target, nor from the host, nor from an authorization field."""
    head = (
        b"POST http://admin:pass1@192.0.2.1/login?pwd=pass2 HTTP/1.1\r\nHost: admin:pass3@192.0.2.1\r\n"
        b"Authorization: Basic cGFzczQ=\r\nCookie: pass5\r\n\r\n"
    )
    told = repr(items(segment, head))
    assert "pass" not in told
    assert "cGFz" not in told
    assert "192.0.2.1" in told


def test_nor_do_those_of_an_address_within_the_path(segment: Build) -> None:
    """The path stands in the notes of other items too."""
    head = b"GET /go/rtsp://admin:pass1@192.0.2.1/live HTTP/1.1\r\nHost: a.example\r\n\r\n"
    told = repr(items(segment, head))
    assert "pass" not in told
    assert "/go/rtsp://192.0.2.1/live" in told


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/artemis/api/resource/v1/cameras?token=x#y", "/artemis/api/resource/v1/cameras"), (b"/", "/"),
        (b"http://u:pw@host.example:81/a/b?c", "/a/b"), (b"http://host.example", "/"), (b"*", "*"),
        (b"/a://id=5", "/a://id=5"), (b"/go/http://host.example/a", "/go/http://host.example/a"),
        (b"/go/http://u:pw@host.example/a", "/go/http://host.example/a"),
        (b"/go/http://u:p?/@w#@host.example/a?b@c", "/go/http://c"), (b"/icon@2x.png", "/icon@2x.png"),
    ],
)  # fmt: skip
def test_a_path_is_told_by_itself(segment: Build, target: bytes, path: str) -> None:
    """Without scheme, host and query; what looks like them further on is part of the path."""
    found = items(segment, b"GET " + target + b" HTTP/1.1\r\n\r\n")
    assert found == (Item("http_path", path, "GET"),)


def test_a_proxy_is_asked_for_a_host(segment: Build) -> None:
    """Said before the proxy's own name; there is no path."""
    head = b"CONNECT Cloud.Example:8443 HTTP/1.1\r\nHost: p.example\r\nProxy-Authorization: x\r\n\r\n"
    assert items(segment, head) == (
        Item("http_connect", "cloud.example:8443", ""),
        Item("http_host", "p.example", "CONNECT Cloud.Example:8443"),
    )  # fmt: skip


@pytest.mark.parametrize("target", [b"a b:443", b"host", b"user:pw@host:443", b":443", b"host:port"])
def test_an_odd_authority_is_not_told(segment: Build, target: bytes) -> None:
    """Neither without a port, nor with credentials."""
    assert items(segment, b"CONNECT " + target + b" HTTP/1.1\r\n\r\n") == ()


def test_the_preface_of_http_2_is_no_request(segment: Build) -> None:
    """RFC 9113 §3.4."""
    assert items(segment, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == ()


def test_the_host_of_a_connect_is_the_name_of_the_flow(segment: Build) -> None:
    """It counts before that of the Host field."""
    head = b"CONNECT [2001:DB8::1]:443 HTTP/1.1\r\nHost: proxy.example\r\n\r\n"
    info = FlowInfo()
    facts.add(info, segment(head), Parser.HTTP, items(segment, head))
    assert (info.server_name, info.server_name_source) == ("2001:db8::1", "http")


def test_a_head_waits_for_its_last_byte(segment: Build) -> None:
    """Cut anywhere it asks for more; whole, its length is told."""
    for size in range(1, len(REQUEST)):
        assert http.parse(REQUEST[:size], segment(REQUEST[:size]))[0] is Verdict.NEED_MORE, size
    assert http.parse(REQUEST + b"GET /2", segment(REQUEST))[2] == len(REQUEST)


def test_a_body_in_the_buffer_is_stepped_over(segment: Build) -> None:
    """The next request begins where the body ends."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
    assert http.parse(head + b"12345GET", segment(b""))[2] == len(head) + 5
    assert http.parse(head + b"12", segment(b""))[2] == len(head) + 2


@pytest.mark.parametrize("status", [b"100", b"204", b"304"])
def test_a_response_without_body_is_its_head(segment: Build, status: bytes) -> None:
    """Whatever length such a response announces."""
    head = b"HTTP/1.1 " + status + b" X\r\nContent-Length: 5\r\n\r\n"
    assert http.parse(head + b"HTTP/", segment(b""))[2] == len(head)


def test_a_cut_head_gives_its_whole_lines(segment: Build) -> None:
    """With a short snaplen the host is still there."""
    cut = REQUEST[: REQUEST.index(b"User") + 8]
    verdict, found, _ = http.parse(cut, segment(cut, length=len(REQUEST)))
    assert (verdict, [item.kind for item in found]) == (Verdict.MATCH, ["http_host", "http_path"])


@pytest.mark.parametrize(
    "buf",
    [
        b"\x16\x03\x01\x02\x00", b"GET /\r\n\r\n", b"GET / RTSP/1.0\r\n\r\n", b"get / HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n", b"SSH-2.0-x\r\n", b"GET " + b"x" * 5000,
    ],
)  # fmt: skip
def test_other_protocols_are_left_alone(segment: Build, buf: bytes) -> None:
    """A first line that is not one of HTTP/1.x ends it."""
    assert http.parse(buf, segment(buf))[0] is Verdict.NOT_MINE


def test_targets_with_blanks_are_survived(segment: Build) -> None:
    """Devices send them; the version is what stands last."""
    assert items(segment, b"GET /a b c HTTP/1.0\r\nHost: x\r\n\r\n")[0].detail == "GET /a b c"


def test_a_line_of_blanks_costs_little(segment: Build) -> None:
    """No quadratic reading of what an attacker sends."""
    buf = b"GET " + b" " * 4000 + b"x HTTP/1.1\r\nHost: a\r\n\r\n"
    assert items(segment, buf)[0].value == "a"


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_raise(segment: Build, tail: bytes, cut: bool) -> None:
    """Any bytes, bare and behind a sound beginning."""
    for buf in (tail, b"GET / HTTP/1.1\r\n" + tail, b"HTTP/1.1 200 OK\r\n" + tail):
        verdict, _, used = http.parse(buf, segment(buf, length=len(buf) + cut))
        assert 0 <= used <= len(buf)
        assert (used > 0) == (verdict is Verdict.MATCH)


@pytest.mark.parametrize("method", [b"PUT", b"POST"])
def test_the_name_of_a_picture_that_is_sent_is_not_told(segment: Build, method: bytes) -> None:
    """It may hold what was seen; where it goes and of what kind it is is told."""
    wire = method + b" /gate/7/KA01AB1234.JPG HTTP/1.1\r\nHost: h\r\nContent-Type: image/jpeg\r\n\r\n"
    _, items, _ = http.parse(wire, segment(wire))
    assert "KA01AB1234" not in repr(items)
    assert ("http_path", "/gate/7/*.JPG") in [(item.kind, item.value) for item in items]


def test_long_paths_cost_no_more_than_their_bytes(segment: Build) -> None:
    """Nothing is searched again from each of their places."""
    wire = b"POST /" + b"a." * 250 + b" HTTP/1.1\r\nHost: h\r\n\r\n"
    began = time.process_time()
    for _ in range(200):
        http.parse(wire, segment(wire))
    assert time.process_time() - began < 0.5
