# SPDX-License-Identifier: Apache-2.0
"""Notes that are looked at one by one: nobody of interest is passed over, whenever he became it."""

import numpy as np
import pytest

from egresswatch.flow.layout import NOTE
from egresswatch.pipeline import watched
from egresswatch.pipeline.stops import Stops
from egresswatch.pipeline.watched import Watched
from egresswatch.rules import load_tables

HOST, CLOUD, OTHER = 10, 20, 30


@pytest.fixture(scope="module")
def tables():
    return load_tables([], True)


def notes(*ends):
    rows = np.zeros(len(ends), NOTE)
    rows["a_lo"], rows["b_lo"] = zip(*ends, strict=True)
    return rows


def walk(some, rows, sure=(), maybe=None, learn=None):
    """Places in their order; ``learn``: place -> words that become of interest there."""
    places = range(len(rows)) if maybe is None else maybe
    masks = [np.isin(np.arange(len(rows)), list(which)) for which in (sure, set(places) - set(sure))]
    out = []
    for place in Stops(some, rows, *masks):
        out.append(place)
        some.add(*(learn or {}).get(place, ()))
    return out


def test_sure_ones_in_order_and_no_others(tables):
    """Nobody is watched: only what is looked at in any case."""
    assert walk(Watched(), notes(*[(HOST, CLOUD)] * 5), sure=(3, 1)) == [1, 3]


def test_notes_of_who_is_watched_already(tables):
    """Either end is enough, and only where it may matter."""
    some = Watched()
    some.add(CLOUD)
    rows = notes((HOST, CLOUD), (CLOUD, HOST), (HOST, OTHER), (HOST, CLOUD))
    assert walk(some, rows, maybe=(0, 1, 2)) == [0, 1]


def test_who_becomes_of_interest_is_looked_at_from_then_on(tables):
    """Not before, and in the order of frames among the others."""
    rows = notes((HOST, CLOUD), (1, 2), (HOST, CLOUD), (3, 4), (5, HOST), (6, 7))
    assert walk(Watched(), rows, sure=(1, 3), learn={1: (HOST,)}) == [1, 2, 3, 4]


def test_one_leads_to_another(tables):
    """What was only looked at because of an address can show the next one."""
    rows = notes((1, 2), (HOST, CLOUD), (CLOUD, OTHER), (OTHER, 3), (CLOUD, 3))
    learn = {0: (HOST,), 1: (CLOUD,), 2: (OTHER,)}
    assert walk(Watched(), rows, sure=(0,), learn=learn) == [0, 1, 2, 3, 4]


def test_a_note_is_looked_at_once(tables):
    """Also when both of its ends become of interest, together or one by one."""
    rows = notes((1, 2), (1, 2), (HOST, CLOUD), (HOST, CLOUD))
    assert walk(Watched(), rows, sure=(0,), learn={0: (HOST, CLOUD)}) == [0, 2, 3]
    assert walk(Watched(), rows, sure=(0, 1), learn={0: (HOST,), 1: (CLOUD,)}) == [0, 1, 2, 3]


def test_what_was_learnt_before_is_not_news(tables):
    """Interest of an earlier part shows in the columns."""
    some = Watched()
    some.add(HOST)
    assert walk(some, notes((1, 2), (HOST, 2)), sure=(0,), maybe=()) == [0]
    assert walk(some, notes((1, 2), (HOST, 2))) == [1]


def test_too_much_of_interest_means_all_that_follow(tables, monkeypatch):
    """A full memory never hides a camera."""
    monkeypatch.setattr(watched, "_MAX", 2)
    rows = notes((1, 2), (3, 4), (5, 6))
    assert walk(Watched(), rows, sure=(1,), learn={1: (7, 8, 9)}) == [1, 2]


def test_nothing_to_look_at(tables):
    """No notes, no places."""
    assert walk(Watched(), np.zeros(0, NOTE)) == []
