# SPDX-License-Identifier: Apache-2.0
"""Senders in columns: who sent, from where, on which VLAN, and what comes back of those that are watched."""

from types import SimpleNamespace

import numpy as np

from egresswatch.flow.layout import NOTE
from egresswatch.packets import KEY_V6
from egresswatch.pipeline.hosts import observe
from egresswatch.pipeline.watched import low_word

A, B = "10.0.0.5", "203.0.113.9"
CAMERA = SimpleNamespace(asset_id="cam")


class Ear:
    """A register that listens; hosts with MAC 7 are monitored."""

    def __init__(self):
        self.told = []

    def observe_many(self, *columns):
        for k, one in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
            self.told.append(one)
            if one[0] == 7:
                yield k, CAMERA


def note(**fields):
    row = np.zeros(1, NOTE)
    row["a_lo"], row["b_lo"], row["class_ab"] = low_word(A), low_word(B), 0x10
    for name, value in fields.items():
        row[name] = value
    return row


def test_the_sender_is_told_with_its_side_of_the_perimeter():
    """End a or end b, whichever sent this packet."""
    ear = Ear()
    rows = np.concatenate([note(src_mac=1, ts=5), note(src_mac=2, ts=6, side=1)])
    assert observe(ear, rows, np.arange(2)) == {}
    assert ear.told == [(1, 0, low_word(A), False, -1, 5, True), (2, 0, low_word(B), False, -1, 6, False)]


def test_only_the_notes_asked_about():
    """In their order, and what comes back names their places among all."""
    ear = Ear()
    rows = np.concatenate([note(src_mac=mac) for mac in (5, 7, 6, 7)])
    met = observe(ear, rows, np.array([1, 2, 3]))
    assert [one[0] for one in ear.told] == [7, 6, 7]
    assert {place: (one.low_word, one.asset) for place, one in met.items()} == {
        1: (low_word(A), CAMERA), 3: (low_word(A), CAMERA)
    }  # fmt: skip


def test_tags_and_versions():
    """The outermost VLAN id, none without a tag; IPv6 has both words."""
    ear = Ear()
    tagged = note(vlan=1 << 28 | 102 << 12, meta=KEY_V6, a_hi=9, a_lo=8)
    observe(ear, np.concatenate([tagged, note(vlan=102 << 12)]), np.arange(2))
    assert [(one[1], one[2], one[3], one[4]) for one in ear.told] == [
        (9, 8, True, 102), (0, low_word(A), False, -1)
    ]  # fmt: skip


def test_no_sender_no_question():
    """Most seconds of a quiet site show nobody new."""
    assert observe(Ear(), note(), np.zeros(0, np.int64)) == {}
