# SPDX-License-Identifier: Apache-2.0
"""Whose camera it is: brands, who makes what they sell, and who owns them."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from egresswatch.enrich.asset import Mark
from egresswatch.enrich.identity import identify, related
from egresswatch.enrich.rows import made_by_rows, maker_row
from egresswatch.rules.makers import Listing, Relation, Remark, Vendor

OWNED = Remark("ownership", "owned by X", "medium", ("s",))
MADE = Remark("products", "makes locks too", "high", ("s",))
NDAA = Listing("US NDAA section 889", "https://example.org/ndaa")


def company(id_, kind="maker", parent="", made_by=(), lists=(), country="CN", uses=()):
    makers = tuple(Relation(*each) for each in made_by)
    used = tuple(Relation(each, "high", ("s",)) for each in uses)
    return Vendor(id_, id_.upper(), country, parent, (), lists, (), kind=kind, made_by=makers, uses=used)


VENDORS = {
    vendor.id: vendor
    for vendor in (
        dataclasses.replace(company("hik", lists=(NDAA,)), remarks=(OWNED, MADE)),
        company("ezv", parent="hik"),
        company("dah", lists=(NDAA,)),
        company("lts", "brand", made_by=[("hik", "high", ("https://example.org/lts",))], country="US"),
        company(
            "annke", "brand", made_by=[("hik", "medium", ("s",)), ("dah", "low", ("s",), "some recorders")]
        ),
        company("chip", "licensor"),
        company("tenant", uses=["dah"]),
        company("group", "group", country="US"),
        company("sub", parent="group", country=""),
    )
}


def mark(vendor, points=6, kind="http_title", text=""):
    return Mark(kind, text or f"{kind} of {vendor}", 40, vendor=vendor, vendor_points=points)


CASES = {
    "a label on what another makes": ([mark("hik", 5, "oui"), mark("lts")], "lts"),
    "the label, however strong its maker shows": (
        [mark("hik", 5, "oui"), mark("hik", 6, "rtsp_server"), mark("hik", 3, "platform"), mark("lts", 4)],
        "lts",
    ),
    "a maker that calls its subsidiary's cloud": ([mark("hik", 5, "oui"), mark("ezv", 3, "platform")], "hik"),
    "a subsidiary": ([mark("ezv", 4, "oui"), mark("hik", 6, "rtsp_server")], "ezv"),
    "contacts do not outvote a label": (
        [mark("dah", 5, "oui"), mark("hik", 3, "platform"), mark("hik", 3, "p2p"), mark("ezv", 3, "p2p")],
        "dah",
    ),
    "a kind of mark counts once": (
        [mark("dah", 5, "oui"), *(mark("hik", 4, "http_title", f"title {n}") for n in range(9))],
        "dah",
    ),
    "contacts alone": ([mark("ezv", 3, "platform")], "ezv"),
    "who licenses a protocol makes no camera": ([mark("chip", 6, "p2p")], ""),
    "a maker the pack does not know": ([mark("acme", 5, "oui")], "acme"),
}


@pytest.mark.parametrize("case", CASES)
def test_whose_camera_it_is(case):
    """In any order of arrival."""
    marks, vendor = CASES[case]
    for order in itertools.islice(itertools.permutations(marks), 24):
        assert identify(order, VENDORS).vendor == vendor


def test_who_is_of_one_house():
    """A brand and its maker, a company and its owner; not two brands of one maker."""
    assert related("lts", "hik", VENDORS)
    assert related("hik", "lts", VENDORS)
    assert related("ezv", "hik", VENDORS)
    assert related("annke", "dah", VENDORS)
    assert related("x", "x", VENDORS)
    assert not related("lts", "annke", VENDORS)
    assert not related("hik", "dah", VENDORS)


def test_a_relabel_is_no_conflict_and_two_houses_are():
    """Each conflict is told once."""
    assert identify([mark("hik", 5, "oui"), mark("lts")], VENDORS).conflicts == ()
    (line,) = identify([mark("hik", 5, "oui"), mark("lts"), mark("dah")], VENDORS).conflicts
    assert line.startswith("two makers: ")


def test_another_makers_protocol_is_told():
    """A relabel that nobody has written down yet."""
    (line,) = identify([mark("ezv", 5, "oui"), mark("dah", 3, "p2p", "speaks dahua-p2p")], VENDORS).conflicts
    assert line == "speaks dahua-p2p, as devices of DAH do: perhaps made by DAH"
    assert identify([mark("tenant", 5, "oui"), mark("dah", 3, "p2p")], VENDORS).conflicts == ()


def test_a_maker_carries_its_owner_and_the_lists_that_name_either():
    """Each list with its source, and whom it names."""
    assert maker_row("ezv", "", VENDORS) == {
        "id": "ezv", "name": "EZV", "parent": "HIK", "jurisdiction": "CN",
        "lists": [{"name": NDAA.name, "reference": NDAA.reference, "names": "HIK"}],
        "ownership": [{"text": "owned by X", "confidence": "medium", "references": ["s"], "names": "HIK"}],
    }  # fmt: skip
    assert maker_row("sub", "", VENDORS)["jurisdiction"] == "US"
    assert maker_row("acme", "Acme", VENDORS)["name"] == "Acme"
    assert maker_row("", "", VENDORS) is None


def test_who_made_it_is_a_claim_with_sources():
    """What the host itself shows comes first; the maker's lists are the maker's."""
    rows = made_by_rows("annke", ["dah"], VENDORS)
    assert [(row["id"], row["lines"], row["confidence"], row["seen"]) for row in rows] == [
        ("dah", "some recorders", "low", True), ("hik", None, "medium", False),
    ]  # fmt: skip
    assert rows[0]["lists"][0]["name"] == NDAA.name
    assert made_by_rows("hik", [], VENDORS) == []
