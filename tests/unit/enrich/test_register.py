# SPDX-License-Identifier: Apache-2.0
"""The register: who is one host, what it is called, when it is monitored, and its bounds."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egresswatch.enrich.inventory import Entry, Inventory
from egresswatch.enrich.register import Register
from egresswatch.rules.site import load_site

HIK, HIK2, DAH, GEN = 0x4419B6000001, 0x4419B6000002, 0x3CEF8C000001, 0x00259E000001
LOCAL, ROUTER, UNKNOWN = 0x02AABBCCDDEE, 0x001122334455, 0x00A0B0C0D0E0
T = 1_700_000_000_000_000_000


def hex6(text):
    return hashlib.sha256(text.encode()).hexdigest()[:6]


@pytest.fixture
def make(tables):
    def build(site=None, entries=(), max_hosts=1000):
        return Register(tables, site or load_site(None), Inventory(tuple(entries)), max_hosts)

    return build


@pytest.fixture
def site(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(
        '[[zone]]\nname = "cameras"\nrole = "camera"\nnetworks = ["10.20.0.0/24"]\nvlans = [20]\n'
        '[[zone]]\nname = "office"\nnetworks = ["10.30.0.0/24"]\n',
        encoding="utf-8",
    )
    return load_site(path)


def test_a_camera_is_told_by_its_mac(make):
    """Maker by prefix, an id of maker and hash, never a bare MAC."""
    asset = make().observe(HIK, "10.20.0.13", 20, T)
    assert asset.monitored
    assert (asset.asset_id, asset.maker, asset.vlan) == (
        f"hikvision-{hex6('44:19:b6:00:00:01')}", "Hikvision (CN)", 20,
    )  # fmt: skip
    assert asset.mac == HIK


def test_one_mac_with_two_addresses_is_one_host(make):
    """IPv4 and IPv6, or a new lease."""
    register = make()
    asset = register.observe(HIK, "10.20.0.13", None, T)
    assert register.observe(HIK, "fe80::1", None, T) is asset
    assert register.observe(HIK, "10.20.0.77", None, T) is asset
    assert register.asset("fe80::1") is asset
    assert asset.ips == ["10.20.0.13", "fe80::1", "10.20.0.77"]


def test_outside_and_group_senders_are_no_assets(make):
    """Only hosts of the site."""
    register = make()
    assert register.observe(ROUTER, "203.0.113.7", None, T) is None
    assert register.observe(0, "224.0.0.1", None, T) is None
    assert register.observe(0, "0.0.0.0", None, T) is None
    assert not register.evidence("203.0.113.7", ROUTER, "rtsp_server", "Dahua Rtsp Server", T)
    assert register.rows() == []


def test_a_mac_that_sends_for_outside_addresses_is_a_router(make):
    """Hosts behind it are told by address."""
    register = make()
    register.observe(ROUTER, "203.0.113.7", None, T)
    one = register.observe(ROUTER, "10.20.0.13", None, T)
    two = register.observe(ROUTER, "10.20.0.14", None, T)
    assert one is not two
    assert one.key == "address 10.20.0.13"
    assert one.mac == 0


def test_a_mac_with_too_many_addresses_is_a_router(make):
    """What was read so far goes with the address that showed it."""
    register = make()
    for last in range(1, 9):
        register.observe(ROUTER, f"10.20.0.{last}", None, T)
    register.evidence("10.20.0.3", ROUTER, "rtsp_server", "Dahua Rtsp Server", T)
    register.evidence("10.20.0.4", ROUTER, "http_server", "App-webs/", T)
    mixed = register.asset("10.20.0.3", ROUTER)
    assert mixed.monitored
    register.observe(ROUTER, "10.20.0.9", None, T)
    three, four = register.asset("10.20.0.3", ROUTER), register.asset("10.20.0.4", ROUTER)
    assert (three.vendor, four.vendor) == ("dahua", "hikvision")
    assert not register.asset("10.20.0.5").monitored
    assert three.asset_id == mixed.asset_id, "the id that alerts already carry goes on"
    assert len(register.rows()) == 2


def test_two_hosts_behind_a_layer_3_switch_are_two(make):
    """Two addresses that take turns are two hosts; a new lease is one turn only."""
    register = make()
    for _ in range(20):
        register.observe(ROUTER, "10.20.0.13", None, T)
        register.observe(ROUTER, "fe80::5", None, T)
        register.observe(ROUTER, "10.20.0.14", None, T)
    assert register.asset("10.20.0.13") is not register.asset("10.20.0.14")
    register = make()
    for last in (13, 13, 14, 14, 13, 14):
        register.observe(HIK, f"10.20.0.{last}", None, T)
    assert register.asset("10.20.0.13") is register.asset("10.20.0.14")


def test_a_camera_with_a_second_address_stays_one(make):
    """A camera maker's MAC with two addresses in turn is no router."""
    register = make()
    for _ in range(40):
        register.observe(HIK, "10.20.0.13", None, T)
        register.observe(HIK, "192.168.1.64", None, T)
    assert register.asset("10.20.0.13") is register.asset("192.168.1.64")


def test_a_host_seen_before_and_behind_its_router_is_one(make):
    """A mirror of both VLANs shows the same camera under two MACs."""
    register = make()
    register.observe(ROUTER, "203.0.113.7", None, T)
    camera = register.observe(HIK, "10.20.0.13", 20, T)
    assert register.observe(ROUTER, "10.20.0.13", 30, T) is camera
    other = make()
    other.observe(ROUTER, "203.0.113.7", None, T)
    other.evidence("10.20.0.13", ROUTER, "http_server", "App-webs/", T)
    late = other.observe(HIK, "10.20.0.13", 20, T)
    assert other.asset("10.20.0.13", ROUTER) is late
    assert any("App-webs" in text for text in late.evidence)
    assert len(other.rows()) == 1


def test_a_router_found_late_gives_back_what_it_took(make):
    """Frames of the router before it was known as one do not keep the camera's address."""
    register = make()
    camera = register.observe(HIK, "10.20.0.13", None, T)
    register.observe(ROUTER, "10.20.0.13", None, T)
    register.observe(ROUTER, "203.0.113.7", None, T)
    assert register.asset("10.20.0.13", ROUTER) is camera


def test_cameras_behind_a_camera_makers_mac(make):
    """A recorder that forwards for its cameras: each is watched, with low confidence."""
    register = make()
    register.observe(HIK, "203.0.113.7", None, T)
    asset = register.observe(HIK, "192.168.254.3", None, T)
    assert asset.monitored
    assert asset.confidence == "low"
    assert asset.evidence == ("reached through a MAC of Hangzhou Hikvision, which makes cameras",)


def test_no_mac_means_by_address(make):
    """Raw IP captures; group addresses as sender are none either."""
    register = make()
    assert register.observe(0, "10.20.0.13", None, T).key == "address 10.20.0.13"
    assert register.observe(0x01005E000001, "10.20.0.13", None, T).key == "address 10.20.0.13"


def test_dhcp_before_the_address_counts_for_the_mac(make):
    """DISCOVER comes from 0.0.0.0."""
    register = make()
    assert register.evidence("0.0.0.0", UNKNOWN, "dhcp_hostname", "DS-2CD2143", T)
    asset = register.observe(UNKNOWN, "10.20.0.13", None, T)
    assert (asset.monitored, asset.model, asset.hostname) == (True, "DS-2CD2143", "DS-2CD2143")
    assert asset.ips == ["10.20.0.13"]


def test_evidence_tells_when_something_changed(make):
    """So that the pipeline knows; the same again changes nothing."""
    register = make()
    register.observe(UNKNOWN, "10.20.0.13", None, T)
    assert not register.evidence("10.20.0.13", UNKNOWN, "tls_sni", "x.example.com", T)
    assert register.evidence("10.20.0.13", UNKNOWN, "rtsp_server", "Dahua Rtsp Server", T)
    assert not register.evidence("10.20.0.13", UNKNOWN, "rtsp_server", "Dahua Rtsp Server", T)
    assert register.platform("10.20.0.14", UNKNOWN + 1, "ezviz", "ezviz/cloud", "EW-EZV-0001", T)
    assert not register.platform("10.20.0.14", UNKNOWN + 1, "ezviz", "ezviz/cloud", "EW-EZV-0001", T)


def test_the_id_stays_once_it_was_given_out(make):
    """Before a host is monitored its id may still get its maker; afterwards alerts carry it."""
    register = make()
    asset = register.observe(UNKNOWN, "10.20.0.13", None, T)
    assert asset.asset_id == f"host-{hex6('00:a0:b0:c0:d0:e0')}"
    register.platform("10.20.0.13", UNKNOWN, "ezviz", "ezviz/cloud", "EW-EZV-0001", T)
    assert asset.asset_id.startswith("ezviz-")
    register.evidence("10.20.0.13", UNKNOWN, "rtsp_server", "Dahua Rtsp Server", T)
    assert asset.vendor == "dahua"
    assert asset.asset_id.startswith("ezviz-")


def test_a_phone_with_the_app_is_not_monitored(make):
    """Its own marks outweigh what a camera would do too."""
    register = make()
    register.platform("10.20.0.50", LOCAL, "ezviz", "ezviz/cloud", "EW-EZV-0001", T)
    assert register.asset("10.20.0.50").monitored
    assert register.evidence("10.20.0.50", LOCAL, "dhcp_vendor_class", "android-dhcp-14", T)
    assert not register.asset("10.20.0.50").monitored
    assert register.asset("10.20.0.50").role == "client"


def test_the_site_file_says_who_is_monitored(make, site):
    """Whatever else is seen; where it says nothing, the marks decide."""
    register = make(site)
    assert register.observe(UNKNOWN, "10.20.0.13", None, T).monitored
    assert not register.observe(HIK, "10.30.0.13", None, T).monitored
    assert register.observe(HIK2, "10.40.0.13", None, T).monitored
    assert not register.observe(GEN, "10.40.0.14", None, T).monitored


def test_a_zone_by_vlan_counts_as_soon_as_the_vlan_is_seen(make, site):
    """Untagged frames first (a mirror that tags one direction only)."""
    register = make(site)
    asset = register.observe(UNKNOWN, "192.168.7.7", None, T)
    assert not asset.monitored
    register.observe(UNKNOWN, "192.168.7.7", 20, T)
    assert asset.monitored
    assert asset.role == "camera"
    assert asset.evidence == ('in zone "cameras" of the site file (camera)',)


def test_the_inventory_names_a_host(make):
    """By MAC, or by address; it also says what it is."""
    entries = [
        Entry("cam-gate-03", HIK, "10.20.0.13", 20, "HIK", "DS-1", "depot", "camera", "cameras.csv:2"),
        Entry("nvr-main", 0, "10.20.0.2", None, "Brandless", "", "", "recorder", "cameras.csv:3"),
    ]
    register = make(entries=entries)
    camera = register.observe(HIK, "10.20.0.13", 20, T)
    assert (camera.asset_id, camera.name, camera.vendor, camera.model, camera.site) == (
        "cam-gate-03", "cam-gate-03", "hikvision", "DS-1", "depot",
    )  # fmt: skip
    recorder = register.observe(UNKNOWN, "10.20.0.2", None, T)
    assert (recorder.asset_id, recorder.role, recorder.monitored) == ("nvr-main", "recorder", True)
    assert (recorder.vendor, recorder.brand, recorder.confidence) == ("brandless", "Brandless", "high")


def test_a_listed_mac_is_not_another_mac_with_its_address(make):
    """Behind a router the address is all there is; before it, the MAC decides."""
    entry = Entry("cam-gate-03", HIK, "10.20.0.13", place="cameras.csv:2")
    register = make(entries=[entry])
    assert register.observe(HIK2, "10.20.0.13", None, T).name == ""
    register = make(entries=[entry])
    register.observe(ROUTER, "203.0.113.7", None, T)
    assert register.observe(ROUTER, "10.20.0.13", None, T).name == "cam-gate-03"


def test_the_inventory_contradicted_is_a_conflict(make):
    """Wrong maker, address, VLAN: shown, not decided silently."""
    entry = Entry("cam-1", DAH, "10.20.0.1", 20, "Hikvision", place="cameras.csv:2")
    register = make(entries=[entry])
    register.observe(DAH, "10.20.0.9", 30, T)
    (row,) = register.rows()
    assert row["conflicts"] == [
        "cameras.csv:2 says Hikvision, what it shows says Dahua",
        "cameras.csv:2 says address 10.20.0.1, seen with 10.20.0.9",
        "cameras.csv:2 says VLAN 20, seen in VLAN 30",
    ]


def test_rows_have_the_contracts_columns_and_order(make):
    """Sorted by id; unknown facts are null; listed but unseen hosts are told."""
    entry = Entry("zzz", 0, "10.20.0.200", 20, "Axis", "P1", "", "camera", "cameras.csv:2")
    register = make(entries=[entry])
    register.observe(HIK, "10.20.0.13", 20, T)
    register.observe(GEN, "10.20.0.50", 20, T)
    rows = register.rows()
    assert list(rows[0]) == [
        "asset_id", "name", "mac", "ips", "vlan", "role", "vendor", "brand", "model", "firmware", "hostname",
        "confidence", "evidence", "conflicts", "monitored", "maker", "made_by", "site",
        "first_seen", "last_seen", "outside_flows", "unnamed_flows", "blind_name_share",
    ]  # fmt: skip
    assert rows[0] == {
        "asset_id": f"hikvision-{hex6('44:19:b6:00:00:01')}", "name": None, "mac": "44:19:b6:00:00:01",
        "ips": ["10.20.0.13"], "vlan": 20, "role": "camera", "vendor": "hikvision", "brand": "Hikvision",
        "model": None, "firmware": None, "hostname": None, "confidence": "high",
        "evidence": ["MAC prefix of Hangzhou Hikvision, which makes cameras (says: maker, video device)"],
        "conflicts": [], "monitored": True,
        "maker": {
            "id": "hikvision", "name": "Hikvision", "parent": None, "jurisdiction": "CN", "lists": [],
            "ownership": [],
        },
        "made_by": [], "site": None,
        "first_seen": "2023-11-14T22:13:20.000000000Z", "last_seen": "2023-11-14T22:13:20.000000000Z",
        "outside_flows": 0, "unnamed_flows": 0, "blind_name_share": None,
    }  # fmt: skip
    assert rows[1]["asset_id"] == "zzz"
    assert rows[1]["evidence"] == ["listed in cameras.csv:2", "not seen sending anything"]
    assert len(rows) == 2


def test_an_address_of_two_hosts_is_a_conflict(make):
    """A duplicate address, or a lease that went on."""
    register = make()
    register.observe(HIK, "10.20.0.13", None, T)
    register.observe(DAH, "10.20.0.13", None, T)
    rows = register.rows()
    assert rows[0]["conflicts"] == [f"address 10.20.0.13 is also used by {rows[1]['asset_id']}"]
    assert register.asset("10.20.0.13", HIK).mac == HIK
    assert register.asset("10.20.0.13").mac == DAH


def test_two_hashes_that_begin_alike_give_two_ids(make, monkeypatch):
    """24 bits are few: a longer piece of the hash keeps ids apart."""
    real = hashlib.sha256

    class Alike:
        def __init__(self, data):
            self.text = "aaaaaa" + real(data).hexdigest()

        def hexdigest(self):
            return self.text

    monkeypatch.setattr("egresswatch.enrich.ids.hashlib.sha256", Alike)
    register = make()
    one, two = register.observe(HIK, "10.20.0.1", None, T), register.observe(HIK2, "10.20.0.2", None, T)
    assert one.asset_id == "hikvision-aaaaaa"
    assert two.asset_id.startswith("hikvision-aaaaaa")
    assert len(two.asset_id) == len("hikvision-") + 8


def test_the_register_is_bounded_and_counts(make):
    """A flood of hosts is refused; those already there stay."""
    register = make(max_hosts=10)
    for n in range(50):
        register.observe(UNKNOWN + n, f"10.20.0.{n}", None, T)
        register.observe(0, f"10.21.0.{n}", None, T)
    assert register.refused == 90
    assert register.asset("10.20.0.3") is not None
    assert register.asset("10.20.0.30") is None


def test_marks_of_one_host_are_bounded(make):
    """A host that calls itself a thousand names."""
    register = make()
    for n in range(100):
        register.evidence("10.20.0.13", HIK, "dhcp_hostname", f"name{n}", T)
    assert register.refused == 37
    assert len(register.asset("10.20.0.13").evidence) == 64


STEP = st.tuples(
    st.sampled_from([0, HIK, HIK2, GEN, ROUTER, LOCAL, 0x01005E000001]),
    st.sampled_from(
        ["10.0.0.1", "10.0.0.2", "10.0.0.3", "fe80::1", "0.0.0.0", "203.0.113.7", "224.0.0.1", "x"]
    ),
    st.sampled_from([None, 20, 30]),
    st.sampled_from(
        ["", "rtsp_server", "p2p", "dhcp_hostname", "dhcp_vendor_class", "platform", "bind", "spoke", "lldp"]
    ),
)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEP, max_size=60), limit=st.sampled_from([3, 1000]))
def test_whatever_is_seen_the_register_is_consistent(tables, steps, limit):
    """Ids are unique, look-ups agree with what observe gave, settled ids stay, and a rerun is the same."""

    def run():
        register = Register(tables, load_site(None), Inventory(()), limit)
        for mac, addr, vlan, kind in steps:
            if kind == "bind":
                register.binding(mac, addr, vlan, T)
                continue
            asset = register.observe(mac, addr, vlan, T)
            if asset is not None and addr != "0.0.0.0":
                assert addr in asset.ips or register.refused
            if kind == "platform":
                register.platform(addr, mac, "ezviz", "ezviz/cloud", "EW-EZV-0001", T)
            elif kind == "spoke":
                register.spoke(addr, mac, "dahua", "dahua-p2p", "EW-DAH-0007", T)
                register.counts(addr, mac, 2, 1)
            elif kind:
                register.evidence(addr, mac, kind, "Dahua Rtsp Server", T, "model")
            everyone = register._hosts.all()
            ids = [each.asset_id for each in everyone]
            assert len(ids) == len(set(ids))
            assert all(ids)
            assert len(everyone) <= limit
            assert len(register) == len(everyone)
            for each in everyone:
                assert all(register.asset(ip) is not None for ip in each.ips)
                assert each.settled or not each.monitored
        return register.rows()

    assert run() == run()
