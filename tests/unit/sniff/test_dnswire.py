# SPDX-License-Identifier: Apache-2.0
"""The wire format of DNS against dnspython, and what hostile messages must not do."""

from __future__ import annotations

import struct

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from egresswatch.sniff import dnswire

LABEL = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_", min_size=1, max_size=20)
NAME = st.lists(LABEL, min_size=1, max_size=6).map(".".join)


def header(flags: int = 0, *counts: int) -> bytes:
    return struct.pack(">6H", 1, flags, *(counts + (0, 0, 0, 0))[:4])


def one_name(*raw: bytes) -> bytes:
    """A query whose question is written byte by byte."""
    return header(0, 1) + b"".join(raw) + b"\x00\x01\x00\x01"


DATA = {
    "A": "192.0.2.7", "AAAA": "2001:db8::7", "CNAME": "alias.example.", "TXT": '"a" "b"',
    "MX": "5 m.example.",
}  # fmt: skip
TEXT = {1: "192.0.2.7", 28: "2001:db8::7", 5: "alias.example", 16: "a b", 15: ""}


@given(NAME, st.lists(st.tuples(NAME, st.sampled_from(sorted(DATA)), st.integers(0, 2**31 - 1))))
def test_equals_dnspython(question: str, records: list[tuple[str, str, int]]) -> None:
    """Names, types, addresses and lifetimes are those that an independent reader finds."""
    response = dns.message.make_response(dns.message.make_query(f"{question}.", "A"))
    for name, kind, ttl in records:
        response.answer.append(dns.rrset.from_text(f"{name}.", ttl, "IN", kind, DATA[kind]))
    wire = response.to_wire()
    packet = dnswire.read(wire)
    assert packet is not None
    expected = [
        (rrset.name.to_text(omit_final_dot=True).lower(), rrset.rdtype, rrset.ttl)
        for rrset in dns.message.from_wire(wire, one_rr_per_rrset=True).answer
    ]
    assert packet.questions == (dnswire.Question(question.lower(), 1),)
    assert [(record.name, record.type, record.ttl) for record in packet.answers] == expected
    for record in packet.answers:
        assert record.text == TEXT[record.type]
        assert record.addresses == ((record.text,) if record.type in (1, 28) else ())


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"\x03www\x07EXAMPLE\x03org\x00", "www.example.org"),
        (b"\x00", "<Root>"),
        (b"\x05a.b\\c\x03org\x00", "a\\.b\\c.org"),
        (b"\x03a\x00b\x00", "a\\x00b"),
        (b"\x02\xc3\x84\x00", "Ä"),
        (b"\x01\xff\x00", "\ufffd"),
    ],
)
def test_names_as_they_are_shown(raw: bytes, name: str) -> None:
    """ASCII is lower-case, odd bytes are escaped, a dot inside a label is told from a separator."""
    packet = dnswire.read(one_name(raw))
    assert packet is not None
    assert packet.questions[0].name == name


def test_local_names_keep_their_case() -> None:
    """What a person called a device is shown as it was written."""
    packet = dnswire.read(one_name(b"\x06FrontC\x05local\x00"), local=True)
    assert packet is not None
    assert packet.questions[0].name == "FrontC.local"


@pytest.mark.parametrize(
    "raw",
    [
        b"\xc0\x0c",                      # points at itself
        b"\x01a\xc0\x0c",                 # points at its own start
        b"\xc0\x0e\xc0\x0c",              # points forward, which points back
        b"\xc0\xff",                      # points outside
        b"\x41" + b"a" * 65 + b"\x00",    # reserved label type
        b"\x80\x00",                      # reserved label type
        b"\x05abc",                       # label longer than the message
        b"\xc0",                          # half a pointer
        b"".join(b"\x3f" + b"a" * 63 for _ in range(4)) + b"\x00",  # 257 bytes
    ],
)
def test_broken_names_are_refused(raw: bytes) -> None:
    """Loops, forward pointers and names beyond the limits of RFC 1035 end the reading."""
    assert dnswire.read(header(0, 1) + raw) is None or dnswire.read(one_name(raw)) is None


def test_the_longest_name_allowed_is_read() -> None:
    """255 bytes on the wire are a name."""
    labels = [b"a" * 63, b"b" * 63, b"c" * 63, b"d" * 61]
    packet = dnswire.read(one_name(*(bytes([len(label)]) + label for label in labels), b"\x00"))
    assert packet is not None
    assert packet.questions[0].name == b".".join(labels).decode()


def test_a_name_may_use_several_pointers_back() -> None:
    """Compression as servers really do it."""
    body = b"\x03com\x00" + b"\x07example\xc0\x0c" + b"\x03www\xc0\x11"
    message = header(0, 3) + b"\x03com\x00" + b"\x00\x01\x00\x01"
    second = b"\x07example\xc0\x0c\x00\x01\x00\x01"
    third = b"\x03www\xc0" + bytes([len(message)]) + b"\x00\x01\x00\x01"
    assert body
    packet = dnswire.read(message + second + third)
    assert packet is not None
    assert [question.name for question in packet.questions] == ["com", "example.com", "www.example.com"]


def test_a_cut_message_gives_what_stands_before_the_cut() -> None:
    """Every prefix gives a prefix of the answers and says that it is cut."""
    response = dns.message.make_response(dns.message.make_query("cam.example.", "A"))
    response.answer.append(dns.rrset.from_text("cam.example.", 60, "IN", "A", "192.0.2.1", "192.0.2.2"))
    wire = response.to_wire()
    whole = dnswire.read(wire)
    assert whole is not None
    assert not whole.cut
    question_end = 12 + len(b"\x03cam\x07example\x00") + 4
    for size in range(len(wire)):
        packet = dnswire.read(wire[:size])
        if size < question_end:
            assert packet is None
        else:
            assert packet is not None
            assert packet.cut
            assert packet.answers == whole.answers[: len(packet.answers)]


def test_a_lifetime_with_the_top_bit_set_is_zero() -> None:
    """RFC 2181 §8."""
    record = b"\x01a\x00" + struct.pack(">HHIH", 1, 1, 0xFFFFFFFF, 4) + b"\xc0\x00\x02\x01"
    packet = dnswire.read(header(0x8180, 0, 1) + record)
    assert packet is not None
    assert packet.answers[0].ttl == 0


def test_address_records_of_a_wrong_size_have_no_address() -> None:
    """A record that lies about its data does not stop the next one."""
    bad = b"\x01a\x00" + struct.pack(">HHIH", 1, 1, 60, 3) + b"\xc0\x00\x02"
    good = b"\x01a\x00" + struct.pack(">HHIH", 1, 1, 60, 4) + b"\xc0\x00\x02\x01"
    packet = dnswire.read(header(0x8180, 0, 2) + bad + good)
    assert packet is not None
    assert [record.addresses for record in packet.answers] == [(), ("192.0.2.1",)]


def test_service_bindings_give_their_address_hints() -> None:
    """RFC 9460: clients may connect to a hint without asking for an address."""
    response = dns.message.make_response(dns.message.make_query("cam.example.", "HTTPS"))
    text = "1 . alpn=h3 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1"
    response.answer.append(dns.rrset.from_text("cam.example.", 60, "IN", "HTTPS", text))
    packet = dnswire.read(response.to_wire())
    assert packet is not None
    assert packet.answers[0].addresses == ("192.0.2.1", "192.0.2.2", "2001:db8::1")
    assert packet.answers[0].text == ". 192.0.2.1 192.0.2.2 2001:db8::1"


@given(st.binary(max_size=200), st.booleans())
@example(b"\x00" * 12, False)
def test_any_bytes_are_a_message_or_not(payload: bytes, local: bool) -> None:
    """No input raises; a message never has more than it says."""
    packet = dnswire.read(payload, local=local)
    assert packet is None or len(packet.answers) <= dnswire.MAX_RECORDS


@given(st.integers(0, 0xFFFF), st.integers(0, 4), st.integers(0, 4), st.binary(max_size=120))
def test_any_body_is_survived(flags: int, asked: int, told: int, body: bytes) -> None:
    """The same behind a plausible header, with counts that make the reader go on."""
    dnswire.read(header(flags, asked, told) + body)


def test_a_message_of_pointers_costs_little() -> None:
    """65 535 questions that all point back are read as far as questions are sane."""
    wire = header(0, 0xFFFF) + b"\x01a\x00\x00\x01\x00\x01" + b"\xc0\x0c\x00\x01\x00\x01" * 10_000
    packet = dnswire.read(wire)
    assert packet is not None
    assert len(packet.questions) == dnswire.MAX_QUESTIONS
    assert packet.cut


@pytest.mark.parametrize(("rungs", "read"), [(dnswire.MAX_JUMPS, True), (dnswire.MAX_JUMPS + 1, False)])
def test_a_ladder_of_pointers_is_climbed_so_far(rungs: int, read: bool) -> None:
    """Each pointer goes back, but too many of them are an attack on the reader."""
    # A record whose data is a root name and pointers, each to the one before; then its name: the last.
    data = b"\x00" + b"".join(bytes([0xC0, 23 if rung == 0 else 22 + 2 * rung]) for rung in range(rungs - 1))
    record = b"\x00" + struct.pack(">HHIH", 10, 1, 0, len(data)) + data
    last = 22 + 2 * (rungs - 1)
    name = bytes([0xC0 | last >> 8, last & 0xFF])
    wire = header(0x8000, 0, 2) + record + name + struct.pack(">HHIH", 10, 1, 0, 0)
    assert wire[23] == 0
    packet = dnswire.read(wire)
    assert packet is not None
    assert (len(packet.answers) == 2) is read
