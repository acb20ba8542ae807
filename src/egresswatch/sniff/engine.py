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
from egresswatch.sniff import facts, probes
from egresswatch.sniff.defrag import Defrag
from egresswatch.sniff.parsers import CONNECTIONS, DATAGRAMS, STREAMS, Connection, Parsed, reader, within
from egresswatch.sniff.reassembly import Stream, repeats

R = TypeVar("R")

# plain names: to look a member up in its class costs more than to compare it
_MATCH, _NEED_MORE, _NOT_MINE = Verdict.MATCH, Verdict.NEED_MORE, Verdict.NOT_MINE
_NONE, _FRAGMENT, _TLS, _RTP = map(int, (Parser.NONE, Parser.FRAGMENT, Parser.TLS, Parser.RTP))
_TCP, _SIDES = 6, (0, 1)
_FAILED: Final[Parsed] = (_NOT_MINE, (), 0)
_FRAGMENTS_LOST: Final = ("refused", "shed", "timeouts")
_MAX_BYTES = 64 << 20  # payload held over all flows
_SEGMENT = 64 << 10  # what one packet can bring beyond the budget of a side
_TRIES = 8  # flows looked at, oldest first, for one that can give way
MAX_PROTOCOLS = 8  # recognisers told per flow


class _Reading:
    """A flow being read: its two streams, or what its datagrams have begun, a protocol each."""

    __slots__ = ("connections", "matched", "streams")

    def __init__(self) -> None:
        self.streams: list[Stream | None] = [None, None]
        self.connections: dict[int, Connection] = {}
        self.matched = [False, False]

    @property
    def held(self) -> int:
        """Bytes of payload kept."""
        return sum(part.held for part in (*self.streams, *self.connections.values()) if part is not None)


class Engine:
    """Feeds every parser; one per run."""

    def __init__(
        self, max_flows: int, flow_bytes: int, patterns: Array, recognisers: Recognisers | None = None
    ) -> None:
        self._max_flows = max_flows
        self._side_bytes = flow_bytes + _SEGMENT
        self._max_infos = 16 * max_flows
        self._max_waiting = max(1, max_flows // 4)
        self._patterns, self._recognisers = patterns, recognisers or Recognisers()
        self._readings: dict[int, _Reading] = {}
        self._waiting: dict[int, None] = {}
        self._infos: dict[int, FlowInfo] = {}
        self._done: dict[int, tuple[int, ...]] = {}
        self._defrag = Defrag()
        self._held = 0
        self._shed = {"flows": 0, "waiting_flows": 0, "infos": 0, "bytes": 0, "parser_errors": 0}

    @property
    def shed(self) -> dict[str, int]:
        """What was not read, by reason; always the same keys."""
        counts = {f"fragments_{reason}": self._defrag.counts[reason] for reason in _FRAGMENTS_LOST}
        return self._shed | counts | {"recogniser_flows": self._recognisers.refused}

    @property
    def held(self) -> int:
        """Bytes of payload kept at this moment (without IP fragments)."""
        return self._held

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
            return self._segment(m)
        if parser in CONNECTIONS:
            return self._handshake(m)
        return self._datagram(m)

    def info(self, flow: int) -> FlowInfo | None:
        """What was read on a flow so far; None when nothing was."""
        return self._infos.get(flow)

    def done(self, flow: int) -> bool:
        """Nothing more is wanted from this flow."""
        return flow in self._done

    def end(self, flow: int) -> None:
        """The flow is over: forget it."""
        self._release(flow)
        self._infos.pop(flow, None)
        self._done.pop(flow, None)
        self._recognisers.end(flow)

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
        wanted = probes.match(
            self._patterns, whole.proto, whole.sport, whole.dport, whole.payload, whole.length, whole.sender
        )
        if not wanted and whole.proto == _TCP:
            return self._segment(whole._replace(parser=Parser.PENDING, start=False))
        sure = [parser for parser in wanted if parser != _RTP]  # one packet of media says nothing
        return [item for parser in sure for item in self.feed(whole._replace(parser=parser, start=True))]

    def _datagram(self, m: Message) -> list[Item]:
        parser = m.parser
        parse = DATAGRAMS.get(parser)
        found = self._guard(parse, m, None) if parse else None
        return [] if found is None else self._learn(m, parser, found)

    def _handshake(self, m: Message) -> list[Item]:
        reading = self._readings.get(m.flow)
        if reading is None and m.start and m.flow not in self._done:
            reading = self._open(m)
        if reading is None:
            return []
        before = reading.held
        connection = reading.connections.get(m.parser)
        if connection is None:
            connection = reading.connections[m.parser] = CONNECTIONS[m.parser]()
        found = self._guard(connection.feed, m, None)
        self._held += reading.held - before
        if connection.done:
            self._finish(m.flow)
        elif self._held > _MAX_BYTES:
            self._shed["bytes"] += 1
            self._release(m.flow)
        return [] if found is None else self._learn(m, m.parser, found)

    def _segment(self, m: Message) -> list[Item]:
        start, flow = m.start, m.flow
        if start and m.parser not in STREAMS:
            return self._datagram(m)
        reading = self._readings.get(flow)
        if reading is None:
            if flow in self._done and (not start or self._repeated(m)):
                return []
            reading = self._open(m)
            if reading is None:
                return []
        if start and self._waiting:
            self._waiting.pop(flow, None)
        side = m.side
        stream = reading.streams[side]
        if stream is None:
            stream = reading.streams[side] = Stream()
        before = stream.held
        items = self._read(reading, stream, m) if stream.add(m) else []
        held = stream.held
        if held != before:
            self._held += held - before
            if held > self._side_bytes or self._held > _MAX_BYTES:
                self._shed["bytes"] += 1
                self._held -= held
                stream.drop()
        if stream.idle and stream.parser == _TLS and _spoken(reading):
            self._finish(flow)
        return items

    # --- reading --------------------------------------------------------------------------------
    def _read(self, reading: _Reading, stream: Stream, m: Message) -> list[Item]:
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

    def _open(self, m: Message) -> _Reading | None:
        """Begin to read a flow, if there is room."""
        self._done.pop(m.flow, None)
        if not m.start and len(self._waiting) >= self._max_waiting:
            self._shed["waiting_flows"] += 1
            self._release(next(iter(self._waiting)))
        if not self._room():
            self._shed["flows"] += 1
            return None
        reading = self._readings[m.flow] = _Reading()
        if not m.start:
            self._waiting[m.flow] = None
        return reading

    def _room(self) -> bool:
        """Is there room for one more flow? A flow of which nothing is held gives way to it.

        It goes on at its next start; only what was read already could be told again then.
        """
        if len(self._readings) < self._max_flows:
            return True
        for _ in range(min(_TRIES, len(self._readings))):
            flow = next(iter(self._readings))
            if self._readings[flow].held == 0:
                self._release(flow)
                return True
            self._readings[flow] = self._readings.pop(flow)  # others are looked at next time
        return False

    def _finish(self, flow: int) -> None:
        streams = self._readings[flow].streams
        if len(self._done) < self._max_infos:
            self._done[flow] = tuple(stream.next for stream in streams if stream is not None)
        self._release(flow)

    def _repeated(self, m: Message) -> bool:
        """Is this the start of what was read already (a late retransmission), not of a new connection?"""
        ends = self._done[m.flow]
        return len(ends) == len(_SIDES) and repeats(m.seq, m.length, ends[m.side])

    def _release(self, flow: int) -> None:
        """Give back what reading a flow holds; what is known of it stays."""
        if self._waiting:
            self._waiting.pop(flow, None)
        reading = self._readings.pop(flow, None)
        if reading is not None and self._held:
            self._held -= reading.held


def _spoken(reading: _Reading) -> bool:
    """Have both sides shown their handshake and gone over to encryption?"""
    one, other = reading.streams
    return one is not None and other is not None and one.idle and other.idle and all(reading.matched)
