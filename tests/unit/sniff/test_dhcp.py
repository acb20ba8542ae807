# SPDX-License-Identifier: Apache-2.0
"""DHCP: names, vendor classes, parameter lists and addresses."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message
from egresswatch.sniff import dhcp
from egresswatch.sniff.dhcp import DhcpFacts

Build = Callable[..., Message]
MAC = 0x4CBD8F010203


def option(number: int, value: bytes) -> bytes:
    return bytes([number, len(value)]) + value


def message(
    *options: bytes, op: int = 1, ciaddr: bytes = bytes(4), yiaddr: bytes = bytes(4), **fields: bytes
) -> bytes:
    head = struct.pack(">4BIHH", op, 1, 6, 0, 0x1234, 0, 0) + ciaddr + yiaddr + bytes(8)
    head += MAC.to_bytes(6, "big") + bytes(10)
    head += fields.get("sname", b"").ljust(64, b"\x00") + fields.get("file", b"").ljust(128, b"\x00")
    return head + b"\x63\x82\x53\x63" + b"".join(options) + b"\xff"


def test_a_discover_tells_how_the_device_names_itself(datagram: Build) -> None:
    """Hostname, vendor class and parameter list, all with the hardware address in their facts."""
    wire = message(
        option(53, b"\x01"), option(12, b"DS-2CD2143\x00"), option(60, b"udhcp 1.20.2"),
        option(55, bytes([1, 3, 6])), option(50, bytes([10, 20, 0, 13])),
    )  # fmt: skip
    facts = DhcpFacts("discover", MAC, "10.20.0.13", "", "DS-2CD2143")
    assert dhcp.parse(datagram(wire, sport=68, dport=67)) == (
        Item("dhcp_hostname", "DS-2CD2143", "discover", facts),
        Item("dhcp_vendor_class", "udhcp 1.20.2", "discover", facts),
        Item("dhcp_parameter_list", "1,3,6", "discover", facts),
        Item("dhcp_request", "10.20.0.13", "discover", facts),
    )


def test_an_ack_tells_the_lease(datagram: Build) -> None:
    """Assigned address and the client it goes to."""
    items = dhcp.parse(datagram(message(option(53, b"\x05"), op=2, yiaddr=bytes([10, 20, 0, 13]))))
    assert items == (Item("dhcp_lease", "10.20.0.13", "ack", DhcpFacts("ack", MAC, "", "10.20.0.13", "")),)


def test_a_renewal_tells_the_address_it_has(datagram: Build) -> None:
    """Without option 50 the client address field counts."""
    items = dhcp.parse(datagram(message(option(53, b"\x03"), ciaddr=bytes([10, 20, 0, 13]))))
    assert items is not None
    assert [item[:3] for item in items] == [("dhcp_request", "10.20.0.13", "request")]


@pytest.mark.parametrize(
    "value", [b"\x00\x00\x00cam-1.example.org", b"\x04\x00\x00\x05cam-1\x07example\x03org\x00"]
)
def test_a_full_name_is_a_hostname(datagram: Build, value: bytes) -> None:
    """As text (old clients) and as labels."""
    items = dhcp.parse(datagram(message(option(53, b"\x03"), option(81, value))))
    assert items is not None
    assert [item[:3] for item in items] == [("dhcp_hostname", "cam-1.example.org", "request fqdn")]


def test_long_and_overloaded_options_are_joined(datagram: Build) -> None:
    """RFC 3396 and option 52: a value may continue, also in the boot file field."""
    twice = (option(12, b"long-"), option(12, b"name"))
    items = dhcp.parse(datagram(message(option(52, b"\x01"), *twice, file=option(60, b"MSFT") + b"\xff")))
    assert items is not None
    assert [item[:2] for item in items] == [("dhcp_hostname", "long-name"), ("dhcp_vendor_class", "MSFT")]


def test_what_a_server_says_is_not_the_clients_fingerprint(datagram: Build) -> None:
    """Vendor class and parameter list count from clients only."""
    offer = message(option(53, b"\x02"), option(60, b"x"), option(55, b"\x01"), op=2)
    assert dhcp.parse(datagram(offer)) == ()


@pytest.mark.parametrize(
    "wire", [b"", bytes(300), message()[:239], b"\x03" + message()[1:], message()[:236] + b"\x00" * 20]
)
def test_other_traffic_is_not_dhcp(datagram: Build, wire: bytes) -> None:
    """Too short, another operation or no cookie."""
    assert dhcp.parse(datagram(wire)) is None


def test_a_broken_option_ends_the_list(datagram: Build) -> None:
    """What came before it is told."""
    wire = message(option(12, b"cam"), b"\x3c\xf0abc")
    items = dhcp.parse(datagram(wire))
    assert items is not None
    assert [item.value for item in items] == ["cam"]


@given(st.binary(max_size=200), st.sampled_from([1, 2]), st.binary(max_size=64), st.binary(max_size=128))
def test_no_options_raise(datagram: Build, options: bytes, op: int, sname: bytes, file: bytes) -> None:
    """Any option bytes, also in the overloaded fields."""
    items = dhcp.parse(datagram(message(option(52, b"\x03"), options, op=op, sname=sname, file=file)))
    assert items is not None
    assert all(item.value for item in items)


@given(st.binary(max_size=300))
def test_no_bytes_raise(datagram: Build, payload: bytes) -> None:
    """Any bytes at all."""
    dhcp.parse(datagram(payload))
