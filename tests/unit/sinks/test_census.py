# SPDX-License-Identifier: Apache-2.0
"""The register counted, and as CSV."""

from __future__ import annotations

import csv
import io

import pytest

from egresswatch.sinks.census import (
    GROUPS,
    UNKNOWN,
    as_csv,
    comparison_csv,
    counted,
    listings,
    tallies,
    tallies_csv,
    tallies_json,
)

NDAA = {"name": "US NDAA section 889", "reference": "https://example.org", "names": "Hikvision"}


def row(asset_id="a", maker="Hikvision", country="CN", **facts):
    company = {"id": "x", "name": maker, "parent": None, "jurisdiction": country, "lists": []}
    return {
        "asset_id": asset_id, "ips": ["10.0.0.1", "fe80::1"], "vlan": 20, "role": "camera", "site": None,
        "maker": company if maker else None, "made_by": [], "first_seen": "2026", "monitored": True, **facts,
    }  # fmt: skip


ROWS = [
    row("a"), row("b", role="recorder"), row("c", "Axis", "SE", vlan=None), row("d", None),
    row("e", "Acme", None, monitored=False), row("f", first_seen=None),
]  # fmt: skip


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_devices_are_counted_by_maker():
    """The largest group first, the unknown last; what was not seen or is not monitored does not count."""
    found = tallies(ROWS, "maker")
    assert [(each.group, each.devices) for each in found] == [
        ("Hikvision", 2), ("Axis", 1), ("maker unknown", 1),
    ]  # fmt: skip
    assert found[0].roles == (("camera", 1), ("recorder", 1))
    assert [counted(each) for each in ROWS] == [True, True, True, True, False, False]


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("jurisdiction", ["CN", "SE", "country unknown"]), ("vlan", ["VLAN 20", "no VLAN tag"]),
        ("site", ["no site named"]), ("role", ["camera", "recorder"]),
    ],
)  # fmt: skip
def test_every_other_way_to_count(by, groups):
    """By country, VLAN, site and role."""
    assert [each.group for each in tallies(ROWS, by)] == groups


def test_every_group_has_a_word_for_not_known():
    """As many as the command offers."""
    assert set(GROUPS) == set(UNKNOWN)
    assert tallies([], "maker") == []


def test_vlan_0_is_a_vlan():
    """As Zeek has it, priority tags included."""
    assert tallies([row(vlan=0)], "vlan")[0].group == "VLAN 0"


def test_lists_are_those_of_the_maker_and_of_who_made_it():
    """Of a company that makes some lines only when the device shows it."""
    listed = {"name": "Hikvision", "lists": [NDAA]}
    assert listings(row(maker=None) | {"maker": listed}) == (NDAA["name"],)
    assert listings(row(made_by=[listed | {"lines": None, "seen": False}])) == (NDAA["name"],)
    assert listings(row(made_by=[listed | {"lines": "some recorders", "seen": False}])) == ()
    assert listings(row(made_by=[listed | {"lines": "some recorders", "seen": True}])) == (NDAA["name"],)
    assert tallies([row(made_by=[listed])], "maker")[0].listed == 1


def test_csv_has_a_line_a_device():
    """Nothing for what is not known, several values in one cell."""
    counts = {"outside_flows": 3, "unnamed_flows": 1, "blind_name_share": 0.333}
    counts["rules"] = {"version": "2026.11", "digest": "5e0f"}
    table = read(as_csv([row("a", evidence=["x", "y"], **counts)]))
    assert table[0]["asset_id"] == "a"
    assert (table[0]["ips"], table[0]["vlan"], table[0]["monitored"]) == ("10.0.0.1; fe80::1", "20", "yes")
    assert (table[0]["jurisdiction"], table[0]["model"], table[0]["evidence"]) == ("CN", "", "x; y")
    assert (table[0]["outside_flows"], table[0]["blind_name_share"]) == ("3", "0.333")
    assert (table[0]["rules_version"], table[0]["rules_digest"]) == ("2026.11", "5e0f")


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@x", "\t=1"])
def test_a_cell_is_never_a_formula(text):
    """A camera chooses its own host name."""
    (line,) = read(as_csv([row(hostname=text, model='a"b,c\nd')]))
    assert line["hostname"].startswith(("'", "\ufffd"))
    assert line["model"] == 'a"b,c\ufffdd'


def test_counts_have_their_own_csv_and_json():
    """For a report."""
    assert tallies_csv(ROWS, "jurisdiction").splitlines() == [
        "jurisdiction,devices,on_public_lists", "CN,2,0", "SE,1,0", "country unknown,1,0",
    ]  # fmt: skip
    assert tallies_json([row()], "maker") == {
        "by": "maker",
        "counts": [{"group": "Hikvision", "devices": 1, "roles": {"camera": 1}, "listed": 0}],
    }


def test_a_comparison_has_a_line_a_finding():
    """Unknown, then missing, then different."""
    each = {"asset_id": "a", "name": None, "place": "c.csv:2", "mac": None, "ips": ["1"], "vlan": None}
    unknown, different = each | {"detail": ["x", "y"]}, each | {"detail": ["z"]}
    found = {"unknown": [unknown], "missing": [], "different": [different]}
    assert [(line["finding"], line["detail"]) for line in read(comparison_csv(found))] == [
        ("unknown", "x; y"), ("different", "z"),
    ]  # fmt: skip


def test_rows_of_an_older_register_are_counted():
    """Without maker and sight."""
    assert tallies([{"asset_id": "x", "brand": "Axis"}], "maker")[0].group == "Axis"
