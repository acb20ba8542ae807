# SPDX-License-Identifier: Apache-2.0
"""Telnet: what is shown before the login, and nothing after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import telnet

Build = Callable[..., Message]
Read = Callable[..., list[Item]]

OPTIONS = b"\xff\xfd\x01\xff\xfd\x1f\xff\xfb\x01\xff\xfb\x03"


def test_the_text_before_the_question_is_told(whole_or_not: Read) -> None:
    """Options, terminal controls and superfluous blanks are gone."""
    wire = OPTIONS + b"\r\n\x1b[1mhi3518 \x1b[0mdevice\r\n\r\nlogin: "
    assert whole_or_not(telnet.Reader, wire, sport=23) == [Item("telnet_banner", "hi3518 device login:", "")]


def test_subnegotiations_are_options_too(read: Read) -> None:
    """RFC 855."""
    wire = b"\xff\xfa\x18\x01\xff\xf0" + OPTIONS + b"Welcome\r\nPassword:"
    assert read(telnet.Reader(), wire, sport=2323) == [Item("telnet_banner", "Welcome Password:", "")]


def test_nothing_after_the_question_is_told(read: Read) -> None:
    """Neither what a session shows nor another question."""
    wire = [OPTIONS, b"cam login: ", b"Password: ", b"# cat /etc/passwd\r\nroot:x:0:0\r\nlogin: "]
    assert read(telnet.Reader(), *wire, sport=23) == [Item("telnet_banner", "cam login:", "")]


def test_what_the_client_types_is_not_read(read: Read) -> None:
    """Only the side of the server's port is."""
    assert read(telnet.Reader(), OPTIONS + b"user: ", sport=40000, dport=23) == []


def test_a_server_without_question_is_not_waited_for(segment: Build) -> None:
    """Two kilobytes are enough."""
    reader = telnet.Reader()
    m = segment(b"", sport=23)
    assert reader(OPTIONS + b"x" * 100, m)[0] is Verdict.NEED_MORE
    assert reader(OPTIONS + b"x" * 2100, m)[:2] == (Verdict.MATCH, ())
    assert reader(b"login: ", m) == (Verdict.MATCH, (), 7)


@pytest.mark.parametrize("prompt", [b"Username:", b"user name : ", b"Account>", b"passcode:", b"LOGIN: "])
def test_questions(read: Read, prompt: bytes) -> None:
    """As they are put."""
    assert len(read(telnet.Reader(), OPTIONS + prompt, sport=23)) == 1


@given(
    st.lists(st.sampled_from([b"\xff", b"\xfa", b"\xf0", b"\xfb\x01", b"login:", b"\0", b"a\r\n", b"\x1b["]))
)
def test_no_bytes_raise(read: Read, parts: list[bytes]) -> None:
    """Any options, whole or not; told once at most."""
    assert len(read(telnet.Reader(), *parts, sport=23)) <= 1


def test_what_is_typed_is_not_told_with_a_question_that_was_late(read: Read) -> None:
    """Segments out of order bring question and answer at once: the first question ends it."""
    wire = OPTIONS + b"cam login: admin\r\nPassword: pw1\r\nlogin: "
    assert read(telnet.Reader(), wire, sport=23) == [Item("telnet_banner", "cam login:", "")]
