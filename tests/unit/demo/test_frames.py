# SPDX-License-Identifier: Apache-2.0
"""The frame builder against slow twins and against dpkt: lengths, checksums, sequence numbers."""

import struct

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.demo import frames as f

CAMERA = f.End("44:19:b6:00:00:01", "10.20.0.13", 40000)
SERVER = f.End("00:00:5e:00:01:14", "203.0.113.20", 443)
CAMERA6 = f.End("44:19:b6:00:00:01", "fd00:20::13", 40000)
SERVER6 = f.End("00:00:5e:00:01:14", "2001:db8::20", 443)


def slow_checksum(data: bytes) -> int:
    """RFC 1071 word by word."""
    total = 0
    for i in range(0, len(data), 2):
        total += (data[i] << 8) + (data[i + 1] if i + 1 < len(data) else 0)
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@given(st.binary(max_size=200))
def test_checksum_equals_its_slow_twin(data):
    """Any bytes give the sum that adding word by word gives."""
    assert f.checksum(data) == slow_checksum(data)


@pytest.mark.parametrize("data", [b"", b"\0\0", b"\xff\xff", b"\0" * 7, b"\xff" * 8])
def test_checksum_of_all_zeros_and_all_ones(data):
    """The two zeros of one's complement are told apart as RFC 1071 does."""
    assert f.checksum(data) == slow_checksum(data)


@given(st.binary(max_size=100), st.integers(0, 65528), st.booleans())
def test_an_ipv4_packet_reads_back(payload, offset, more):
    """dpkt finds every field where it was put, and the header checksum holds."""
    packet = f.ipv4("10.0.0.1", "192.0.2.9", 17, payload, ttl=7, ident=99, offset=offset // 8 * 8, more=more)
    assert slow_checksum(packet[:20]) == 0
    assert struct.unpack("!H", packet[2:4])[0] == len(packet)
    assert (packet[8], packet[9], packet[20:]) == (7, 17, payload)
    assert struct.unpack("!H", packet[6:8])[0] == offset // 8 | (0x2000 if more else 0)


def test_a_total_length_can_be_wrong_on_purpose():
    """TSO captures have a total length of 0."""
    assert f.ipv4("10.0.0.1", "10.0.0.2", 6, b"x" * 9, total=0)[2:4] == b"\0\0"


def test_ipv6_extension_headers_are_chained():
    """Each header names the next; the payload length counts them."""
    packet = f.ipv6("fd00::1", "fd00::2", 17, b"data", extensions=[(0, b"\0" + b"\1\4\0\0\0\0")])
    assert packet[6] == 0
    assert packet[40] == 17
    assert struct.unpack("!H", packet[4:6])[0] == 12


@pytest.mark.parametrize(("src", "dst"), [(CAMERA, SERVER), (CAMERA6, SERVER6)], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("size", [0, 1, 1400])
def test_udp_and_tcp_checksums_hold(src, dst, size):
    """The sum over pseudo header and segment is zero, for both IP versions and odd lengths."""
    for number, segment in ((f.UDP, f.udp(src, dst, b"a" * size)), (f.TCP, f.tcp(src, dst, b"a" * size))):
        assert slow_checksum(f._pseudo(src.addr, dst.addr, number, len(segment)) + segment) == 0


def test_a_udp_frame_is_what_dpkt_reads():
    """Addresses, tag, ports and payload come back."""
    ethernet = dpkt.ethernet.Ethernet(f.udp_frame(CAMERA, SERVER, b"hello", vlan=20))
    assert ethernet.vlan_tags[0].id == 20
    assert (ethernet.data.data.sport, ethernet.data.data.dport, ethernet.data.data.data) == (
        40000,
        443,
        b"hello",
    )


def test_tags_stand_from_the_outermost_on():
    """A QinQ frame shows TPID, VID, TPID, VID, EtherType."""
    frame = f.ethernet(CAMERA.mac, SERVER.mac, b"\x45" + b"\0" * 30, vlan=[(f.TPID_S, 100), 20])
    assert frame[12:22].hex() == "88a80064810000140800"


def test_a_short_frame_is_padded_when_asked():
    """ARP goes out with 60 bytes, as from a network card."""
    assert len(f.arp(CAMERA, "10.20.0.1")) == 60


def test_a_conversation_counts_its_bytes():
    """Sequence and acknowledgement numbers go on by SYN, payload and FIN."""
    talk = f.Talk(CAMERA, SERVER, isn=(100, 500))
    datas = [*talk.handshake(), *talk.send(0, b"x" * 3000), *talk.close()]
    segments = [dpkt.ethernet.Ethernet(data).data.data for data in datas]
    assert [len(s.data) for s in segments] == [0, 0, 0, 1460, 1460, 80, 0, 0, 0, 0]
    assert segments[5].seq == 101 + 2920
    assert segments[6].ack == 3101
    assert (segments[-1].seq, segments[-1].ack) == (3102, 502)


def test_sequence_numbers_wrap():
    """A conversation may start just below 2^32."""
    talk = f.Talk(CAMERA, SERVER, isn=(2**32 - 1, 0))
    talk.syn()
    assert dpkt.ethernet.Ethernet(talk.segment(0)).data.data.seq == 0


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_a_capture_reads_back(order, nano, tmp_path):
    """dpkt reads every flavour: times and bytes."""
    ts = 1_794_787_200_123_456_000
    path = tmp_path / "a.pcap"
    path.write_bytes(f.pcap([(ts, b"abc" * 20)], nano=nano, order=order))
    with path.open("rb") as file:
        [(seconds, data)] = list(dpkt.pcap.Reader(file))
    assert data == b"abc" * 20
    assert abs(float(seconds) - ts / 1e9) < 1e-5


def test_a_snaplen_cuts_and_tells_the_length():
    """A record keeps the wire length of a frame that was cut."""
    record = f.pcap_record(0, b"x" * 100, snaplen=40)
    assert struct.unpack("<IIII", record[:16])[2:] == (40, 100)
    assert len(record) == 56


def test_noise_is_a_function_of_its_label():
    """The same label gives the same bytes, another label others."""
    assert f.noise("a", 64) == f.noise("a", 64)
    assert f.noise("a", 64) != f.noise("b", 64)
