# SPDX-License-Identifier: Apache-2.0
"""Classic pcap: headers, link types, odd lengths, and what is said about damage."""

import struct

import dpkt
import pytest

FRAME = [(1_700_000_000_123_457_000, b"payload", 60)]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "magic, form", [(0xA1B2C3D4, "us"), (0xA1B23C4D, "ns"), (0xA1B2CD34, "us modified")]
)
def test_all_forms_are_read(make, order, magic, form):
    """Microsecond, nanosecond and modified files of both byte orders give the same frame."""
    rows, facts = make.read(make.pcap(FRAME, order=order, magic=magic))
    assert rows == [(1_700_000_000_123_457_000, 7, 60, 1, b"payload")]
    assert facts.files[0].format == f"pcap, {form}, {'little' if order == '<' else 'big'}-endian"


def test_dpkt_reads_the_same(make, tmp_path):
    """dpkt, the slow reader, agrees on times (to its precision) and bytes."""
    frames = [(1_700_000_000_000_000_000 + i * 1_234_567_000, bytes([i]) * i, i) for i in range(50)]
    path = tmp_path / "a.pcap"
    path.write_bytes(make.pcap(frames))
    with path.open("rb") as file:
        twin = [(round(ts * 1e6) * 1000, bytes(data)) for ts, data in dpkt.pcap.Reader(file)]
    rows, _ = make.read(path.read_bytes())
    assert [(ts, payload) for ts, _, _, _, payload in rows] == twin


def test_link_type_is_the_low_half_of_the_field(make):
    """FCS length and reserved bits above the link type are masked, as libpcap does."""
    rows, facts = make.read(make.pcap(FRAME, network=0xF4000000 | 113))
    assert rows[0][3] == 113
    assert facts.interfaces[0].link == 113


def test_empty_frames_and_snaplen_zero_are_fine(make):
    """A record of no bytes is a frame, and a snap length of 0 is no limit."""
    rows, facts = make.read(make.pcap([(0, b"", 0), (1000, b"", 90)], snaplen=0))
    assert [row[1:3] for row in rows] == [(0, 0), (0, 90)]
    assert facts.interfaces[0].snaplen is None
    assert facts.files[0].damage == ""


def test_wire_length_is_never_below_the_captured_one(make):
    """A wire length that lies below what was captured is raised to it."""
    assert make.read(make.pcap([(0, b"12345678", 3)]))[0][0][1:3] == (8, 8)


def test_fraction_above_a_second_is_carried(make):
    """1 011 041 microseconds are one second and 11 041: nothing is lost or refused."""
    data = make.pcap([(0, b"x", 1)])
    data = data[:24] + struct.pack("<II", 1_701_999_731, 1_011_041) + data[32:]
    assert make.read(data)[0][0][0] == 1_701_999_732_011_041_000


def test_seconds_are_unsigned(make):
    """Times after 2038 are read, up to 2106."""
    assert make.read(make.pcap([(0xFFFFFFFF * 10**9, b"x", 1)]))[0][0][0] == 0xFFFFFFFF * 10**9


def test_a_file_without_frames_is_no_error(make):
    """A header alone is an empty capture."""
    rows, facts = make.read(make.pcap([]))
    assert rows == []
    assert facts.errors == []
    assert facts.files[0].format.startswith("pcap")
    assert facts.files[0].damage == ""


def test_absurd_length_ends_the_file_there(make):
    """Damage is told with record, byte, and how much was not read; what came before stays."""
    good = make.pcap([(0, bytes(60), 60)] * 3)
    rows, facts = make.read(good + struct.pack("<IIII", 0, 0, 3_941_000_000, 60) + bytes(268))
    assert len(rows) == 3
    file = facts.files[0]
    assert file.damage == (
        "record 4 says 3.9 GB: damaged from byte 252 on (284 bytes, 53.0 % not read). "
        "What came before is complete."
    )
    assert file.damaged_tail_bytes == 284
    assert facts.errors == []


def test_cut_tail_is_told(make):
    """A file that ends inside a record, as after a crash, is read up to it."""
    rows, facts = make.read(make.pcap([(0, bytes(60), 60)] * 2)[:-10])
    assert len(rows) == 1
    assert facts.files[0].damage == (
        "ends inside record 2: cut at byte 100 (66 bytes, 39.8 % not read). "
        "What came before is complete."
    )


@pytest.mark.parametrize("link, limit", [(1, 262_144), (231, 1 << 27)])
def test_longest_frame(make, link, limit):
    """Frames up to libpcap's limit of their link type are read, one byte more is damage."""
    if limit < 1 << 20:
        rows, facts = make.read(make.pcap([(0, bytes(limit), limit)], network=link))
        assert len(rows) == 1
    beyond = make.pcap([], network=link) + struct.pack("<IIII", 0, 0, limit + 1, 0)
    rows, facts = make.read(beyond)
    assert rows == []
    assert "damaged from byte 24 on" in facts.files[0].damage


def test_a_frame_longer_than_the_buffer_is_read(make):
    """The buffer grows for a long record (D-Bus captures have them) and goes on."""
    frames = [(0, b"a", 1), (0, bytes(9 << 20), 9 << 20), (0, b"b", 1)]
    rows, facts = make.read(make.pcap(frames, network=231))
    assert [row[1] for row in rows] == [1, 9 << 20, 1]
    assert facts.files[0].damage == ""
