# SPDX-License-Identifier: Apache-2.0
"""Which flows are looked at: nobody of interest is passed over."""

from ipaddress import ip_address

import numpy as np
import pytest

from egresswatch.pipeline import watched
from egresswatch.pipeline.replay import networks
from egresswatch.pipeline.watched import Watched, low_word
from egresswatch.rules import load_tables
from egresswatch.rules.site import load_site


@pytest.fixture(scope="module")
def tables():
    return load_tables([], True)


@pytest.mark.parametrize("addr", ["10.0.0.1", "255.255.255.255", "2001:db8::1", "::ffff:10.0.0.1"])
def test_low_words_are_those_of_the_packet_path(addr):
    """IPv4 is mapped, IPv6 gives its lower half."""
    number = int(ip_address(addr))
    assert low_word(addr) == (number | 0xFFFF << 32 if ":" not in addr else number & (1 << 64) - 1)


def test_what_was_added_is_held(tables):
    """Either end is enough; one flow at a time or a column at once."""
    some = Watched(tables)
    assert not some.holds(1, 2)
    some.add(2, 7)
    assert some.holds(1, 2)
    assert some.holds(2, 1)
    ones, others = np.array([1, 2, 3, 7], np.uint64), np.array([9, 9, 7, 7], np.uint64)
    assert some.either(ones, others).tolist() == [False, True, True, True]
    some.add(9)
    assert some.either(ones, others).tolist() == [True] * 4


def test_too_much_of_interest_means_everything(tables, monkeypatch):
    """A full memory never hides a camera."""
    monkeypatch.setattr(watched, "_MAX", 3)
    some = Watched(tables)
    some.add(1, 2, 3, 4)
    assert some.holds(100, 200)
    assert some.either(np.array([100], np.uint64), np.array([200], np.uint64)).tolist() == [True]


def test_inside_networks_as_the_packet_path_wants_them():
    """First and last address in two words each; IPv4 mapped."""
    rows = networks(load_site(None)).tolist()
    low = 0xFFFF << 32
    assert [0, low | int(ip_address("10.0.0.0")), 0, low | int(ip_address("10.255.255.255"))] in rows
    assert all((first_hi, first_lo) <= (last_hi, last_lo) for first_hi, first_lo, last_hi, last_lo in rows)
    assert [0xFC00 << 48, 0, (0xFE00 << 48) - 1, (1 << 64) - 1] in rows
