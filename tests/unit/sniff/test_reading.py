# SPDX-License-Identifier: Apache-2.0
"""Which flows are being read, how many there may be, and what gives way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from egresswatch.patterns import Parser
from egresswatch.records import Message
from egresswatch.sniff import rtp
from egresswatch.sniff.reading import Datagrams, Reading, Readings, Streams
from egresswatch.sniff.reassembly import Stream

Build = Callable[..., Message]


def made(flows: int = 2) -> tuple[Readings, dict[str, int]]:
    """Room for so many, and what was refused."""
    shed = {"flows": 0, "waiting_flows": 0}
    return Readings(flows, 4, shed), shed


def holding(size: int) -> Streams:
    """A connection of which bytes are kept."""
    reading = Streams()
    stream = reading.streams[0] = Stream()
    stream.buffer = bytes(size)
    return reading


def test_one_that_holds_nothing_gives_way(segment: Build) -> None:
    """Flows that wait for the rest of a message stay; they are looked at again last."""
    readings, shed = made()
    readings.now[1] = holding(10)
    readings.now[2] = Streams()
    readings.held = 10
    assert readings.room(segment(b"x", flow=3))
    assert list(readings.now) == [1]
    readings.now[3] = holding(5)
    readings.held = 15
    assert not readings.room(segment(b"x", flow=4))
    assert shed == {"flows": 1, "waiting_flows": 0}
    readings.release(1)
    assert readings.held == 5


@pytest.mark.parametrize(
    "reading", [(0, 100, 200), 300, Datagrams(), Streams()], ids=["short", "media", "datagrams", "streams"]
)
def test_every_form_gives_way(segment: Build, reading: Reading) -> None:
    """The short form of a connection holds nothing, and neither do datagrams that were read."""
    readings, _ = made(1)
    readings.now[1] = reading
    assert readings.room(segment(b"x", flow=2))
    assert not readings.now


def test_flows_without_a_start_are_fewer(segment: Build) -> None:
    """A quarter of the room, and the oldest goes first."""
    readings, shed = made(8)
    for flow in range(3):
        assert readings.room(segment(b"x", flow=flow, start=False))
        readings.now[flow] = Streams()
    assert list(readings.waiting) == [1, 2]
    assert list(readings.now) == [1, 2]
    assert shed["waiting_flows"] == 1


def test_a_short_form_becomes_what_reading_would_have_left() -> None:
    """The side that spoke has a stream behind its segment, which matched."""
    readings, _ = made()
    readings.now[7] = (1, 0xFFFF_FFF0, 0x10)
    reading = readings.streams(7)
    assert reading is not None
    assert reading is readings.streams(7) is readings.now[7]
    assert reading.matched == [False, True]
    stream = reading.streams[1]
    assert stream is not None
    assert (stream.parser, stream.base, stream.next, stream.idle) == (Parser.TLS, 0xFFFF_FFF0, 0x10, False)
    assert (reading.held, reading.ends, reading.spoken) == (0, (0x10,), False)
    assert readings.datagrams(7) is None


def test_what_is_done_is_bounded(segment: Build) -> None:
    """Where there is no room for it, a flow is forgotten; one that comes again is read again."""
    readings, _ = made(10)
    for flow in range(6):
        readings.now[flow] = Datagrams()
        readings.finish(flow)
    assert list(readings.done) == [0, 1, 2, 3]
    assert not readings.now
    assert not readings.untouched(0)
    assert readings.untouched(5)
    assert readings.room(segment(b"x", flow=0))
    assert readings.untouched(0)


def test_a_repetition_is_of_both_sides(segment: Build) -> None:
    """Only a connection of which both sides were read is known to be repeated."""
    readings, _ = made()
    for flow, sides in ((1, (0, 1)), (2, (0,))):
        reading = readings.now[flow] = Streams()
        for side in sides:
            reading.streams[side] = Stream.behind(int(Parser.TLS), 100, 200)
        readings.finish(flow)
    again = {"seq": 100, "length": 100, "start": True}
    assert readings.repeated(segment(bytes(100), flow=1, **again))
    assert not readings.repeated(segment(bytes(100), flow=1, seq=150, length=100))
    assert not readings.repeated(segment(bytes(100), flow=2, **again))


def test_a_flow_that_is_read_otherwise_begins_anew(segment: Build) -> None:
    """What it held is given back."""
    readings, _ = made()
    readings.now[1] = holding(10)
    readings.held = 10
    assert readings.datagrams(1) is None
    assert readings.room(segment(b"x", flow=1))
    assert readings.held == 0
    assert not readings.now


def test_media_becomes_the_connection_that_told_it(datagram: Build) -> None:
    """The source that was told is known there, and nothing else of the flow."""
    readings, _ = made()
    begun = rtp.begun(datagram(bytes([0x80, 96, 0, 1]) + bytes(4) + b"\xff\xff\xff\xff", side=1))
    assert begun is not None
    readings.now[7] = begun[1]
    reading = readings.datagrams(7)
    assert reading is not None
    assert reading is readings.datagrams(7) is readings.now[7]
    assert list(reading.connections) == [Parser.RTP]
    connection = reading.connections[Parser.RTP]
    assert isinstance(connection, rtp.Connection)
    assert connection._sources == ((1, 0xFFFF_FFFF, 96),)


def test_flows_that_are_over_are_forgotten(segment: Build) -> None:
    """What they held is given back, whatever form they have; others stay."""
    readings, _ = made(8)
    readings.now.update({1: holding(10), 2: (0, 1, 2), 3: 4, 4: holding(5)})
    readings.held = 15
    readings.waiting[1] = None
    readings.done[5] = (1,)
    readings.forget([1, 2, 3, 5, 6])
    assert (list(readings.now), readings.held, readings.waiting, readings.done) == ([4], 5, {}, {})
    readings.forget([4])
    readings.now[9] = 1
    readings.forget([9])
    assert (readings.now, readings.held) == ({}, 0)
