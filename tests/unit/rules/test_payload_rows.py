# SPDX-License-Identifier: Apache-2.0
"""What the packet path compares against what the grammar means: rows never miss a packet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.rules.examples import matching
from egresswatch.rules.payload import FORMS, compared_bits, decided, fixed_bits, holds, prefilter, rows
from egresswatch.rules.shape import Bytes, Length, Number, Payload, Step

SMALL = st.sampled_from([0x00, 0x01, 0x02, 0x08, 0xF0, 0xFF])
MASK = st.sampled_from([0xFF, 0xFF, 0xF0, 0x00])


@st.composite
def conditions(draw: st.DrawFn) -> Bytes:
    """Bytes at a small offset, perhaps with others that will do as well."""
    masks = draw(st.lists(MASK, min_size=1, max_size=3).filter(lambda found: found[0] and found[-1]))
    values = draw(
        st.lists(st.lists(SMALL, min_size=len(masks), max_size=len(masks)), min_size=1, max_size=3)
    )
    one, *others = (bytes(value) for value in values)
    return Bytes(draw(st.integers(0, 6)), one, bytes(masks), tuple(others))


STEPS = st.lists(
    st.sampled_from(
        [
            Step("xor", (0x08, 0x01)),
            Step("invert"),
            Step("nibbles", (), 1),
            Step("autokey", (0x02,)),
            Step("rotl32", (8, 4)),
            Step("permute", (1, 0)),
        ]
    ),
    max_size=2,
).map(tuple)


@st.composite
def payloads(draw: st.DrawFn) -> Payload:
    """Any way a payload can look, of small numbers, so that chance meets some of them."""
    decode = draw(st.one_of(st.just(()), STEPS))
    number = st.builds(
        lambda form, at, limits: Number(form, at, *sorted(limits)),
        st.sampled_from(sorted(FORMS)),
        st.integers(0, 4),
        st.tuples(st.integers(0, 300), st.integers(0, 300)),
    )
    length = st.builds(Length, st.sampled_from(sorted(FORMS)), st.integers(0, 4), st.integers(-2, 12))
    return Payload(
        proto=draw(st.sampled_from([6, 17])),
        ports=draw(st.sampled_from([(), (9,), (9, 10)])),
        bytes=tuple(draw(st.lists(conditions(), min_size=0 if decode else 1, max_size=3))),
        length=draw(st.one_of(st.none(), st.none(), length)),
        min_len=draw(st.integers(0, 5)),
        max_len=draw(st.sampled_from([0, 0, 8, 12])),
        sender=draw(st.sampled_from([0, 0, 1, 2])),
        packets=draw(st.sampled_from([(0, 0), (0, 0), (1, 1), (2, 4)])),
        wire=tuple(draw(st.lists(conditions(), max_size=1))) if decode else (),
        decode=decode,
        numbers=tuple(draw(st.lists(number, max_size=1))),
        repeat=draw(st.sampled_from([1, 1, 2])),
    )


@given(
    payloads(),
    st.sampled_from([6, 17]),
    st.integers(8, 11),
    st.lists(SMALL, max_size=12).map(bytes),
    st.integers(0, 4),
    st.sampled_from([0, 1, 2]),
    st.integers(0, 5),
)
def test_rows_mean_what_the_grammar_means(
    payload: Payload, proto: int, port: int, data: bytes, more: int, sender: int, packet: int
) -> None:
    """For any packet: what holds gets through; what gets through holds, where the rows say they say all."""
    try:
        patterns = rows(payload, 77)
    except ValueError:
        return
    asked = (proto, 50000, port, data, len(data) + more, sender, packet)
    through = matching(patterns, *asked) == (77,)
    plain = holds(payload, *asked)
    assert through or not plain
    if decided(payload):
        assert through is plain


@given(payloads(), st.lists(SMALL, min_size=12, max_size=12).map(bytes))
def test_a_packet_made_to_hold_gets_through(payload: Payload, data: bytes) -> None:
    """Packets that hold are rare by chance: made by writing the conditions into bytes, they get through."""
    if payload.decode or payload.length or payload.numbers:
        return
    made = bytearray(data)
    for condition in payload.bytes:
        for i, (value, mask) in enumerate(zip(condition.value, condition.mask, strict=True)):
            at = condition.at + i
            made[at] = made[at] & ~mask | value & mask
    asked = (payload.proto, 9, 9, bytes(made), len(made), payload.sender, payload.packets[0])
    if holds(payload, *asked):
        assert matching(rows(payload, 77), *asked) == (77,)


def test_alternatives_share_what_they_have_in_common() -> None:
    """Of 81, 82, 83 and 84 the packet path can compare the five bits that are the same."""
    kcp = Payload(17, (), (Bytes(4, b"\x81", b"\xff", (b"\x82", b"\x83", b"\x84")),), Length("le32", 20, 24))
    assert prefilter(kcp) == [(4, b"\x80", b"\xf8")]
    assert not decided(kcp)
    assert compared_bits(kcp) == 5 + 32
    head = bytes(4) + b"\x82" + bytes(15) + b"\x01\0\0\0"
    assert holds(kcp, 17, 1, 2, head, 25)
    assert not holds(kcp, 17, 1, 2, head.replace(b"\x82", b"\x85"), 25)


def test_hidden_bytes_are_compared_as_sent() -> None:
    """Inversion folds into the row: nothing has to be decoded."""
    stun = Payload(17, (), (Bytes(0, b"\x00\x01\x00\x18", b"\xff" * 4),), decode=(Step("invert"),))
    assert prefilter(stun) == [(0, b"\xff\xfe\xff\xe7", b"\xff" * 4)]
    assert decided(stun)


def test_bytes_as_sent_stand_beside_plain_ones() -> None:
    """``wire`` looks at the packet, ``bytes`` at what the steps make of it."""
    sent, plain = Bytes(0, b"A", b"\xff"), Bytes(1, b"B", b"\xff")
    both = Payload(17, (), (plain,), wire=(sent,), decode=(Step("invert"),))
    assert holds(both, 17, 1, 2, b"A\xbd", 2)
    assert not holds(both, 17, 1, 2, b"\xbe\xbd", 2)
    assert prefilter(both) == [(0, b"A\xbd", b"\xff\xff")]


def test_the_two_windows_that_fix_most_are_chosen() -> None:
    """Of three places that are far apart, the packet path looks at the two with the most bits."""
    wide = Payload(
        17, (), (Bytes(0, b"\x01", b"\x01"), Bytes(20, b"abc", b"\xff" * 3), Bytes(40, b"defg", b"\xff" * 4))
    )
    assert [at for at, _, _ in prefilter(wide)] == [20, 40]
    assert not decided(wide)
    assert int(rows(wide, 70)["min_len"][0]) == 44


def test_sender_and_packet_number_go_into_the_row() -> None:
    """The packet path knows both; a packet of which they are not known satisfies no rule that asks."""
    first = Payload(6, (), (Bytes(0, b"head", b"\xff" * 4),), sender=2, packets=(1, 3))
    (row,) = rows(first, 70)
    assert (row["sender"], row["first"], row["last"]) == (2, 1, 3)
    assert decided(first)
    for sender, packet, wanted in ((2, 1, True), (2, 3, True), (2, 4, False), (1, 1, False), (0, 0, False)):
        assert holds(first, 6, 1, 2, b"head", 4, sender, packet) is wanted


@pytest.mark.parametrize(
    ("form", "field", "number"),
    [
        ("u8", "07", 7),
        ("be16", "0102", 258),
        ("le16", "0201", 258),
        ("be24", "010203", 66051),
        ("le24", "030201", 66051),
        ("be32", "01020304", 16909060),
        ("le32", "04030201", 16909060),
    ],
)
def test_forms_of_numbers(form: str, field: str, number: int) -> None:
    """Sizes and byte orders, both limits included, and nothing beyond the captured bytes."""
    data = b"x" + bytes.fromhex(field)
    for low, high, wanted in ((number, number, True), (0, number - 1, False), (number + 1, 1 << 30, False)):
        payload = Payload(17, (), (Bytes(0, b"x", b"\xff"),), numbers=(Number(form, 1, low, high),))
        assert holds(payload, 17, 1, 2, data, len(data)) is wanted
        assert not holds(payload, 17, 1, 2, data[:-1], len(data))


def test_a_hidden_length_is_read_after_decoding() -> None:
    """The packet path cannot read it: it is judged."""
    payload = Payload(17, (), (Bytes(0, b"L", b"\xff"),), Length("u8", 1, 2), decode=(Step("invert"),))
    assert holds(payload, 17, 1, 2, b"\xb3\xfe", 3)
    assert not holds(payload, 17, 1, 2, b"\xb3\xfe", 4)
    assert not decided(payload)
    assert rows(payload, 70)["rel"][0] == 0


def test_blocks_must_be_whole() -> None:
    """A condition in a block needs all of it, as sent and as captured."""
    payload = Payload(17, (), (Bytes(4, b"a", b"\xff"),), decode=(Step("permute", (3, 2, 1, 0)),))
    assert int(rows(payload, 70)["min_len"][0]) == 8
    assert holds(payload, 17, 1, 2, b"....123a", 8)
    assert not holds(payload, 17, 1, 2, b"....123", 8)


def test_fixed_bits_of_the_new_conditions() -> None:
    """Alternatives and ranges fix less than exact bytes; repetition multiplies."""
    one = Bytes(0, b"\x01", b"\xff", (b"\x02", b"\x03", b"\x04"))
    assert fixed_bits(Payload(17, (), (one,))) == 8 - 2
    assert fixed_bits(Payload(17, (), (), numbers=(Number("be16", 0, 0, 255),))) == 16 - 8
    assert fixed_bits(Payload(17, (), (one,), repeat=3)) == 18
