# SPDX-License-Identifier: Apache-2.0
"""Which flows are looked at: nobody of interest is passed over."""

from ipaddress import ip_address, ip_network
from types import SimpleNamespace

import numpy as np
import pytest

from egresswatch.flow.rows import is_named
from egresswatch.pipeline import watched
from egresswatch.pipeline.replay import networks
from egresswatch.pipeline.watched import Networks, Watched, low_word
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
    some = Watched()
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
    some = Watched()
    some.add(1, 2, 3, 4)
    assert some.holds(100, 200)
    assert some.either(np.array([100], np.uint64), np.array([200], np.uint64)).tolist() == [True]


def nets(four, six=()):
    tables = {}
    for version, texts in ((4, four), (6, six)):
        found = {}
        for network in map(ip_network, texts):
            number = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
            found.setdefault(network.prefixlen, {})[number] = ()
        if found:
            tables[version] = tuple(sorted(found.items(), reverse=True))
    return Networks(SimpleNamespace(nets=tables))


def near(some, *addrs):
    """What the flow kernel makes of it."""
    return [
        some.v6 if ":" in addr else bool(is_named(some.spans, np.uint64(low_word(addr)))) for addr in addrs
    ]


@pytest.mark.parametrize(
    "networks",
    [
        ["203.0.113.64/26", "192.0.2.0/24"],
        ["203.0.113.64/26", "203.0.113.64/27", "203.0.113.127/32", "192.0.2.0/25", "192.0.2.128/25"],
        ["192.0.2.0/24", "192.0.3.0/24", "203.0.113.64/26", "203.0.113.70/32"],
    ],
    ids=["apart", "one in another", "side by side"],
)
def test_networks_by_column(networks):
    """First and last address of each, and those just outside, however the networks lie to each other."""
    some = nets(networks)
    assert near(some, "203.0.113.63", "203.0.113.64", "203.0.113.127", "203.0.113.128") == [
        False, True, True, False
    ]  # fmt: skip
    assert near(some, "192.0.1.255", "192.0.2.0", "192.0.2.127", "192.0.2.128", "192.0.2.255") == [
        False, True, True, True, True
    ]  # fmt: skip


def test_networks_of_ipv6_are_only_guessed_at():
    """One anywhere makes every IPv6 address worth a look; without one none is."""
    assert near(nets(["0.0.0.0/0"]), "2001:db8::1", "203.0.113.9") == [False, True]
    assert near(nets([], ["2001:db8::/32"]), "2001:db9::1", "203.0.113.9") == [True, False]
    assert near(nets([]), "2001:db8::1", "203.0.113.9") == [False, False]


def test_what_became_of_interest_is_told_once(tables):
    """To whoever empties the list."""
    some = Watched()
    some.add(2, 7)
    some.add(7, 9)
    assert some.news == [2, 7, 9]
    some.news.clear()
    some.add(2)
    assert not some.news


def test_inside_networks_as_the_packet_path_wants_them():
    """First and last address in two words each; IPv4 mapped."""
    rows = networks(load_site(None)).tolist()
    low = 0xFFFF << 32
    assert [0, low | int(ip_address("10.0.0.0")), 0, low | int(ip_address("10.255.255.255"))] in rows
    assert all((first_hi, first_lo) <= (last_hi, last_lo) for first_hi, first_lo, last_hi, last_lo in rows)
    assert [0xFC00 << 48, 0, (0xFE00 << 48) - 1, (1 << 64) - 1] in rows
