# SPDX-License-Identifier: Apache-2.0
"""RTP that the packet path was sure of, and RTCP reports that fit to the byte."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.patterns import Parser
from egresswatch.records import Item, Message
from egresswatch.sniff import probes, rtp
from egresswatch.sniff.engine import Engine

Build = Callable[..., Message]
SSRC = 0x1A2B3C4D


def media(seq: int, ts: int = 0, *, kind: int = 96, ssrc: int = SSRC, flags: int = 0x80) -> bytes:
    return struct.pack(">BBHII", flags, kind, seq, ts, ssrc) + bytes(40)


def sender_report(octets: int, *, packets: int = 5, blocks: int = 0, ssrc: int = SSRC) -> bytes:
    words = 6 + 6 * blocks
    head = struct.pack(">BBHI", 0x80 | blocks, 200, words, ssrc)
    return head + struct.pack(">8xIII", 0, packets, octets) + bytes(24 * blocks)


SDES = bytes([0x81, 202, 0, 3]) + SSRC.to_bytes(4, "big") + b"\x01\x02ab\0\0\0\0"


def told(connection: rtp.Connection, build: Build, *payloads: bytes, **fields: int) -> list[Item]:
    return [item for payload in payloads for item in connection.feed(build(payload, **fields)) or ()]


def test_a_packet_that_was_followed_is_told_once(datagram: Build) -> None:
    """The packet path hands up what it is sure of; the same source again is nothing new."""
    connection = rtp.Connection()
    assert connection.feed(datagram(media(102, 6000))) == (
        Item("rtp", "dynamic 96", "ssrc 0x1a2b3c4d, packets in sequence up to 102", (SSRC, 96)),
    )
    assert connection.feed(datagram(media(105, 9000))) == ()
    assert len(told(connection, datagram, media(9, kind=97), media(9, ssrc=7), media(9, kind=0x80))) == 3
    assert len(told(connection, datagram, media(9), side=1)) == 1


@pytest.mark.parametrize(
    ("kind", "name"),
    [(0, "PCMU"), (8, "PCMA"), (26, "JPEG"), (33, "MP2T"), (34, "H263"), (96, "dynamic 96"), (35, "type 35")],
)
def test_payload_types_have_names(datagram: Build, kind: int, name: str) -> None:
    """RFC 3551 §6; the marker bit does not count."""
    for marked in (kind, kind | 0x80):
        assert [item.value for item in told(rtp.Connection(), datagram, media(1, kind=marked))] == [name]


@pytest.mark.parametrize("wire", [b"", b"\x80", media(1)[:11], media(1, flags=0x40), media(1, flags=0xC0)])
def test_other_traffic_is_not_media(datagram: Build, wire: bytes) -> None:
    """Too short, or another version."""
    assert rtp.Connection().feed(datagram(wire)) is None


def test_a_sender_report_counts_what_was_sent(datagram: Build) -> None:
    """Told at first, and again when the octets have doubled."""
    connection = rtp.Connection()
    reports = [sender_report(octets) for octets in (1000, 1500, 2000, 3000, 4000)]
    found = told(connection, datagram, *reports)
    assert [(item.value, item.data[2]) for item in found] == [
        ("sender report", 1000), ("sender report", 2000), ("sender report", 4000),
    ]  # fmt: skip
    assert found[0].detail == "ssrc 0x1a2b3c4d, 5 packets and 1000 octets sent"


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (sender_report(9, blocks=2), "sender report"),
        (sender_report(9) + SDES, "sender report"),
        (struct.pack(">BBHI", 0x80, 201, 1, SSRC), "receiver report"),
        (struct.pack(">BBHI", 0x81, 201, 7, SSRC) + bytes(24), "receiver report"),
        (sender_report(9) + bytes(14), "encrypted sender report"),
        (struct.pack(">BBHI", 0x80, 201, 1, SSRC) + bytes(14), "encrypted receiver report"),
    ],
)
def test_reports_are_known_by_their_length(datagram: Build, wire: bytes, expected: str) -> None:
    """Alone, with a description behind, or encrypted."""
    assert [item.value for item in told(rtp.Connection(), datagram, wire)] == [expected]


@pytest.mark.parametrize(
    "wire",
    [
        b"\x80\xc8\x00\x06" + bytes(24),                                   # source 0
        b"\x81" + sender_report(9)[1:],                                    # a block that is not there
        sender_report(9)[:-4],
        struct.pack(">BBHI", 0x80, 201, 1, SSRC) + b"abc",                 # neither whole nor encrypted
        SDES,                                                              # no report in front
        b"\xa0" + sender_report(9)[1:],                                    # padding in the first one
        b"\x80\xc8",
    ],
)  # fmt: skip
def test_other_traffic_is_no_report(datagram: Build, wire: bytes) -> None:
    """A compound packet begins with a report that has the size it says."""
    assert rtp.Connection().feed(datagram(wire)) is None


def test_a_cut_report_is_still_one(datagram: Build) -> None:
    """What was captured fits as far as it goes."""
    wire = sender_report(9) + SDES
    found = rtp.Connection().feed(datagram(wire[:40], length=len(wire)))
    assert found is not None
    assert found[0].value == "sender report"
    assert rtp.Connection().feed(datagram(sender_report(9)[:20], length=28)) is None


def test_sources_are_bounded(datagram: Build) -> None:
    """A flow of many sources tells at most a handful of them."""
    connection = rtp.Connection()
    reports = told(connection, datagram, *(sender_report(9, ssrc=1 + k) for k in range(99)))
    assert len(reports) == 8
    assert len(told(connection, datagram, *(media(1, ssrc=1 + k) for k in range(99)))) == 8
    assert (connection.held, connection.done) == (0, False)


@given(st.lists(st.binary(max_size=50), max_size=8), st.booleans())
def test_no_bytes_raise(datagram: Build, pieces: list[bytes], cut: bool) -> None:
    """Any bytes behind any of the headers."""
    connection = rtp.Connection()
    for start in (b"", b"\x80\x60", b"\x90\x60\x00\x01" + bytes(8), b"\x80\xc8\x00\x06", b"\x80\xc9"):
        for piece in pieces:
            connection.feed(datagram(start + piece, length=len(start + piece) + cut))


class LongWay(Engine):
    """Reads every packet of media by the flow's connection."""

    def _media(self, m: Message) -> None:
        """Nothing goes a short way."""


PACKETS = [media(102), media(7, kind=0, ssrc=5), media(9, flags=0x40), media(3)[:9], sender_report(500), b""]


@given(
    st.lists(
        st.tuples(st.sampled_from(PACKETS), st.integers(0, 3), st.integers(0, 1), st.booleans()), max_size=20
    )
)
def test_a_flow_that_begins_with_media_is_read_as_the_long_way(
    datagram: Build, arrivals: list[tuple[bytes, int, int, bool]]
) -> None:
    """Whatever follows, with room for few flows: the same is told, known, held and counted."""
    short, long = Engine(2, 4096, probes.BUILTIN), LongWay(2, 4096, probes.BUILTIN)
    for payload, flow, side, start in arrivals:
        m = datagram(payload, flow=flow, side=side, start=start, parser=int(Parser.RTP))
        assert short.feed(m) == long.feed(m)
        assert list(short._readings.now) == list(long._readings.now)
        assert [short.info(k) for k in range(4)] == [long.info(k) for k in range(4)]
        assert (short.held, short.shed) == (long.held, long.shed)
    for made in (short, long):
        made.end(*range(4))
        assert not made._readings.now
        assert not made._infos


def test_what_no_info_has_room_for_is_counted(datagram: Build) -> None:
    """Media of more flows than may be known is told, and the flows are counted."""
    made = Engine(1, 4096, probes.BUILTIN)
    told = [made.feed(datagram(media(k), flow=k, start=True, parser=int(Parser.RTP))) for k in range(20)]
    assert [len(items) for items in told] == [1] * 20
    assert made.shed["infos"] == 4
