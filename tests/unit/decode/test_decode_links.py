# SPDX-License-Identifier: Apache-2.0
"""Link layers and tunnels: every kind of frame leads to the packet it carries, and to the twin's row."""

import csv
import io
import shutil
import struct
import subprocess

import pytest
from drive import Shot, check, told_row
from zoo import A6, ALL, B6, ETH4, LINKS, P4, P6, SNAP, TAGGED, TUNNELS, V4, A, B, outer4, ppi, radiotap, wifi

from egresswatch.demo.frames import arp, ethernet, packed
from egresswatch.packets import TUNNEL_BITS


def names(kinds):
    return pytest.mark.parametrize("kind", kinds, ids=[kind.name for kind in kinds])


def carried(row):
    """Does the row speak of the packet that the zoo carries?"""
    told = told_row(row)
    a, b = (A6, B6) if told["v6"] else (A, B)
    ends = (told["src"], told["dst"], *told["ports"])
    return ends == (packed(a.addr), packed(b.addr), a.port, b.port)


@names(LINKS + TAGGED)
def test_every_link_layer_leads_to_its_packet(kind):
    """The row names the packet, its tag stack and nothing else is counted against it."""
    out = check([Shot(kind.data, link=kind.link)])
    assert carried(out.rows[0])
    assert out.buckets == {"accounted": 1}
    assert int(out.rows[0]["vlan"]) >> 28 == len(kind.tags)
    assert set(out.counts) <= {"ip_bytes"}


@names(TUNNELS)
def test_a_tunnel_is_opened_when_it_is_named(kind):
    """decode.decapsulate with the tunnel's name: the row is the packet inside."""
    out = check([Shot(kind.data)], {kind.tunnel})
    assert carried(out.rows[0])
    assert out.counts["opened_tunnels"] == 1


@names(TUNNELS)
def test_a_tunnel_that_is_not_named_stays_closed(kind):
    """With every other tunnel named, the outermost packet makes the flow."""
    others = set(TUNNEL_BITS) - {kind.tunnel}
    out = check([Shot(kind.data)], others)
    assert told_row(out.rows[0])["src"] == packed("192.0.2.1")
    assert "opened_tunnels" not in out.counts


@names(TUNNELS)
def test_a_tunnel_cut_anywhere_never_loses_the_outside(kind):
    """Whatever part of the inside is missing, the frame is accounted by one of its IP headers."""
    shots = [Shot(kind.data[:n], wire=len(kind.data)) for n in range(38, len(kind.data))]
    assert check(shots, {kind.tunnel}).buckets == {"accounted": len(shots)}


def test_tunnels_in_tunnels_are_followed_to_the_bottom():
    """ERSPAN around GRE around IP in IP."""
    inner = ethernet(A.mac, B.mac, outer4(4, P4)[18:])
    nested = outer4(47, struct.pack(">HHI", 0x1000, 0x88BE, 1) + b"\0" * 8 + inner)
    out = check([Shot(nested)], {"erspan", "ipip"})
    assert carried(out.rows[0])
    assert out.counts["opened_tunnels"] == 2


def test_a_tunnel_deeper_than_eight_is_left_at_the_eighth():
    """A packet that wraps itself again and again costs a bounded time."""
    packet = P4
    for _ in range(12):
        packet = outer4(4, packet)[18:]
    assert check([Shot(packet, link=101)], {"ipip"}).counts["opened_tunnels"] == 8


@pytest.mark.parametrize(
    ("link", "data", "bucket"),
    [
        (1, arp(A, B.addr), "non_ip"),
        (1, ethernet(A.mac, B.mac, b"\1" * 50, 0x88CC), "non_ip"),
        (1, ETH4[:13], "malformed_l2"),
        (1, b"", "malformed_l2"),
        (1, ETH4[:14], "malformed_l3"),
        (1, ETH4[:33], "malformed_l3"),
        (1, ethernet(A.mac, B.mac, b"\x44" + P4[1:]), "malformed_l3"),
        (1, ethernet(A.mac, B.mac, P4[:2] + b"\0\x13" + P4[4:]), "malformed_l3"),
        (1, ethernet(A.mac, B.mac, P6, 0x0800), "malformed_l3"),
        (1, ethernet(A.mac, B.mac, P4, 0x86DD), "malformed_l3"),
        (1, ethernet(A.mac, B.mac, P6[:39]), "malformed_l3"),
        (1, ethernet(A.mac, B.mac, b"\0\0\0", 0x8847), "malformed_l2"),
        (1, ethernet(A.mac, B.mac, P4, vlan=[1] * 30), "malformed_l2"),
        (1, ethernet(A.mac, B.mac, b"\x2c\0\0\0\0\1" + V4 + P4, 0x88E5), "non_ip"),
        (101, b"", "malformed_l3"),
        (0, b"\0\0\0\x63" + P4, "non_ip"),
        (105, wifi(0x41, SNAP + V4 + P4), "non_ip"),
        (105, wifi(1, b"", control=0x48), "non_ip"),
        (105, wifi(1, b"", control=0x80), "non_ip"),
        (127, radiotap(b"")[:7], "malformed_l2"),
        (192, ppi(1, b""), "malformed_l2"),
        (192, ppi(192, ETH4), "unsupported_linktype"),
        (192, ppi(250, ETH4), "unsupported_linktype"),
        (147, ETH4, "unsupported_linktype"),
        (65535, ETH4, "unsupported_linktype"),
    ],
)
def test_a_frame_without_a_packet_has_its_reason(link, data, bucket):
    """Neither lost nor an error: exactly one bucket."""
    assert check([Shot(data, link=link)]).buckets == {bucket: 1}


def test_link_types_without_a_decoder_are_counted_by_number():
    """The ledger can say which link type it was."""
    out = check([Shot(ETH4, link=147), Shot(ETH4, link=149), Shot(ETH4, link=149), Shot(ETH4)])
    assert {n: int(out.unsupported[n]) for n in out.unsupported.nonzero()[0]} == {147: 1, 149: 2}


def test_encrypted_wifi_is_told_apart():
    """A monitor-mode capture of a protected network says why it has no flows."""
    assert check([Shot(wifi(0x41, SNAP + V4 + P4), link=105)]).counts == {"encrypted_wifi": 1}


def pcapng(kinds):
    """A capture with one interface for each frame."""
    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))

    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += b"".join(block(1, struct.pack("<HHI", kind.link, 0, 0)) for kind in kinds)
    for i, kind in enumerate(kinds):
        out += block(6, struct.pack("<IIIII", i, 0, i, len(kind.data), len(kind.data)) + kind.data)
    return out


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_the_same_packet_in_every_frame(tmp_path):
    """The zoo is not only what we think it is: another reader finds the packet in each frame."""
    kinds = [kind for kind in ALL if kind.tshark]
    (tmp_path / "zoo.pcapng").write_bytes(pcapng(kinds))
    fields = ["ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.srcport", "udp.dstport"]
    asked = [arg for field in fields for arg in ("-e", field)]
    text = subprocess.run(
        ["tshark", "-n", "-r", tmp_path / "zoo.pcapng", "-T", "fields", "-E",
         "separator=;", *asked], capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    rows = list(csv.reader(io.StringIO(text), delimiter=";"))
    wrong = []
    for kind, row in zip(kinds, rows, strict=True):
        last = [cell.split(",")[-1] for cell in row]
        if last[4:] != [str(A.port), str(B.port)] or not (
            last[:2] == [A.addr, B.addr] or last[2:4] == [A6.addr, B6.addr]
        ):
            wrong.append((kind.name, row))
    assert not wrong
