# SPDX-License-Identifier: Apache-2.0
"""LLDP announcements: names, descriptions, addresses and LLDP-MED inventory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.sniff import lldp

MAC = bytes.fromhex("02000000000a")


def field(kind: int, value: bytes) -> bytes:
    return (kind << 9 | len(value)).to_bytes(2, "big") + value


CHASSIS, PORT, TTL = field(1, b"\x04" + MAC), field(2, b"\x03" + MAC), field(3, b"\x00\x78")
START, END = CHASSIS + PORT + TTL, b"\x00\x00"


def told(wire: bytes) -> list[tuple[str, str]]:
    return [(item.detail, item.value) for item in lldp.parse(wire)]


def test_an_announcement_names_chassis_and_port() -> None:
    """The three fields every announcement begins with; who says it goes with each item."""
    items = lldp.parse(START + END)
    assert [(item.kind, item.detail, item.value) for item in items] == [
        ("lldp", "chassis", "02:00:00:00:00:0a"),
        ("lldp", "port", "02:00:00:00:00:0a"),
    ]
    assert [item.data for item in items] == [("chassis", "02:00:00:00:00:0a"), ("port", "02:00:00:00:00:0a")]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (4, b"eth0", ("port description", "eth0")),
        (5, b"gate-cam-3\x00", ("system name", "gate-cam-3")),
        (6, b"Dome 4 MP\nLinux", ("system description", "Dome 4 MP\\nLinux")),
        (7, b"\x00\x80\x00\x80", ("capabilities", "station")),
        (7, b"\x00\x14\x00\x14", ("capabilities", "bridge, router")),
        (8, b"\x05\x01\xc0\x00\x02\x0a\x02\x00\x00\x00\x01\x00", ("management address", "192.0.2.10")),
        (8, b"\x11\x02" + bytes.fromhex("20010db8" + "0" * 23 + "a") + b"\x02\0\0\0\1\0",
         ("management address", "2001:db8::a")),
        (127, b"\x00\x12\xbb\x09Camera Works ", ("manufacturer", "Camera Works")),
        (127, b"\x00\x12\xbb\x0aDome-4", ("model", "Dome-4")),
        (127, b"\x00\x12\xbb\x065.7.1", ("firmware", "5.7.1")),
    ],
)  # fmt: skip
def test_fields_are_told_by_name(kind: int, value: bytes, expected: tuple[str, str]) -> None:
    """One item a field, in the words of the standard."""
    assert told(START + field(kind, value) + END)[2:] == [expected]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (4, b""),
        (7, b"\x00"),
        (7, b"\x00\x80\x00\x00"),                       # nothing enabled
        (8, b""),
        (8, b"\x05\x01\xc0\x00"),                       # shorter than it says
        (8, b"\x07\x06" + MAC),                         # not an IP address
        (127, b"\x00\x12\xbb\x08SERIAL-1"),             # nobody needs it
        (127, b"\x00\x12\xbb\x0bASSET-1"),
        (127, b"\x00\x12\xbb"),
        (127, b"\x00\x80\xc2\x01\x00\x01"),
        (9, b"reserved"),
    ],
)  # fmt: skip
def test_other_fields_are_not_told(kind: int, value: bytes) -> None:
    """Empty, broken, private and unknown ones; serial and asset numbers on purpose."""
    assert told(START + field(kind, value) + END)[2:] == []


@pytest.mark.parametrize(
    ("subtype", "raw", "expected"),
    [
        (7, b"cam-7", "cam-7"),
        (5, b"\x01\xc0\x00\x02\x0a", "192.0.2.10"),
        (4, b"\x02\x00", "\\x02"),                     # a MAC of the wrong size is text
    ],
)
def test_a_chassis_may_be_text_or_an_address(subtype: int, raw: bytes, expected: str) -> None:
    """The subtype decides, the size must fit."""
    wire = field(1, bytes([subtype]) + raw) + PORT + TTL + END
    assert told(wire)[0] == ("chassis", expected)


def test_reading_ends_at_the_end_mark_and_at_a_cut() -> None:
    """What follows the end is padding; what a cut left is kept."""
    name = field(5, b"gate-cam-3")
    assert told(START + name + END + field(6, b"padding")) == told(START + name)
    assert told(START + name + field(6, b"cut here")[:-1]) == told(START + name)


@pytest.mark.parametrize(
    "wire",
    [
        b"", b"\x02", END, PORT + CHASSIS + TTL, CHASSIS + PORT, CHASSIS + PORT + field(3, b"\x01"),
        CHASSIS + field(5, b"x") + PORT + TTL,
    ],
)  # fmt: skip
def test_other_frames_are_not_lldp(wire: bytes) -> None:
    """Chassis, port and time to live come first, in this order."""
    assert lldp.parse(wire) == ()


def test_the_same_field_is_told_once_and_fields_are_bounded() -> None:
    """A frame of a thousand fields is no reason to write a thousand rows."""
    assert len(told(START + 5 * field(5, b"x"))) == 3
    many = b"".join(field(5, str(number).encode()) for number in range(1000))
    assert len(told(START + many)) == 63


@given(st.lists(st.tuples(st.integers(0, 127), st.binary(max_size=40)), max_size=12), st.integers(0, 60))
def test_no_fields_raise(fields: list[tuple[int, bytes]], cut: int) -> None:
    """Any fields, whole or cut; every value is one line of text."""
    wire = START + b"".join(field(kind, value) for kind, value in fields)
    for payload in (wire, wire[:-cut], wire[cut:]):
        assert all(item.value.isprintable() and item.value for item in lldp.parse(payload))
