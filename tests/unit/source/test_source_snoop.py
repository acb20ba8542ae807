# SPDX-License-Identifier: Apache-2.0
"""Snoop files: link types, drop counter, damage."""

import struct

import pytest


@pytest.mark.parametrize("datalink, link", [(0, 1), (4, 1), (8, 10), (5, 104), (77, 65535)])
def test_datalink_types_become_link_types(make, datalink, link):
    """RFC 1761 numbers are turned into LINKTYPE numbers; unknown ones into one of no meaning."""
    rows, _ = make.read(make.snoop([(5_000_000_000, b"abcde", 60)], datalink=datalink))
    assert rows == [(5_000_000_000, 5, 60, link, b"abcde")]


def test_drop_counter_is_told(make):
    """The cumulative drop count of the last record stands for the file."""
    assert make.read(make.snoop([(0, b"x", 1)] * 3, drops=12))[1].interfaces[0].dropped == 12
    assert make.read(make.snoop([]))[1].interfaces[0].dropped is None


def test_damage_is_told(make):
    """A record shorter than its frame is damage from there on."""
    data = make.snoop([(0, b"abcd", 4)]) + struct.pack(">IIIIII", 9, 900, 30, 0, 0, 0) + bytes(6)
    rows, facts = make.read(data)
    assert len(rows) == 1
    said = facts.files[0].damage
    assert "record 2 says 900 captured bytes in a record of 30: damaged from byte 44 on" in said


def test_other_versions_are_refused(make):
    """Only version 2 was ever specified."""
    assert make.read(make.snoop([], version=3))[1].errors == [
        "standard input: its header says snoop version 3; only version 2 is known. Nothing was read from it."
    ]
