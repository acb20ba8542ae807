# SPDX-License-Identifier: Apache-2.0
"""DNS, mDNS and LLMNR items: questions, answers with their chain, and why there is no answer."""

from __future__ import annotations

from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import dns as parser
from egresswatch.sniff.dns import DnsAnswer

Build = Callable[..., Message]


def answer(question: str, *records: str, kind: str = "A", rcode: int = 0) -> bytes:
    """A response; a record is ``owner ttl TYPE data``."""
    response = dns.message.make_response(dns.message.make_query(question, kind))
    response.set_rcode(rcode)
    for record in records:
        owner, ttl, rdtype, data = record.split(maxsplit=3)
        response.answer.append(dns.rrset.from_text(owner, int(ttl), "IN", rdtype, data))
    return response.to_wire()


def test_a_query_tells_name_and_type(datagram: Build) -> None:
    """Lower-case, without the last dot."""
    wire = dns.message.make_query("Dev.EZVIZlife.com.", "AAAA", use_edns=0).to_wire()
    assert parser.parse(datagram(wire)) == (Item("dns_query", "dev.ezvizlife.com", "type=AAAA"),)


def test_an_answer_tells_every_address_and_the_chain(datagram: Build) -> None:
    """One item a record; the first carries the facts for the passive-name table."""
    wire = answer(
        "dev.example.", "dev.example. 300 CNAME lb.example.", "lb.example. 60 A 192.0.2.1",
        "lb.example. 60 A 192.0.2.2",
    )  # fmt: skip
    items = parser.parse(datagram(wire))
    assert items is not None
    assert [(item.kind, item.value, item.detail) for item in items] == [
        ("dns_answer", "dev.example", "CNAME lb.example ttl=300"),
        ("dns_answer", "dev.example", "A 192.0.2.1 ttl=60"),
        ("dns_answer", "dev.example", "A 192.0.2.2 ttl=60"),
    ]
    facts = DnsAnswer("dev.example", ("dev.example", "lb.example"), ("192.0.2.1", "192.0.2.2"), 60)
    assert [item.data for item in items] == [facts, None, None]


def test_addresses_of_names_nobody_asked_for_are_no_facts(datagram: Build) -> None:
    """A record off the chain is told but does not name an address."""
    items = parser.parse(datagram(answer("a.example.", "b.example. 60 A 192.0.2.1")))
    assert items is not None
    assert [(item.value, item.data) for item in items] == [("a.example", None)]


def test_aliases_in_a_circle_end(datagram: Build) -> None:
    """A chain that returns to itself is followed once."""
    circle = ("a.example. 1 CNAME b.example.", "b.example. 1 CNAME a.example.")
    wire = answer("a.example.", *circle, "b.example. 9 A 192.0.2.1")
    items = parser.parse(datagram(wire))
    assert items is not None
    assert items[0].data == DnsAnswer("a.example", ("a.example", "b.example"), ("192.0.2.1",), 1)


@pytest.mark.parametrize(
    ("wire", "detail"),
    [
        (answer("gone.example.", rcode=dns.rcode.NXDOMAIN), "NXDOMAIN"),
        (answer("gone.example.", rcode=dns.rcode.REFUSED), "REFUSED"),
        (answer("gone.example.", kind="AAAA"), "no answer type=AAAA"),
        (answer("gone.example.", "gone.example. 5 TXT x", kind="TXT"), "TXT answer type=TXT"),
    ],
)
def test_an_answer_without_address_says_why(datagram: Build, wire: bytes, detail: str) -> None:
    """The name is told all the same."""
    assert parser.parse(datagram(wire)) == (Item("dns_answer", "gone.example", detail),)


def test_a_truncated_answer_says_so(datagram: Build) -> None:
    """TC without records: the client will ask again over TCP."""
    response = dns.message.make_response(dns.message.make_query("big.example.", "A"))
    response.flags |= dns.flags.TC
    assert parser.parse(datagram(response.to_wire())) == (
        Item("dns_answer", "big.example", "truncated type=A"),
    )


def test_updates_ask_nothing(datagram: Build) -> None:
    """The first section of an update is a zone, not a question."""
    wire = bytearray(dns.message.make_query("example.", "SOA").to_wire())
    wire[2] = 5 << 3
    assert parser.parse(datagram(bytes(wire))) == ()


def test_other_traffic_on_the_port_is_not_dns(datagram: Build) -> None:
    """Bytes that are no message are left to others."""
    assert parser.parse(datagram(b"GET / HTTP/1.1\r\n\r\n")) is None
    assert parser.parse(datagram(b"")) is None


def test_a_flood_of_records_is_capped(datagram: Build) -> None:
    """One message gives a bounded number of items."""
    records = [f"a.example. 1 A 10.0.{i >> 8}.{i & 255}" for i in range(200)]
    items = parser.parse(datagram(answer("a.example.", *records)))
    assert items is not None
    assert len(items) == parser.MAX_ITEMS


def test_over_tcp_a_message_waits_for_its_last_byte(segment: Build) -> None:
    """Byte by byte: more, more, ..., then the same items as in a datagram, and its exact length."""
    wire = answer("a.example.", "a.example. 60 A 192.0.2.1")
    stream = len(wire).to_bytes(2, "big") + wire
    for size in range(len(stream)):
        assert parser.parse_tcp(stream[:size], segment(stream[:size]))[0] is Verdict.NEED_MORE
    verdict, items, used = parser.parse_tcp(stream + b"\x00\x1f", segment(stream))
    assert (verdict, used) == (Verdict.MATCH, len(stream))
    assert [item.value for item in items] == ["a.example"]


def test_over_tcp_a_cut_capture_gives_what_is_there(segment: Build) -> None:
    """When the capture holds less than was sent, waiting is in vain."""
    wire = answer("a.example.", "a.example. 60 A 192.0.2.1", "a.example. 60 A 192.0.2.2")
    stream = (len(wire).to_bytes(2, "big") + wire)[:-3]
    verdict, items, used = parser.parse_tcp(stream, segment(stream, length=len(stream) + 3))
    assert (verdict, used) == (Verdict.MATCH, len(stream))
    assert [item.detail for item in items] == ["A 192.0.2.1 ttl=60"]


def test_over_tcp_a_huge_message_is_read_in_part(segment: Build) -> None:
    """A zone transfer is not waited for to its end."""
    wire = answer("a.example.", *[f"a.example. 1 TXT {'x' * 250}{i}" for i in range(200)])
    stream = len(wire).to_bytes(2, "big") + wire
    assert len(stream) > parser.MAX_TCP_WAIT
    buf = stream[: parser.MAX_TCP_WAIT]
    verdict, items, used = parser.parse_tcp(buf, segment(buf))
    assert (verdict, used, items[0].value) == (Verdict.MATCH, len(buf), "a.example")


def test_mdns_tells_services_and_what_belongs_to_them(datagram: Build) -> None:
    """Answers and additional records, each with its data; names keep their case."""
    response = dns.message.Message()
    response.flags = dns.flags.QR | dns.flags.AA
    response.answer.append(
        dns.rrset.from_text("_http._tcp.local.", 4500, "IN", "PTR", "Front\\032Door._http._tcp.local.")
    )
    owner = "Front\\032Door._http._tcp.local."
    response.additional.append(dns.rrset.from_text(owner, 120, "IN", "SRV", "0 0 80 cam1.local."))
    response.additional.append(dns.rrset.from_text(owner, 4500, "IN", "TXT", '"md=DS-2CD2143" "x=1"'))
    response.additional.append(dns.rrset.from_text("cam1.local.", 120, "IN", "A", "192.0.2.10"))
    items = parser.parse_mdns(datagram(response.to_wire(), sport=5353, dport=5353))
    assert items is not None
    assert [tuple(item[:3]) for item in items] == [
        ("mdns", "_http._tcp.local", "PTR Front Door._http._tcp.local"),
        ("mdns", "Front Door._http._tcp.local", "SRV cam1.local:80"),
        ("mdns", "Front Door._http._tcp.local", "TXT md=DS-2CD2143 x=1"),
        ("mdns", "cam1.local", "A 192.0.2.10"),
    ]


@pytest.mark.parametrize(("port", "kind"), [(5353, "mdns"), (5355, "llmnr")])
def test_a_local_query_is_told_by_its_port(datagram: Build, port: int, kind: str) -> None:
    """The same format, two protocols."""
    wire = dns.message.make_query("nvr.local.", "A").to_wire()
    assert parser.parse_mdns(datagram(wire, dport=port)) == (Item(kind, "nvr.local", "query type=A"),)


@given(st.binary(max_size=300), st.booleans())
def test_no_parser_raises_on_any_bytes(datagram: Build, payload: bytes, cut: bool) -> None:
    """Every input is items, nothing, or not DNS; a stream parser stays inside its buffer."""
    m = datagram(payload, length=len(payload) + cut)
    parser.parse(m)
    parser.parse_mdns(m)
    verdict, _, used = parser.parse_tcp(payload, m)
    assert 0 <= used <= len(payload)
    assert (used > 0) == (verdict is Verdict.MATCH)
