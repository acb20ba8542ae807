# SPDX-License-Identifier: Apache-2.0
"""The payload builder against parsers that others wrote: dnspython, dpkt; and against written facts."""

import struct

import dns.message
import dns.rdatatype
import dpkt
import pytest

from egresswatch.demo import payloads as p


# --- DNS ------------------------------------------------------------------------------------------
def test_a_question_reads_back():
    """dnspython finds name, type and identifier."""
    message = dns.message.from_wire(p.dns_query("dev.hik-connect.com", ident=77))
    assert message.id == 77
    assert message.question[0].to_text() == "dev.hik-connect.com. IN A"


def test_an_answer_with_an_alias_reads_back():
    """The chain question, CNAME, address is there, with its TTL."""
    records = [("a.example", p.CNAME, "b.example"), ("b.example", p.A, "203.0.113.9")]
    message = dns.message.from_wire(p.dns_answer("a.example", records, ttl=60))
    assert [rrset.to_text() for rrset in message.answer] == [
        "a.example. 60 IN CNAME b.example.",
        "b.example. 60 IN A 203.0.113.9",
    ]


def test_an_answer_over_ipv6_reads_back():
    """AAAA records carry 16 bytes."""
    data = p.dns_answer("a.example", [("a.example", p.AAAA, "2001:db8::9")], kind=p.AAAA)
    assert dns.message.from_wire(data).answer[0][0].to_text() == "2001:db8::9"


def test_an_announcement_has_no_question():
    """mDNS tells services and address unasked."""
    message = dns.message.from_wire(p.mdns_announcement("cam", "10.20.0.22", ["_rtsp._tcp.local"]))
    assert message.question == []
    kinds = [dns.rdatatype.to_text(rrset.rdtype) for rrset in message.answer]
    assert kinds == ["PTR", "A"]


def test_the_root_is_a_single_zero():
    """An empty name has no labels."""
    assert p.dns_name("") == b"\0"


# --- TLS ------------------------------------------------------------------------------------------
def hello_extensions(record):
    """Extensions of a ClientHello record, by number."""
    hello = dpkt.ssl.TLSHandshake(dpkt.ssl.TLSRecord(record).data).data
    return dict(hello.extensions)


def test_a_client_hello_names_its_server():
    """The server_name extension holds the name after list length, type and length."""
    extensions = hello_extensions(p.client_hello("dev.hik-connect.com"))
    assert extensions[0][5:] == b"dev.hik-connect.com"


def test_a_client_hello_without_a_name_has_no_such_extension():
    """A device that connects by address names nobody."""
    assert 0 not in hello_extensions(p.client_hello(None))


@pytest.mark.parametrize(
    ("versions", "expected"), [((0x0304, 0x0303), b"\x04\x03\x04\x03\x03"), ((), None)], ids=["1.3", "1.2"]
)
def test_a_client_hello_offers_its_versions(versions, expected):
    """TLS 1.3 is offered in supported_versions (RFC 8446 §4.2.1); TLS 1.2 has no such extension."""
    assert hello_extensions(p.client_hello("a.example", versions=versions)).get(43) == expected


def test_a_client_hello_offers_protocols():
    """ALPN names come one behind the other, each with its length."""
    extensions = hello_extensions(p.client_hello("a.example", alpn=("h2", "http/1.1")))
    assert extensions[16] == b"\x00\x0c\x02h2\x08http/1.1"


def test_a_hello_can_come_without_its_record():
    """QUIC carries the handshake message alone."""
    assert p.client_hello("a.example", record=False) == p.client_hello("a.example")[5:]


def test_a_servers_first_flight_is_made_of_whole_records():
    """Handshake, ChangeCipherSpec and application data, nothing left over."""
    data, kinds = p.server_hello(), []
    while data:
        kind, _, length = struct.unpack("!BHH", data[:5])
        kinds.append(kind)
        data = data[5 + length :]
    assert kinds == [22, 20, 23]


# --- others ---------------------------------------------------------------------------------------
def test_a_dhcp_request_reads_back():
    """dpkt finds the client, the type and the options."""
    message = dpkt.dhcp.DHCP(p.dhcp(3, "44:19:b6:00:00:01", xid=9, options=[(12, b"cam"), (55, b"\1\3")]))
    assert (message.op, message.xid, message.chaddr.hex()[:12]) == (1, 9, "4419b6000001")
    assert dict(message.opts) == {53: b"\x03", 12: b"cam", 55: b"\1\3"}


def test_a_dhcp_answer_gives_an_address():
    """The reply carries yiaddr."""
    message = dpkt.dhcp.DHCP(p.dhcp(5, "44:19:b6:00:00:01", xid=9, yours="10.20.0.13"))
    assert (message.op, message.yiaddr) == (2, int.from_bytes(bytes([10, 20, 0, 13]), "big"))


def test_an_ntp_message_tells_the_time():
    """48 bytes, seconds since 1900."""
    data = p.ntp(3, 1_794_787_200_500_000_000)
    assert len(data) == 48
    assert data[0] & 7 == 3
    assert struct.unpack("!II", data[40:]) == (1_794_787_200 + 2_208_988_800, 1 << 31)


def test_an_rtp_packet_reads_back():
    """dpkt finds sequence number, time, source and marker."""
    packet = dpkt.rtp.RTP(p.rtp(65537, 90000, 0x2001, b"video", marker=True))
    assert (packet.seq, packet.ts, packet.ssrc, packet.m, packet.pt) == (1, 90000, 0x2001, 1, 96)
    assert packet.data == b"video"


def test_interleaved_rtp_has_its_length_in_front():
    """RTSP carries media behind a dollar sign, channel and length."""
    assert p.interleaved(1, b"abc") == b"$\x01\x00\x03abc"


def test_a_text_message_tells_the_length_of_its_body():
    """Content-Length is there with a body only."""
    assert p.text_message("GET / HTTP/1.1", {"Host": "a"}) == b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert p.text_message("HTTP/1.1 200 OK", {}, b"xy").endswith(b"Content-Length: 2\r\n\r\nxy")


def test_the_hole_punch_is_a_stun_request_turned_over():
    """44 bytes whose complement is a binding request with two attributes and the peer's address."""
    data = p.inverted_stun("x", "192.0.2.77", 40112)
    assert (len(data), data[:4].hex(), data[20:24].hex()) == (44, "fffeffe7", "7fd5fff7")
    assert data[32:38].hex() == "fffbfff7fffe"
    plain = bytes(byte ^ 0xFF for byte in data)
    assert plain[38:40] + plain[40:44] == struct.pack("!H", 40112) + bytes([192, 0, 2, 77])


def test_a_ptcp_segment_counts_bytes():
    """Magic, bytes sent, bytes received, packet number, two ids, body."""
    data = p.ptcp(2**32 + 5, 7, 0x0002FFFF, b"\0\3\1\0")
    assert data.hex() == "5054435000000005000000070002ffff000000000000000000030100"


def test_a_discovery_hello_carries_its_scopes():
    """ONVIF scopes stand in the Scopes element, separated by spaces."""
    data = p.wsd_hello("u", ["onvif://a", "onvif://b"], "10.20.0.22")
    assert data.startswith(b"<?xml")
    assert b"<d:Scopes>onvif://a onvif://b</d:Scopes>" in data
