# SPDX-License-Identifier: Apache-2.0
"""SMTP: greetings, domains, kinds of attachment; no addresses, subjects or passwords."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import smtp

Build = Callable[..., Message]
Read = Callable[..., list[Item]]

ALARM = (
    b"EHLO ipcamera\r\nAUTH LOGIN\r\nYWRtaW4=\r\nZ2VoZWlt\r\n"
    b"MAIL FROM:<front.door@cam.example.com> SIZE=9\r\n"
    b"RCPT TO: <Owner@Mail.Example.net>\r\nDATA\r\nFrom: front.door@cam.example.com\r\n"
    b"Subject: Motion at gate\r\n"
    b"X-Mailer: CamMail 1.0\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b1"\r\n\r\n--b1\r\n'
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nSomebody was seen\r\n--b1\r\n"
    b"Content-Type: image/jpeg;\r\n"
    b' name="AB123CD_gate.jpg"\r\nContent-Transfer-Encoding: base64\r\n\r\n/9j/4AAQSkZJRg==\r\n'
    b"--b1--\r\n.\r\nQUIT\r\n"
)


def test_a_server_greets(whole_or_not: Read) -> None:
    """Only the first 220 is a greeting: the one after STARTTLS is an answer."""
    wire = b"220 mx.example.net ESMTP ready\r\n250-mx.example.net\r\n250 STARTTLS\r\n220 go ahead\r\n"
    assert whole_or_not(smtp.Reader, wire) == [Item("smtp_banner", "mx.example.net ESMTP ready", "")]


def test_an_alarm_mail_tells_domains_and_kinds(whole_or_not: Read) -> None:
    """And neither who, nor what about, nor what it shows."""
    told = whole_or_not(smtp.Reader, ALARM)
    assert told == [
        Item("smtp_helo", "ipcamera", ""), Item("smtp_mail", "cam.example.com", "from"),
        Item("smtp_mail", "mail.example.net", "to"), Item("smtp_mailer", "CamMail 1.0", ""),
        Item("smtp_attachment", "image/jpeg", "jpg"),
    ]  # fmt: skip
    secrets = ("YWRtaW4", "Z2Vo", "front.door", "Owner", "gate", "AB123", "Somebody")
    assert not any(secret in repr(told) for secret in secrets)


@pytest.mark.parametrize(
    ("part", "item"),
    [
        (b"Content-Type: image/png\r\nContent-Disposition: attachment; filename=a.png\r\n\r\n",
         Item("smtp_attachment", "image/png", "png")),
        (b"Content-Type: video/mp4\r\n\r\n", Item("smtp_attachment", "video/mp4", "")),
        (b'content-type: application/octet-stream; name="x.H264"\r\n\r\n',
         Item("smtp_attachment", "application/octet-stream", "h264")),
        (b"Content-Type: text/plain; name=log.txt\r\n\r\n", Item("smtp_attachment", "text/plain", "txt")),
    ],
)  # fmt: skip
def test_kinds_of_attachment(read: Read, part: bytes, item: Item) -> None:
    """However the file is named, or not at all."""
    assert read(smtp.Reader(), b"DATA\r\n" + part) == [item]


def test_the_end_of_a_message_is_seen(read: Read) -> None:
    """Commands are read again after the dot."""
    wire = b"DATA\r\nMAIL FROM:<a@inside.example>\r\n.\r\nMAIL FROM:<a@outside.example>\r\n"
    assert read(smtp.Reader(), wire) == [Item("smtp_mail", "outside.example", "from")]


def test_an_empty_sender_has_no_domain(read: Read) -> None:
    """RFC 5321 §4.5.5: bounces."""
    assert read(smtp.Reader(), b"MAIL FROM:<>\r\nRCPT TO:<postmaster>\r\n") == []


def test_tls_is_left_to_the_engine(segment: Build) -> None:
    """After STARTTLS."""
    reader = smtp.Reader()
    assert reader(b"STARTTLS\r\n", segment(b""))[0] is Verdict.MATCH
    assert reader(b"\x16\x03\x01\x02\x00\x01\n", segment(b""))[0] is Verdict.NOT_MINE


@pytest.mark.parametrize("wire", [b"hello\r\n", b"\0\n", b"USER a\r\n", b"x" * 3000])
def test_other_traffic_is_not_smtp(segment: Build, wire: bytes) -> None:
    """Unknown words, lines without end."""
    assert smtp.Reader()(wire, segment(wire))[0] is Verdict.NOT_MINE


def test_a_long_line_within_a_message_is_passed(segment: Build) -> None:
    """Some senders do not wrap what is attached."""
    reader = smtp.Reader()
    reader(b"DATA\r\n", segment(b""))
    assert reader(b"A" * 5000, segment(b"")) == (Verdict.MATCH, (), 5000)


def test_what_is_told_is_bounded(read: Read) -> None:
    """A list of receivers without end."""
    wire = b"".join(b"RCPT TO:<a@h%d.example>\r\n" % number for number in range(500))
    assert len(read(smtp.Reader(), wire)) == smtp.MAX_TOLD


@given(
    st.lists(
        st.sampled_from([
            b"220 x", b"DATA", b"MAIL FROM:", b"<a@b>", b"\r\n", b".", b"Content-Type: a/b", b"; name=",
            b'"', b"\n ",
            b"AUTH", b"\xff\x16", b"@",
        ])
    )
)  # fmt: skip
def test_no_bytes_raise(read: Read, parts: list[bytes]) -> None:
    """Any lines."""
    read(smtp.Reader(), b"".join(parts))
