# SPDX-License-Identifier: Apache-2.0
"""Frames outside flows that say who is where: found under every tag, set aside whole, in frame order."""

import struct

import pytest
from drive import Shot, batch_of, decode_batch

from egresswatch.demo.frames import End, arp, ethernet, icmp, ipv4, ipv6
from egresswatch.packets import ASIDE_ARP, ASIDE_CDP, ASIDE_LLDP, ASIDE_NDP, Bucket

CAMERA = End("02:00:00:00:00:0d", "10.20.0.13", 0)
LINK = End("02:00:00:00:00:0d", "fe80::d", 0)
LLDP = bytes.fromhex("0207040200000000 0d 0403050161 06020078 0000".replace(" ", ""))
CDP = b"\xaa\xaa\x03\x00\x00\x0c\x20\x00" + b"\x02\xb4\0\0"


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def frame(kind: int, payload: bytes, tags: tuple[int, ...] = ()) -> bytes:
    tagged = b"".join(struct.pack(">HH", 0x8100, tag) for tag in tags)
    return mac("01:80:c2:00:00:0e") + mac(CAMERA.mac) + tagged + struct.pack(">H", kind) + payload


def neighbour(kind: int, hop: int = 255) -> bytes:
    message = bytes([kind, 0, 0, 0]) + bytes(20)
    return ethernet(LINK.mac, "33:33:00:00:00:01", ipv6(LINK.addr, "ff02::1", 58, message, hop=hop))


def asides(*frames: bytes):
    batch = batch_of([Shot(data) for data in frames], between=b"\xee" * 7)
    out = decode_batch(batch)
    assert sum(out.buckets.values()) == len(frames)
    return batch, out


def payload(batch, row) -> bytes:
    return bytes(batch.data[int(row["at"]) : int(row["at"]) + int(row["size"])])


@pytest.mark.parametrize("tags", [(), (20,), (100, 20)])
def test_arp_is_set_aside_whatever_its_tags(tags):
    """With the sender's MAC and the tag stack, and counted as no IP all the same."""
    body = arp(CAMERA, "10.20.0.1")[14:]
    batch, out = asides(frame(0x0806, body, tags))
    (row,) = out.asides
    assert int(row["code"]) == ASIDE_ARP
    assert payload(batch, row) == body
    assert bytes(batch.data[int(row["mac"]) : int(row["mac"]) + 6]) == mac(CAMERA.mac)
    assert int(row["vlan"]) >> 28 == len(tags)
    assert out.buckets == {Bucket.non_ip.name: 1}


def test_lldp_and_cdp_are_set_aside():
    """LLDP by its ethertype, CDP by its SNAP header."""
    cdp = mac("01:00:0c:cc:cc:cc") + mac(CAMERA.mac) + struct.pack(">H", len(CDP)) + CDP
    batch, out = asides(frame(0x88CC, LLDP), cdp)
    assert [int(row["code"]) for row in out.asides] == [ASIDE_LLDP, ASIDE_CDP]
    assert [payload(batch, row) for row in out.asides] == [LLDP, CDP[8:]]
    assert [int(row["index"]) for row in out.asides] == [0, 1]


@pytest.mark.parametrize("kind", [133, 134, 135, 136])
def test_neighbour_messages_are_set_aside_and_accounted(kind):
    """They are packets like others, and say who is where beside."""
    batch, out = asides(neighbour(kind))
    (row,) = out.asides
    assert int(row["code"]) == ASIDE_NDP
    assert payload(batch, row)[0] == kind
    assert out.buckets == {"accounted": 1}


@pytest.mark.parametrize("kind", [128, 129, 132, 137, 143])
def test_other_icmpv6_is_not(kind):
    """Echo, redirect, multicast listener reports."""
    _, out = asides(neighbour(kind))
    assert len(out.asides) == 0


def test_what_a_router_passed_on_is_not():
    """RFC 4861 §6.1: such messages are valid on their own link only."""
    _, out = asides(neighbour(136, hop=254))
    assert len(out.asides) == 0


def test_an_ordinary_packet_is_not_set_aside():
    """Nor ICMP of IPv4 with the same type number."""
    packet = ipv4(CAMERA.addr, "10.20.0.1", 1, icmp(136, 0, payload=bytes(20)))
    _, out = asides(ethernet(CAMERA.mac, "02:00:00:00:00:01", packet))
    assert len(out.asides) == 0


def test_a_cut_neighbour_message_is_left_alone():
    """Less than its fixed part: nothing to read."""
    whole = neighbour(135)
    _, out = asides(whole[: 14 + 40 + 7])
    assert len(out.asides) == 0
