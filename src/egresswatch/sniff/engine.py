# SPDX-License-Identifier: Apache-2.0
"""The sniff stage: handed-up packets in, names and other items out.

Owns the streams and handshakes that are being read, and what is known of each flow so far. The packet
path decides what is handed up; the engine never asks for more, and says with ``done`` when it wants less.

Bounds: flows being read (``max_flows``), flows of which only packets before the start were seen, flows
with facts, bytes of one side (``flow_bytes``) and of all. What does not fit is not read and is counted
in ``shed`` by reason. A parser that fails on a packet is a defect of ours, but the packet came from the
network: it is counted (``parser_errors``) and reading goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from egresswatch.patterns import RECOGNISER_BASE, Parser
from egresswatch.records import Array, FlowInfo, Item, Message, Verdict
from egresswatch.rules.recogniser import Recognisers
from egresswatch.sniff import facts, probes, resolvers, rtp
from egresswatch.sniff.defrag import Defrag
from egresswatch.sniff.greeting import Greetings
from egresswatch.sniff.parsers import CONNECTIONS, DATAGRAMS, SERVICES, STREAMS, Parsed, reader, within
from egresswatch.sniff.reading import Datagrams, Readings, Streams
from egresswatch.sniff.reassembly import MASK, Stream

R = TypeVar("R")

# plain names: to look a member up in its class costs more than to compare it
_MATCH, _NEED_MORE, _NOT_MINE = Verdict.MATCH, Verdict.NEED_MORE, Verdict.NOT_MINE
_NONE, _PENDING, _FRAGMENT = int(Parser.NONE), int(Parser.PENDING), int(Parser.FRAGMENT)
_TLS, _RTP = int(Parser.TLS), int(Parser.RTP)
_MEDIA: Final = SERVICES[_RTP]
_TCP = 6
_FAILED: Final[Parsed] = (_NOT_MINE, (), 0)
_FRAGMENTS_LOST: Final = ("refused", "shed", "timeouts")
_MAX_BYTES = 64 << 20  # payload held over all flows
_SEGMENT = 64 << 10  # what one packet can bring beyond the budget of a side
MAX_PROTOCOLS = 8  # recognisers told per flow


class Engine:
    """Feeds every parser; one per run."""

    def __init__(
        self, max_flows: int, flow_bytes: int, patterns: Array, recognisers: Recognisers | None = None
    ) -> None:
        self._side_bytes = flow_bytes + _SEGMENT
        self._max_infos = 16 * max_flows
        self._rows, self._recognisers = probes.rows(patterns), recognisers or Recognisers()
        self._infos: dict[int, FlowInfo] = {}
        self._defrag = Defrag()
        self._greetings = Greetings()
        self._shed = {"flows": 0, "waiting_flows": 0, "infos": 0, "bytes": 0, "parser_errors": 0}
        self._readings = Readings(max_flows, self._max_infos, self._shed)

    @property
    def shed(self) -> dict[str, int]:
        """What was not read, by reason; always the same keys."""
        counts = {f"fragments_{reason}": self._defrag.counts[reason] for reason in _FRAGMENTS_LOST}
        return self._shed | counts | {"recogniser_flows": self._recognisers.refused}

    @property
    def held(self) -> int:
        """Bytes of payload kept at this moment (without IP fragments)."""
        return self._readings.held

    def feed(self, m: Message) -> list[Item]:
        """Everything that this packet completes, in the order of the wire."""
        parser = m.parser
        if parser >= RECOGNISER_BASE:
            return self._recognised(m)
        if parser == _NONE:
            return []
        if parser == _FRAGMENT:
            return self._fragment(m)
        if m.proto == _TCP:
            told = self._greeting(m) if parser == _TLS and m.start else None
            return self._segment(m) if told is None else told
        if parser in CONNECTIONS:
            told = self._media(m) if parser == _RTP and m.start else None
            return self._handshake(m) if told is None else told
        return self._datagram(m)

    def info(self, flow: int) -> FlowInfo | None:
        """What was read on a flow so far; None when nothing was."""
        return self._infos.get(flow)

    def done(self, flow: int) -> bool:
        """Nothing more is wanted from this flow."""
        return flow in self._readings.done

    def end(self, *flows: int) -> None:
        """These flows are over: forget them."""
        self._readings.forget(flows)
        infos = self._infos
        for flow in flows:
            infos.pop(flow, None)
        self._recognisers.end(*flows)

    # --- ways in --------------------------------------------------------------------------------
    def _recognised(self, m: Message) -> list[Item]:
        numbers = self._recognisers.decide(m)
        info = self._info(m) if numbers else None
        if info is None:
            return []
        new = [n for n in numbers if str(n) not in info.protocols][: MAX_PROTOCOLS - len(info.protocols)]
        info.protocols += tuple(map(str, new))
        return [Item("p2p", str(n), "", n) for n in new]

    def _fragment(self, m: Message) -> list[Item]:
        whole = self._guard(self._defrag.feed, m, None)
        if whole is None:
            return []
        wanted = probes.fitting(
            self._rows, whole.proto, whole.sport, whole.dport, whole.payload, whole.length, whole.sender
        )
        if not wanted and whole.proto == _TCP:
            return self._segment(whole._replace(parser=_PENDING, start=False))
        sure = [parser for parser in wanted if parser != _RTP]  # one packet of media says nothing
        return [item for parser in sure for item in self.feed(whole._replace(parser=parser, start=True))]

    def _datagram(self, m: Message) -> list[Item]:
        parser = m.parser
        parse = DATAGRAMS.get(parser)
        found = self._guard(parse, m, None) if parse else None
        return [] if found is None else self._learn(m, parser, found)

    def _handshake(self, m: Message) -> list[Item]:
        flow, parser, readings = m.flow, m.parser, self._readings
        reading = readings.datagrams(flow)
        if reading is None:
            if not m.start or flow in readings.done or not readings.room(m):
                return []
            reading = readings.now[flow] = Datagrams()
        connection = reading.connections.get(parser)
        if connection is None:
            connection = reading.connections[parser] = CONNECTIONS[parser]()
        before = connection.held
        found = self._guard(connection.feed, m, None)
        readings.held += connection.held - before
        if connection.done:
            readings.finish(flow)
        elif readings.held > _MAX_BYTES:
            self._shed["bytes"] += 1
            readings.release(flow)
        return [] if found is None else self._learn(m, parser, found)

    def _greeting(self, m: Message) -> list[Item] | None:
        """A flow that begins with a ClientHello which is all of its segment; None: it has to be looked at.

        Leaves what ``_segment`` would leave, in short.
        """
        flow, payload, infos = m.flow, m.payload, self._infos
        if flow in infos or len(infos) >= self._max_infos or not self._readings.untouched(flow):
            return None
        if len(payload) != m.length or m.dport == resolvers.PORT:
            return None
        read = self._greetings.read(payload)
        if read is None:
            return None
        items, infos[flow] = read
        self._readings.now[flow] = (m.side, m.seq, (m.seq + m.length) & MASK)
        return items

    def _media(self, m: Message) -> list[Item] | None:
        """A flow that begins with media; None: it has to be looked at.

        Leaves what ``_handshake`` would leave, in short.
        """
        flow, infos = m.flow, self._infos
        if flow in infos or len(infos) >= self._max_infos or not self._readings.untouched(flow):
            return None
        begun = rtp.begun(m)
        if begun is None:
            return None
        item, self._readings.now[flow] = begun
        infos[flow] = FlowInfo(_MEDIA)
        return [item]

    def _segment(self, m: Message) -> list[Item]:
        start, flow = m.start, m.flow
        if start and m.parser not in STREAMS:
            return self._datagram(m)
        readings = self._readings
        reading = readings.streams(flow)
        if reading is None:
            if flow in readings.done and (not start or readings.repeated(m)):
                return []
            if not readings.room(m):
                return []
            reading = readings.now[flow] = Streams()
        if start and readings.waiting:
            readings.waiting.pop(flow, None)
        side = m.side
        stream = reading.streams[side]
        if stream is None:
            stream = reading.streams[side] = Stream()
        before = stream.held
        items = self._read(reading, stream, m) if stream.add(m) else []
        held = stream.held
        if held != before:
            readings.held += held - before
            if held > self._side_bytes or readings.held > _MAX_BYTES:
                self._shed["bytes"] += 1
                readings.held -= held
                stream.drop()
        if stream.idle and stream.parser == _TLS and reading.spoken:
            readings.finish(flow)
        return items

    # --- reading --------------------------------------------------------------------------------
    def _read(self, reading: Streams, stream: Stream, m: Message) -> list[Item]:
        """Messages from the front of a stream until it has no whole one left."""
        items: list[Item] = []
        # a parser sees from the message whether more bytes can come: true of the stream, not of this packet
        if (len(m.payload) < m.length) is not stream.cut:
            m = m._replace(length=len(m.payload) + stream.cut)
        while stream.buffer:
            try:
                if stream.reader is None:
                    stream.reader = reader(stream.parser)
                verdict, found, used = stream.reader(stream.buffer, m)
            except Exception:  # noqa: BLE001 - as in _guard
                self._shed["parser_errors"] += 1
                verdict, found, used = _FAILED
            if verdict is _MATCH:
                reading.matched[m.side] = True
                items += self._learn(m, stream.parser, found)
                if used > 0:
                    stream.consume(used)
                    continue
            elif verdict is _NEED_MORE and not stream.cut:
                break
            elif verdict is _NOT_MINE and (inner := within(stream.parser, stream.buffer)):
                stream.parser, stream.reader = inner, None
                continue
            stream.drop()
            break
        if stream.cut:
            stream.drop()
        return items

    def _guard(self, function: Callable[[Message], R], m: Message, otherwise: R) -> R:
        try:
            return function(m)
        except Exception:  # noqa: BLE001 - hostile bytes must not end the run; tests hold this at 0
            self._shed["parser_errors"] += 1
            return otherwise

    def _learn(self, m: Message, parser: int, items: tuple[Item, ...]) -> list[Item]:
        info = self._infos.get(m.flow) or self._info(m)
        if info is not None:
            items = facts.add(info, m, parser, items)
        return list(items)

    # --- bookkeeping ----------------------------------------------------------------------------
    def _info(self, m: Message) -> FlowInfo | None:
        info = self._infos.get(m.flow)
        if info is None:
            if len(self._infos) >= self._max_infos:
                self._shed["infos"] += 1
                return None
            info = self._infos[m.flow] = FlowInfo()
        return info
