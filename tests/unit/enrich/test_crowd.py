# SPDX-License-Identifier: Apache-2.0
"""The crowd: hosts that only send cost next to nothing, and nobody can tell it from the outside."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egresswatch.enrich import ids, kernels
from egresswatch.enrich.crowd import Crowd, Words, address_words
from egresswatch.enrich.inventory import Entry, Inventory
from egresswatch.enrich.register import Register
from egresswatch.rules.site import load_site

HIK, GEN, ROUTER, LOCAL = 0x4419B6000001, 0x00259E000001, 0x001122334455, 0x02AABBCCDDEE
UNKNOWN, GROUP = 0x00A0B0C0D0E0, 0x01005E000001
T = 1_700_000_000_000_000_000
MAPPED = 0xFFFF << 32
OUT = "203.0.113.7"


@pytest.fixture
def make(tables):
    def build(max_hosts=1000, site=None, entries=()):
        return Register(tables, site or load_site(None), Inventory(tuple(entries)), max_hosts)

    return build


def columns(steps):
    """(MAC, address, VLAN, time, inside) of each note, as ``observe_many`` wants them."""
    words = [address_words(addr) for _, addr, *_ in steps]
    return (
        np.array([step[0] for step in steps], np.uint64), np.array([w.hi for w in words], np.uint64),
        np.array([w.lo for w in words], np.uint64), np.array([w.v6 for w in words], bool),
        np.array([-1 if step[2] is None else step[2] for step in steps], np.int64),
        np.array([step[3] for step in steps], np.int64), np.array([step[4] for step in steps], bool),
    )  # fmt: skip


def flood(count, first=0):
    """Hosts with a MAC and an address of their own: what ``observe_many`` is given of them."""
    number = np.arange(first, first + count, dtype=np.uint64)
    return (
        number + np.uint64(0x020000000000), np.zeros(count, np.uint64),
        number + np.uint64(MAPPED | 10 << 24), np.zeros(count, bool), np.full(count, -1),
        np.full(count, T), np.ones(count, bool),
    )  # fmt: skip


def mixed(state, value):
    """``loads.mix`` over an array."""
    with np.errstate(over="ignore"):
        product = (np.uint64(state) ^ value) * np.uint64(0x9E3779B97F4A7C15)
    return product ^ (product >> np.uint64(29))


def crowded(count):
    """MACs whose keys all want the same place of a small index."""
    candidates = np.arange(1 << 20, dtype=np.uint64) + np.uint64(0x020000000000)
    keys = mixed(1, candidates | np.uint64(1 << 62)) >> np.uint64(24) & np.uint64(0xFFF)
    macs = candidates[keys == 77][:count]
    assert len(macs) == count
    return macs


def one_by_one(register, steps):
    for place, (mac, addr, vlan, ts, inside) in enumerate(steps):
        asset = register.observe(mac, addr, vlan, ts, "inside" if inside else "outside")
        if asset is not None and asset.monitored:
            yield place, asset


def told(notes):
    return [(place, dataclasses.astuple(asset)) for place, asset in notes]


def everything(register, macs, addrs):
    """All that can be asked of a register."""
    rows = register.rows(), [dataclasses.astuple(asset) for asset in register.monitored()]
    found = [register.asset(addr, mac) for mac in macs for addr in addrs]
    assets = [None if asset is None else dataclasses.astuple(asset) for asset in found]
    return len(register), register.refused, rows, assets


MACS = [0, GROUP, HIK, GEN, ROUTER, LOCAL, *(UNKNOWN + n for n in range(8))]
INSIDE = ["0.0.0.0", "::", "169.254.7.7", "fe80::1", "fd00::1", *(f"10.0.0.{n}" for n in range(1, 15))]
STEP = st.one_of(
    st.tuples(st.sampled_from(MACS), st.sampled_from(INSIDE), st.sampled_from([None, 20, 30]), st.just(True)),
    st.tuples(st.sampled_from(MACS), st.just(OUT), st.none(), st.just(False)),
    # most hosts have one address
    st.integers(0, 7).map(lambda n: (UNKNOWN + n, f"10.0.0.{n + 1}", None, True)),
)
ACT = st.tuples(
    st.sampled_from(["bind", "rtsp_server", "dhcp_hostname", "platform", "ask", "names"]),
    st.sampled_from(MACS), st.sampled_from(INSIDE),
)  # fmt: skip


def act(register, what, mac, addr):
    if what == "bind":
        register.binding(mac, addr, None, T)
    elif what == "platform":
        register.platform(addr, mac, "ezviz", "ezviz/cloud", "EW-EZV-0001", T)
    elif what == "names":
        register.assets_of(*columns([(mac, addr, None, T, True)])[1:4], np.array([mac], np.uint64))
    elif what == "ask":
        register.asset(addr, mac)
    else:
        register.evidence(addr, mac, what, "Dahua Rtsp Server", T)


@settings(max_examples=200, deadline=None)
@given(
    rounds=st.lists(st.tuples(st.lists(STEP, max_size=30), st.lists(ACT, max_size=3)), max_size=4),
    limit=st.sampled_from([3, 9, 1000]), short=st.sampled_from([1, 6]), sited=st.booleans(),
)  # fmt: skip
def test_many_notes_at_once_are_as_one_after_the_other(tables, tmp_path_factory, rounds, limit, short, sited):
    """Routers, turns, shared addresses, full tables, and ids that collide at the first digit."""
    site = load_site(None)
    if sited:
        path = tmp_path_factory.mktemp("site") / "site.toml"
        path.write_text('[[zone]]\nname = "a"\nrole = "camera"\nnetworks = ["10.0.0.4/31"]\nvlans = [20]\n')
        site = load_site(path)
    inventory = Inventory(
        (Entry("cam-1", UNKNOWN + 6, place="c:2"), Entry("cam-2", 0, "10.0.0.9", place="c:3"))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "_SHORTEST", short)
        many, single = (Register(tables, site, inventory, limit) for _ in range(2))
        for number, (notes, acts) in enumerate(rounds):
            steps = [
                (mac, addr, vlan, T + 100 * number + k, ours)
                for k, (mac, addr, vlan, ours) in enumerate(notes)
            ]
            assert told(many.observe_many(*columns(steps))) == told(one_by_one(single, steps))
            for one in acts:
                act(many, *one)
                act(single, *one)
        assert everything(many, MACS, INSIDE) == everything(single, MACS, INSIDE)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEP, max_size=60), cuts=st.lists(st.integers(0, 60), max_size=5))
def test_it_does_not_matter_how_notes_are_cut_into_blocks(tables, steps, cuts):
    """The batch is the reader's business."""
    steps = [(mac, addr, vlan, T, ours) for mac, addr, vlan, ours in steps]
    whole, parts = (Register(tables, load_site(None), Inventory(()), 5) for _ in range(2))
    list(whole.observe_many(*columns(steps)))
    ends = [0, *sorted(min(cut, len(steps)) for cut in cuts), len(steps)]
    for first, last in itertools.pairwise(ends):
        list(parts.observe_many(*columns(steps[first:last])))
    assert everything(whole, MACS, INSIDE) == everything(parts, MACS, INSIDE)


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(STEP, max_size=40),
    asked=st.lists(st.tuples(st.sampled_from(MACS), st.sampled_from([*INSIDE, OUT])), max_size=20),
)
def test_hosts_in_columns_are_those_that_are_asked_for_one_by_one(tables, steps, asked):
    """Each host stands there once, with what its asset says."""
    register = Register(tables, load_site(None), Inventory(()), 9)
    list(register.observe_many(*columns([(mac, addr, vlan, T, ours) for mac, addr, vlan, ours in steps])))
    _, hi, lo, v6, *_ = columns([(mac, addr, None, T, True) for mac, addr in asked])
    owners = register.assets_of(hi, lo, v6, np.array([mac for mac, _ in asked], np.uint64))
    assert len(set(owners.ids)) == len(owners.ids)
    watched = [register.monitored_at(addr, mac) for mac, addr in asked]
    for code, watch, (mac, addr) in zip(owners.codes.tolist(), watched, asked, strict=True):
        asset = register.asset(addr, mac)
        assert (code < 0) == (asset is None)
        assert watch is (asset if asset is not None and asset.monitored else None)
        if asset is not None:
            vlan = None if owners.vlans[code] < 0 else int(owners.vlans[code])
            assert (owners.ids[code], bool(owners.monitored[code]), vlan, int(owners.macs[code])) == (
                asset.asset_id, asset.monitored, asset.vlan, asset.mac,
            )  # fmt: skip


# --- laziness --------------------------------------------------------------------------------------
def test_nobody_in_a_flood_is_an_object(make, monkeypatch):
    """Neither when they come, nor when rows ask what they are called, nor at the end."""
    register = make()
    monkeypatch.setattr(register, "_describe", None)
    assert list(register.observe_many(*flood(1000))) == []
    mac, hi, lo, v6, *_ = flood(1000)
    owners = register.assets_of(hi, lo, v6, mac)
    assert (len(set(owners.ids)), owners.monitored.any()) == (1000, False)
    assert register.monitored_at("10.0.0.7", int(mac[7])) is None
    assert (register._hosts.all(), register.rows(), len(register)) == ([], [], 1000)


def test_whoever_is_asked_about_is_what_it_always_was(make):
    """Once it is an asset it stays the same one."""
    register = make()
    list(register.observe_many(*flood(10)))
    asset = register.asset("10.0.0.3")
    assert (asset.ips, asset.vlan, asset.sends, asset.first_seen) == (["10.0.0.3"], None, True, T)
    list(register.observe_many(*flood(10)))
    assert register.observe(0x020000000003, "10.0.0.3", 20, T + 1) is asset
    assert register._hosts.all() == [asset]
    assert (asset.vlan, asset.last_seen) == (20, T + 1)


def test_only_hosts_that_somebody_speaks_about_are_judged_as_they_come(make):
    """A maker's MAC, an inventory's row, a zone's network or VLAN; the others stay in the crowd."""
    register = make(entries=[Entry("gate", 0, "10.0.0.2", place="c:2"), Entry("hall", LOCAL, place="c:3")])
    steps = [
        (UNKNOWN, "10.0.0.1", None, T, True), (UNKNOWN + 1, "10.0.0.2", None, T, True),
        (LOCAL, "10.0.0.3", None, T, True), (HIK, "10.0.0.4", None, T, True),
        (GEN, "10.0.0.5", None, T, True),
    ]  # fmt: skip
    assert [place for place, _ in register.observe_many(*columns(steps))] == [1, 2, 3]
    assert [asset.ips[0] for asset in register._hosts.all()] == [f"10.0.0.{n}" for n in (2, 3, 4, 5)]


def test_ids_are_given_in_the_order_of_coming(make, monkeypatch):
    """Whoever came first has the short one, whenever somebody asks."""
    monkeypatch.setattr(ids, "_SHORTEST", 1)
    register, taken = make(), set()
    list(register.observe_many(*flood(30)))
    register.observe(HIK, "10.0.1.1", None, T)
    mac, hi, lo, v6, *_ = flood(30)
    owners = register.assets_of(hi, lo, v6, mac)
    for code, sender in zip(owners.codes.tolist(), mac.tolist(), strict=True):
        digest = hashlib.sha256(sender.to_bytes(6, "big").hex(":").encode()).hexdigest()
        wanted = next(f"host-{digest[:n]}" for n in range(1, 64, 2) if f"host-{digest[:n]}" not in taken)
        taken.add(wanted)
        assert owners.ids[code] == wanted


# --- bounds ----------------------------------------------------------------------------------------
@pytest.mark.jit_only
def test_a_full_register_of_plain_hosts_is_small(make):
    """With the ids of all of them."""
    tracemalloc.start()
    try:
        register = make(65536)
        for first in range(0, 65536, 8192):
            list(register.observe_many(*flood(8192, first)))
        mac, hi, lo, v6, *_ = flood(65536)
        assert len(set(register.assets_of(hi, lo, v6, mac).ids)) == 65536
        del mac, hi, lo, v6
        assert tracemalloc.get_traced_memory()[0] < 50_000_000
    finally:
        tracemalloc.stop()


def test_who_finds_no_room_is_counted_once(make):
    """Until what was told is forgotten; then it is told anew."""
    register = make(10)
    for _ in range(3):
        list(register.observe_many(*flood(50)))
    assert (len(register), register.refused) == (10, 40)
    register.observe(0x020000000001, "10.9.9.9", None, T)
    list(register.observe_many(*flood(50)))
    assert register.refused == 80


@pytest.mark.jit_only
def test_what_was_told_is_remembered_up_to_a_bound(make):
    """A flood of hosts that are all refused does not grow it."""
    register = make(1)
    count = kernels.MOST_SEEN
    list(register.observe_many(*flood(count)))
    list(register.observe_many(*flood(count)))
    assert register.refused == count - 1
    list(register.observe_many(*flood(1, count)))
    list(register.observe_many(*flood(count, count)))
    assert register.refused > 2 * count - 100


# --- hostile numbers -------------------------------------------------------------------------------
def test_addresses_of_one_key_are_told_apart(make):
    """The key is a hash that anybody can invert."""
    one, two = mixed(0, np.arange(1, 3, dtype=np.uint64)).tolist()
    base = Words(0xFE80 << 48, 1, True)
    twin = Words(one ^ two ^ base.hi, 2, True)
    for first, second in ((base, twin), (twin, base)):
        register = make()
        arrays = (
            np.array([UNKNOWN, UNKNOWN + 1], np.uint64), np.array([first.hi, second.hi], np.uint64),
            np.array([first.lo, second.lo], np.uint64), np.ones(2, bool), np.full(2, -1), np.full(2, T),
            np.ones(2, bool),
        )  # fmt: skip
        list(register.observe_many(*arrays))
        owners = register.assets_of(*arrays[1:4], arrays[0])
        assert (len(register), owners.macs[owners.codes].tolist()) == (2, [UNKNOWN, UNKNOWN + 1])
        # known by the address alone
        owners = register.assets_of(*arrays[1:4], np.zeros(2, np.uint64))
        assert owners.macs[owners.codes].tolist() == [UNKNOWN, UNKNOWN + 1]


def test_macs_made_for_one_place_of_the_index_are_hosts_like_others(make):
    """Those that find no place are found all the same, before and after it grows."""
    macs = crowded(150)
    register = make(5000)
    _, hi, lo, v6, vlan, ts, inside = flood(150)
    for _ in range(2):
        list(register.observe_many(macs, hi, lo, v6, vlan, ts, inside))
        owners = register.assets_of(hi, lo, v6, macs)
        assert owners.macs[owners.codes].tolist() == macs.tolist()
        assert len(register._hosts.all()) >= 150 - kernels.PROBES
    list(register.observe_many(*flood(4000, 1000)))
    list(register.observe_many(macs, hi, lo, v6, vlan, ts, inside))
    assert (len(register), register.refused) == (4150, 0)
    assert register.asset("10.0.0.149").mac == macs[149]


def test_a_crowd_grows_with_its_hosts():
    """And finds all of them."""
    crowd = Crowd(5000, np.zeros(4096, bool), lambda row: None)
    mac, _, lo, *_ = flood(5000)
    notes = np.zeros(5000, kernels.NOTED)
    for name, column in zip(("mac", "hi", "lo", "v6", "vlan", "ts", "inside"), flood(5000), strict=True):
        notes[name] = column
    for first in range(0, 5000, 700):
        block = notes[first : first + 700]
        assert crowd.take(block, 0, 20000) == len(block)
    assert (len(crowd), crowd.used, crowd.places, crowd.full) == (5000, 5000, 5000, True)
    assert [crowd.with_mac(int(one)) for one in mac[::500]] == list(range(0, 5000, 500))
    assert [crowd.with_addr(Words(0, int(one), False)) for one in lo[::500]] == list(range(0, 5000, 500))
    assert (crowd.with_mac(5), crowd.with_addr(Words(0, 5, False)), crowd.with_addr(None)) == (-1, -1, -1)


def test_words_of_an_address():
    """IPv4 is mapped; what is no address has none."""
    assert address_words("10.0.0.1") == Words(0, MAPPED | 10 << 24 | 1, False)
    assert address_words("fe80::1") == Words(0xFE80 << 48, 1, True)
    assert [address_words(text) for text in ("", "x", "10.0.0", "::x", "\0")] == [None] * 5


def test_routers_are_bounded_and_those_beyond_are_counted(make):
    """One that was seen as a host before stays one then."""
    register = make(10)
    list(register.observe_many(*flood(5)))
    mac, hi, lo, v6, vlan, ts, inside = flood(50)
    for _ in range(2):
        list(register.observe_many(mac[::-1], hi, lo + np.uint64(1 << 24), v6, vlan, ts, ~inside))
    assert (len(register), register.refused) == (5, 40)
    assert register.asset("10.0.0.3").mac == int(mac[3])
    assert register.observe(int(mac[49]), "10.1.1.1", None, T).mac == 0, "behind a router"


def test_routers_without_a_place_in_the_index_are_routers_like_others(make):
    """Before and after it grows."""
    macs = crowded(150)
    register = make(5000)
    _, hi, lo, v6, vlan, ts, inside = flood(150)
    list(register.observe_many(macs, hi, lo + np.uint64(1 << 24), v6, vlan, ts, ~inside))
    for more in (0, 4000):
        list(register.observe_many(*flood(more, 1000)))
        list(register.observe_many(macs, hi, lo, v6, vlan, ts, inside))
        owners = register.assets_of(hi, lo, v6, macs)
        assert (owners.macs[owners.codes].tolist(), len(register)) == ([0] * 150, 150 + more)
