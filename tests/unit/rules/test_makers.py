# SPDX-License-Identifier: Apache-2.0
"""Companies: what a file may say about them, and the ways from a brand to who makes and owns it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from egresswatch.rules import MatchTables
from egresswatch.rules.lint import lint
from egresswatch.rules.loader import load_pack
from egresswatch.rules.makers import Listing, Relation, Remark, brands_of, chain, named
from egresswatch.rules.model import RulePackError

Load = Callable[..., MatchTables]

HOUSE = """vendors:
- id: top
  name: Top
  kind: group
  jurisdiction: SE
  references: [a source]
- id: mid
  name: Middle
  parent: top
  aliases: [Mittel, "中"]
  lists:
  - {name: One list, reference: its source}
  - {name: Another list, reference: another source}
  remarks:
  - {topic: ownership, text: belongs to the state, confidence: low, references: [press]}
  references: [a source]
- id: chips
  name: Chips
  kind: licensor
  references: [a source]
- id: sub
  name: Sub
  parent: mid
  references: [a source]
- id: label
  name: Label
  kind: brand
  made_by:
  - {vendor: mid, confidence: high, references: [a reader]}
  - {vendor: sub, confidence: low, lines: some recorders, references: [x, y]}
  uses:
  - {vendor: chips, confidence: medium, references: [z]}
  references: [a source]
"""


@pytest.fixture
def house(load: Load) -> MatchTables:
    """A group, two makers of it, a licensor and a brand."""
    return load(HOUSE)


def test_lists_carry_their_source(house: MatchTables) -> None:
    """Each list that names a maker says where that was read."""
    vendor = house.vendors["mid"]
    assert vendor.lists == (Listing("One list", "its source"), Listing("Another list", "another source"))


def test_remarks_are_sourced_facts(house: MatchTables) -> None:
    """A remark has a topic, words, a confidence and sources."""
    (remark,) = house.vendors["mid"].remarks
    assert remark == Remark("ownership", "belongs to the state", "low", ("press",))


def test_brand_says_who_makes_it(house: MatchTables) -> None:
    """Everything it sells, or some lines; platforms are apart from makers."""
    label = house.vendors["label"]
    assert label.made_by == (
        Relation("mid", "high", ("a reader",)),
        Relation("sub", "low", ("x", "y"), "some recorders"),
    )
    assert [relation.vendor for relation in label.uses] == ["chips"]


@pytest.mark.parametrize(
    ("vendor_id", "sells"), [("mid", True), ("label", True), ("chips", False), ("top", False)]
)
def test_whose_name_stands_on_devices(house: MatchTables, vendor_id: str, sells: bool) -> None:
    """Makers and brands; no licensor, no holding."""
    assert house.vendors[vendor_id].sells is sells


def test_chain_goes_up_to_the_top(house: MatchTables) -> None:
    """Itself first, then each parent."""
    assert [vendor.id for vendor in chain(house.vendors, "sub")] == ["sub", "mid", "top"]
    assert [vendor.id for vendor in chain(house.vendors, "top")] == ["top"]
    assert chain(house.vendors, "nobody") == ()


def test_chain_ends_where_parents_go_in_a_circle(load: Load) -> None:
    """A mistake of a pack is no endless loop."""
    one, other = (f"- {{id: {i}, name: {i}, parent: {p}, references: [s]}}\n" for i, p in ("ab", "ba"))
    tables = load(f"vendors:\n{one}{other}")
    assert [vendor.id for vendor in chain(tables.vendors, "a")] == ["a", "b"]


def test_chain_ends_at_an_unknown_parent(load: Load) -> None:
    """What is not described is not shown."""
    tables = load("vendors:\n- {id: a, name: A, parent: gone, references: [s]}")
    assert [vendor.id for vendor in chain(tables.vendors, "a")] == ["a"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mid", "mid"),
        ("MIDDLE", "mid"),
        (" mittel ", "mid"),
        ("中", "mid"),
        ("Middle Ages", None),
        ("", None),
    ],
)
def test_a_company_by_any_of_its_names(house: MatchTables, text: str, found: str | None) -> None:
    """Id, name and other names; case and blanks around do not count."""
    vendor = named(house.vendors, text)
    assert (vendor.id if vendor else None) == found


def test_brands_of_a_maker_and_of_a_licensor(house: MatchTables) -> None:
    """Who sells what it makes and who uses what it licenses are two questions."""
    for vendor_id, kind in (("mid", "made_by"), ("sub", "made_by"), ("chips", "uses")):
        ((vendor, relation),) = brands_of(house.vendors, vendor_id, kind)
        assert (vendor.id, relation.vendor) == ("label", vendor_id)
    assert brands_of(house.vendors, "chips") == ()
    assert brands_of(house.vendors, "label") == ()


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("lists: [A list]", "a: must be a mapping of fields"),
        ("lists: [{name: A list}]", 'a: field "reference" is missing'),
        ("made_by: [{vendor: b, references: [s]}]", 'a: field "confidence" is missing'),
        ("made_by: [{vendor: b, confidence: sure, references: [s]}]", '"confidence": "sure" is not one of'),
        ("made_by: [{vendor: b, confidence: low}]", 'a: field "references" is missing'),
        ("uses: [{vendor: b, confidence: low, line: x, references: [s]}]", 'did you mean "lines"?'),
        ("remarks: [{topic: gossip, text: x, confidence: low, references: [s]}]", '"topic": "gossip"'),
        ("kind: shop", '"kind": "shop" is not one of maker, brand, licensor, hosting, group'),
        ("jurisdiction: Sweden", "two capital letters"),
        ("parent: Top AB", "a vendor id"),
    ],
)
def test_mistakes_about_a_company(load: Load, field: str, message: str) -> None:
    """Every part is checked and told with its place."""
    with pytest.raises(RulePackError) as caught:
        load(f"vendors:\n- id: a\n  name: A\n  {field}\n  references: [s]\n")
    assert message in str(caught.value)
    assert "0.yaml:" in str(caught.value)


def issues(tmp_path: Path, text: str) -> list[str]:
    """What lint says about one file."""
    (tmp_path / "pack.yaml").write_text(text, encoding="utf-8")
    return [f"{issue.subject}: {issue.message}" for issue in lint(load_pack([tmp_path], builtin=False))]


def test_lint_is_content_with_a_good_house(tmp_path: Path) -> None:
    """The example above has no mistake."""
    assert issues(tmp_path, HOUSE) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("vendor: mid", "vendor: who", 'label: made_by "who" is not in the vendors list'),
        ("vendor: chips", "vendor: who", 'label: uses "who" is not in the vendors list'),
        ("vendor: mid", "vendor: label", 'label: made_by "label" is itself'),
        ("parent: top", "parent: who", 'mid: parent "who" is not in the vendors list'),
        ("aliases: [Mittel", "aliases: [CHIPS", 'chips: the name "chips" is also that of mid'),
    ],
)
def test_lint_follows_relations_and_names(tmp_path: Path, old: str, new: str, message: str) -> None:
    """A relation must lead somewhere, and a name to one company only."""
    assert issues(tmp_path, HOUSE.replace(old, new, 1)) == [message]


def test_digest_knows_every_fact_of_a_company(load: Load) -> None:
    """A changed source, relation or remark is another pack."""
    digests = {load(HOUSE).digest}
    for old, new in (
        ("its source", "no source"),
        ("some recorders", "all"),
        ("belongs to", "owned by"),
        ("[z]", "[w]"),
    ):
        digests.add(load(HOUSE.replace(old, new)).digest)
    assert len(digests) == 5
