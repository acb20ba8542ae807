# SPDX-License-Identifier: Apache-2.0
"""Every broken capture in this folder is read up to its damage, in exactly the words that stand beside it."""

from __future__ import annotations

import gzip
import lzma
import struct
import zlib
from pathlib import Path

import pytest

from egresswatch.source import open_replay

HERE = Path(__file__).parent


def pcap(frames: int, order: str = "<", version: tuple[int, int] = (2, 4)) -> bytes:
    """A pcap file of frames that hold their own number."""
    out = struct.pack(order + "IHHiIII", 0xA1B2C3D4, *version, 0, 0, 65535, 1)
    for n in range(frames):
        out += struct.pack(order + "IIII", 1_700_000_000 + n, 0, 60, 60) + bytes([n]) * 60
    return out


def block(kind: int, body: bytes) -> bytes:
    """A pcapng block."""
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def packet(which: int, payload: bytes) -> bytes:
    """An enhanced packet block at 1 700 000 000 s."""
    ticks = 1_700_000_000_000_000
    head = struct.pack("<IIIII", which, ticks >> 32, ticks & 0xFFFFFFFF, len(payload), len(payload))
    return block(6, head + payload)


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
INTERFACE = block(1, struct.pack("<HHI", 1, 0, 65535))
GOOD = SECTION + INTERFACE + packet(0, b"good")
XZ_GREEDY = b"\x02\x00\x21\x01\x28\x00\x00\x00"  # a block header that asks for a 4 GiB dictionary
XZ_CHECK = struct.pack("<I", zlib.crc32(XZ_GREEDY))

CASES = {
    "empty.pcap": b"",
    "text.pcap": b"this is no capture\n",
    "zip.pcap": b"PK\x03\x04" + bytes(30),
    "short_magic.pcap": b"\xd4\xc3\xb2",
    "cut_header.pcap": pcap(0)[:17],
    "version_1.pcap": pcap(1, version=(1, 7)),
    "cut_record_header.pcap": pcap(3)[:-70],
    "cut_frame.pcap": pcap(3)[:-1],
    "absurd_length.pcap": pcap(2) + struct.pack("<IIII", 1_700_000_002, 0, 3_941_000_000, 60) + bytes(300),
    "text_in_the_middle.pcap": pcap(2) + b"lost+found: overwritten by somebody else\n" * 9,
    "absurd_length_big_endian.pcap": pcap(2, ">") + struct.pack(">IIII", 0, 0, 0x10000000, 0),
    "cut_section.pcapng": SECTION[:20],
    "no_byte_order.pcapng": block(0x0A0D0D0A, bytes(16)),
    "version_2.pcapng": block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 2, 0, -1)),
    "cut_block.pcapng": (GOOD + packet(0, bytes(100)))[:-3],
    "unknown_interface.pcapng": GOOD + packet(7, b"what") + packet(0, b"lost"),
    "no_interface.pcapng": SECTION + packet(0, b"what"),
    "lengths_differ.pcapng": GOOD + packet(0, b"what")[:-4] + b"\x99\0\0\0" + packet(0, b"lost"),
    "zero_tail.pcapng": GOOD + bytes(512),
    "odd_block_length.pcapng": GOOD + struct.pack("<II", 6, 33) + bytes(25),
    "frame_beyond_block.pcapng": GOOD + block(6, struct.pack("<IIIII", 0, 0, 0, 5000, 5000) + bytes(8)),
    "second_section_broken.pcapng": GOOD + block(0x0A0D0D0A, bytes(16)),
    "cut.snoop": b"snoop\0\0\0" + struct.pack(">I", 2),
    "version_9.snoop": b"snoop\0\0\0" + struct.pack(">II", 9, 4),
    "short_record.snoop": b"snoop\0\0\0" + struct.pack(">IIIIIIII", 2, 4, 60, 60, 10, 0, 0, 0),
    "cut.pcap.gz": gzip.compress(pcap(30), mtime=0)[:150],
    "cut_at_once.pcap.gz": gzip.compress(pcap(30), mtime=0)[:12],
    "garbage_behind.pcap.gz": gzip.compress(pcap(2), mtime=0) + b"garbage",
    "text.txt.gz": gzip.compress(b"no capture in here", mtime=0),
    "nothing.pcap.gz": gzip.compress(b"", mtime=0),
    "greedy.pcap.xz": lzma.compress(b"x")[:12] + XZ_GREEDY + XZ_CHECK + bytes(9),
    "no_frame.pcap.zst": b"\x28\xb5\x2f\xfd\xff\xff\xff",
}


def told(path: Path) -> str:
    """How many frames were read, and the lines told, the path shortened to FILE."""
    source = open_replay([str(path)])
    frames = sum(len(batch) for batch in source.batches())
    file = source.facts.files[0]
    lines = [f"frames: {frames}", *(f"error: {line}" for line in source.facts.errors)]
    if file.damage:
        lines.append(f"damage: {file.damage}")
    return "\n".join(lines).replace(str(path), "FILE") + "\n"


@pytest.mark.parametrize("name", CASES)
def test_the_damage_is_told_word_for_word(name):
    """Frames before the damage are read, and the line says what, where and how much."""
    path = HERE / name
    assert told(path) == path.with_name(name + ".txt").read_text(encoding="utf-8")


# what a packer makes depends on the library's version: the bytes in the folder stand
@pytest.mark.parametrize("name", [name for name in CASES if not name.endswith((".gz", ".xz"))])
def test_the_capture_is_what_the_table_says(name):
    """The bytes in the folder are those of the table, so that a reader can see what is wrong with them."""
    assert (HERE / name).read_bytes() == CASES[name]


def test_every_capture_here_is_in_the_table():
    """No file in the folder is forgotten."""
    there = {path.name for path in HERE.iterdir() if path.suffix not in (".txt", ".md", ".py", "")}
    assert there == set(CASES)


if __name__ == "__main__":
    for case, content in CASES.items():
        (HERE / case).write_bytes(content)
        (HERE / (case + ".txt")).write_text(told(HERE / case), encoding="utf-8")
