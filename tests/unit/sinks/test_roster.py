# SPDX-License-Identifier: Apache-2.0
"""The register on a screen: every asset with its evidence, on wide and narrow screens."""

import io

import pytest
from rich.console import Console

from egresswatch.sinks.roster import render, render_comparison, render_counts

ROW = {
    "asset_id": "hikvision-3fa2c1", "name": "", "mac": "4c:bd:8f:00:00:01", "ips": ["10.20.0.13"], "vlan": 20,
    "role": "camera", "vendor": "hikvision", "brand": "Hikvision", "model": "DS-2CD2143", "firmware": None,
    "hostname": None, "confidence": "high", "evidence": [f"evidence {n}" for n in range(6)],
    "conflicts": ["the OUI says Dahua"],
}  # fmt: skip


def screen(rows, width):
    out = io.StringIO()
    render(rows, Console(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_an_asset_is_told_with_what_is_known(width):
    """Name, address, MAC, VLAN, role, maker and model, how sure."""
    text = screen([ROW], width)
    for fact in ("1 video device seen: 1 camera.", "hikvision-3fa2c1", "10.20.0.13", "4c:bd:8f:00:00:01",
                 "20", "camera", "Hikvision DS-2CD2143", "high"):  # fmt: skip
        assert fact in text
    assert "None" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_evidence_is_shortened_and_contradictions_are_not(width):
    """Four pieces of evidence, then a number; every conflict."""
    text = screen([ROW], width)
    assert "evidence 3" in text and "evidence 4" not in text
    assert "and 2 more pieces of evidence" in text
    assert "but: the OUI says Dahua" in text


def test_an_empty_register_says_so():
    """Not an empty table."""
    assert screen([], 80) == " No video device was recognised.\n"


def test_an_asset_with_next_to_nothing_known_is_shown():
    """An asset_id alone is enough."""
    assert "host-000001" in screen([{"asset_id": "host-000001"}], 120)


def test_many_addresses_end_in_a_number():
    """A router behind one MAC does not flood the screen."""
    row = {"asset_id": "r", "ips": [f"10.0.0.{n}" for n in range(9)]}
    assert "10.0.0.2 and 6 more" in " ".join(screen([row], 80).split())


# --- counts, lists, comparison -------------------------------------------------------------------------
MAKER = {
    "id": "hikvision", "name": "Hikvision", "parent": None, "jurisdiction": "CN",
    "lists": [{"name": "US NDAA section 889", "reference": "https://example.org", "names": "Hikvision"}],
}  # fmt: skip
SEEN = ROW | {"maker": MAKER, "made_by": [], "first_seen": "2026", "monitored": True, "site": "depot"}
AXIS = SEEN | {"asset_id": "axis-1", "brand": "Axis", "role": "recorder", "maker": {"name": "Axis"}}
MAYBE = SEEN | {"asset_id": "maybe-1", "monitored": False, "role": "other"}
CLIENT = SEEN | {"asset_id": "phone-1", "monitored": False, "role": "client"}
UNSEEN = SEEN | {"asset_id": "gate", "first_seen": None}


def page(function, *arguments, width=120):
    out = io.StringIO()
    function(*arguments, Console(file=out, width=width))
    return out.getvalue()


def test_the_summary_stands_above_the_list():
    """By maker, country, site and VLAN, with the public lists that name them."""
    text = screen([SEEN, AXIS, MAYBE, CLIENT, UNSEEN], 120)
    assert text.startswith(
        " 2 video devices seen: 1 camera, 1 recorder. 1 host that may be one. 1 client of theirs. "
        "1 listed but not seen.\n"
        " Maker: Axis 1, Hikvision 1\n Country: CN 1, country unknown 1\n Site: depot 2\n VLAN: VLAN 20 2\n"
        " On public lists, by maker, owner or who made it:\n   1 device: US NDAA section 889\n"
    )
    assert "Hikvision (CN) DS-2CD2143" in text


def test_one_device_needs_no_counts():
    """The line below says it all."""
    assert "Maker:" not in screen([SEEN], 120)


def test_what_is_not_monitored_has_an_empty_bullet():
    """After the devices."""
    text = screen([MAYBE, SEEN, UNSEEN], 120)
    assert text.index("● hikvision-3fa2c1") < text.index("○ maybe-1")
    assert "○ gate" in text


def test_flows_without_a_name_are_told():
    """Of the whole site, and of the camera."""
    text = screen([SEEN | {"outside_flows": 8, "unnamed_flows": 2}], 120)
    assert "Of 8 flows to the outside, 2 without a name (25 %)." in text
    assert "2 of 8 flows to the outside without a name (25 %)" in text
    named = screen([SEEN | {"outside_flows": 8, "unnamed_flows": 0}], 120)
    assert "without a name" not in named.split("ASSET")[1]


def test_who_made_it_is_shown_with_how_sure_the_sources_are():
    """And whether the device shows signs of it."""
    made = [
        {"name": "Dahua", "lines": "some recorders", "confidence": "low", "seen": False},
        {"name": "Hikvision", "lines": None, "confidence": "high", "seen": True},
    ]
    text = screen([SEEN | {"made_by": made}], 160)
    assert "made by: Dahua (some recorders, sources: low), Hikvision (sources: high, it shows" in text


@pytest.mark.parametrize("width", [60, 120])
def test_counts_are_a_table(width):
    """With the roles, and how many are on public lists."""
    text = page(render_counts, [SEEN, SEEN, AXIS], "maker", width=width)
    assert "3 video devices seen: 2 cameras, 1 recorder." in text
    assert [line.split() for line in text.splitlines()[2:5]] == [
        ["MAKER", "DEVICES", "OF", "THEM", "LISTED"], ["Hikvision", "2", "2", "cameras", "2"],
        ["Axis", "1", "1", "recorder"],
    ]  # fmt: skip
    assert "LISTED: public lists name" in text
    assert page(render_counts, [], "role") == " 0 video devices seen.\n"


def test_a_comparison_says_what_it_does_not_know():
    """Missing is not gone."""
    facts = {"mac": None, "ips": ["10.0.0.1"], "vlan": 20, "name": None, "place": None}
    found = {
        "inventory": "c.csv", "listed": 2, "seen": 1,
        "unknown": [facts | {"asset_id": "host-1", "brand": "Axis", "model": "P1", "detail": ["x"]}],
        "missing": [facts | {"asset_id": None, "name": "gate", "place": "c.csv:2", "detail": ["not seen"]}],
        "different": [],
    }  # fmt: skip
    text = page(render_comparison, found)
    assert text.startswith(" 1 of 2 listed devices seen. 1 unknown, 1 missing, 0 different.\n")
    assert "UNKNOWN: seen, but not in c.csv\n ● host-1\n   10.0.0.1 · VLAN 20 · Axis P1\n" in text
    assert "● gate\n   10.0.0.1 · VLAN 20 · c.csv:2\n     not seen\n" in text
    assert "DIFFERENT" not in text
    assert "not that it is gone" in text
    assert "not that it is gone" not in page(render_comparison, found | {"missing": []})


def test_the_rule_pack_that_says_so_is_named():
    """A register from an older run has none, and is shown without."""
    pack = {"rules": {"version": "2026.11.22", "digest": "0123456789abcdef"}}
    assert "\n Rules 2026.11.22, digest 0123456789ab.\n" in screen([ROW | pack], 100)
    assert "Rules" not in screen([ROW], 100)
