# SPDX-License-Identifier: Apache-2.0
"""GB/T 28181: kinds and regions out of identifiers, commands out of MANSCDP; no serial numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import gb28181, sip

Build = Callable[..., Message]

CAMERA, RECORDER, PLATFORM = b"31011500991320123456", b"31011500991180000007", b"31010000002000000001"
BODY = (
    b'<?xml version="1.0" encoding="GB2312"?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n<SN>43</SN>\r\n'
    b"<DeviceID>31011500991320123456</DeviceID>\r\n<Status>OK</Status>\r\n</Notify>\r\n"
)
MESSAGE = (
    b"MESSAGE sip:31010000002000000001@3101000000 SIP/2.0\r\n"
    b"From: <sip:31011500991180000007@3101150099>;tag=1\r\n"
    b"To: <sip:31010000002000000001@3101000000>\r\nContent-Type: Application/MANSCDP+xml\r\n"
    b"Content-Length: %d\r\n\r\n" % len(BODY)
) + BODY


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (CAMERA, "ipc"), (RECORDER, "nvr"), (PLATFORM, "platform"), (b"34020000001110000001", "dvr"),
        (b"34020000001340000001", "alarm input"), (b"34020000009990000001", "type 999"),
    ],
)  # fmt: skip
def test_kinds_by_the_digits_of_the_type(number: bytes, kind: str) -> None:
    """Digits 11 to 13 (annex D)."""
    assert gb28181.kind(number) == kind


def test_an_identifier_has_twenty_digits() -> None:
    """No more, no less, and wherever it stands in a URI."""
    assert gb28181.identity(b"sip:" + CAMERA + b"@3101") == CAMERA
    assert gb28181.identity(b"sip:" + CAMERA + b"1@3101") == b""
    assert gb28181.identity(CAMERA[:19]) == b""


def test_a_keepalive_of_a_recorder(datagram: Build) -> None:
    """Who, to whom, what for; the serial numbers stay out of it."""
    told = sip.parse(datagram(MESSAGE))
    assert told == (
        Item("gb28181", "nvr", "MESSAGE, region 31011500, to platform of region 31010000, Notify Keepalive"),
    )
    assert "0000007" not in repr(told)


def test_over_tcp_the_body_is_waited_for(segment: Build) -> None:
    """The command is in it."""
    verdict, _, _ = sip.parse_stream(MESSAGE[:-20], segment(b""))
    assert verdict is Verdict.NEED_MORE
    verdict, items, used = sip.parse_stream(MESSAGE + b"SIP", segment(b""))
    assert (verdict, used, len(items)) == (Verdict.MATCH, len(MESSAGE), 1)


def test_a_cut_body_still_tells_who(segment: Build) -> None:
    """Without the command."""
    cut = MESSAGE[: MESSAGE.index(b"<Notify>")]
    _, items, _ = sip.parse_stream(cut, segment(cut, length=len(MESSAGE)))
    assert [item.detail for item in items] == ["MESSAGE, region 31011500, to platform of region 31010000"]


def test_a_command_is_a_word(datagram: Build) -> None:
    """Anything else in its place is not told."""
    for odd in (b"", b"a b", b"31011500991320123456", b"<x>"):
        told = sip.parse(datagram(MESSAGE.replace(b"Keepalive", odd)))
        assert told is not None
        assert "Notify" not in told[0].detail


def test_ordinary_telephones_are_not_gb28181(datagram: Build) -> None:
    """Digits in a tag or a display name are no identifier."""
    wire = (
        b"MESSAGE sip:bob@h SIP/2.0\r\n"
        b'From: "31011500991320123456" <sip:alice@h>;tag=31011500991320123456\r\n'
        b"To: <sip:bob@h>\r\n\r\n"
    )
    assert sip.parse(datagram(wire)) == ()
