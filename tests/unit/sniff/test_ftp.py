# SPDX-License-Identifier: Apache-2.0
"""FTP: greetings and verbs; no names, paths or passwords."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import ftp

Build = Callable[..., Message]
Read = Callable[..., list[Item]]

SESSION = (
    b"USER camera7\r\nPASS geheim\r\nTYPE I\r\nCWD /upload/front door\r\nPASV\r\n"
    b"STOR 20260101_AB123CD.jpg\r\n"
    b"STOR 2.jpg\r\nSTOR clip.MP4\r\nQUIT\r\n"
)


def test_a_greeting_is_told(whole_or_not: Read) -> None:
    """Of one line, and without the replies after it."""
    wire = b"220 IPCamera FtpServer(www.example.com) ready\r\n331 hello admin\r\n220 again\r\n"
    assert whole_or_not(ftp.Reader, wire) == [
        Item("ftp_banner", "IPCamera FtpServer(www.example.com) ready", "")
    ]


def test_a_greeting_of_several_lines_is_one(whole_or_not: Read) -> None:
    """RFC 959 §4.2: the lines between need no code."""
    wire = b"220-Welcome\r\n to the\r\n220-archive\r\n220 ready\r\n"
    assert whole_or_not(ftp.Reader, wire) == [Item("ftp_banner", "Welcome to the archive ready", "")]


def test_verbs_are_told_once_and_without_names(whole_or_not: Read) -> None:
    """Of a file the extension, of a user that there is one."""
    told = whole_or_not(ftp.Reader, SESSION)
    assert told == [
        Item("ftp_command", "USER", "user name given"), Item("ftp_command", "STOR", "jpg"),
        Item("ftp_command", "STOR", "mp4"),
    ]  # fmt: skip
    assert not any(secret in repr(told) for secret in ("geheim", "camera7", "AB123CD", "front"))


@pytest.mark.parametrize(
    ("line", "item"),
    [
        (b"user anonymous", Item("ftp_command", "USER", "anonymous")),
        (b"AUTH tls", Item("ftp_command", "AUTH", "TLS")),
        (b"STOU", Item("ftp_command", "STOU", "")),
        (b"\xff\xf4\xf2APPE a.b/c", Item("ftp_command", "APPE", "")),
        (b"RNTO x.jpeg", Item("ftp_command", "RNTO", "jpeg")),
    ],
)
def test_one_command(read: Read, line: bytes, item: Item) -> None:
    """In either case, also behind Telnet's interrupt."""
    assert read(ftp.Reader(), line + b"\r\n") == [item]


def test_tls_is_left_to_the_engine(segment: Build) -> None:
    """After AUTH the hello is nobody's line."""
    reader = ftp.Reader()
    reader(b"AUTH TLS\r\n", segment(b""))
    assert reader(b"\x16\x03\x01\x02\x00\x01\n", segment(b""))[0] is Verdict.NOT_MINE


@pytest.mark.parametrize(
    "wire", [b"hello world\r\n", b"XYZW a\r\n", b"GET / HTTP/1.1\r\n", b"\0\0\r\n", b"x" * 1100]
)
def test_other_traffic_is_not_ftp(segment: Build, wire: bytes) -> None:
    """Unknown verbs at the beginning, lines without end."""
    assert ftp.Reader()(wire, segment(wire))[0] is Verdict.NOT_MINE


def test_what_is_told_is_bounded(read: Read) -> None:
    """An attacker sends new extensions for ever."""
    wire = b"".join(b"STOR a.%d\r\n" % number for number in range(500))
    assert len(read(ftp.Reader(), wire)) == ftp.MAX_TOLD


def test_a_cut_line_does_not_wait(segment: Build) -> None:
    """What the capture does not hold will not come."""
    assert ftp.Reader()(b"STOR a", segment(b"STOR a", length=20))[0] is Verdict.NOT_MINE


@given(
    st.lists(
        st.sampled_from([b"220", b"-", b" ", b"\r\n", b"\n", b"USER", b"STOR a.b", b"\xff", b"\0", b"AUTH"])
    )
)
def test_no_bytes_raise(read: Read, parts: list[bytes]) -> None:
    """Any lines; what is told is short."""
    for item in read(ftp.Reader(), b"".join(parts)):
        assert len(item.value) <= 512


@pytest.mark.parametrize("argument", [b"hunter2", b"PLAIN aHVudGVyMg==", b""])
def test_what_is_no_mechanism_is_not_told(read: Read, argument: bytes) -> None:
    """Somebody may put a password there."""
    told = read(ftp.Reader(), b"AUTH " + argument + b"\r\n")
    assert told == [Item("ftp_command", "AUTH", "other")]
