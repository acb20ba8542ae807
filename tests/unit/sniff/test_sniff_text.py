# SPDX-License-Identifier: Apache-2.0
"""Text from the wire is safe to show, and URLs have lost their credentials."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.sniff.text import (
    NAME_LIMIT,
    TEXT_LIMIT,
    escaped,
    path_only,
    printable,
    url,
    without_credentials,
)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"DS-2CD2143", "DS-2CD2143"),
        ("Kamera Ä – 门口".encode(), "Kamera Ä – 门口"),
        (b"a\tb\r\nc", "a\\tb\\r\\nc"),
        (b"\x1b[31mred\x1b[0m\x07", "\\x1b[31mred\\x1b[0m\\x07"),
        ("\u202egpj.exe".encode(), "\\u202egpj.exe"),
        ("a\u200bb\u2028c\x85d".encode(), "a\\u200bb\\u2028c\\x85d"),
        (b"", ""),
    ],
)
def test_control_and_direction_characters_are_escaped(raw: bytes, text: str) -> None:
    """A terminal, a log or a table can show the text without harm."""
    assert printable(raw) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"J\xe4ger", "J\ufffdger"),
        (b"w\xf7\xbf\xdev", "w\ufffd\ufffdv"),      # a four-byte form beyond Unicode, then a lone lead byte
        (b"n\xfb\xbdq", "n\ufffdq"),                # a five-byte form of RFC 2279
        (b"m\xed\xbfd", "m\ufffdd"),                # a surrogate
        (b"x\xc0\x80y\xe0\x80\x80z", "x\ufffdy\ufffdz"),  # overlong
        (b"\x80\x80", "\ufffd\ufffd"),
        (b"\xe2\x82", "\ufffd"),
    ],
)
def test_ill_formed_utf8_is_replaced_as_tshark_does(raw: bytes, text: str) -> None:
    """One replacement stands for what looks like one character of the first UTF-8."""
    assert printable(raw) == text


@given(st.binary(max_size=300), st.integers(0, 64))
def test_any_bytes_become_short_visible_text(raw: bytes, limit: int) -> None:
    """No input raises, exceeds the limit or leaves a control character."""
    text = printable(raw, limit)
    assert len(text) <= limit
    assert not [c for c in text if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs")]


@given(st.text(max_size=100))
def test_decoded_text_follows_the_same_rule(text: str) -> None:
    """Text and its UTF-8 bytes give the same result."""
    assert escaped(text.encode("utf-8", "replace").decode()) == printable(text.encode("utf-8", "replace"))


def test_a_long_text_is_cut_and_no_escape_is_cut_in_half() -> None:
    """The limit counts what is written."""
    assert printable(b"x" * 1000) == "x" * TEXT_LIMIT
    assert printable(b"\x00" * 100, 10) == "\\x00\\x00"
    assert len(printable("é".encode() * 1000, NAME_LIMIT)) == NAME_LIMIT


@pytest.mark.parametrize(
    ("given_url", "kept"),
    [
        ("rtsp://10.0.0.1:554/live", "rtsp://10.0.0.1:554/live"),
        ("rtsp://admin:12345@10.0.0.1/live", "rtsp://10.0.0.1/live"),
        ("rtsp://admin:pa/ss?w#rd@10.0.0.1/live", "rtsp://10.0.0.1/live"),
        ("rtsp://admin:a@b@10.0.0.1/live", "rtsp://10.0.0.1/live"),
        (
            "rtsp://10.0.0.1/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream",
            "rtsp://10.0.0.1/user=_password=_channel=1_stream=0.sdp?real_stream",
        ),
        (
            "rtsp://10.0.0.1/cam/realmonitor?channel=1&subtype=0&Password=x&token=y",
            "rtsp://10.0.0.1/cam/realmonitor?channel=1&subtype=0&Password=&token=",
        ),
        ("/snapshot.cgi?loginuse=a&loginpas=b&pwd=c", "/snapshot.cgi?loginuse=&loginpas=&pwd="),
    ],
)
def test_urls_lose_user_password_and_secrets(given_url: str, kept: str) -> None:
    """What stays says which stream; what goes would open it."""
    assert without_credentials(given_url) == kept


def test_credentials_are_taken_out_before_the_text_is_cut() -> None:
    """A password longer than the limit leaves nothing of itself."""
    assert url(b"rtsp://admin:" + b"s" * 2000 + b"@10.0.0.1/live") == "rtsp://10.0.0.1/live"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/v2/sync?hmac=abc&seq=9", "/v2/sync"),
        (b"http://user:pass@example.com/a#b", "http://example.com/a"),
        (b"*", "*"),
        (b"/a\x00b?c", "/a\\x00b"),
        (b"/" + b"x" * 900, "/" + "x" * 511),
    ],
)
def test_a_request_target_keeps_its_path_only(target: bytes, path: str) -> None:
    """Query strings carry serial numbers and tokens."""
    assert path_only(target) == path


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/a/user%3dadmin%26pwd%3Dabc%26x%3D1", "/a/user%3d%26pwd%3D%26x%3D1"),
        (b"/a/pwd%3Da=b/c", "/a/pwd%3D/c"),
    ],
)
def test_credentials_in_disguise_are_credentials(target: bytes, path: str) -> None:
    """Percent-encoded as some clients send what they were given."""
    assert path_only(target) == path
