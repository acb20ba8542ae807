# SPDX-License-Identifier: Apache-2.0
"""pcapng: sections, interfaces, the three packet blocks, statistics, and damage."""

import io
import struct

import dpkt
import pytest

T = 1_700_000_000_123_456


@pytest.mark.parametrize("order", ["<", ">"])
def test_three_kinds_of_packet_blocks(make, order):
    """Enhanced, simple and obsolete blocks are frames; a simple one takes the time before it."""
    data = (
        make.section(order) + make.interface(order=order) + make.enhanced(0, T, b"one", 60, order)
        + make.simple(b"two", 3, order) + make.obsolete(0, T + 5, b"three", order=order)
    )  # fmt: skip
    rows, facts = make.read(data)
    assert rows == [
        (T * 1000, 3, 60, 1, b"one"),
        (T * 1000, 3, 3, 1, b"two"),
        (T * 1000 + 5000, 5, 5, 1, b"three"),
    ]
    assert facts.files[0].format == f"pcapng, {'little' if order == '<' else 'big'}-endian"


def test_each_interface_has_its_own_scale_and_link(make):
    """Resolution, offset and link type are those of the frame's interface, not of the first."""
    data = (
        make.section()
        + make.interface(1, 96, [(2, b"eth0")])
        + make.interface(101, 0, [(2, b"tun0"), (9, b"\x09")])
        + make.interface(113, 0, [(9, b"\x8a"), (14, struct.pack("<q", 1000))])
        + make.enhanced(2, 1536, b"c") + make.enhanced(1, 7, b"b") + make.enhanced(0, 7, b"a")
    )  # fmt: skip
    rows, facts = make.read(data)
    assert [(row[0], row[3]) for row in rows] == [(1_001_500_000_000, 113), (7, 101), (7000, 1)]
    assert [(face.name, face.link, face.snaplen, face.packets) for face in facts.interfaces] == [
        ("eth0", 1, 96, 1), ("tun0", 101, None, 1), ("", 113, None, 1),
    ]  # fmt: skip


def test_a_new_section_forgets_interfaces_and_may_turn_the_byte_order(make):
    """Sections of both byte orders in one file (concatenated captures) are read on."""
    data = b"".join(
        make.section(order) + make.interface(link, order=order) + make.enhanced(0, T, b"x", order=order)
        for order, link in (("<", 1), (">", 101), ("<", 113))
    )
    assert [row[3] for row in make.read(data)[0]] == [1, 101, 113]


def test_simple_packet_is_cut_by_the_snap_length(make):
    """A simple block has no captured length: wire length, block and snap length bound it."""
    data = make.section() + make.interface(1, 8) + make.simple(bytes(8), 500)
    assert make.read(data)[0][0][1:3] == (8, 500)


def test_counters_of_statistics_blocks(make):
    """Received and dropped counts of the last statistics block of an interface are told."""
    data = make.section() + make.interface() + make.interface(101)
    for received, dropped in ((5, 0), (90, 4)):
        opts = [(4, struct.pack("<Q", received)), (5, struct.pack("<Q", dropped))]
        data += make.enhanced(0, T, b"x") + make.statistics(0, opts)
    first, second = make.read(data)[1].interfaces
    assert (first.received, first.dropped, first.packets) == (90, 4, 2)
    assert (second.received, second.dropped) == (None, None)


def test_drop_counts_of_obsolete_blocks_add_up(make):
    """Obsolete packet blocks tell the drops since the packet before; 0xFFFF is unknown."""
    data = make.section() + make.interface()
    data += b"".join(make.obsolete(0, T, b"x", drops=drops) for drops in (3, 0xFFFF, 4))
    assert make.read(data)[1].interfaces[0].dropped == 7


def test_counters_begin_anew_with_a_section(make):
    """Packets and drops of one section are not counted again in the next."""
    one = make.section() + make.interface() + make.enhanced(0, T, b"x") + make.obsolete(0, T, b"x", drops=3)
    facts = make.read(one + one)[1].interfaces[0]
    assert (facts.packets, facts.dropped) == (4, 6)


def test_foreign_blocks_are_passed_over(make):
    """Name resolution, secrets and custom blocks, also long ones, stand in nobody's way."""
    data = make.section() + make.interface() + make.block(4, bytes(40)) + make.block(0xBAD, bytes(1 << 20))
    data += make.enhanced(0, T, b"x", opts=[(1, b"a comment")]) + make.block(0x0A, bytes(5000))
    rows, facts = make.read(data)
    assert len(rows) == 1
    assert facts.files[0].damage == ""


def test_interface_names_are_made_printable(make):
    """A name out of the file can never bring control characters into the ledger."""
    data = make.section() + make.interface(opts=[(2, b"eth0\x1b[31m\n\xff" + b"x" * 500)])
    name = make.read(data)[1].interfaces[0].name
    assert name.startswith("eth0\\x1b[31m\\n�xxx")
    assert len(name) <= 255


@pytest.mark.parametrize(
    "tail, words",
    [
        (lambda make: make.enhanced(1, T, b"x"), "record 2 is of an interface that is not described"),
        (lambda make: make.enhanced(0, T, b"x")[:-4] + b"\x01\0\0\0",
         "record 2 (a block of type 6) ends with another length"),
        (lambda make: struct.pack("<III", 6, 0, 0), "record 2 (a block of type 6) says 0 bytes"),
        (lambda make: struct.pack("<III", 9, 0x7FFFFFFC, 0), "record 2 (a block of type 9) says 2.1 GB"),
        (lambda make: make.enhanced(0, T, b"")[:20].replace(b"\x20", b"\x28") + struct.pack("<I", 9999)
         + bytes(12) + b"\x28\0\0\0",
         "record 2 says 10.0 kB in a block of 40 bytes"),
        (lambda make: make.block(1, b""), "record 2 (a block of type 1) says 12 bytes"),
        (lambda make: make.section(version=(2, 0)), "record 2 (a section header) says pcapng version 2.0"),
        (lambda make: make.block(0x0A0D0D0A, bytes(16)),
         "record 2 (a section header) has no byte-order mark"),
    ],
)  # fmt: skip
def test_damage_is_told_in_words(make, tail, words):
    """Whatever is wrong with a block, frames before it stay and the line says what it was."""
    good = make.section() + make.interface() + make.enhanced(0, T, b"good")
    rows, facts = make.read(good + tail(make) + bytes(100))
    assert len(rows) == 1
    assert words in facts.files[0].damage
    assert f"damaged from byte {len(good)} on" in facts.files[0].damage
    assert facts.files[0].damaged_tail_bytes == len(tail(make)) + 100


def test_dpkt_reads_the_same(make):
    """dpkt agrees on a file of one interface, the only kind it reads right."""
    data = make.section() + make.interface()
    data += b"".join(make.enhanced(0, T + i * 999_983, bytes([i]) * i) for i in range(40))
    twin = [(round(ts * 1e6) * 1000, bytes(raw)) for ts, raw in dpkt.pcapng.Reader(io.BytesIO(data))]
    assert [(row[0], row[4]) for row in make.read(data)[0]] == twin


def test_interface_flood_is_bounded(make):
    """A file of nothing but interfaces ends as damage, and the table of facts stays small."""
    data = make.section() + b"".join(make.interface(link) for link in range(1, 5000))
    data += make.enhanced(4998, T, b"x")
    rows, facts = make.read(data)
    assert rows[0][3] == 4999
    assert len(facts.interfaces) == 4096
    assert facts.interfaces[-1].name == "(further interfaces)"
    assert facts.interfaces[-1].packets == 1
