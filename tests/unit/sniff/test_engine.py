# SPDX-License-Identifier: Apache-2.0
"""The engine: who reads what, in which order, with which bounds, and what is kept of a flow."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.demo import payloads
from egresswatch.patterns import RECOGNISER_BASE, Parser
from egresswatch.records import Item, Message
from egresswatch.sniff import probes
from egresswatch.sniff.engine import Engine
from egresswatch.sniff.parsers import CONNECTIONS, DATAGRAMS, SERVICES, STREAMS

Build = Callable[..., Message]

HELLO = payloads.client_hello("camera.example", alpn=["h2"])
REQUEST = b"GET /a HTTP/1.1\r\nHost: Cloud.Example:8080\r\n\r\n"


@pytest.fixture
def engine() -> Engine:
    """With the defaults of the settings."""
    return Engine(65536, 32 << 10, probes.BUILTIN)


def kinds(items: list[Item]) -> list[str]:
    """What was told."""
    return [item.kind for item in items]


def cut(data: bytes, size: int) -> list[tuple[int, bytes]]:
    """Segments of ``size`` bytes with their places."""
    return [(k, data[k : k + size]) for k in range(0, len(data), size)]


def test_every_parser_has_a_reader_and_a_service() -> None:
    """A value in the pattern table that nobody reads would be a silent hole."""
    read = set(STREAMS) | set(DATAGRAMS) | set(CONNECTIONS)
    assert read == set(SERVICES) == set(Parser) - {Parser.NONE, Parser.PENDING, Parser.FRAGMENT}
    assert {int(row["parser"]) for row in probes.BUILTIN} == read


def test_a_hello_over_segments_is_told_with_its_last_one(engine: Engine, segment: Build) -> None:
    """And the flow knows service, name and fingerprint from then on."""
    found = [
        kinds(engine.feed(segment(data, parser=Parser.TLS, start=at == 0, seq=1000 + at)))
        for at, data in cut(HELLO, 100)
    ]
    assert found == [[], [], ["tls_sni", "ja4"]]
    info = engine.info(1)
    assert info is not None
    assert (info.service, info.server_name, info.server_name_source) == ("tls", "camera.example", "sni")
    assert info.ja4.startswith("t13d")
    assert engine.held == 0


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_segments_come_in_any_order(engine: Engine, segment: Build, order: tuple[int, ...]) -> None:
    """Those before the start are handed up as pending."""
    pieces = cut(HELLO, 100)
    told: list[str] = []
    started = False
    for index in order:
        at, data = pieces[index]
        started = started or at == 0
        parser = Parser.TLS if started else Parser.PENDING
        told += kinds(
            engine.feed(segment(data, parser=parser, start=at == 0, seq=0xFFFFFFF0 + at & 0xFFFFFFFF))
        )
    assert told == ["tls_sni", "ja4"]


def test_both_sides_are_streams_of_their_own(engine: Engine, segment: Build) -> None:
    """A server's answer does not disturb an unfinished hello."""
    engine.feed(segment(HELLO[:50], parser=Parser.TLS, seq=10))
    answer = b"HTTP/1.1 400 Bad\r\nServer: x\r\n\r\n"
    assert kinds(engine.feed(segment(answer, parser=Parser.HTTP, seq=10, side=1))) == ["http_server"]
    assert kinds(engine.feed(segment(HELLO[50:], parser=Parser.TLS, start=False, seq=60))) == [
        "tls_sni",
        "ja4",
    ]


def test_requests_later_on_a_connection_are_read(engine: Engine, segment: Build) -> None:
    """Each start is a new beginning, wherever it is."""
    told = []
    for seq in (100, 5000, 5000 + len(REQUEST), 900_000):
        told += engine.feed(segment(REQUEST, parser=Parser.HTTP, seq=seq))
    assert [item.value for item in told if item.kind == "http_host"] == ["Cloud.Example:8080"] * 4


def test_a_retransmission_is_told_once(engine: Engine, segment: Build) -> None:
    """Also of a request before the last one."""
    starts = (100, 100, 5000, 100, 5000)
    told = [kinds(engine.feed(segment(REQUEST, parser=Parser.HTTP, seq=seq))) for seq in starts]
    assert [len(found) for found in told] == [2, 0, 2, 0, 0]


def test_two_requests_in_one_segment_are_both_read(engine: Engine, segment: Build) -> None:
    """Pipelining."""
    items = engine.feed(segment(REQUEST * 2, parser=Parser.HTTP, seq=1))
    assert kinds(items) == ["http_host", "http_path"] * 2


def test_tls_within_a_proxy_connection(engine: Engine, segment: Build) -> None:
    """The name of the hello counts more than that of the CONNECT."""
    connect = b"CONNECT proxy.example:443 HTTP/1.1\r\nHost: proxy.example:443\r\n\r\n"
    engine.feed(segment(connect, parser=Parser.HTTP, seq=1))
    info = engine.info(1)
    assert info is not None
    assert (info.server_name, info.server_name_source) == ("proxy.example", "http")
    told = engine.feed(segment(HELLO, parser=Parser.TLS, seq=1 + len(connect)))
    assert kinds(told) == ["tls_sni", "ja4"]
    assert (info.service, info.server_name, info.server_name_source) == ("http", "camera.example", "sni")


def test_tls_within_a_proxy_connection_needs_no_start(engine: Engine, segment: Build) -> None:
    """The packet path keeps to the connection's first parser."""
    connect = b"CONNECT proxy.example:443 HTTP/1.1\r\nHost: proxy.example:443\r\n\r\n"
    engine.feed(segment(connect, parser=Parser.HTTP, seq=1))
    at = 1 + len(connect)
    assert engine.feed(segment(HELLO[:80], parser=Parser.HTTP, start=False, seq=at)) == []
    told = engine.feed(segment(HELLO[80:], parser=Parser.HTTP, start=False, seq=at + 80))
    assert kinds(told) == ["tls_sni", "ja4"]


def test_a_packet_for_no_parser_is_left(engine: Engine, segment: Build) -> None:
    """One that only a recogniser asked for."""
    assert engine.feed(segment(HELLO, parser=Parser.NONE, start=False)) == []
    assert engine.held == 0


def test_a_cut_segment_is_read_up_to_the_cut(engine: Engine, segment: Build) -> None:
    """What follows it is not mistaken for its rest."""
    end = HELLO.index(b"camera.example") + 20
    told = engine.feed(segment(HELLO[:end], length=1400, parser=Parser.TLS, seq=1))
    assert [(item.kind, item.detail) for item in told] == [("tls_sni", "hello cut short")]
    assert engine.feed(segment(HELLO[end:], parser=Parser.TLS, start=False, seq=1401)) == []
    assert engine.held == 0


def test_a_cut_later_segment_does_not_end_an_earlier_message(engine: Engine, segment: Build) -> None:
    """The parser is told whether its bytes can go on, not whether this packet was cut."""
    engine.feed(segment(HELLO[:50], parser=Parser.TLS, seq=1))
    assert engine.feed(segment(b"xy", length=900, parser=Parser.TLS, start=False, seq=5000)) == []
    told = engine.feed(segment(HELLO[50:], parser=Parser.TLS, start=False, seq=51))
    assert kinds(told) == ["tls_sni", "ja4"]
    assert told[0].detail == ""


def test_a_flow_is_done_when_both_sides_are_encrypted(engine: Engine, segment: Build) -> None:
    """Nothing more is wanted; a late repetition is not told again, a new connection is."""
    secret = payloads.tls_data(40, "x")
    engine.feed(segment(HELLO + secret, parser=Parser.TLS, seq=100))
    assert not engine.done(1)
    engine.feed(segment(payloads.server_hello(), parser=Parser.TLS, seq=700, side=1))
    assert engine.done(1)
    assert engine.feed(segment(HELLO, parser=Parser.TLS, seq=100)) == []
    assert engine.done(1)
    assert kinds(engine.feed(segment(HELLO, parser=Parser.TLS, seq=1 << 30))) == ["tls_sni", "ja4"]


def test_an_ended_flow_is_forgotten(engine: Engine, segment: Build) -> None:
    """Its facts, its bytes and that it was done."""
    engine.feed(segment(HELLO[:50], parser=Parser.TLS, seq=1))
    engine.feed(segment(REQUEST, parser=Parser.HTTP, seq=1, side=1))
    engine.end(1)
    assert (engine.info(1), engine.done(1), engine.held) == (None, False, 0)
    engine.end(1)


def test_datagrams_are_read_one_by_one(engine: Engine, datagram: Build) -> None:
    """A DNS question and an LLMNR one."""
    query = payloads.dns_query("dev.example")
    assert kinds(engine.feed(datagram(query, parser=Parser.DNS, dport=53))) == ["dns_query"]
    assert kinds(engine.feed(datagram(query, parser=Parser.MDNS, dport=5355, flow=2))) == ["llmnr"]
    services = [info.service for flow in (1, 2) if (info := engine.info(flow)) is not None]
    assert services == ["dns", "llmnr"]


def test_a_datagram_that_is_not_what_its_port_says_leaves_no_trace(engine: Engine, datagram: Build) -> None:
    """No service is claimed."""
    assert engine.feed(datagram(b"\xff" * 5, parser=Parser.DNS, dport=53)) == []
    assert engine.info(1) is None


def test_recognisers_are_told_once_a_flow(engine: Engine, datagram: Build) -> None:
    """By their number; the pipeline knows their names."""
    told = [engine.feed(datagram(b"x", parser=RECOGNISER_BASE + n)) for n in (3, 3, 5)]
    assert told == [[Item("p2p", "3", "", 3)], [], [Item("p2p", "5", "", 5)]]
    info = engine.info(1)
    assert info is not None
    assert info.protocols == ("3", "5")


def test_a_recogniser_does_not_disturb_a_stream(engine: Engine, segment: Build) -> None:
    """Both may look at one connection."""
    engine.feed(segment(HELLO[:50], parser=Parser.TLS, seq=1))
    engine.feed(segment(b"x", parser=RECOGNISER_BASE, seq=51))
    assert kinds(engine.feed(segment(HELLO[50:], parser=Parser.TLS, start=False, seq=51))) == [
        "tls_sni",
        "ja4",
    ]


def test_a_fragmented_datagram_is_put_together_and_recognised(engine: Engine, datagram: Build) -> None:
    """A DNS answer in two IP fragments, the second first."""
    answer = payloads.dns_answer("dev.example", [("dev.example", 1, "192.0.2.7")])
    whole = (
        (53).to_bytes(2, "big")
        + (4000).to_bytes(2, "big")
        + (8 + len(answer)).to_bytes(2, "big")
        + b"\0\0"
        + answer
    )
    rest = datagram(
        whole[24:], parser=Parser.FRAGMENT, start=False, sport=0, dport=0, frag_id=7, frag_off=24, flow=2
    )
    first = datagram(
        whole[:24], parser=Parser.FRAGMENT, start=False, sport=53, dport=4000, frag_id=7, frag_more=True
    )
    assert engine.feed(rest) == []
    assert kinds(engine.feed(first)) == ["dns_answer"]


# --- bounds ---------------------------------------------------------------------------------------
def test_flows_beyond_the_bound_are_counted(segment: Build) -> None:
    """They are not read; room comes with the end of others."""
    engine = Engine(2, 1000, probes.BUILTIN)
    for flow in (1, 2, 3):
        engine.feed(segment(HELLO[:50], parser=Parser.TLS, seq=1, flow=flow))
    assert engine.shed["flows"] == 1
    engine.end(1)
    assert kinds(engine.feed(segment(HELLO, parser=Parser.TLS, seq=1, flow=3))) == ["tls_sni", "ja4"]


def test_flows_that_hold_nothing_give_way(segment: Build) -> None:
    """Long connections whose hello was read do not keep new ones out."""
    engine = Engine(10, 1000, probes.BUILTIN)
    for flow in range(100):
        if flow % 9 == 0:
            engine.feed(segment(HELLO[:50], parser=Parser.TLS, seq=1, flow=1000 + flow // 18))
        assert kinds(engine.feed(segment(HELLO, parser=Parser.TLS, seq=1, flow=flow))) == ["tls_sni", "ja4"]
    assert engine.shed["flows"] == 0
    assert engine.info(0) is not None


def test_flows_that_only_wait_for_a_start_give_way(segment: Build) -> None:
    """A flood of odd first segments does not keep others out."""
    engine = Engine(40, 1000, probes.BUILTIN)
    for flow in range(100, 300):
        engine.feed(segment(b"x" * 100, parser=Parser.PENDING, start=False, seq=1, flow=flow))
    assert engine.shed["waiting_flows"] == 190
    assert engine.held <= 10 * 100
    assert kinds(engine.feed(segment(HELLO, parser=Parser.TLS, seq=1))) == ["tls_sni", "ja4"]


def test_facts_of_flows_are_bounded(datagram: Build) -> None:
    """Names are still told, only not kept."""
    engine = Engine(1, 1000, probes.BUILTIN)
    query = payloads.dns_query("dev.example")
    for flow in range(20):
        assert kinds(engine.feed(datagram(query, parser=Parser.DNS, dport=53, flow=flow))) == ["dns_query"]
    assert engine.shed["infos"] == 4
    assert engine.info(19) is None


def test_one_side_cannot_hold_more_than_its_budget(segment: Build) -> None:
    """A message that never ends is dropped."""
    engine = Engine(10, 1000, probes.BUILTIN)
    head = b"\x16\x03\x03\x40\x00\x01\x01\xf0\x00"
    engine.feed(segment(head + bytes(50_000), parser=Parser.TLS, seq=1))
    for k in range(4):
        record = b"\x16\x03\x03\x40\x00" + bytes(16384)
        engine.feed(segment(record, parser=Parser.TLS, start=False, seq=1 + 50_009 + k * len(record)))
    assert engine.held <= 1000 + (64 << 10)


def test_all_flows_together_are_bounded(segment: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream that would go beyond it is dropped and counted."""
    monkeypatch.setattr("egresswatch.sniff.engine._MAX_BYTES", 500)
    engine = Engine(100, 32 << 10, probes.BUILTIN)
    for flow in range(10):
        engine.feed(segment(HELLO[:100], parser=Parser.TLS, seq=1, flow=flow))
    assert engine.shed["bytes"] == 5
    assert engine.held == 500


def test_a_parser_that_fails_is_counted(
    engine: Engine, datagram: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of ours must not end a run."""

    def broken(m: Message) -> None:
        raise ValueError(m.flow)

    monkeypatch.setitem(DATAGRAMS, Parser.DNS, broken)
    assert engine.feed(datagram(b"x", parser=Parser.DNS)) == []
    assert engine.shed["parser_errors"] == 1


def test_shed_always_has_the_same_keys(engine: Engine) -> None:
    """The ledger shows zeros, not gaps."""
    assert engine.shed == dict.fromkeys(
        (
            "flows", "waiting_flows", "infos", "bytes", "parser_errors",
            "fragments_refused", "fragments_shed", "fragments_timeouts", "recogniser_flows",
        ),
        0,
    )  # fmt: skip


messages = st.tuples(
    st.sampled_from([6, 17]), st.sampled_from([*Parser, RECOGNISER_BASE]), st.booleans(), st.integers(0, 1),
    st.integers(1, 3), st.integers(0, 400), st.integers(0, 5),
    st.one_of(
        st.binary(max_size=120),
        st.builds(lambda a, b: HELLO[a:b], st.integers(0, 60), st.integers(40, 400)),
        st.builds(lambda tail: REQUEST + tail, st.binary(max_size=30)),
    ),
)  # fmt: skip


@given(st.lists(messages, max_size=30))
def test_no_sequence_of_messages_ends_the_run(datagram: Build, sequence: list[tuple]) -> None:
    """Nonsense in any order: no exception, no parser error, and all bytes come back at the end."""
    engine = Engine(2, 200, probes.BUILTIN)
    for proto, parser, start, side, flow, seq, missing, payload in sequence:
        m = datagram(
            payload, proto=proto, parser=parser, start=start, side=side, flow=flow, seq=seq,
            length=len(payload) + missing, frag_more=start, frag_off=8 * side,
        )  # fmt: skip
        engine.feed(m)
        engine.done(flow)
    assert engine.shed["parser_errors"] == 0
    for flow in (1, 2, 3):
        engine.end(flow)
    assert engine.held == 0


@given(st.integers(1, 400), st.booleans())
def test_any_cutting_into_segments_tells_the_same(segment: Build, size: int, backwards: bool) -> None:
    """Forwards and backwards, down to a twentieth of the hello."""
    engine = Engine(10, 32 << 10, probes.BUILTIN)
    pieces = cut(HELLO, max(size, len(HELLO) // 20))
    first, rest = pieces[0], pieces[1:]
    told = engine.feed(segment(first[1], parser=Parser.TLS, seq=first[0]))
    for at, data in reversed(rest) if backwards else rest:
        told += engine.feed(segment(data, parser=Parser.TLS, start=False, seq=at))
    assert kinds(told) == ["tls_sni", "ja4"]


def test_protocols_share_a_flow(engine: Engine, datagram: Build) -> None:
    """WebRTC: a STUN check between two datagrams of a DTLS message disturbs neither."""
    check = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)
    plain = payloads.client_hello("turn.example", versions=(), record=False)[4:]
    at = 35 + plain[34]
    body = b"\xfe\xfd" + plain[2:at] + b"\0" + plain[at:]
    told: list[Item] = []
    for begin, end in ((0, 50), (50, len(body))):
        told += engine.feed(datagram(check, parser=Parser.STUN))
        head = b"\x01" + len(body).to_bytes(3, "big") + b"\0\0" + begin.to_bytes(3, "big")
        content = head + (end - begin).to_bytes(3, "big") + body[begin:end]
        record = b"\x16\xfe\xfd" + bytes(8) + len(content).to_bytes(2, "big") + content
        told += engine.feed(datagram(record, parser=Parser.DTLS))
    assert kinds(told) == ["webrtc", "tls_sni", "ja4"]
    info = engine.info(1)
    assert info is not None
    assert (info.service, info.server_name) == ("webrtc", "turn.example")
    assert engine.held == 0


RTSP_HEAD = b"DESCRIBE rtsp://h/ RTSP/1.0\r\nX: " + b"x" * 700
TUNNEL = b"POST /t HTTP/1.1\r\nContent-Type: application/x-rtsp-tunnelled\r\nContent-Length: 9000\r\n\r\n"
RTMP = b"\x03" + bytes(3072) + b"\x03\0\0\0\0\x10\0\x14\0\0\0\0"


@pytest.mark.parametrize(
    ("parser", "data", "least"),
    [
        (Parser.HTTP, TUNNEL + base64.b64encode(RTSP_HEAD), 700),
        (Parser.RTMP, RTMP + b"\xc3".join([bytes(128)] * 9), 1024),
        (Parser.FTP, b"".join(b"220-%d" % k + b"x" * 300 + b"\r\n" for k in range(9)), 2700),
    ],
    ids=["tunnel", "rtmp", "ftp"],
)  # fmt: skip
def test_what_a_reader_keeps_counts_as_held(
    engine: Engine, segment: Build, parser: int, data: bytes, least: int
) -> None:
    """Else thousands of connections could each keep what no bound knows of."""
    engine.feed(segment(data, parser=parser, start=True, seq=1, dport=21))
    assert least <= engine.held <= len(data)
    engine.end(1)
    assert engine.held == 0
