# SPDX-License-Identifier: Apache-2.0
"""IP and transport headers: lengths as declared, options, extension headers, fragments, cuts, errors."""

import struct

import dpkt
import pytest
from drive import T0, Shot, batch_of, check, decode_batch, details_row, told_row
from zoo import A6, B6, ETH4, P4, P6, T4, TEXT, A, B

from egresswatch.demo.frames import ACK, SYN, End, ethernet, icmp, ip, ipv4, ipv6, packed, tcp, udp

NOP = b"\1\1\1\1"


def one(packet, wire=None, **more):
    """The row (as dictionaries) and counters of one packet in an Ethernet frame."""
    frame = ethernet(A.mac, B.mac, packet)
    out = check([Shot(frame, wire=wire)], **more)
    return told_row(out.rows[0]), details_row(out.rows[0], frame, 0), out.counts


@pytest.mark.parametrize(("proto", "size"), [(6, 20), (17, 8), (136, 8), (132, 12), (33, 16)])
@pytest.mark.parametrize(("a", "b"), [(A, B), (B, A), (A6, B6), (B6, A6)])
def test_ports_of_every_protocol_that_has_them(proto, size, a, b):
    """TCP, UDP, UDP-Lite, SCTP and DCCP in both directions and versions."""
    head = struct.pack(">HH", a.port, b.port) + b"\0" * 8 + b"\x50\x10\0\0\0\0\0\0"
    key, _, counts = one(ip(a.addr, b.addr, proto, head[:size] + TEXT))
    assert key["ports"] == (a.port, b.port)
    assert (key["src"], key["dst"]) == (packed(a.addr), packed(b.addr))
    assert "malformed_l4" not in counts


@pytest.mark.parametrize("proto", [1, 2, 47, 50, 51, 58, 89, 103, 112, 255])
def test_other_protocols_have_no_ports(proto):
    """The key says so: port 0 of UDP is not the same as no port."""
    key, _, _ = one(ip(A.addr, B.addr, proto, b"\x08\0" + b"\0" * 30))
    assert (key["has_ports"], key["ports"], key["proto"]) == (False, (0, 0), proto)


def test_tcp_fields_are_those_of_the_header():
    """Sequence, acknowledgement, flags; the payload begins behind the options."""
    segment = tcp(A, B, TEXT, seq=0xFFFFFFF0, ack=5, flags=0xFF, options=NOP * 3)
    _, row, _ = one(ip(A.addr, B.addr, 6, segment))
    assert row["tcp"] == (0xFFFFFFF0, 5, 0xFF)
    assert row["pay"] == (14 + 20 + 32, len(TEXT), len(TEXT))


@pytest.mark.parametrize("version", [4, 6])
def test_bytes_are_what_the_header_declares_however_much_was_captured(version):
    """A snaplen loses payload, never a packet nor its bytes."""
    packet = (P4 if version == 4 else P6)[:-20] + b"x" * 20
    frame = ethernet(A.mac, B.mac, packet)
    least = 14 + (20 if version == 4 else 40)
    out = check([Shot(frame[:n], wire=len(frame)) for n in range(least, len(frame))])
    assert out.buckets == {"accounted": len(frame) - least}
    assert {int(n) for n in out.rows["ip_bytes"]} == {len(packet)}
    assert out.counts["truncated_frames"] == len(frame) - least
    assert out.counts["malformed_l4"] == 8


def test_padding_and_trailers_do_not_count():
    """Ethernet padding and frame check sequences lie outside the IP length."""
    out = check([Shot(ETH4 + b"\0" * 12)])
    assert int(out.rows[0]["ip_bytes"]) == len(P4)
    assert int(out.rows[0]["pay_cap"]) == len(TEXT)


def test_total_length_0_counts_to_the_end_of_the_frame_on_the_wire():
    """As a TSO capture has it; also when the frame was cut."""
    packet = ipv4(A.addr, B.addr, 6, tcp(A, B, b"z" * 3000), total=0)
    for cut in (None, 100):
        frame = ethernet(A.mac, B.mac, packet)
        out = check([Shot(frame[:cut], wire=len(frame))])
        assert int(out.rows[0]["ip_bytes"]) == 3040
        assert int(out.rows[0]["pay_len"]) == 3000
        assert out.counts["zero_ip_length"] == out.counts["super_frames"] == 1


def test_ipv6_payload_length_0_counts_as_its_header():
    """A jumbogram or BIG TCP frame: 40 bytes by the contract, the payload is read all the same."""
    packet = ipv6(A6.addr, B6.addr, 17, udp(A6, B6, TEXT))
    _, row, counts = one(packet[:4] + b"\0\0" + packet[6:])
    assert row["ip_bytes"] == 40
    assert row["pay"][1:] == (len(TEXT), len(TEXT))
    assert counts["zero_ipv6_length"] == 1


def test_a_super_frame_is_counted_and_taken_as_it_is():
    """GRO and TSO glue segments together: the bytes are those of its one IP header."""
    _, row, counts = one(ipv4(A.addr, B.addr, 6, tcp(A, B, b"z" * 9000)))
    assert row["ip_bytes"] == 9040
    assert counts["super_frames"] == 1


def test_a_declared_length_beyond_the_frame_is_counted():
    """The header is believed, and the disagreement shown."""
    _, row, counts = one(ipv4(A.addr, B.addr, 17, udp(A, B, TEXT), total=999))
    assert row["ip_bytes"] == 999
    assert row["pay"][1:] == (999 - 28, len(TEXT))
    assert counts["ip_length_beyond_frame"] == 1


@pytest.mark.parametrize("words", range(1, 11))
def test_ipv4_options_are_stepped_over(words):
    """RFC 791 §3.1: up to 40 bytes before the ports."""
    key, _, counts = one(ipv4(A.addr, B.addr, 17, udp(A, B, TEXT), options=NOP * words))
    assert key["ports"] == (A.port, B.port)
    assert counts["ip_options"] == 1


PAD8 = b"\0" + b"\1\4\0\0\0\0"
PAD16 = b"\1" + b"\1\x0c" + b"\0" * 12


@pytest.mark.parametrize(
    "extensions",
    [[(0, PAD8)], [(43, PAD16)], [(60, PAD8)], [(0, PAD8), (60, PAD16), (43, PAD8), (60, PAD8)],
     [(44, b"\0\0\0\0\0\0\7")], [(0, PAD8), (44, b"\0\0\0\0\0\0\7"), (60, PAD8)]],
)  # fmt: skip
def test_ipv6_extension_headers_are_walked(extensions):
    """RFC 8200 §4: hop-by-hop, routing, destination options, an atomic fragment, in any order."""
    key, row, counts = one(ipv6(A6.addr, B6.addr, 17, udp(A6, B6, TEXT), extensions=extensions))
    assert key["ports"] == (A.port, B.port)
    assert not key["fragment"]
    assert counts["ipv6_extensions"] == 1
    assert row["pay"][1] == len(TEXT)


def test_a_chain_of_extension_headers_ends_somewhere():
    """More than 16 are not followed; the packet is accounted without ports."""
    packet = ipv6(A6.addr, B6.addr, 17, udp(A6, B6, TEXT), extensions=[(60, PAD8)] * 30)
    key, _, _ = one(packet)
    assert not key["has_ports"]


@pytest.mark.parametrize("cut", range(54, 54 + 24))
def test_extension_headers_cut_anywhere_lose_the_ports_not_the_packet(cut):
    """The IP header is sound: accounted."""
    packet = ipv6(A6.addr, B6.addr, 17, udp(A6, B6, TEXT), extensions=[(0, PAD8), (60, PAD16)])
    frame = ethernet(A.mac, B.mac, packet)
    assert check([Shot(frame[:cut], wire=len(frame))]).buckets == {"accounted": 1}


@pytest.mark.parametrize("offset", [0, 8, 1480, 65528])
def test_fragments_of_ipv4(offset):
    """The first has ports and more to come, later ones carry payload only."""
    body = (udp(A, B, TEXT) + b"....")[:32]
    key, row, counts = one(ipv4(A.addr, B.addr, 17, body, ident=77, offset=offset, more=True))
    assert key["fragment"] == bool(offset)
    assert key["has_ports"] == (not offset)
    assert (row["ident"], row["frag_off"], row["more"]) == (77, offset, True)
    assert counts["fragments_later" if offset else "fragments_first"] == 1
    assert row["pay"][1] == len(body) - (0 if offset else 8)


@pytest.mark.parametrize("offset", [0, 8, 1448])
def test_fragments_of_ipv6(offset):
    """RFC 8200 §4.5: the same by the fragment header."""
    fragment = (44, struct.pack(">BHI", 0, offset | 1, 0xDEADBEEF))
    key, row, _ = one(ipv6(A6.addr, B6.addr, 17, udp(A6, B6, TEXT), extensions=[fragment]))
    assert key["fragment"] == bool(offset)
    assert (row["ident"], row["frag_off"], row["more"]) == (0xDEADBEEF, offset, True)


@pytest.mark.parametrize(
    "body",
    [b"", b"\x9c\x41\x9c", tcp(A, B)[:12], tcp(A, B)[:13], udp(A, B, b"")[:7],
     tcp(A, B)[:12] + b"\x40\x10" + b"\0" * 6],
)
def test_a_broken_transport_header_is_counted_beside(body):
    """The frame stays accounted: its IP header is sound."""
    proto = 17 if len(body) < 10 else 6
    _, _, counts = one(ipv4(A.addr, B.addr, proto, body))
    assert counts["malformed_l4"] == 1


@pytest.mark.parametrize("proto", [6, 17, 132])
@pytest.mark.parametrize("size", range(14))
def test_what_follows_the_declared_end_is_not_read(proto, size):
    """A total length that ends within the ports: padding behind it is no header."""
    key, row, counts = one(ipv4(A.addr, B.addr, proto, tcp(A, B, TEXT), total=20 + size))
    assert key["has_ports"] == (size >= 4)
    assert row["tcp"] == (0, 0, 0)
    assert counts.get("malformed_l4", 0) == (proto == 6 or size < 8)


def test_no_field_of_a_row_comes_from_the_row_that_was_there_before():
    """Rows are used again for the next batch: what a packet does not have is zero, whatever was there."""
    shots = [Shot(ethernet(A.mac, B.mac, packet)) for packet in (
        ipv4(A.addr, B.addr, 6, tcp(A, B)[:10]), ipv4(A.addr, B.addr, 6, TEXT, offset=8), P4, P6, T4,
        ipv4(A.addr, B.addr, 1, icmp(8, 0)), ipv4(A.addr, B.addr, 1, b""), ipv4(A.addr, B.addr, 6, b""),
    )]  # fmt: skip
    fresh, used = check(shots, fill=0), check(shots, fill=0xAA)
    for name in set(fresh.rows.dtype.names) - {"pad", "shard"}:
        assert fresh.rows[name].tolist() == used.rows[name].tolist(), name


def test_icmp_shows_type_and_code():
    """The first packet's type tells an echo from an error."""
    _, row, _ = one(ipv4(A.addr, B.addr, 1, icmp(8, 0, b"\0\1\0\2", TEXT)))
    assert row["icmp"] == 0x0800


@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12, 0, 8, 13])
def test_an_icmp_error_quotes_the_flow_it_speaks_of(kind):
    """RFC 792: unreachable leaves the quoted key behind; other errors are counted only."""
    message = icmp(kind, 1, payload=P4[:28])
    out = check([Shot(ETH4), Shot(ethernet(B.mac, A.mac, ipv4("192.0.2.9", A.addr, 1, message)))])
    assert out.quoted == (kind == 3)
    assert out.counts.get("icmp_errors", 0) == (kind in (3, 4, 5, 11, 12))
    if out.quoted:
        assert int(out.quotes[0]["index"]) == 1
        assert out.quotes[0]["hash"] == out.rows[0]["hash"]
        assert out.quotes[0]["shard"] == out.rows[0]["shard"]


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 128, 135])
def test_an_icmpv6_error_quotes_as_well(kind):
    """RFC 4443 §3.1."""
    message = icmp(kind, 1, payload=P6)
    out = check([Shot(ethernet(B.mac, A.mac, ipv6("fd00::9", A6.addr, 58, message)))])
    assert out.quoted == (kind == 1)
    assert out.counts.get("icmp_errors", 0) == (kind <= 4)


@pytest.mark.parametrize("size", range(29))
def test_a_quote_that_is_cut_is_not_read(size):
    """Whatever is missing of the quoted packet, nothing is read beyond."""
    message = icmp(3, 1, payload=P4[:size])
    out = check([Shot(ethernet(B.mac, A.mac, ipv4("192.0.2.9", A.addr, 1, message)))])
    assert out.quoted == (size >= 20)


def test_both_directions_have_one_key():
    """The key is that of the conversation; the side tells them apart."""
    there = ethernet(A.mac, B.mac, T4)
    back = ethernet(B.mac, A.mac, ip(B.addr, A.addr, 6, tcp(B, A)))
    rows = check([Shot(there), Shot(back)]).rows
    for name in ("a_hi", "a_lo", "b_hi", "b_lo", "meta", "hash", "shard"):
        assert rows[0][name] == rows[1][name]
    assert rows[0]["side"] != rows[1]["side"]


def test_the_packet_clock_never_goes_back():
    """A late frame is counted and takes the clock of the frames before it."""
    out = check([Shot(ETH4, T0), Shot(ETH4, T0 - 5), Shot(ETH4, T0 + 9), Shot(ETH4, T0 + 9)])
    assert [int(c) - T0 for c in out.rows["clock"]] == [0, 0, 9, 9]
    assert out.counts["late_frames"] == 1
    assert out.clock == T0 + 9


def copy_of(packet, **change):
    """Does a second frame with this packet have the same content hash as T4?"""
    frames = [ethernet(A.mac, B.mac, T4), ethernet(change.pop("mac", A.mac), B.mac, packet, **change)]
    rows = decode_batch(batch_of([Shot(f) for f in frames])).rows
    return int(rows[0]["dup"]) == int(rows[1]["dup"])


def rewritten(**fields):
    return ipv4(A.addr, B.addr, 6, tcp(A, B, TEXT, seq=7, ack=9, flags=ACK), **fields)


@pytest.mark.parametrize("change", [{}, {"vlan": 7}, {"mac": "02:00:00:00:00:77"}])
def test_a_copy_may_differ_in_tags_and_macs(change):
    """What a mirror behind a router or on two VLANs changes."""
    assert copy_of(T4, **change)


def test_a_copy_may_differ_in_ttl_and_checksum():
    """What a router changes, in both IP versions."""
    assert copy_of(rewritten(ttl=63))
    shots = [Shot(ethernet(A.mac, B.mac, p)) for p in (P6, P6[:7] + b"\x01" + P6[8:])]
    rows = decode_batch(batch_of(shots)).rows
    assert rows[0]["dup"] == rows[1]["dup"] != 0


@pytest.mark.parametrize(
    "packet",
    [rewritten(ident=1), rewritten(tos=4), rewritten(dont=True),
     ip(A.addr, B.addr, 6, tcp(A, B, TEXT, seq=8, ack=9)),
     ip(A.addr, B.addr, 6, tcp(A, B, TEXT, seq=7, ack=10)),
     ip(A.addr, B.addr, 6, tcp(A, B, TEXT[:-1] + b"T", seq=7, ack=9)),
     ip(A.addr, B.addr, 6, tcp(A, B, TEXT + b"x", seq=7, ack=9)),
     ip(A.addr, B.addr, 6, tcp(A, B, TEXT, seq=7, ack=9, flags=SYN)),
     ip(B.addr, A.addr, 6, tcp(A, B, TEXT, seq=7, ack=9)),
     ip(A.addr, "203.0.113.10", 6, tcp(A, B, TEXT, seq=7, ack=9)),
     ip(A.addr, B.addr, 17, tcp(A, B, TEXT, seq=7, ack=9))],
)  # fmt: skip
def test_another_packet_is_no_copy(packet):
    """Anything else that differs makes another packet."""
    assert not copy_of(packet)


@pytest.mark.parametrize("a, b", [(A, B), (A6, B6)])
@pytest.mark.parametrize("proto", [6, 17])
def test_dpkt_reads_the_same(a, b, proto):
    """A reader that is not ours agrees on what stands in the headers."""
    body = tcp(a, b, TEXT, seq=3, ack=4, options=NOP) if proto == 6 else udp(a, b, TEXT)
    frame = ethernet(a.mac, b.mac, ip(a.addr, b.addr, proto, body))
    out = check([Shot(frame)])
    key, row = told_row(out.rows[0]), details_row(out.rows[0], frame, 0)
    seen = dpkt.ethernet.Ethernet(frame).data
    assert (key["src"], key["dst"], key["proto"]) == (seen.src, seen.dst, seen.p)
    assert key["ports"] == (seen.data.sport, seen.data.dport)
    assert row["ip_bytes"] == (seen.len if seen.v == 4 else seen.plen + 40)
    assert frame[row["pay"][0] :][: row["pay"][1]] == bytes(seen.data.data)
    if proto == 6:
        assert row["tcp"] == (seen.data.seq, seen.data.ack, seen.data.flags)


def test_ends_with_the_same_address_are_told_apart_by_port():
    """Loopback traffic: the lower port is end a."""
    here, there = End(A.mac, "127.0.0.1", 80), End(A.mac, "127.0.0.1", 9999)
    rows = check([Shot(ethernet(A.mac, A.mac, ip(x.addr, y.addr, 17, udp(x, y, TEXT))))
                  for x, y in ((here, there), (there, here))]).rows  # fmt: skip
    assert rows[0]["meta"] == rows[1]["meta"]
    assert [int(s) for s in rows["side"]] == [0, 1]
