# SPDX-License-Identifier: Apache-2.0
"""SMB: names of the shares that are opened, in both protocols."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import smb

Build = Callable[..., Message]
Read = Callable[..., list[Item]]


def frame(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(3, "big") + message


def two(command: int, body: bytes, *, answer: bool = False, following: int = 0) -> bytes:
    head = b"\xfeSMB\x40\0" + bytes(6) + command.to_bytes(2, "little") + bytes(2)
    return head + bytes([answer, 0, 0, 0]) + following.to_bytes(4, "little") + bytes(40) + body


def tree(path: str) -> bytes:
    raw = path.encode("utf-16-le")
    return b"\x09\0\0\0\x48\0" + len(raw).to_bytes(2, "little") + raw


def one(command: int, body: bytes, *, answer: bool = False, unicode: bool = True) -> bytes:
    flags = bytes([0x80 if answer else 0x18]) + (b"\x01\xc8" if unicode else b"\x01\x48")
    return b"\xffSMB" + bytes([command]) + bytes(4) + flags + bytes(20) + body


def andx_tree(path: bytes, password: bytes = b"\0", pad: bytes = b"") -> bytes:
    data = password + pad + path + b"?????\0"
    words = b"\x04\xff\0\0\0\x08\0" + len(password).to_bytes(2, "little")
    return words + len(data).to_bytes(2, "little") + data


def test_a_share_of_smb_2(whole_or_not: Read) -> None:
    """The name, and the server as the client calls it."""
    wire = (
        frame(two(0, bytes(36)))
        + frame(two(3, tree("\\\\nas.example\\überwachung")))
        + frame(two(9, bytes(99)))
    )
    assert whole_or_not(smb.Reader, wire) == [Item("smb_share", "überwachung", "SMB 2, server nas.example")]


def test_every_share_is_told_once(read: Read) -> None:
    """Also those of a compound."""
    first = two(3, tree("\\\\s\\IPC$") + bytes(4), following=0)
    first = two(3, tree("\\\\s\\IPC$") + bytes(4), following=len(first))
    wire = frame(first + two(3, tree("\\\\s\\video"))) * 2
    assert [item.value for item in read(smb.Reader(), wire)] == ["IPC$", "video"]


def test_answers_tell_nothing(read: Read) -> None:
    """They have other fields at the same places."""
    assert read(smb.Reader(), frame(two(3, tree("\\\\s\\a"), answer=True))) == []
    assert read(smb.Reader(), frame(one(0x75, andx_tree(b"a\0"), answer=True))) == []


def test_a_share_of_smb_1(whole_or_not: Read) -> None:
    """In Unicode aligned, in the code page not."""
    wide = "\\\\NAS\\CAM".encode("utf-16-le") + b"\0\0"
    wire = b"\x81\0\0\x44" + b"\x20" * 68 + frame(one(0x75, andx_tree(wide)))
    wire += frame(one(0x75, andx_tree(b"\\\\NAS\\OLD\0"), unicode=False))
    assert whole_or_not(smb.Reader, wire) == [
        Item("smb_share", "CAM", "SMB 1, server NAS"), Item("smb_share", "OLD", "SMB 1, server NAS")
    ]  # fmt: skip


def test_a_share_behind_the_set_up_of_a_session(read: Read) -> None:
    """Most clients of SMB 1 send both at once."""
    setup = b"\x02\x75\0" + (32 + 7).to_bytes(2, "little") + b"\0\0"
    wire = frame(one(0x73, setup + andx_tree(b"\\\\S\\X\0", password=b"12"), unicode=False))
    assert [item.value for item in read(smb.Reader(), wire)] == ["X"]


def test_big_frames_are_stepped_over(whole_or_not: Read) -> None:
    """What is written is not read."""
    wire = frame(two(9, b"d" * 70000)) + frame(two(3, tree("\\\\s\\after")))
    assert [item.value for item in whole_or_not(smb.Reader, wire)] == ["after"]


@pytest.mark.parametrize(
    "wire",
    [
        b"GET / HTTP/1.1\r\n",
        frame(b"SMB2" + bytes(60)),
        b"\x81\x7f\xff\xff" + bytes(60),
        b"\x16\x03\x01" + bytes(9),
    ],
)
def test_other_traffic_is_not_smb(segment: Build, wire: bytes) -> None:
    """Another magic, a session request that is none."""
    assert smb.Reader()(wire, segment(wire))[0] is Verdict.NOT_MINE


def test_a_loop_of_commands_ends(read: Read) -> None:
    """A chain that leads back to itself, in both protocols."""
    assert read(smb.Reader(), frame(one(0x2E, b"\x02\x2e\0\x20\0\0\0" + bytes(20)))) == []
    assert read(smb.Reader(), frame(two(5, bytes(8), following=64) * 20)) == []


def test_what_is_told_is_bounded(read: Read) -> None:
    """Shares without end."""
    wire = b"".join(frame(two(3, tree(f"\\\\s\\{number}"))) for number in range(100))
    assert len(read(smb.Reader(), wire)) == smb.MAX_TOLD


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_raise(read: Read, tail: bytes, cut: bool) -> None:
    """Any message behind a sound header."""
    for message in (two(3, tail), one(0x75, tail), one(0x73, tail), b"\xfeSMB" + tail, b"\xffSMB" + tail):
        read(smb.Reader(), frame(message), cut=cut)
        read(smb.Reader(), b"\0\0\x10\0" + message, cut=cut)
