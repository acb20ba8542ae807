# SPDX-License-Identifier: Apache-2.0
"""ARP and IPv6 neighbour discovery: what a host says of itself, and nothing about others."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item
from egresswatch.sniff import neighbours
from egresswatch.sniff.neighbours import Binding

CAMERA, OTHER, NOBODY = 0x02000000000A, 0x02000000000B, 0
GROUP = 0x01005E000001


def arp(operation: int, mac: int, own: str, target: str, **other: int) -> bytes:
    header = {"link": 1, "network": 0x0800, "mac_size": 6, "size": 4} | other
    own_raw, target_raw = (ipaddress.IPv4Address(text).packed for text in (own, target))
    return (
        struct.pack(">HHBBH", *header.values(), operation)
        + mac.to_bytes(6, "big") + own_raw + OTHER.to_bytes(6, "big") + target_raw
    )  # fmt: skip


def ndp(kind: int, fixed: bytes, *options: bytes, code: int = 0) -> bytes:
    return bytes([kind, code, 0, 0]) + fixed + b"".join(options)


def link(number: int, mac: int) -> bytes:
    return bytes([number, 1]) + mac.to_bytes(6, "big")


def six(text: str) -> bytes:
    return ipaddress.IPv6Address(text).packed


HOST, TARGET, ALL = "2001:db8::a", "2001:db8::b", "ff02::1"
SOLICITED, UNSOLICITED = b"\x60\0\0\0", b"\x20\0\0\0"


@pytest.mark.parametrize(
    ("operation", "own", "target", "kind"),
    [
        (1, "192.0.2.10", "192.0.2.1", "request"),
        (2, "192.0.2.10", "192.0.2.1", "reply"),
        (1, "192.0.2.10", "192.0.2.10", "gratuitous"),
        (2, "192.0.2.10", "192.0.2.10", "gratuitous"),
    ],
)
def test_the_sender_of_an_arp_packet_is_bound(operation: int, own: str, target: str, kind: str) -> None:
    """Question, answer and announcement all say who the sender is."""
    assert neighbours.arp(arp(operation, CAMERA, own, target)) == Binding(CAMERA, own, kind, "arp")


def test_the_padding_of_a_short_frame_does_not_matter() -> None:
    """Ethernet fills ARP up to 46 bytes."""
    wire = arp(2, CAMERA, "192.0.2.10", "192.0.2.1")
    assert neighbours.arp(wire + bytes(18)) == neighbours.arp(wire)


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        arp(1, CAMERA, "192.0.2.10", "192.0.2.1")[:-1],
        arp(1, CAMERA, "0.0.0.0", "192.0.2.10"),                # a probe: not its address yet
        arp(1, CAMERA, "255.255.255.255", "192.0.2.1"),
        arp(1, CAMERA, "224.0.0.251", "192.0.2.1"),
        arp(1, CAMERA, "127.0.0.1", "192.0.2.1"),
        arp(2, NOBODY, "192.0.2.10", "192.0.2.1"),
        arp(2, GROUP, "192.0.2.10", "192.0.2.1"),
        arp(2, 0xFFFFFFFFFFFF, "192.0.2.10", "192.0.2.1"),
        arp(3, CAMERA, "192.0.2.10", "192.0.2.1"),              # RARP
        arp(8, CAMERA, "192.0.2.10", "192.0.2.1"),              # InARP
        arp(1, CAMERA, "192.0.2.10", "192.0.2.1", link=15),     # frame relay
        arp(1, CAMERA, "192.0.2.10", "192.0.2.1", network=0x86DD),
        arp(1, CAMERA, "192.0.2.10", "192.0.2.1", mac_size=8),
        arp(1, CAMERA, "192.0.2.10", "192.0.2.1", size=16),
    ],
)  # fmt: skip
def test_other_arp_binds_nothing(wire: bytes) -> None:
    """Probes, other links, other operations and impossible addresses are no claim."""
    assert neighbours.arp(wire) is None


@pytest.mark.parametrize(
    ("wire", "dst", "expected"),
    [
        (ndp(135, bytes(4) + six(TARGET), link(1, CAMERA)), TARGET, (HOST, "request")),
        (ndp(133, bytes(4), link(1, CAMERA)), "ff02::2", (HOST, "request")),
        (ndp(134, bytes(12), link(5, 0), link(1, CAMERA)), ALL, (HOST, "router")),
        (ndp(136, SOLICITED + six(TARGET), link(2, CAMERA)), HOST, (TARGET, "reply")),
        (ndp(136, UNSOLICITED + six(TARGET), link(2, CAMERA)), ALL, (TARGET, "gratuitous")),
        (ndp(136, UNSOLICITED + six(TARGET), link(2, CAMERA)), HOST, (TARGET, "gratuitous")),
        (ndp(136, SOLICITED + six(TARGET), link(2, CAMERA)), ALL, (TARGET, "gratuitous")),
    ],
)
def test_the_speaker_of_a_neighbour_message_is_bound(
    wire: bytes, dst: str, expected: tuple[str, str]
) -> None:
    """A solicitation binds its source, an advertisement the address that it advertises."""
    assert neighbours.ndp(wire, HOST, dst) == Binding(CAMERA, *expected, "ndp")


@pytest.mark.parametrize(
    ("wire", "src"),
    [
        (b"", HOST),
        (ndp(135, bytes(4) + six(TARGET), link(1, CAMERA)), "::"),          # address not held yet
        (ndp(135, bytes(4) + six(TARGET)), HOST),                           # says no link address
        (ndp(135, bytes(4) + six(TARGET), link(2, CAMERA)), HOST),          # somebody else's
        (ndp(135, bytes(4) + six(TARGET), link(1, GROUP)), HOST),
        (ndp(135, bytes(4) + six(TARGET), link(1, CAMERA), code=1), HOST),
        (ndp(135, bytes(4) + six(TARGET), b"\x05\x00" + bytes(6), link(1, CAMERA)), HOST),
        (ndp(135, bytes(4) + six(TARGET), link(1, CAMERA), b"\x05\x00" + bytes(6)), HOST),
        (ndp(135, bytes(4) + six(TARGET), link(1, CAMERA))[:-1], HOST),
        (ndp(135, bytes(4)), HOST),
        (ndp(136, SOLICITED + six(ALL), link(2, CAMERA)), HOST),
        (ndp(136, SOLICITED + bytes(16), link(2, CAMERA)), HOST),
        (ndp(137, bytes(4) + six(TARGET) + six(HOST), link(2, CAMERA)), HOST),  # redirect
        (ndp(128, bytes(20), link(1, CAMERA)), HOST),                       # echo request
        (b"\x88\x00\x00\x00" + bytes(4), HOST),
    ],
)
def test_other_icmpv6_binds_nothing(wire: bytes, src: str) -> None:
    """Claims about others, broken options and hosts without an address are not read."""
    assert neighbours.ndp(wire, src, ALL) is None


def test_a_binding_is_also_a_sighting() -> None:
    """The address, who has it, and the binding itself for the register."""
    binding = Binding(CAMERA, "192.0.2.10", "reply", "arp")
    assert binding.item == Item("arp", "192.0.2.10", "reply by 02:00:00:00:00:0a", binding)


@given(st.binary(max_size=64))
def test_no_arp_bytes_raise(payload: bytes) -> None:
    """Any bytes: a binding to one host's address, or nothing."""
    binding = neighbours.arp(payload)
    assert binding is None or (0 < binding.mac < 1 << 48 and not binding.mac >> 40 & 1)


@given(st.sampled_from([133, 134, 135, 136, 137]), st.binary(max_size=80), st.sampled_from(["::", HOST, ""]))
def test_no_icmpv6_bytes_raise(kind: int, rest: bytes, src: str) -> None:
    """Any bytes: a binding to one host's address, or nothing."""
    for wire in (bytes([kind, 0]) + rest, rest):
        binding = neighbours.ndp(wire, src, ALL)
        assert binding is None or (0 < binding.mac < 1 << 48 and not binding.mac >> 40 & 1)
