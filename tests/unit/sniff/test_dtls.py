# SPDX-License-Identifier: Apache-2.0
"""DTLS handshakes: one record, fragments in any order, encrypted and broken ones."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from egresswatch.demo import payloads
from egresswatch.records import Item, Message
from egresswatch.sniff import dtls

Build = Callable[..., Message]

_PLAIN = payloads.client_hello("turn.example", versions=(), record=False)[4:]
_AT = 2 + 32 + 1 + _PLAIN[34]
BODY = b"\xfe\xfd" + _PLAIN[2:_AT] + b"\0" + _PLAIN[_AT:]


def record(content: bytes, *, epoch: int = 0, kind: int = 22) -> bytes:
    """A DTLS 1.2 record."""
    return (
        bytes([kind])
        + b"\xfe\xfd"
        + epoch.to_bytes(2, "big")
        + bytes(6)
        + len(content).to_bytes(2, "big")
        + content
    )


def fragment(begin: int, end: int, *, number: int = 0, kind: int = 1, body: bytes = BODY) -> bytes:
    """Bytes of a handshake message."""
    return (
        bytes([kind]) + len(body).to_bytes(3, "big") + number.to_bytes(2, "big")
        + begin.to_bytes(3, "big") + (end - begin).to_bytes(3, "big") + body[begin:end]
    )  # fmt: skip


def names(items: tuple[Item, ...] | None) -> list[str]:
    """SNI values."""
    return [item.value for item in items or () if item.kind == "tls_sni"]


def test_a_hello_in_one_record(datagram: Build) -> None:
    """Name, and a fingerprint with JA4's d and the DTLS version."""
    items = dtls.Connection().feed(datagram(record(fragment(0, len(BODY)))))
    assert items is not None
    assert names(items) == ["turn.example"]
    assert items[1].value.startswith("dd2d")


def test_fragments_in_any_order(datagram: Build) -> None:
    """Each in a datagram of its own, one of them twice, two overlapping."""
    connection = dtls.Connection()
    found = [
        connection.feed(datagram(record(fragment(a, b))))
        for a, b in ((60, 120), (60, 120), (0, 70), (100, len(BODY)))
    ]
    assert [names(items) for items in found] == [[], [], [], ["turn.example"]]
    assert connection.held == 0


def test_two_fragments_in_one_record(datagram: Build) -> None:
    """And two records in one datagram."""
    content = fragment(0, 50) + fragment(50, 100)
    assert names(dtls.Connection().feed(datagram(record(content) + record(fragment(100, len(BODY)))))) == [
        "turn.example"
    ]


def test_encrypted_records_are_not_read(datagram: Build) -> None:
    """Epoch 1 and later."""
    assert dtls.Connection().feed(datagram(record(fragment(0, len(BODY)), epoch=1))) is None


def test_other_records_are_not_mine(datagram: Build) -> None:
    """Alerts, and what is no DTLS."""
    assert dtls.Connection().feed(datagram(record(b"\x02\x28", kind=21))) is None
    assert dtls.Connection().feed(datagram(b"RTP or anything else")) is None


def test_a_record_that_ends_too_early_is_not_read(datagram: Build) -> None:
    """A cut datagram."""
    assert dtls.Connection().feed(datagram(record(fragment(0, len(BODY)))[:-1])) is None


def test_open_messages_are_bounded(datagram: Build) -> None:
    """The oldest is given up."""
    connection = dtls.Connection()
    for number in range(200):
        connection.feed(datagram(record(fragment(10, 60, number=number))))
    assert connection.held <= 8 * 50
    for _ in range(5000):
        connection.feed(datagram(record(fragment(10, 60, number=1))))
    assert connection.held <= 8 * (64 << 10)


@given(st.binary(max_size=150))
def test_any_bytes_are_read_or_left(datagram: Build, data: bytes) -> None:
    """Nonsense in a record, in a fragment, and alone."""
    connection = dtls.Connection()
    connection.feed(datagram(data))
    connection.feed(datagram(record(data)))
    connection.feed(datagram(record(fragment(0, len(data), body=data))))
    connection.feed(datagram(record(fragment(0, len(data), body=data, kind=11))))


def test_keys_for_media_are_told(datagram: Build) -> None:
    """The use_srtp extension (RFC 5764 §4.1.1): DTLS opens the way for sound or pictures."""
    offer = b"\x00\x0e\x00\x05\x00\x02\x00\x01\x00"
    plain = b"\xfe\xfd" + bytes(32) + b"\0\0\0\x02\xc0\x2b\x01\0"  # version, random, no session, no cookie
    for extensions, told in ((offer, ["offered"]), (b"\x00\x17\0\0", [])):
        body = plain + len(extensions).to_bytes(2, "big") + extensions
        items = dtls.Connection().feed(datagram(record(fragment(0, len(body), body=body))))
        assert items is not None
        assert [item.value for item in items if item.kind == "dtls_srtp"] == told
