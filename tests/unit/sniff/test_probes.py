# SPDX-License-Identifier: Apache-2.0
"""Which first payloads are worth a look, by the slow matcher over the built-in rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.demo import payloads
from egresswatch.patterns import PATTERN, RECOGNISER_BASE, Parser
from egresswatch.sniff import probes

TCP, UDP = 6, 17


def parsers(
    proto: int, payload: bytes, sport: int = 40000, dport: int = 9, length: int | None = None
) -> list[int]:
    """What the built-in rows say."""
    wire = len(payload) if length is None else length
    return probes.match(probes.BUILTIN, proto, sport, dport, payload, wire)


SIP_REGISTER = b"REGISTER sip:34020000002000000001@192.0.2.1 SIP/2.0\r\n"
STUN_REQUEST = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)


@pytest.mark.parametrize(
    ("parser", "proto", "payload", "dport"),
    [
        (Parser.TLS, TCP, payloads.client_hello("a.example"), 443),
        (Parser.TLS, TCP, payloads.server_hello(), 8443),
        (Parser.TLS, TCP, b"\x14\x03\x03\x00\x01\x01" + payloads.client_hello("a.example"), 443),
        (Parser.DTLS, UDP, b"\x16\xfe\xfd" + bytes(8) + b"\x00\x50\x01\x00\x00\x44" + bytes(70), 5000),
        (Parser.QUIC, UDP, b"\xc3\x00\x00\x00\x01\x08" + bytes(1194), 443),
        (Parser.QUIC, UDP, b"\xd1\x6b\x33\x43\xcf\x08" + bytes(1194), 443),
        (Parser.QUIC, UDP, b"\xc0\xff\x00\x00\x1d\x08" + bytes(1194), 443),
        (Parser.HTTP, TCP, b"GET /onvif HTTP/1.1\r\n", 80),
        (Parser.HTTP, TCP, b"OPTIONS /a HTTP/1.1\r\n", 80),
        (Parser.HTTP, TCP, b"OPTIONS * HTTP/1.1\r\n", 80),
        (Parser.HTTP, TCP, b"HTTP/1.1 200 OK\r\n", 80),
        (Parser.HTTP, TCP, b"SUBSCRIBE /event HTTP/1.1\r\n", 80),
        (Parser.RTSP, TCP, b"OPTIONS rtsp://192.0.2.1/ RTSP/1.0\r\n", 554),
        (Parser.RTSP, TCP, b"OPTIONS * RTSP/1.0\r\n", 8554),
        (Parser.RTSP, TCP, b"DESCRIBE rtsp://192.0.2.1/ RTSP/1.0\r\n", 554),
        (Parser.RTSP, TCP, b"RTSP/1.0 401 Unauthorized\r\n", 554),
        (Parser.SIP, UDP, SIP_REGISTER, 5060),
        (Parser.SIP, TCP, SIP_REGISTER, 5060),
        (Parser.SIP, UDP, b"OPTIONS sip:a@192.0.2.1 SIP/2.0\r\n", 7000),
        (Parser.SIP, UDP, b"SIP/2.0 200 OK\r\n", 5060),
        (Parser.DNS, UDP, bytes(12), 53),
        (Parser.DNS_TCP, TCP, b"\x00", 53),
        (Parser.MDNS, UDP, bytes(12), 5353),
        (Parser.MDNS, UDP, bytes(12), 5355),
        (Parser.DHCP, UDP, bytes(236) + b"\x63\x82\x53\x63\x35\x01\x01", 67),
        (Parser.SSDP, UDP, b"M-SEARCH * HTTP/1.1\r\n", 1900),
        (Parser.SSDP, UDP, b"NOTIFY * HTTP/1.1\r\n", 1900),
        (Parser.WSD, UDP, b"<?xml version='1.0'?><Envelope/>....", 3702),
        (Parser.STUN, UDP, STUN_REQUEST, 3478),
        (Parser.STUN, UDP, b"\x00\x01\x00\x00" + bytes(range(16)), 3478),
        (Parser.MQTT, TCP, b"\x10\x20\x00\x04MQTT\x04\x02\x00\x3c", 1883),
        (Parser.MQTT, TCP, b"\x10\x90\x02\x00\x06MQIsdp\x03\x02", 8883),
    ],
)
def test_a_protocol_is_recognised(parser: int, proto: int, payload: bytes, dport: int) -> None:
    """Exactly one parser is asked."""
    assert parsers(proto, payload, dport=dport) == [parser]


@pytest.mark.parametrize(
    ("proto", "payload", "dport"),
    [
        (TCP, b"\x17\x03\x03\x00\x20" + bytes(32), 443),
        (TCP, b"\x16\x03\x03\x00\x28" + b"\x00" * 40, 443),
        (TCP, b"GETTING along", 80),
        (TCP, b"OPTIONS sup", 554),
        (UDP, b"\x40" + bytes(40), 443),
        (UDP, b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(12), 3478),
        (UDP, b"\x00\x02\x00\x00" + bytes(16), 3478),
        (UDP, bytes(240), 67),
        (UDP, bytes(11), 53),
        (TCP, b"\x10\x20\x00\x04HTTP\x04\x02\x00\x3c", 1883),
        (TCP, b"", 443),
    ],
)
def test_what_only_resembles_a_protocol_is_left_alone(proto: int, payload: bytes, dport: int) -> None:
    """Encrypted records, texts, wrong lengths and unknown types."""
    assert parsers(proto, payload, dport=dport) == []


def test_a_port_is_looked_for_at_both_ends() -> None:
    """An answer comes from the port that the question went to."""
    assert parsers(UDP, bytes(12), sport=53, dport=40000) == [Parser.DNS]


def test_lengths_are_those_of_the_wire() -> None:
    """A cut packet still has its declared length, for the length relation too."""
    message = b"\x01\x01\x00\x20\x21\x12\xa4\x42" + bytes(12)
    assert parsers(UDP, message, length=52) == [Parser.STUN]
    assert parsers(UDP, message) == []


def test_bytes_that_were_not_captured_do_not_match() -> None:
    """A comparison needs all of its bytes."""
    assert parsers(TCP, b"GET", length=400) == []


def test_of_some_protocols_every_datagram_is_wanted() -> None:
    """Names come at any time on these ports."""
    rows = probes.BUILTIN[probes.BUILTIN["proto"] == UDP]
    every = {int(row["parser"]) for row in rows if row["every"]}
    assert every == {Parser.DNS, Parser.MDNS, Parser.DHCP, Parser.SSDP, Parser.WSD}


def test_of_some_protocols_every_segment_is_tried() -> None:
    """Later requests on a connection are starts, too."""
    rows = probes.BUILTIN[probes.BUILTIN["proto"] == TCP]
    every = {int(row["parser"]) for row in rows if row["every"]}
    assert every == {Parser.DNS_TCP, Parser.HTTP, Parser.RTSP, Parser.SIP, Parser.FTP, Parser.SMTP}


def test_the_surest_pattern_comes_first() -> None:
    """A hello to port 53 is TLS."""
    assert parsers(TCP, payloads.client_hello("a.example"), dport=53) == [Parser.TLS, Parser.DNS_TCP]


def test_the_table_cannot_be_changed() -> None:
    """All runs of a process share it."""
    with pytest.raises(ValueError, match="read-only"):
        probes.BUILTIN["port"] = 1


def test_no_row_asks_for_less_than_it_compares() -> None:
    """The kernel may rely on min_len to skip a row early."""
    for row in probes.BUILTIN:
        needed = max(int(row["off1"]) + int(row["n1"]), int(row["off2"]) + int(row["n2"]))
        assert needed <= int(row["min_len"]), row


def test_bits_outside_a_mask_are_zero_in_the_value() -> None:
    """Otherwise a row could never match."""
    for k in ("1", "2"):
        assert not np.any(probes.BUILTIN[f"value{k}"] & ~probes.BUILTIN[f"mask{k}"])


def test_a_comparison_of_more_than_eight_bytes_is_refused() -> None:
    """A row is two machine words."""
    with pytest.raises(ValueError, match="at most 8 bytes"):
        probes.row(Parser.HTTP, TCP, b"123456789")


@pytest.mark.parametrize(
    ("rel", "payload"),
    [
        ((1, 2, 4), b"\xf1\x41\x00\x04abcd"),
        ((2, 2, 4), b"\xf1\x41\x04\x00abcd"),
        ((3, 0, 4), b"\x00\x00\x00\x04abcd"),
        ((4, 0, 4), b"\x04\x00\x00\x00abcd"),
    ],
)
def test_a_length_field_must_fit_the_payload(rel: tuple[int, int, int], payload: bytes) -> None:
    """In all four encodings; one byte more and it is something else."""
    table = probes.row(RECOGNISER_BASE, UDP, rel=rel, min_len=4)
    assert probes.match(table, UDP, 1, 2, payload, len(payload)) == [RECOGNISER_BASE]
    assert probes.match(table, UDP, 1, 2, payload + b"x", len(payload) + 1) == []
    assert probes.match(table, UDP, 1, 2, payload[:3], len(payload)) == []


def test_two_rows_of_one_parser_count_once() -> None:
    """The answer names parsers, not rows."""
    table = np.concatenate([probes.row(70, UDP, b"a"), probes.row(70, UDP, b"ab"), probes.row(71, UDP)])
    assert probes.match(table, UDP, 1, 2, b"abc", 3) == [70, 71]


@given(st.sampled_from([TCP, UDP]), st.binary(max_size=300), st.integers(0, 65535), st.integers(0, 65535))
def test_any_bytes_get_an_answer(proto: int, payload: bytes, sport: int, dport: int) -> None:
    """No payload makes the matcher fail."""
    assert set(parsers(proto, payload, sport, dport)) <= set(Parser)


def test_rows_have_the_names_of_the_table() -> None:
    """Plain numbers in its order; where nothing is asked of a protocol, nothing fits."""
    assert [*probes.Row._fields, "pad"] == list(PATTERN.names or ())
    ready = probes.rows(probes.BUILTIN)
    assert sum(map(len, ready.values())) == len(probes.BUILTIN)
    first = ready[UDP][0]
    wanted = probes.BUILTIN[probes.BUILTIN["proto"] == UDP][0]
    assert list(first) == [int(wanted[name]) for name in probes.Row._fields]
    assert probes.fitting(ready, 132, 53, 53, bytes(40), 40) == []


def test_the_rows_have_the_shape_of_the_contract_with_the_kernel() -> None:
    """One dtype for built-in and rule rows."""
    assert probes.BUILTIN.dtype == PATTERN
