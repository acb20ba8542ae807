# SPDX-License-Identifier: Apache-2.0
"""The flows that are being read, and those that are done with.

Bounded: where there is no room for one more, one of the oldest that holds nothing gives way. Most flows of
TCP are a ClientHello in the first segment and no more, and many of UDP are media: of these a short form is
kept, which becomes a ``Streams`` or ``Datagrams`` as soon as a second packet is to be read.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from egresswatch.patterns import Parser
from egresswatch.records import Message
from egresswatch.sniff import rtp
from egresswatch.sniff.parsers import Connection
from egresswatch.sniff.reassembly import Stream, repeats

Greeted = tuple[int, int, int]
"""Side, sequence number of the segment, and the one behind it."""

_TLS, _RTP = int(Parser.TLS), int(Parser.RTP)
_SIDES: Final = 2
_TRIES: Final = 8
"""Flows looked at, oldest first, for one that can give way."""


class Streams:
    """The two sides of a TCP connection."""

    __slots__ = ("matched", "streams")

    def __init__(self) -> None:
        self.streams: list[Stream | None] = [None, None]
        self.matched = [False, False]

    @property
    def held(self) -> int:
        """Bytes of payload kept."""
        return sum(stream.held for stream in self.streams if stream is not None)

    @property
    def ends(self) -> tuple[int, ...]:
        """Where the sides were read to."""
        return tuple(stream.next for stream in self.streams if stream is not None)

    @property
    def spoken(self) -> bool:
        """Have both sides shown their handshake and gone over to encryption?"""
        one, other = self.streams
        return one is not None and other is not None and one.idle and other.idle and all(self.matched)


class Datagrams:
    """What a flow's datagrams have begun, a protocol each."""

    __slots__ = ("connections",)

    ends: Final[tuple[int, ...]] = ()

    def __init__(self) -> None:
        self.connections: dict[int, Connection] = {}

    @property
    def held(self) -> int:
        """Bytes of payload kept."""
        return sum(connection.held for connection in self.connections.values())


Media = int
"""Side, source and kind of media (``rtp.begun``)."""
Reading = Streams | Datagrams | Greeted | Media


class Readings:
    """Of one run."""

    def __init__(self, max_flows: int, max_done: int, shed: dict[str, int]) -> None:
        self._max_flows, self._max_done = max_flows, max_done
        self._max_waiting = max(1, max_flows // 4)
        self._shed = shed
        self.now: dict[int, Reading] = {}
        self.waiting: dict[int, None] = {}
        """Flows of which only packets before the start were seen."""
        self.done: dict[int, tuple[int, ...]] = {}
        """Flows of which nothing more is wanted: where their sides were read to."""
        self.held = 0
        """Bytes of payload kept over all flows."""

    def streams(self, flow: int) -> Streams | None:
        """The connection, if it is being read."""
        reading = self.now.get(flow)
        if isinstance(reading, tuple):
            side, seq, end = reading
            reading = self.now[flow] = Streams()
            reading.streams[side] = Stream.behind(_TLS, seq, end)
            reading.matched[side] = True
        return reading if isinstance(reading, Streams) else None

    def datagrams(self, flow: int) -> Datagrams | None:
        """The datagrams, if they are being read."""
        reading = self.now.get(flow)
        if isinstance(reading, int):
            media, reading = rtp.resumed(reading), Datagrams()
            reading.connections[_RTP] = media
            self.now[flow] = reading
        return reading if isinstance(reading, Datagrams) else None

    def untouched(self, flow: int) -> bool:
        """Is this flow neither read nor done with, and is there room for it?"""
        return flow not in self.now and flow not in self.done and len(self.now) < self._max_flows

    def room(self, m: Message) -> bool:
        """Make room to read a flow from ``m`` on, anew if it is being read; False: there is none."""
        if m.flow in self.now:
            self.release(m.flow)
        if self.done:
            self.done.pop(m.flow, None)
        if not m.start and len(self.waiting) >= self._max_waiting:
            self._shed["waiting_flows"] += 1
            self.release(next(iter(self.waiting)))
        if len(self.now) >= self._max_flows and not self._give_way():
            self._shed["flows"] += 1
            return False
        if not m.start:
            self.waiting[m.flow] = None
        return True

    def finish(self, flow: int) -> None:
        """Nothing more is wanted from a flow."""
        reading = self.now[flow]
        if len(self.done) < self._max_done and isinstance(reading, Streams | Datagrams):
            self.done[flow] = reading.ends
        self.release(flow)

    def repeated(self, m: Message) -> bool:
        """Is this the start of what was read already (a late retransmission), not of a new connection?"""
        ends = self.done[m.flow]
        return len(ends) == _SIDES and repeats(m.seq, m.length, ends[m.side])

    def release(self, flow: int) -> None:
        """Give back what reading a flow holds; what is known of it stays."""
        if self.waiting:
            self.waiting.pop(flow, None)
        reading = self.now.pop(flow, None)
        if reading is not None and self.held:
            self.held -= _held(reading)

    def forget(self, flows: Collection[int]) -> None:
        """These flows are over."""
        now, done = self.now, self.done
        if self.held or self.waiting:
            for flow in flows:
                self.release(flow)
        else:
            for flow in flows:
                now.pop(flow, None)
        if done:
            for flow in flows:
                done.pop(flow, None)

    def _give_way(self) -> bool:
        """A flow of which nothing is held gives way to a new one.

        It goes on at its next start; only what was read already could be told again then.
        """
        for _ in range(min(_TRIES, len(self.now))):
            flow, reading = next(iter(self.now.items()))
            if _held(reading) == 0:
                self.release(flow)
                return True
            self.now[flow] = self.now.pop(flow)  # others are looked at next time
        return False


def _held(reading: Reading) -> int:
    return reading.held if isinstance(reading, Streams | Datagrams) else 0
