# SPDX-License-Identifier: Apache-2.0
"""The payload grammar: what it means on bytes, and that the compiled rows mean the same."""

from __future__ import annotations

import pytest

from egresswatch.rules.payload import decided, fixed_bits, holds, prefilter, rows, told
from egresswatch.rules.shape import Bytes, Counter, Length, Payload

PPPP = Payload(17, (), (Bytes(0, b"\xf1", b"\xff"),), Length("be16", 2, 4), min_len=4)


def is_pppp(data: bytes, length: int | None = None, *, proto: int = 17) -> bool:
    return holds(PPPP, proto, 1, 2, data, len(data) if length is None else length)


def test_length_relation_looks_at_the_declared_length() -> None:
    """A packet cut by a snaplen still tells its declared length."""
    assert is_pppp(bytes.fromhex("f1000000"))
    assert is_pppp(bytes.fromhex("f1d00404"), 1032)
    assert not is_pppp(bytes.fromhex("f1d00404"), 1031)
    assert not is_pppp(bytes.fromhex("f1d004"), 1032)
    assert not is_pppp(bytes.fromhex("f1000000"), proto=6)


@pytest.mark.parametrize(
    ("form", "field"), [("be16", "0102"), ("le16", "0201"), ("be32", "00000102"), ("le32", "02010000")]
)
def test_length_forms(form: str, field: str) -> None:
    """Both byte orders and both sizes of a length field."""
    payload = Payload(17, (), (Bytes(0, b"x", b"\xff"),), Length(form, 1, -2))
    data = b"x" + bytes.fromhex(field)
    assert holds(payload, 17, 1, 2, data, 0x0102 - 2)
    assert not holds(payload, 17, 1, 2, data, 0x0102)


def test_mask_compares_some_bits() -> None:
    """Only the bits of the mask count, in value and payload."""
    payload = Payload(17, (), (Bytes(1, b"\xef", b"\xf0"),))
    assert holds(payload, 17, 1, 2, b"\x00\xe7", 2)
    assert not holds(payload, 17, 1, 2, b"\x00\xd7", 2)


def test_ports_mean_either_end() -> None:
    """A port of the rule may be the source or the destination."""
    payload = Payload(17, (8800, 8802), (Bytes(0, b"D", b"\xff"),))
    assert holds(payload, 17, 8802, 50000, b"D", 1)
    assert holds(payload, 17, 50000, 8800, b"D", 1)
    assert not holds(payload, 17, 50000, 8801, b"D", 1)
    assert rows(payload, 64)["port"].tolist() == [8800, 8802]


def test_length_limits() -> None:
    """min_len and max_len bound the declared length."""
    payload = Payload(17, (), (Bytes(0, b"D", b"\xff"),), min_len=3, max_len=4)
    assert [length for length in range(7) if holds(payload, 17, 1, 2, b"D", length)] == [3, 4]


def test_words_are_left_aligned() -> None:
    """Three compared bytes stand in the three high bytes of the big-endian word."""
    (row,) = rows(Payload(17, (), (Bytes(5, b"\x01\x02\x03", b"\xff\xff\x0f"),)), 70)
    assert int(row["value1"]) == 0x0102030000000000
    assert int(row["mask1"]) == 0xFFFF0F0000000000
    assert (row["off1"], row["n1"], row["n2"], row["min_len"], row["parser"]) == (5, 3, 0, 8, 70)


def test_near_conditions_share_a_window() -> None:
    """Conditions within eight bytes become one comparison, with a gap that does not count."""
    conditions = (Bytes(0, b"\xe2", b"\xf0"), Bytes(2, b"\x0c", b"\xff"), Bytes(8, b"b4", b"\xff\xff"))
    near, far = prefilter(Payload(17, (), conditions))
    assert near == (0, b"\xe0\x00\x0c", b"\xf0\x00\xff")
    assert far == (8, b"b4", b"\xff\xff")


def test_sixteen_bytes_fit_the_rows_seventeen_do_not() -> None:
    """Sixteen bytes in a row are two windows; of more, the rows compare sixteen and leave the rest over."""
    all_ = Payload(17, (), (Bytes(3, b"x" * 16, b"\xff" * 16),))
    more = Payload(17, (), (Bytes(3, b"x" * 17, b"\xff" * 17),))
    assert (len(prefilter(all_)), decided(all_)) == (2, True)
    assert (len(prefilter(more)), decided(more)) == (2, False)
    assert not holds(more, 17, 1, 2, b"   " + b"x" * 16 + b"y", 20)


def test_contradicting_conditions_are_refused() -> None:
    """The same byte cannot have two values; saying the same twice is fine."""
    same = Bytes(0, b"a", b"\xff")
    assert prefilter(Payload(17, (), (same, same))) == [(0, b"a", b"\xff")]
    with pytest.raises(ValueError, match="byte at 0"):
        prefilter(Payload(17, (), (same, Bytes(0, b"b", b"\xff"))))


def test_fixed_bits_count_what_chance_must_hit() -> None:
    """Compared bits, the length field, an exact length and a port add up."""
    assert fixed_bits(PPPP) == 8 + 16
    assert fixed_bits(Payload(17, (1,), (Bytes(0, b"ab", b"\xff\x0f"),), min_len=4, max_len=4)) == 12 + 8 + 8


def test_counters_are_read_of_the_way_that_fits():
    """Of the first way that has some and holds; what the capture cut off is left out."""
    plain = Payload(17, (), (Bytes(0, b"AB", b"\xff\xff"),))
    counters = Counter("sent", "be16", 2), Counter("received", "le16", 4)
    counting = Payload(17, (), (Bytes(0, b"AB", b"\xff\xff"),), reads=counters)
    data = b"AB\x01\x00\x02\x00"
    assert told((plain, counting), 17, 1, 2, data, len(data)) == "sent 256, received 2"
    assert told((counting,), 17, 1, 2, data[:4], len(data)) == "sent 256"
    assert told((counting,), 6, 1, 2, data, len(data)) == ""
    assert told((plain,), 17, 1, 2, data, len(data)) == ""
