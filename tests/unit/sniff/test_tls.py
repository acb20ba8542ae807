# SPDX-License-Identifier: Apache-2.0
"""TLS records and messages: split anywhere, mixed with others, cut, encrypted and broken."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.demo import payloads
from egresswatch.records import Message, Verdict
from egresswatch.sniff import tls

Build = Callable[..., Message]

HELLO = payloads.client_hello("camera.example", alpn=["h2"])
CCS = payloads.tls_record(20, b"\x01")
NAME = ("tls_sni", "camera.example")


def read(buf: bytes, m: Message) -> tuple[Verdict, list[tuple[str, str]], int]:
    """The answer with items as kind and value."""
    verdict, items, used = tls.parse(buf, m)
    return verdict, [(item.kind, item.value) for item in items], used


def test_a_hello_in_one_record(segment: Build) -> None:
    """All of it is consumed."""
    verdict, items, used = read(HELLO, segment(HELLO))
    assert (verdict, used) == (Verdict.MATCH, len(HELLO))
    assert [kind for kind, _ in items] == ["tls_sni", "ja4"]
    assert items[0] == NAME


@pytest.mark.parametrize("size", [1, 4, 50])
def test_a_hello_over_several_records(segment: Build, size: int) -> None:
    """A message may be cut into records anywhere (RFC 8446 §5.1)."""
    body = HELLO[5:]
    buf = b"".join(payloads.tls_record(22, body[k : k + size]) for k in range(0, len(body), size))
    verdict, items, used = read(buf, segment(buf))
    assert (verdict, items[0], used) == (Verdict.MATCH, NAME, len(buf))


def test_every_beginning_of_a_hello_wants_more(segment: Build) -> None:
    """No prefix is mistaken for something else or for the whole."""
    for end in range(1, len(HELLO)):
        assert tls.parse(HELLO[:end], segment(HELLO[:end])) == (Verdict.NEED_MORE, (), 0)


def test_the_second_hello_stands_behind_a_change_of_cipher(segment: Build) -> None:
    """After a HelloRetryRequest (RFC 8446 §D.4)."""
    verdict, items, used = read(CCS + HELLO, segment(CCS + HELLO))
    assert (verdict, items[0], used) == (Verdict.MATCH, NAME, len(CCS) + len(HELLO))


def test_a_change_of_cipher_alone_is_stepped_over(segment: Build) -> None:
    """What follows may come in the next segment."""
    assert tls.parse(CCS, segment(CCS)) == (Verdict.MATCH, (), len(CCS))
    assert tls.parse(CCS + HELLO[:9], segment(CCS + HELLO[:9]))[0] is Verdict.NEED_MORE


def test_encrypted_records_end_the_reading(segment: Build) -> None:
    """Nothing in them can be read."""
    data = payloads.tls_data(100, "x")
    assert tls.parse(data, segment(data))[0] is Verdict.NOT_MINE
    finished = payloads.tls_record(22, b"\xc7\x11\x93\x00" + bytes(36))
    assert tls.parse(finished, segment(finished))[0] is Verdict.NOT_MINE
    secret_alert = payloads.tls_record(21, bytes(26))
    assert tls.parse(secret_alert, segment(secret_alert))[0] is Verdict.NOT_MINE


def test_a_message_interrupted_by_another_record_is_not_read(segment: Build) -> None:
    """Handshake messages are not interleaved with other types (RFC 8446 §5.1)."""
    buf = payloads.tls_record(22, HELLO[5:60]) + CCS + payloads.tls_record(22, HELLO[60:])
    assert tls.parse(buf, segment(buf))[0] is Verdict.NOT_MINE


def test_what_is_not_tls_is_not_mine(segment: Build) -> None:
    """Also within the first bytes."""
    for text in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x04", b"\x16\x03\x03\xff\xff", b"\x17\x03\x03\x00"):
        verdict = tls.parse(text, segment(text))[0]
        assert verdict is (Verdict.NEED_MORE if len(text) == 4 else Verdict.NOT_MINE)


def test_a_message_of_absurd_length_is_not_waited_for(segment: Build) -> None:
    """16 MB of handshake is no handshake."""
    buf = payloads.tls_record(22, b"\x01\xff\xff\xff" + bytes(40))
    assert tls.parse(buf, segment(buf))[0] is Verdict.NOT_MINE


def test_a_cut_packet_gives_the_name_before_the_cut(segment: Build) -> None:
    """No more will come, so what is there is read."""
    end = HELLO.index(b"camera.example") + 20
    m = segment(HELLO[:end], length=len(HELLO))
    verdict, items, _ = tls.parse(HELLO[:end], m)
    assert verdict is Verdict.MATCH
    assert [(item.value, item.detail) for item in items] == [("camera.example", "hello cut short")]
    assert tls.parse(HELLO[:30], segment(HELLO[:30], length=len(HELLO)))[0] is Verdict.NOT_MINE


def test_a_server_flight_is_read_up_to_where_it_is_encrypted(segment: Build) -> None:
    """TLS 1.3: the ServerHello is all there is in the clear."""
    flight = payloads.server_hello()
    verdict, items, used = read(flight, segment(flight))
    assert (verdict, items) == (Verdict.MATCH, [])
    verdict, items, _more = read(flight[used:], segment(flight))
    assert (verdict, items) == (Verdict.NOT_MINE, [])


def test_two_messages_in_one_record_are_both_read(segment: Build) -> None:
    """Servers put ServerHello, Certificate and ServerHelloDone together."""
    buf = payloads.tls_record(22, b"\x0e\x00\x00\x00" + HELLO[5:])
    assert read(buf, segment(buf))[1][0] == NAME


def test_a_broken_message_does_not_hide_the_next(segment: Build) -> None:
    """It gives nothing, the rest is read."""
    buf = payloads.tls_record(22, b"\x01\x00\x00\x02\x03\x03") + HELLO
    verdict, items, used = tls.parse(buf, segment(buf))
    assert (verdict, items) == (Verdict.MATCH, ())
    assert read(buf[used:], segment(buf))[1][0] == NAME


@given(st.binary(max_size=300), st.integers(0, 5))
def test_any_bytes_get_a_verdict(segment: Build, data: bytes, missing: int) -> None:
    """No bytes make the parser fail, and it never claims more than it was given."""
    for buf in (data, b"\x16\x03\x01\x00" + data, b"\x16\x03\x03\x00\x40\x0b\x00\x00\x3c" + data):
        verdict, _, used = tls.parse(buf, segment(buf, length=len(buf) + missing))
        assert 0 <= used <= max(len(buf), 1)
        assert verdict in Verdict


@given(st.integers(0, len(HELLO) - 1), st.integers(0, 255))
def test_a_changed_byte_gets_a_verdict(segment: Build, place: int, byte: int) -> None:
    """Within a sound hello."""
    buf = HELLO[:place] + bytes([byte]) + HELLO[place + 1 :]
    assert tls.parse(buf, segment(buf))[0] in Verdict


RECORDS = st.lists(
    st.one_of(
        st.sampled_from([
            HELLO, CCS, payloads.server_hello(), payloads.tls_data(20, "x"),
            b"\x16\x03\x03\x00\x04\x0e\x00\x00\x00", b"\x16\x03\x03\x00\x00",
            b"\x16\x03\x03\x00\x04\x63\x00\x00\x00",
        ]),
        st.binary(max_size=20),
        st.builds(payloads.tls_record, st.integers(20, 23), st.binary(min_size=1, max_size=20)),
    ),
    max_size=4,
)  # fmt: skip


@given(RECORDS, st.integers(0, 400), st.integers(0, 2000), st.integers(0, 255), st.booleans())
def test_the_short_way_gives_what_the_general_one_gives(
    segment: Build, records: list[bytes], place: int, end: int, byte: int, final: bool
) -> None:
    """One message in one record needs no putting together; damaged and cut anywhere."""
    sound = b"".join(records)
    damaged = sound[:place] + bytes([byte]) + sound[place + 1 :]
    for buf in (sound, damaged, damaged[:end]):
        m = segment(buf, length=len(buf) + final)
        assert tls.parse(buf, m) == tls.Reader().records(buf, final)


@given(RECORDS, st.lists(st.integers(0, 600), max_size=8), st.booleans())
def test_waiting_changes_no_answer(
    segment: Build, records: list[bytes], places: list[int], final: bool
) -> None:
    """A reader that gets the bytes piece by piece answers as one that gets them at once."""
    data = b"".join(records)
    reader = tls.Reader()
    for end in (*sorted(place for place in places if place < len(data)), len(data)):
        m = segment(data[:end], length=end + (final and end == len(data)))
        answer = reader(data[:end], m)
        assert answer == tls.parse(data[:end], m)
        if answer[0] is not Verdict.NEED_MORE:
            break


@pytest.mark.parametrize("record", [b"\x16\x03\x01\x00\x01\x00", b"\x16\x03\x01\x40\x00" + bytes(16383)])
def test_bytes_that_come_one_by_one_are_taken_once(segment: Build, record: bytes) -> None:
    """Records of one byte, and a record full of empty messages: work grows with the bytes only."""
    begin = b"\x16\x03\x01\x00\x04\x01\x01\xff\xff" if len(record) < 9 else b""
    data = (begin + record * 6000)[:12000]
    reader, began = tls.Reader(), time.process_time()
    for end in range(1, len(data), 3):
        assert reader(data[:end], segment(data[end - 1 : end]))[0] is Verdict.NEED_MORE
    assert time.process_time() - began < 1
