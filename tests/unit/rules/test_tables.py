# SPDX-License-Identifier: Apache-2.0
"""Look-ups: names, addresses, ports, MACs, makers and fingerprints, most specific first."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.rules import MatchTables, prints

Load = Callable[..., MatchTables]


def ids(rules: tuple) -> list[str]:
    return [rule.id for rule in rules]


@pytest.fixture
def names(load: Load, yamls: SimpleNamespace) -> MatchTables:
    return load(
        yamls.rules(
            yamls.rule(1, match="domains: [a.example]"),
            yamls.rule(2, match="domains: [b.a.example]"),
            yamls.rule(3, match='full_domains: [x.b.a.example, "vtm*.b.a.example", "vtm*eu.b.a.example"]'),
        )
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.example", ["EW-TST-0001"]),
        ("c.a.example", ["EW-TST-0001"]),
        ("b.a.example", ["EW-TST-0002", "EW-TST-0001"]),
        ("deep.er.b.a.example", ["EW-TST-0002", "EW-TST-0001"]),
        ("x.b.a.example", ["EW-TST-0003", "EW-TST-0002", "EW-TST-0001"]),
        ("y.x.b.a.example", ["EW-TST-0002", "EW-TST-0001"]),
        ("vtm1.b.a.example", ["EW-TST-0003", "EW-TST-0002", "EW-TST-0001"]),
        ("vtmeu.b.a.example", ["EW-TST-0003", "EW-TST-0002", "EW-TST-0001"]),
        ("vtm.b.a.example", ["EW-TST-0002", "EW-TST-0001"]),
        ("z.vtm1.b.a.example", ["EW-TST-0002", "EW-TST-0001"]),
        ("X.B.A.Example.", ["EW-TST-0003", "EW-TST-0002", "EW-TST-0001"]),
        ("nota.example", []),
        ("a.example.net", []),
        ("example", []),
        ("", []),
        (".", []),
        ("..", []),
    ],
)
def test_names_most_specific_first(names: MatchTables, name: str, expected: list[str]) -> None:
    """Exact names, then one-label wildcards, then suffixes from long to short; never part of a label."""
    assert ids(names.domain(name)) == expected


@given(st.text(max_size=80))
def test_any_text_is_a_name_that_may_be_unknown(names: MatchTables, name: str) -> None:
    """No text from the wire upsets the look-up of names."""
    assert isinstance(names.domain(name), tuple)


@given(st.lists(st.sampled_from(["a", "b", "x", "vtm", "vtm1", "example", "net"]), max_size=6))
def test_names_equal_the_obvious_twin(names: MatchTables, labels: list[str]) -> None:
    """The walk over labels finds what comparing every rule with the name finds."""
    name = ".".join(labels)
    expected = {
        rule.id
        for rule in names.rules.values()
        if any(name == item or name.endswith("." + item) for item in rule.match.domains)
        or any(_like(name, item) for item in rule.match.full_domains)
    }
    assert set(ids(names.domain(name))) == expected


def _like(name: str, item: str) -> bool:
    label, dot, rest = name.partition(".")
    head, _, parent = item.partition(".")
    before, star, after = head.partition("*")
    if not star:
        return name == item
    long_enough = len(label) > len(before) + len(after)
    return bool(dot) and rest == parent and long_enough and label.startswith(before) and label.endswith(after)


def test_addresses_smallest_network_first(load: Load, yamls: SimpleNamespace) -> None:
    """An address finds the networks around it, the narrow one first, in both families."""
    tables = load(
        yamls.rules(
            yamls.rule(1, match="nets: [192.0.2.0/24, 2001:db8::/32]"),
            yamls.rule(2, match="nets: [192.0.2.128/25, 2001:db8::7/128]"),
        )
    )
    assert ids(tables.address("192.0.2.200")) == ["EW-TST-0002", "EW-TST-0001"]
    assert ids(tables.address("192.0.2.1")) == ["EW-TST-0001"]
    assert ids(tables.address("2001:db8::7")) == ["EW-TST-0002", "EW-TST-0001"]
    assert ids(tables.address("2001:db8:1::")) == ["EW-TST-0001"]
    assert ids(tables.address("198.51.100.1")) == []
    assert ids(tables.address("no address")) == []


def test_everywhere_is_a_network_too(load: Load, yamls: SimpleNamespace) -> None:
    """A prefix length of 0 matches all of its family and nothing of the other."""
    tables = load(yamls.rules(yamls.rule(match='nets: ["0.0.0.0/0"]')))
    assert ids(tables.address("203.0.113.9")) == ["EW-TST-0001"]
    assert ids(tables.address("2001:db8::1")) == []


def test_ports_with_ranges(load: Load, yamls: SimpleNamespace) -> None:
    """A port knows its transport; a range counts both ends."""
    tables = load(yamls.rules(yamls.rule(match="ports: [udp/32100, tcp/8003-8004]")))
    assert ids(tables.port(17, 32100)) == ["EW-TST-0001"]
    assert ids(tables.port(6, 32100)) == []
    assert [port for port in range(8000, 8010) if tables.port(6, port)] == [8003, 8004]


OUIS = """vendors:
- {id: test, name: Test, references: [a source]}
ouis:
- {vendor: test, registrant: Wide, relevance: generic, prefixes: "70B3D5 00BC99", references: [s]}
- {vendor: test, registrant: Middle, relevance: mostly, prefixes: "70B3D51", references: [s]}
- {vendor: test, registrant: Narrow, relevance: camera, prefixes: "70B3D5123", references: [s]}
"""


@pytest.mark.parametrize(
    ("mac", "registrant"),
    [
        (0x70B3D5123456, "Narrow"),
        (0x70B3D5124456, "Middle"),
        (0x70B3D5223456, "Wide"),
        (0x00BC99000000, "Wide"),
        (0x00BC98000000, None),
        (0x02BC99000000, None),
        (0x01BC99000000, None),
        (0xFFFFFFFFFFFF, None),
        (0, None),
    ],
)
def test_oui_longest_prefix(load: Load, mac: int, registrant: str | None) -> None:
    """36 before 28 before 24 bits; locally administered and group addresses belong to nobody."""
    oui = load(OUIS).oui(mac)
    assert (oui.registrant if oui else None) == registrant


def test_vendor_by_id(load: Load, yamls: SimpleNamespace) -> None:
    """A maker is found by id, an unknown one is None."""
    tables = load(yamls.RULE, yamls.VENDOR)
    vendor = tables.vendor("test")
    assert vendor is not None
    assert (vendor.name, vendor.jurisdiction, vendor.parent) == ("Test", "", "")
    assert tables.vendor("nobody") is None


def fingerprint(number: int, match: str, extra: str = "", confidence: str = "high") -> str:
    return (
        f"- id: FP-TST-{number:04d}\n  kind: http_server\n  match: {match}\n  role: camera\n"
        f"  confidence: {confidence}\n  text: a test\n  references: [s]\n{extra}"
        "  examples: {match: [x], no_match: [y]}\n"
    )


@pytest.mark.parametrize(
    ("match", "value", "fits"),
    [
        ("{equals: App-webs/}", "app-WEBS/", True),
        ("{equals: App-webs/}", "App-webs/1", False),
        ("{prefix: uc-httpd}", "UC-HTTPD 1.0", True),
        ("{prefix: uc-httpd}", "a uc-httpd", False),
        ("{suffix: Station}", "Door station", True),
        ("{suffix: Station}", "Station 2", False),
        ("{contains: /ISAPI/}", "PUT /isapi/System", True),
        ("{contains: /ISAPI/}", "/ISAPI", False),
        ("{equals: [a, b]}", "B", True),
        ("{equals: [a, b]}", "", False),
    ],
)
def test_fingerprint_ways(load: Load, match: str, value: str, fits: bool) -> None:
    """equals, prefix, suffix and contains, one text or several, case ignored."""
    tables = load("fingerprints:\n" + fingerprint(1, match))
    assert bool(tables.fingerprints("http_server", value)) is fits
    assert tables.fingerprints("rtsp_server", value) == ()


@pytest.mark.parametrize(
    ("match", "extra", "value", "model"),
    [
        ('{prefix: "CAM,"}', "  model: rest\n", "CAM,P3245", "P3245"),
        ('{prefix: "CAM,"}', '  model: rest\n  model_until: ","\n', "cam,P3245,1.0", "P3245"),
        ("{prefix: DCS-}", "  model: whole\n", "DCS-932L", "DCS-932L"),
        ('{suffix: " Door"}', "  model: rest\n", "A8105 Door", "A8105"),
        ("{prefix: DCS-}", "", "DCS-932L", ""),
        ('{prefix: "CAM,"}', "  model: rest\n", "CAM," + "x" * 300, "x" * 64),
    ],
)
def test_fingerprint_reads_the_model(load: Load, match: str, extra: str, value: str, model: str) -> None:
    """The rest of the value, or all of it, becomes the model; its length has a limit."""
    (found,) = load("fingerprints:\n" + fingerprint(1, match, extra)).fingerprints("http_server", value)
    assert found.model == model


def test_surest_fingerprint_first(load: Load) -> None:
    """Higher confidence first; then equals before prefix before contains."""
    tables = load(
        "fingerprints:\n"
        + fingerprint(1, "{equals: abc}", confidence="low")
        + fingerprint(2, "{contains: b}")
        + fingerprint(3, "{prefix: ab}")
        + fingerprint(4, "{equals: abc}")
    )
    found = [item.id for item in tables.fingerprints("http_server", "abc")]
    assert found == ["FP-TST-0004", "FP-TST-0003", "FP-TST-0002", "FP-TST-0001"]


def test_tables_cannot_be_changed(names: MatchTables) -> None:
    """A pack is replaced as a whole, never edited."""
    with pytest.raises(TypeError):
        names.rules["EW-TST-0001"] = None  # type: ignore[index]
    with pytest.raises(AttributeError):
        names.version = "2"  # type: ignore[misc]
    assert not names.patterns.flags.writeable


@given(st.data())
def test_the_gate_lets_through_all_that_fits(pack: MatchTables, data: st.DataObject) -> None:
    """Texts of fingerprints, cut and put together: asked through the gate or one by one, the same."""
    kind = data.draw(st.sampled_from(sorted(pack.fingerprint_parts)))
    ways = [way for part in pack.fingerprint_parts[kind] for way in part.condition.ways]
    texts = [text for _, found in ways for text in found]
    piece = st.sampled_from(sorted({"", "x", " ", *texts}))
    value = "".join(data.draw(st.lists(piece, max_size=3)))[: data.draw(st.sampled_from([200, 200, 5]))]
    assert pack.fingerprints(kind, value) == prints.found(pack.fingerprint_parts[kind], value)
