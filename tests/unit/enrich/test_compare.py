# SPDX-License-Identifier: Apache-2.0
"""The register against an inventory: unknown, missing, different; nothing is claimed that was not seen."""

from __future__ import annotations

import pytest

from egresswatch.enrich.compare import compare
from egresswatch.enrich.inventory import Entry, Inventory

HIK_TEXT, HIK = "44:19:b6:00:00:01", 0x4419B6000001


def row(asset_id="hikvision-1", mac=HIK_TEXT, ips=("10.0.0.1",), **facts):
    return {
        "asset_id": asset_id, "mac": mac, "ips": list(ips), "vlan": None, "role": "camera",
        "vendor": "hikvision", "brand": "Hikvision", "model": None, "name": None, "conflicts": [],
        "evidence": ["one", "two", "three"], "first_seen": "2026-01-01T00:00:00Z", "monitored": True, **facts,
    }  # fmt: skip


def entry(line, name="cam", mac=0, ip="", **facts):
    return Entry(name, mac, ip, place=f"cameras.csv:{line}", **facts)


@pytest.fixture
def against(tables):
    def run(rows, *entries):
        return compare(rows, Inventory(entries), "cameras.csv", tables.vendors)

    return run


def test_what_agrees_is_only_counted(against):
    """Nothing to do."""
    found = against([row()], entry(2, mac=HIK, ip="10.0.0.1", vendor="HIK"))
    assert found == {
        "inventory": "cameras.csv", "listed": 1, "seen": 1, "unknown": [], "missing": [], "different": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    "listed",
    [
        {"mac": HIK}, {"ip": "10.0.0.1"}, {"mac": HIK, "ip": "10.0.0.9"},
        {"name": "gate", "ip": "10.0.0.7"},
    ],
)  # fmt: skip
def test_a_device_is_found_by_mac_then_address_then_name(against, listed):
    """The name only where the register took it from an inventory."""
    found = against([row(name="gate")], entry(2, **listed))
    assert (found["seen"], found["unknown"], found["missing"]) == (1, [], [])


def test_another_mac_at_a_listed_address_is_another_device(against):
    """Perhaps it was replaced: both lines say so."""
    found = against([row()], entry(2, "gate", mac=HIK + 1, ip="10.0.0.1"))
    assert [each["name"] for each in found["missing"]] == ["gate"]
    assert found["unknown"][0]["detail"][0] == (
        "has the address of gate (cameras.csv:2), which is listed with another MAC"
    )


def test_a_mac_comes_before_an_address(against):
    """Two devices that changed their addresses are not taken for each other."""
    rows = [row("a", HIK_TEXT, ["10.0.0.2"]), row("b", "44:19:b6:00:00:02", ["10.0.0.1"])]
    found = against(rows, entry(2, "one", HIK, "10.0.0.1"), entry(3, "two", HIK + 1, "10.0.0.2"))
    assert (found["seen"], found["unknown"], found["missing"]) == (2, [], [])
    assert [each["asset_id"] for each in found["different"]] == ["a", "b"]
    assert found["different"][0]["detail"] == ["listed with address 10.0.0.1, seen with 10.0.0.2"]


def test_an_unknown_device_is_shown_with_its_evidence(against):
    """What it is taken for, and why."""
    (unknown,) = against([row()])["unknown"]
    assert unknown["detail"] == ["taken for a camera", "one", "two"]
    assert (unknown["mac"], unknown["ips"], unknown["brand"]) == (HIK_TEXT, ["10.0.0.1"], "Hikvision")


def test_what_only_may_be_a_device_is_not_unknown(against):
    """But a listed one was seen."""
    maybe = row(monitored=False, role="other")
    assert against([maybe])["unknown"] == []
    assert against([maybe], entry(2, mac=HIK))["seen"] == 1


def test_a_listed_device_that_nobody_saw_is_missing(against):
    """Also where the register has a row for it, made from the inventory."""
    unseen = row("gate", None, ["10.0.0.5"], name="gate", first_seen=None)
    (missing,) = against([unseen], entry(2, "gate", ip="10.0.0.5"))["missing"]
    assert (missing["name"], missing["ips"], missing["place"]) == ("gate", ["10.0.0.5"], "cameras.csv:2")
    assert missing["detail"] == ["not among the video devices that were seen"]


DIFFERENT = {
    "maker": ({"vendor": "Dahua"}, {}, ["listed as Dahua, taken for Hikvision"]),
    "maker of the same house": ({"vendor": "EZVIZ"}, {}, []),
    "maker unknown on the wire": ({"vendor": "Axis"}, {"vendor": None}, []),
    "VLAN": ({"vlan": 20}, {"vlan": 30}, ["listed in VLAN 20, seen in VLAN 30"]),
    "untagged": ({"vlan": 20}, {}, []),
    "model": ({"model": "P1"}, {"model": "X2"}, ["listed as model P1, says it is X2"]),
    "model written otherwise": ({"model": "ds-2cd2143G0"}, {"model": "DS-2CD2143G0-I"}, []),
    "role": ({"role": "recorder"}, {}, ["listed as recorder, taken for a camera"]),
    "role not told": ({"role": "recorder"}, {"role": "other"}, []),
    "what the register said itself": (
        {}, {"conflicts": ["cameras.csv:2 says Dahua, what it shows says Axis", "another"]},
        ["cameras.csv:2 says Dahua, what it shows says Axis"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DIFFERENT)
def test_differences_are_told_in_words(case, against):
    """Only where both sides say something."""
    listed, seen, detail = DIFFERENT[case]
    found = against([row(**seen)], entry(2, mac=HIK, **listed))["different"]
    assert [line for each in found for line in each["detail"]] == detail


def test_rows_of_an_older_register_will_do(against):
    """Without the columns that came later."""
    old = {"asset_id": "x", "ips": ["10.0.0.1"]}
    found = against([old], entry(2, ip="10.0.0.1"), entry(3, ip="10.0.0.2"))
    assert (found["seen"], len(found["missing"])) == (1, 1)
