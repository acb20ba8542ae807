# SPDX-License-Identifier: Apache-2.0
"""Notes in columns and one by one: what the engine is given of a packet, texts of addresses."""

import numpy as np
import pytest

from egresswatch.flow.layout import NOTE
from egresswatch.packets import KEY_V6, PF_FRAG_FIRST, PF_MORE
from egresswatch.pipeline import notes
from egresswatch.pipeline.notes import Addresses, Note, as_noted, sent
from egresswatch.pipeline.watched import low_word
from egresswatch.records import Outcome

A, B = "10.0.0.5", "203.0.113.9"


def note(**fields):
    row = np.zeros(1, NOTE)
    row["a_lo"], row["b_lo"], row["class_ab"] = low_word(A), low_word(B), 0x10
    row["meta"] = 40000 << 48 | 443 << 32 | 6 << 8
    row["parser"], row["index"] = 3, 4
    for name, value in fields.items():
        row[name] = value
    return row


def one(payload=b"x", **fields):
    (made,) = sent(note(**fields), np.array([1000]), [payload], Addresses())
    return made


@pytest.mark.parametrize(("side", "src", "dst", "ports"), [(0, A, B, (40000, 443)), (1, B, A, (443, 40000))])
def test_who_sends_is_the_source(side, src, dst, ports):
    """Addresses, ports and the side of the perimeter go together."""
    made = one(side=side)
    m = made.message
    assert (m.src, m.dst, (m.sport, m.dport), m.proto) == (src, dst, ports, 6)
    assert (made.src_inside, made.dst_inside) == (side == 0, side == 1)
    assert (m.frame, m.payload, m.side) == (1004, b"x", side)


def test_who_asked_for_it():
    """The parser before the recogniser; both are told."""
    assert (one().message.parser, one().recogniser) == (3, 0)
    assert (one(recogniser=300).message.parser, one(recogniser=300).recogniser) == (3, 300)
    alone = one(parser=0, recogniser=300)
    assert (alone.message.parser, alone.recogniser) == (300, 300)


def test_fragments_and_payloads_are_numbered_apart():
    """A fragment has its identification, another packet its place among its side's."""
    plain = one(frag_id=9, number=2).message
    assert (plain.frag_id, plain.frag_more, plain.number) == (0, False, 2)
    part = one(frag_id=9, number=2, frag_off=8, flags=PF_FRAG_FIRST | PF_MORE).message
    assert (part.frag_id, part.frag_off, part.frag_more, part.number) == (9, 8, True, 0)


@pytest.mark.parametrize(
    ("word", "vlan"), [(0, None), (1 << 28 | 102 << 12, 102), (2 << 28 | 5 << 12 | 7, 5)]
)
def test_the_outermost_vlan(word, vlan):
    """None without a tag; the same of a message as of a note."""
    assert one(vlan=word).message.vlan == vlan
    assert Note.at(as_noted(note(vlan=word)), 0).vlan == vlan


def test_originator_and_outcome():
    """As known by then."""
    assert [one(side=side, orig=orig).message.sender for side, orig in ((0, 0), (1, 0), (1, 1))] == [1, 2, 1]
    assert [one(outcome=outcome).answered for outcome in (Outcome.answered, Outcome.refused)] == [True, False]


def test_plain_values():
    """What leaves the columns is Python's: NumPy's numbers are slow and do not stay what they are."""
    made = one(start=1)
    assert {type(value) for value in made[1:]} <= {int, bool}
    assert {type(value) for value in made.message} <= {int, bool, str, bytes, type(None)}
    assert made.message.start is True


def test_a_note_has_the_fields_of_its_row():
    """In the row's order, whatever is beside it."""
    rows = np.concatenate([note(), note(flow=7, seq=9, number=3)])
    made = Note.at(as_noted(rows), 1)
    assert (made.flow, made.seq, made.number, made.proto, made.place) == (7, 9, 3, 6, 4)
    assert len(Note._fields) == len(NOTE.names) - 1, "all but what fills the row up"


def test_texts_of_columns_are_those_of_addresses():
    """Both versions, known ones and new ones, also when the memory of them is full."""
    some = Addresses()
    low = [low_word(addr) for addr in (A, B, A)]
    assert some.texts(np.zeros(3, np.uint64), np.array(low, np.uint64), np.zeros(3, bool)) == [A, B, A]
    hi = np.array([0x20010DB8 << 32, 0], np.uint64)
    mixed = some.texts(hi, np.array([1, low_word(A)], np.uint64), np.array([True, False]))
    assert mixed == ["2001:db8::1", A]
    assert some.text(0, low_word(A), KEY_V6) == "::ffff:10.0.0.5", "IPv6 stays IPv6"


def test_a_full_memory_of_addresses_starts_anew(monkeypatch):
    """It forgets, and goes on giving the same texts."""
    monkeypatch.setattr(notes, "_CACHE", 2)
    some = Addresses()
    for k in range(6):
        assert some.text(0, low_word(A) + k, 0) == f"10.0.0.{5 + k}"
        assert some.text(0, 1 + k, 1) == f"::{1 + k}"
        assert len(some._four) <= 2
        assert len(some._six) <= 2
