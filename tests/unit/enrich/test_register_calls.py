# SPDX-License-Identifier: Apache-2.0
"""What the register is told beside packets: bindings, protocols, parts of fingerprints, counts of flows."""

from __future__ import annotations

import dataclasses

import pytest

from egresswatch.enrich.inventory import Inventory
from egresswatch.enrich.register import Register
from egresswatch.enrich.rows import SILENT
from egresswatch.rules.makers import Fingerprint
from egresswatch.rules.site import load_site

HIK, HIK2, DAH, GEN = 0x4419B6000001, 0x4419B6000002, 0x3CEF8C000001, 0x00259E000001
ROUTER, UNKNOWN, GROUP = 0x001122334455, 0x00A0B0C0D0E0, 0x01005E000001
T = 1_700_000_000_000_000_000


@pytest.fixture
def make(tables):
    def build(max_hosts=1000, site=None):
        return Register(tables, site or load_site(None), Inventory(()), max_hosts)

    return build


@pytest.fixture
def first_contact(tables, monkeypatch):
    """A fingerprint of two parts: a question and a port; only the first reads a model."""
    parts = {
        ("dns_query", "dev.example"): Fingerprint(
            "FP-2", "dns_query", "dahua", "camera", "X1", "high", "first contact", parts=2
        ),
        ("contacted_port", "tcp/8666"): Fingerprint(
            "FP-2", "dns_query", "dahua", "camera", "", "high", "first contact", part=1, parts=2
        ),
    }
    find = type(tables).fingerprints
    monkeypatch.setattr(
        type(tables),
        "fingerprints",
        lambda self, *said: (parts[said],) if said in parts else find(self, *said),
    )


# --- binding ---------------------------------------------------------------------------------------
def test_a_host_that_sends_no_ip_is_known_by_arp(make):
    """Its row says on what that rests."""
    register = make()
    asset = register.binding(HIK, "10.20.0.13", 20, T)
    assert (asset.mac, asset.ips, asset.vlan, asset.monitored) == (HIK, ["10.20.0.13"], 20, True)
    assert (asset.first_seen, asset.last_seen) == (T, T)
    (row,) = register.rows()
    assert row["evidence"][-1] == SILENT


def test_a_host_that_also_sends_ip_is_the_same(make):
    """Whatever comes first."""
    register = make()
    asset = register.binding(HIK, "10.20.0.13", None, T)
    assert register.observe(HIK, "10.20.0.13", 20, T + 5) is asset
    assert register.binding(HIK, "10.20.0.13", 20, T + 9) is asset
    (row,) = register.rows()
    assert SILENT not in row["evidence"]
    assert (row["vlan"], row["first_seen"] < row["last_seen"]) == (20, True)


def test_two_hosts_that_claim_one_address_are_a_conflict(make):
    """Shown on both, decided for neither."""
    register = make()
    register.binding(HIK, "10.20.0.13", 20, T)
    register.binding(DAH, "10.20.0.13", 20, T)
    rows = register.rows()
    assert [len(row["conflicts"]) for row in rows] == [1, 1]
    assert rows[0]["conflicts"] == [f"address 10.20.0.13 is also used by {rows[1]['asset_id']}"]


def test_a_binding_makes_no_router(make):
    """An address outside the site only says that the MAC is there."""
    register = make()
    asset = register.binding(HIK, "203.0.113.7", None, T)
    assert (asset.mac, asset.ips) == (HIK, [])
    assert register.observe(HIK, "10.20.0.13", None, T) is asset


def test_a_router_that_answers_for_others_takes_no_address_from_them(make):
    """Proxy ARP of a known router; a host with its own MAC stays what it is."""
    register = make()
    register.observe(ROUTER, "203.0.113.7", None, T)
    camera = register.binding(HIK, "10.20.0.13", None, T)
    assert register.binding(ROUTER, "10.20.0.13", None, T) is camera
    assert register.binding(ROUTER, "10.20.0.1", None, T).key == "address 10.20.0.1"


@pytest.mark.parametrize("mac", [0, GROUP])
def test_a_claim_without_a_host_is_none(make, mac):
    """Group addresses and nothing at all never speak."""
    register = make()
    assert register.binding(mac, "10.20.0.13", None, T) is None
    assert len(register) == 0


def test_a_flood_of_bindings_is_bounded(make):
    """Claims cost nothing to make."""
    register = make(max_hosts=10)
    for n in range(100):
        register.binding(UNKNOWN + n, f"10.20.{n}.1", None, T)
    assert len(register) == 10
    assert register.refused == 90


def test_evidence_without_an_address_goes_to_the_mac(make):
    """LLDP names a MAC only."""
    register = make()
    register.binding(HIK, "10.20.0.13", None, T)
    assert register.evidence("0.0.0.0", HIK, "lldp", "DS-2CD2143", T, "model")
    assert register.asset("0.0.0.0", HIK).model == "DS-2CD2143"
    assert not register.evidence("0.0.0.0", HIK, "lldp", "DS-2CD2143", T, "model"), "nothing new"


# --- spoke -----------------------------------------------------------------------------------------
def test_a_spoken_protocol_tells_a_video_device_and_its_maker(make):
    """Alone, and no more than a medium confidence."""
    register = make()
    assert register.spoke("10.20.0.50", UNKNOWN, "dahua", "dahua-p2p", "EW-DAH-0007", T)
    asset = register.asset("10.20.0.50")
    assert (asset.monitored, asset.vendor, asset.confidence) == (True, "dahua", "medium")
    (row,) = register.rows()
    assert row["evidence"] == ["speaks dahua-p2p (EW-DAH-0007) (says: maker, video device)"]


def test_who_licenses_a_protocol_is_not_the_maker(make, tables, monkeypatch):
    """PPPP does not make cameras."""
    chips = dataclasses.replace(tables.vendors["dahua"], id="cs2", kind="licensor")
    monkeypatch.setitem(tables.vendors, "cs2", chips)
    register = make()
    register.spoke("10.20.0.50", UNKNOWN, "cs2", "pppp", "EW-PPP-0001", T)
    register.spoke("10.20.0.51", UNKNOWN + 1, "", "pppp", "EW-PPP-0001", T)
    assert [register.asset(f"10.20.0.{n}").vendor for n in (50, 51)] == ["", ""]
    assert all(asset.monitored for asset in register.monitored())


def test_a_protocol_of_plugs_too_makes_nothing_monitored(make):
    """But a camera that is known otherwise has its maker confirmed."""
    register = make()
    register.spoke("10.20.0.50", GEN, "dahua", "home", "EW-X-0001", T, shared=True)
    assert not register.asset("10.20.0.50").monitored


# --- fingerprints of several parts --------------------------------------------------------------------
def test_all_parts_make_one_mark(make, first_contact):
    """In either order; half of them say nothing."""
    steps = [("dns_query", "dev.example"), ("contacted_port", "tcp/8666")]
    for order in (steps, steps[::-1]):
        register = make()
        assert not register.evidence("10.20.0.50", UNKNOWN, *order[0], T)
        assert not register.asset("10.20.0.50").monitored
        assert register.evidence("10.20.0.50", UNKNOWN, *order[1], T)
        asset = register.asset("10.20.0.50")
        assert (asset.monitored, asset.vendor, asset.role, asset.model) == (True, "dahua", "camera", "X1")
        (row,) = register.rows()
        signs = 'DNS question "dev.example" and contacts port tcp/8666: first contact'
        assert row["evidence"] == [f"{signs} (says: maker, camera, model)"]


def test_parts_of_two_hosts_are_not_one(make, first_contact):
    """One asks, another contacts."""
    register = make()
    register.evidence("10.20.0.50", UNKNOWN, "dns_query", "dev.example", T)
    register.evidence("10.20.0.51", UNKNOWN + 1, "contacted_port", "tcp/8666", T)
    assert register.monitored() == []


def test_halves_are_bounded(make, tables, monkeypatch):
    """A host that begins many fingerprints and ends none."""
    monkeypatch.setattr(
        type(tables),
        "fingerprints",
        lambda _self, kind, value: (Fingerprint(value, kind, "", "camera", "", "low", "", parts=2),),
    )
    register = make()
    for n in range(100):
        register.evidence("10.20.0.50", UNKNOWN, "served_port", f"tcp/{n}", T)
    assert register.refused == 36
    assert len(register.asset("10.20.0.50").parts) == 64


# --- counts, bystanders, facts ----------------------------------------------------------------------
def test_flows_are_counted_per_camera(make):
    """A host with several addresses adds up; a stranger is nobody."""
    register = make()
    register.observe(HIK, "10.20.0.13", None, T)
    register.observe(HIK, "fd00::13", None, T)
    register.counts("10.20.0.13", HIK, 5, 1)
    register.counts("fd00::13", HIK, 1, 1)
    register.counts("10.99.0.1", 0, 7, 7)
    (row,) = register.rows()
    assert (row["outside_flows"], row["unnamed_flows"], row["blind_name_share"]) == (6, 2, 0.333)


def test_no_flow_outside_has_no_share(make):
    """Null, not 0: nothing was there to be named."""
    register = make()
    register.observe(HIK, "10.20.0.13", None, T)
    assert register.rows()[0]["blind_name_share"] is None


def test_an_embedded_device_of_a_maker_may_be_one(make):
    """In the census, but not monitored; without either sign it is nobody."""
    register = make()
    register.evidence("10.20.0.50", GEN, "dhcp_vendor_class", "udhcp 1.19.4", T)
    register.evidence("10.20.0.51", UNKNOWN, "dhcp_vendor_class", "udhcp 1.19.4", T)
    register.observe(GEN + 1, "10.20.0.52", None, T)
    (row,) = register.rows()
    assert (row["ips"], row["monitored"], row["role"], row["vendor"]) == (
        ["10.20.0.50"], False, "other", "huawei",
    )  # fmt: skip
    assert row["evidence"][-1].startswith("may be a video device")
    assert register.monitored() == []


def test_a_client_is_in_the_census_and_not_monitored(make):
    """The phone with the maker's app, and why it is taken for one."""
    register = make()
    register.platform("10.20.0.50", UNKNOWN, "ezviz", "ezviz/cloud", "EW-EZV-0001", T)
    register.evidence("10.20.0.50", UNKNOWN, "dhcp_vendor_class", "android-dhcp-14", T)
    (row,) = register.rows()
    assert (row["monitored"], row["role"]) == (False, "client")
    assert row["conflicts"][0].startswith("speaks against a camera")


def test_the_zones_decide_who_is_in_the_census(make, tmp_path):
    """A bystander in a zone that is not monitored is left alone."""
    path = tmp_path / "site.toml"
    path.write_text('[site]\nname = "depot"\n[[zone]]\nname = "office"\nnetworks = ["10.20.0.0/24"]\n')
    register = make(site=load_site(path))
    register.evidence("10.20.0.50", GEN, "dhcp_vendor_class", "udhcp 1.19.4", T)
    register.evidence("10.30.0.50", GEN + 1, "dhcp_vendor_class", "udhcp 1.19.4", T)
    (row,) = register.rows()
    assert (row["ips"], row["site"]) == (["10.30.0.50"], "depot")


def test_model_and_firmware_come_from_what_it_says(make):
    """And the row says from which words."""
    register = make()
    detail = "answer, firmware V5.5, activated"
    assert register.evidence("10.20.0.13", HIK, "sadp", "DS-2CD2143", T, detail)
    (row,) = register.rows()
    assert (row["model"], row["firmware"]) == ("DS-2CD2143", "V5.5")
    assert row["evidence"][-1] == 'SADP answer "DS-2CD2143" (says: video device, model, firmware)'


def test_what_was_asked_of_a_host_tells_its_maker_not_the_askers(make, tables, monkeypatch):
    """``http_path`` of the asker, ``http_served`` of the server."""
    monkeypatch.setitem(tables.prints, ("http_path", "/ISAPI/x"), ("hikvision", "camera", "", "high"))
    register = make()
    register.evidence("10.20.0.50", UNKNOWN, "http_path", "/ISAPI/x", T)
    register.evidence("10.20.0.51", UNKNOWN + 1, "http_served", "/ISAPI/x", T)
    assert register.asset("10.20.0.50") is None or not register.asset("10.20.0.50").monitored
    assert register.asset("10.20.0.51").vendor == "hikvision"
