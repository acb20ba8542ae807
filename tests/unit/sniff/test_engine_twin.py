# SPDX-License-Identifier: Apache-2.0
"""The engine against its slow twin: every segment copied into a buffer, nothing taken by a short way."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from egresswatch.demo import payloads
from egresswatch.patterns import Parser
from egresswatch.records import FlowInfo, Item, Message, Verdict
from egresswatch.sniff import engine, facts, probes
from egresswatch.sniff.engine import Engine
from egresswatch.sniff.parsers import SERVICES, STREAMS, reader, within
from egresswatch.sniff.reading import Streams
from egresswatch.sniff.reassembly import Segment, Stream

Build = Callable[..., Message]


# --- the twins -------------------------------------------------------------------------------------
class SlowEngine(Engine):
    """Reads streams the long way."""

    def _greeting(self, m: Message) -> None:
        """Nothing goes a short way."""

    def _segment(self, m: Message) -> list[Item]:
        if m.start and m.parser not in STREAMS:
            return self._datagram(m)
        readings = self._readings
        reading = readings.streams(m.flow)
        if reading is None:
            if m.flow in readings.done and (not m.start or readings.repeated(m)):
                return []
            if not readings.room(m):
                return []
            reading = readings.now[m.flow] = Streams()
        if m.start:
            readings.waiting.pop(m.flow, None)
        stream = reading.streams[m.side]
        if stream is None:
            stream = reading.streams[m.side] = Stream()
        before = stream.held
        items: list[Item] = []
        if stream.add(Segment(m.seq, m.payload, m.length, m.start, m.parser)):
            items = self._read(reading, stream, m)
        readings.held += stream.held - before
        if stream.held > self._side_bytes or readings.held > engine._MAX_BYTES:
            self._shed["bytes"] += 1
            readings.held -= stream.held
            stream.drop()
        if stream.parser == Parser.TLS and slow_spoken(reading):
            readings.finish(m.flow)
        return items

    def _read(self, reading: Streams, stream: Stream, m: Message) -> list[Item]:
        """Messages from the front of a stream until it has no whole one left."""
        items: list[Item] = []
        # a parser sees from the message whether more bytes can come: true of the stream, not of this packet
        m = m._replace(length=len(m.payload) + stream.cut)
        while stream.buffer:
            stream.reader = stream.reader or reader(stream.parser)
            verdict, found, used = self._guard(
                partial(stream.reader, bytes(stream.buffer)), m, engine._FAILED
            )
            if verdict is Verdict.MATCH:
                reading.matched[m.side] = True
                items += self._learn(m, stream.parser, found)
            elif verdict is Verdict.NEED_MORE and not stream.cut:
                break
            inner = within(stream.parser, stream.buffer)
            if verdict is Verdict.NOT_MINE and inner:
                stream.parser, stream.reader = inner, None
                continue
            if verdict is not Verdict.MATCH or used <= 0:
                stream.drop()
                break
            stream.consume(used)
        if stream.cut:
            stream.drop()
        return items

    def _learn(self, m: Message, parser: int, items: tuple[Item, ...]) -> list[Item]:
        info = self._info(m)
        if info is not None:
            slow_add(info, m, parser, items)
        return list(items)


def slow_spoken(reading: Streams) -> bool:
    """Have both sides shown their handshake and gone over to encryption?"""
    both = zip(reading.streams, reading.matched, strict=True)
    return all(stream is not None and stream.idle and matched for stream, matched in both)


def slow_add(info: FlowInfo, m: Message, parser: int, items: tuple[Item, ...]) -> None:
    """Keep what ``parser`` read in ``m``."""
    if not info.service:
        llmnr = parser == Parser.MDNS and facts._LLMNR_PORT in (m.sport, m.dport)
        info.service = "llmnr" if llmnr else SERVICES[parser]
    for item in items:
        if item.kind == "ja4" and not info.ja4:
            info.ja4 = item.value
        source, rank = facts._NAME_SOURCES.get(item.kind, ("none", 0))
        if rank > facts._NAME_RANK.get(info.server_name_source, 0):
            name = facts._host(item.value) if source == "http" else item.value
            if name:
                info.server_name, info.server_name_source = name, source


# --- the comparison --------------------------------------------------------------------------------
SIDES = [
    payloads.client_hello("camera.example", alpn=["h2"]) + payloads.tls_record(20, b"\1")
    + payloads.tls_data(30, "x"),
    payloads.server_hello() + payloads.tls_data(40, "y"),
    b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n" * 2 + payloads.client_hello("in.example"),
    b"HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 3\r\n\r\nabc" * 2,
    payloads.client_hello("lone.example"),
    payloads.server_hello(),
]  # fmt: skip
PARSERS = (Parser.TLS, Parser.TLS, Parser.HTTP, Parser.HTTP, Parser.TLS, Parser.TLS)
BASE = 0xFFFF_FF80
PIECE = st.tuples(
    st.integers(0, len(SIDES) - 1), st.one_of(st.just(0), st.integers(0, 260)), st.integers(1, 300),
    st.sampled_from([True, True, False]),
    st.sampled_from([0, 0, 0, 7]), st.sampled_from([0, 0, 0, 5, 1 << 30]),
)  # fmt: skip


def state(made: Engine) -> tuple[object, ...]:
    """All that can be asked."""
    return made.held, made.shed, [(made.done(flow), made.info(flow)) for flow in range(4)]


def compare(build: Build, arrivals: list[tuple[int, int, int, bool, int, int]], limit: int) -> None:
    """Feed both; after every packet they have told and hold the same."""
    fast, slow = Engine(2, limit, probes.BUILTIN), SlowEngine(2, limit, probes.BUILTIN)
    for what, at, size, start, missing, jump in arrivals:
        payload = SIDES[what][at : at + size]
        m = build(
            payload, length=len(payload) + missing, parser=int(PARSERS[what]) if start or at else 1,
            start=start, side=what % 2, flow=what // 2 + (jump & 1),
            seq=(BASE + at + jump) & 0xFFFFFFFF,
        )  # fmt: skip
        assert fast.feed(m) == slow.feed(m)
        assert state(fast) == state(slow)
    for flow in range(4):
        fast.end(flow)
        slow.end(flow)
    assert state(fast) == state(slow)


@given(st.lists(PIECE, max_size=25), st.sampled_from([50, 32 << 10]))
def test_any_packets_are_read_as_by_the_twin(
    segment: Build, arrivals: list[tuple[int, int, int, bool, int, int]], limit: int
) -> None:
    """Starts in the middle, gaps, cuts, repetitions, other connections on the same ports."""
    compare(segment, arrivals, limit)


@settings(max_examples=50)
@given(st.integers(20, 400), st.permutations(range(len(SIDES))), st.randoms(use_true_random=False))
def test_whole_connections_are_read_as_by_the_twin(
    segment: Build, size: int, order: list[int], chance: random.Random
) -> None:
    """Both sides in segments, a little out of order, some twice."""
    arrivals = [
        (what, at, size, at == 0, 0, 0) for what in order for at in range(0, len(SIDES[what]), size)
    ]
    for place in range(0, len(arrivals) - 1, 2):
        if chance.random() < 0.3:
            arrivals[place], arrivals[place + 1] = arrivals[place + 1], arrivals[place]
        if chance.random() < 0.2:
            arrivals.append(arrivals[place])
    compare(segment, arrivals, 32 << 10)
