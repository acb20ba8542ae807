# SPDX-License-Identifier: Apache-2.0
"""No credential passes, and what is not a credential stays readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.dissect.redact import HIDDEN, LONGEST, SHOWN, SUMMARISED, path_only, redacted, summary


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://admin:S3cret!pw@10.0.0.1:554/Streaming",
        "rtsp://admin:p@S3cret!p@ss@10.0.0.1/x",
        "REGISTER sip:3402000000:S3cret!pw@34020000.example",
        "GET /cgi-bin/snapshot.cgi?user=admin&pwd=S3cret!pw HTTP/1.1",
        "GET /a?x=1&loginuse=admin&loginpas=S3cret!pw HTTP/1.1",
        "Authorization: Basic S3cret!pw",
        'authorization: Digest username="admin", response="S3cret!pw"',
        "Proxy-Authorization: Basic S3cret!pw",
        "Cookie: WebSession=S3cret!pw",
        "Set-Cookie: sid=S3cret!pw; HttpOnly",
        "X-Auth-Token: S3cret!pw",
        "Bearer S3cret!pw",
        '{"password": "S3cret!pw"}',
        "password=S3cret!pw",
        "PASSWD = S3cret!pw",
        "verifyCode=S3cret!pw",
        "api_key: 'S3cret!pw'",
        "<token>S3cret!pw</token> token=S3cret!pw"[24:],
    ],
)
def test_credentials_are_hidden(text):
    """Wherever cameras are known to put them."""
    assert "S3cret" not in redacted(text)


def test_keys_and_pictures_are_not_spelled_out():
    """A long run of base64 or hex is named, not shown."""
    assert redacted("data " + "QUJD" * 30) == "data (long value)"


@pytest.mark.parametrize(
    "text",
    [
        "Standard query 0x1a2b A litedev.hik-connect.com",
        "40000 → 443 [SYN] Seq=0 Win=64240 Len=0 MSS=1460",
        "Client Hello, SNI=eu.hik-connect.com",
        "GET /onvif/device_service HTTP/1.1",
        "rtsp://10.0.0.1:554/Streaming/Channels/101",
        "Binding Success Response XOR-MAPPED-ADDRESS: 203.0.113.9:31006",
    ],
)
def test_ordinary_summaries_stay_as_they_are(text):
    """A summary without a secret is worth reading."""
    assert redacted(text) == text


def test_a_path_loses_its_query_even_without_a_known_name():
    """Anything may stand there."""
    assert path_only("/snap.jpg?a") == "/snap.jpg?(hidden)"
    assert path_only("/snap.jpg") == "/snap.jpg"


@pytest.mark.parametrize(
    "protocol", ["FTP", "TELNET", "SMTP", "POP", "IMAP", "LDAP", "SNMP", "data", "XMPP/XML", ""]
)
def test_protocols_whose_summary_is_content_are_not_summarised(protocol):
    """FTP's summary is "Request: PASS ..."."""
    assert summary(protocol, "Request: PASS hunter2") == "content not shown"


def test_no_secret_field_is_on_the_list():
    """Fields are shown from a list; the list has no credential and no content."""
    fields = " ".join(field for row in SHOWN.values() for field, _ in row).lower()
    for word in ("pass", "auth", "cookie", "secret", "token", "file_data", "msg", "payload", "username"):
        assert word not in fields


def test_content_protocols_are_not_summarised():
    """The safe list stays a list of header protocols."""
    assert not SUMMARISED & {"FTP", "TELNET", "SMTP", "POP", "IMAP", "data", "XML", "JSON", "SNMP"}


@given(st.text(max_size=3000))
def test_any_text_becomes_one_short_printable_line(text):
    """Hostile text neither breaks the screen nor fills it."""
    line = redacted(text)
    assert line.isprintable()
    assert len(line) <= LONGEST


def test_a_password_before_a_host_is_hidden_without_a_scheme():
    """As some clients write it into the Host header; times and ports are no passwords."""
    assert redacted("admin:S3cret@cam.example") == f"{HIDDEN}@cam.example"
    assert redacted("cam.example:8080") == "cam.example:8080"
    assert redacted("sip:6000@192.0.2.1") == "sip:6000@192.0.2.1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /a/user%3Dadmin%26pwd%3Dabc%26x%3D1 HTTP/1.1",
         f"GET /a/user%3D{HIDDEN}%26pwd%3D{HIDDEN}%26x%3D1 HTTP/1.1"),
        ("Request: REGISTER sip:34020000001320000001@3402000000",
         "Request: REGISTER sip:3402000000132*******@3402000000"),
    ],
)  # fmt: skip
def test_what_names_a_user_or_a_device_in_other_forms(text, shown):
    """Percent-encoded parameters, and identifiers of GB/T 28181."""
    assert redacted(text) == shown
