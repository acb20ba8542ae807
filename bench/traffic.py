# SPDX-License-Identifier: Apache-2.0
"""Flows and their packets as columns: who talks to whom, when, in which order, with which TCP numbers.

Owns the two column stores and what is the same for every scene (handshakes, sequence numbers, times).
Knows nothing of bytes: ``frames`` makes them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from bench.draw import Array, Draw

TCP, UDP = 6, 17
FIN, SYN, PSH, ACK = 1, 2, 8, 16
SECOND = 1_000_000
"""Times are microseconds, as in the capture."""


class Kind(IntEnum):
    """What a payload is made of."""

    NONE = 0
    NOISE = 1
    TLS_DATA = 2
    CLIENT_HELLO = 3
    SERVER_HELLO = 4
    DNS_QUERY = 5
    DNS_ANSWER = 6
    RTP = 7


HELLO_SIZE = 536
QUERY_SIZE, ANSWER_SIZE = 45, 61


@dataclass(slots=True)
class Flows:
    """One row a flow. Addresses are 16 bytes, of which IPv4 uses the first four."""

    client: Array
    server: Array
    cport: Array
    sport: Array
    proto: Array
    v6: Array
    vlan: Array
    name: Array
    """Number that the names in its payload carry."""

    def __len__(self) -> int:
        return len(self.proto)

    @property
    def tcp(self) -> Array:
        return np.asarray(self.proto == TCP)

    def header(self) -> Array:
        """Bytes of IP and TCP or UDP header."""
        return np.where(self.v6, 40, 20) + np.where(self.tcp, 20, 8)


@dataclass(slots=True)
class Packets:
    """One row a packet; flow after flow until ``in_time`` orders them."""

    flow: Array
    time: Array
    back: Array
    """True: from server to client."""
    size: Array
    """Payload bytes."""
    kind: Array
    flags: Array
    seq: Array
    ack: Array

    def __len__(self) -> int:
        return len(self.flow)

    def in_time(self) -> Packets:
        """The same packets by time; equal times stay in the order they had."""
        order = np.argsort(self.time, kind="stable")
        return Packets(*(getattr(self, field.name)[order] for field in dataclasses.fields(self)))


class Script:
    """Packets of some flows while a scene writes them: places within the flow, and rules for those places."""

    def __init__(self, flows: Flows, counts: Array) -> None:
        n = int(counts.sum())
        self.flows, self.counts = flows, counts
        self.first = np.cumsum(counts) - counts
        self.flow = np.repeat(np.arange(len(flows)), counts)
        self.place = np.arange(n) - self.first[self.flow]
        self.left = counts[self.flow] - 1 - self.place
        self.tcp = flows.tcp[self.flow]
        self.back = np.zeros(n, bool)
        self.size = np.zeros(n, np.int64)
        self.kind = np.zeros(n, np.int64)
        self.flags = np.where(self.tcp, ACK, 0)

    def put(self, where: Array, kind: Kind, size: Array | int, *, back: bool) -> None:
        """These packets are of this kind."""
        self.kind[where], self.size[where], self.back[where] = kind, size, back

    def handshake(self) -> None:
        """SYN, SYN-ACK, ACK first and, where there is room, FIN, FIN, ACK last."""
        ends = self.tcp & (self.counts[self.flow] >= 6)
        steps = (
            (self.tcp & (self.place == 0), SYN, False), (self.tcp & (self.place == 1), SYN | ACK, True),
            (self.tcp & (self.place == 2), ACK, False), (ends & (self.left == 2), FIN | ACK, False),
            (ends & (self.left == 1), FIN | ACK, True), (ends & (self.left == 0), ACK, False),
        )  # fmt: skip
        for where, flags, back in steps:
            self.put(where, Kind.NONE, 0, back=back)
            self.flags[where] = flags

    def dialogue(self, dns: Array, tls: Array, hello: Array | int = HELLO_SIZE) -> None:
        """Query and answer of DNS flows, the two hellos of TLS flows (flags by flow)."""
        of_dns, of_tls = dns[self.flow], tls[self.flow]
        sizes = np.broadcast_to(np.asarray(hello), (len(self.flows),))[self.flow]
        for place, kind, size in ((0, Kind.DNS_QUERY, QUERY_SIZE), (1, Kind.DNS_ANSWER, ANSWER_SIZE)):
            self.put(of_dns & (self.place == place), kind, size, back=place == 1)
        for place, kind in ((3, Kind.CLIENT_HELLO), (4, Kind.SERVER_HELLO)):
            where = of_tls & (self.place == place)
            self.put(where, kind, sizes[where], back=place == 4)

    def times(self, draw: Draw, start: Array, length: Array) -> Array:
        """A time for every packet: its flow's span cut evenly, each packet anywhere in its part."""
        step = (self.place + draw.unit(len(self.flow))) / self.counts[self.flow]
        return np.asarray(((start[self.flow] + length[self.flow] * step) * SECOND).astype(np.int64))

    def packets(self, draw: Draw, time: Array) -> Packets:
        """The finished packets, by time; data of TCP is pushed."""
        self.flags = np.where(self.tcp & (self.size > 0), self.flags | PSH, self.flags)
        seq, ack = self._numbers(draw)
        return Packets(
            self.flow.astype(np.int32), time, self.back, self.size.astype(np.uint16),
            self.kind.astype(np.uint8), self.flags.astype(np.uint8), seq, ack,
        ).in_time()  # fmt: skip

    def _numbers(self, draw: Draw) -> tuple[Array, Array]:
        """TCP sequence and acknowledgement numbers; for UDP the place in the flow (RTP counts by it)."""
        used = self.size + ((self.flags & (SYN | FIN)) > 0)
        sent = []
        for back in (False, True):
            own = np.where(self.back == back, used, 0)
            before = np.cumsum(own) - own
            isn = (draw.bits(len(self.flows)) >> np.uint64(32)).astype(np.int64)
            sent.append(isn[self.flow] + before - before[self.first[self.flow]])
        mine, other = np.where(self.back, sent[1], sent[0]), np.where(self.back, sent[0], sent[1])
        seq = np.where(self.tcp, mine, self.place) & 0xFFFFFFFF
        ack = np.where(self.tcp & ((self.flags & ACK) > 0), other, 0) & 0xFFFFFFFF
        return seq.astype(np.uint32), ack.astype(np.uint32)
