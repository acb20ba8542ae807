# SPDX-License-Identifier: Apache-2.0
"""CDP announcements: device, platform, software and addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.sniff import cdp

SNAP = bytes.fromhex("aaaa0300000c2000")
HEADER = b"\x02\xb4\x00\x00"
IPV4, IPV6 = b"\x01\x01\xcc", b"\x02\x08" + bytes.fromhex("aaaa0300000086dd")


def field(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2, "big") + (4 + len(value)).to_bytes(2, "big") + value


def addresses(*entries: bytes) -> bytes:
    return len(entries).to_bytes(4, "big") + b"".join(entries)


def address(head: bytes, raw: bytes) -> bytes:
    return head + len(raw).to_bytes(2, "big") + raw


DEVICE = field(1, b"cam-0200000000aa")
V4 = address(IPV4, bytes([192, 0, 2, 10]))
V6 = address(IPV6, bytes.fromhex("20010db8" + "0" * 23 + "a"))


def told(wire: bytes) -> list[tuple[str, str]]:
    return [(item.detail, item.value) for item in cdp.parse(wire)]


@pytest.mark.parametrize("start", [SNAP, b""])
def test_a_device_names_itself(start: bytes) -> None:
    """With the LLC header and behind it."""
    items = cdp.parse(start + HEADER + DEVICE + field(6, b"Dome-4"))
    assert [(item.kind, item.detail, item.value) for item in items] == [
        ("cdp", "device id", "cam-0200000000aa"),
        ("cdp", "platform", "Dome-4"),
    ]
    assert items[1].data == ("platform", "cam-0200000000aa")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (3, b"eth0", [("port", "eth0")]),
        (5, b"Version 2.9\nbuild 4", [("software", "Version 2.9\\nbuild 4")]),
        (6, b"Dome-4\x00", [("platform", "Dome-4")]),
        (10, b"\x00\x14", [("native vlan", "20")]),
        (0x14, b"gate", [("system name", "gate")]),
        (2, addresses(V4, V6), [("address", "192.0.2.10"), ("address", "2001:db8::a")]),
        (0x16, addresses(V4), [("management address", "192.0.2.10")]),
        (2, addresses(address(b"\x01\x01\x81", b"\x01\x02\x03"), V4), [("address", "192.0.2.10")]),
    ],
)
def test_fields_are_told_by_name(kind: int, value: bytes, expected: list[tuple[str, str]]) -> None:
    """One item a field, one item an address."""
    assert told(HEADER + DEVICE + field(kind, value))[1:] == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (4, b"\0\0\0\1"), (6, b""), (10, b"\x00"), (2, b""), (2, b"\x00\x00"), (2, addresses(V4)[:-1]),
        (2, addresses(address(IPV4, b"\x01\x02\x03"))), (2, b"\xff\xff\xff\xff"), (0x7777, b"x"),
    ],
)  # fmt: skip
def test_other_fields_are_not_told(kind: int, value: bytes) -> None:
    """Empty, broken and unknown ones."""
    assert told(HEADER + DEVICE + field(kind, value))[1:] == []


@pytest.mark.parametrize(
    "wire",
    [
        b"", SNAP, HEADER, SNAP + HEADER, b"\x03" + HEADER[1:] + DEVICE, HEADER + field(6, b"Dome-4"),
        b"\xaa\xaa\x03\x00\x00\x0c\x20\x04" + HEADER + DEVICE,   # DTP of the same maker
        HEADER + field(1, b""),
    ],
)  # fmt: skip
def test_other_frames_are_not_cdp(wire: bytes) -> None:
    """Version 1 or 2 with a device id."""
    assert cdp.parse(wire) == ()


def test_a_cut_frame_gives_its_whole_fields() -> None:
    """A length under 4 ends the reading as well."""
    wire = HEADER + DEVICE + field(6, b"Dome-4") + field(5, b"Version 2.9")
    assert len(told(wire[:-1])) == 2
    assert len(told(HEADER + DEVICE + b"\x00\x06\x00\x03" + field(6, b"Dome-4"))) == 1


def test_addresses_and_fields_are_bounded() -> None:
    """A frame cannot bring more than a handful of rows of a kind."""
    assert len(told(HEADER + DEVICE + field(2, addresses(*[V4, V6] * 30)))) == 3
    many = b"".join(field(6, str(number).encode()) for number in range(500))
    assert len(told(HEADER + DEVICE + many)) == 64


@given(st.lists(st.tuples(st.integers(0, 30), st.binary(max_size=40)), max_size=12), st.integers(0, 60))
def test_no_fields_raise(fields: list[tuple[int, bytes]], cut: int) -> None:
    """Any fields, whole or cut; every value is one line of text."""
    wire = HEADER + DEVICE + b"".join(field(kind, value) for kind, value in fields)
    for payload in (wire, wire[:-cut], wire[cut:]):
        assert all(item.value.isprintable() and item.value for item in cdp.parse(payload))
