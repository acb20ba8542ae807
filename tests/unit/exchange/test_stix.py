# SPDX-License-Identifier: Apache-2.0
"""STIX 2.1 out and in: valid objects with ids of their own, patterns that mean the same again."""

import contextlib
import json
import sys

import pytest
import stix2

from egresswatch.errors import EgresswatchError
from egresswatch.exchange import stix, stix_read
from egresswatch.exchange.claims import Indicator, active, indicators
from egresswatch.rules.loader import load_pack

NAMES = ("domain", "full_domain", "net")


def one(pattern, **fields):
    """(indicators, notes) of a bundle with one indicator."""
    item = {"type": "indicator", "id": "indicator--1", "pattern_type": "stix", "pattern": pattern, **fields}
    reading = stix_read.read(json.dumps({"type": "bundle", "objects": [item]}))
    return [item for found in reading.found for item in found.indicators], reading.notes


def test_the_library_reads_what_was_written(pack):
    """stix2 parses the bundle strictly, every object with its date, confidence and source."""
    bundle = stix2.parse(stix.export(pack).files[""], allow_custom=False)
    author, first, *_ = bundle.objects
    assert author.type == "identity"
    assert (first.confidence, first.valid_from.isoformat()) == (85, "2026-11-22T00:00:00+00:00")
    assert first.modified > first.created  # revision 3
    assert [ref.get("external_id") for ref in first.external_references][0] == "EW-ABC-0001"


def test_the_same_pack_gives_the_same_bytes(pack):
    """No clock and no chance in it."""
    assert stix.export(pack).files == stix.export(pack).files


@pytest.mark.parametrize("which", ["small", "built-in"])
def test_names_and_networks_come_back_as_they_were(which, pack):
    """Also a name with _ in it, which LIKE would take for any letter, and one with a star."""
    pack = pack if which == "small" else load_pack()
    reading = stix_read.read(stix.export(pack).files[""])
    assert not reading.notes
    found = {item.key: {i for i in item.indicators if i.kind in NAMES} for item in reading.found}
    for rule in active(pack):
        assert {i for i in indicators(rule) if i.kind in NAMES} == found.get(rule.id, set())


def test_severity_and_confidence_come_back(pack):
    """They travel as label and number."""
    found = stix_read.read(stix.export(pack).files[""]).found[0]
    assert (found.severity, found.confidence, found.published) == ("high", "high", "2026-11-22")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[domain-name:value = 'A.example']", [Indicator("full_domain", "a.example")]),
        ("[domain-name:value IN ('a.example', 'b.example')]",
         [Indicator("full_domain", "a.example"), Indicator("full_domain", "b.example")]),
        ("[ipv4-addr:value = '192.0.2.1'] OR [ipv6-addr:value = '2001:db8::1']",
         [Indicator("net", "192.0.2.1/32"), Indicator("net", "2001:db8::1/128")]),
        ("[(domain-name:value = 'a.example' OR ipv4-addr:value ISSUBSET '192.0.2.0/24')]",
         [Indicator("full_domain", "a.example"), Indicator("net", "192.0.2.0/24")]),
        ("[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '192.0.2.1']",
         [Indicator("net", "192.0.2.1/32")]),
        ("[network-traffic:dst_ref.type = 'domain-name' AND network-traffic:dst_ref.value = 'a.example']",
         [Indicator("full_domain", "a.example")]),
        ("[network-traffic:dst_port = 32100 AND network-traffic:protocols[*] = 'udp']",
         [Indicator("port", "udp/32100")]),
    ],
)  # fmt: skip
def test_patterns_of_names_addresses_and_traffic_are_read(pattern, expected):
    """Each comparison of an OR is one indicator."""
    assert one(pattern) == (expected, [])


@pytest.mark.parametrize(
    "pattern",
    [
        "[domain-name:value = 'x y']",
        "[domain-name:value NOT = 'a.example']",
        "[url:value = 'http://a.example']",
        "[domain-name:value LIKE '%a.example']",
        "[domain-name:value LIKE '%.a_b.example']",
        "[domain-name:value MATCHES '.*bad.*']",
        "[ipv4-addr:value = '0.0.0.0/0']",
        "[network-traffic:dst_port = 80]",
        "[network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 80]",
        "[domain-name:value = 'a.example' AND ipv4-addr:value = '192.0.2.1']",
        "[domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example']",
        "[domain-name:value = 'a.example'] REPEATS 5 TIMES",
        "nonsense",
        "[",
        "",
        "(" * 3000,
        "[domain-name:value > 'a']",
    ],
)
def test_what_is_more_than_one_claim_is_left_out(pattern):
    """One note each, nothing raised."""
    found, notes = one(pattern)
    assert not found
    assert len(notes) == 1


def test_half_of_a_pattern_is_taken_and_the_other_half_told():
    """OR parts stand by themselves."""
    found, notes = one("[domain-name:value = 'a.example'] OR [file:name = 'x']")
    assert found == [Indicator("full_domain", "a.example")]
    assert ["file:name" in note.why for note in notes] == [True]


def test_revoked_and_foreign_patterns_are_left_out():
    """Sigma or YARA inside STIX is for other readers."""
    assert one("[domain-name:value = 'a.example']", revoked=True)[0] == []
    assert one("rule x {}", pattern_type="yara")[0] == []


def test_other_objects_are_counted():
    """Malware and relationships are no indicators."""
    reading = stix_read.read(json.dumps([{"type": "malware"}, {"type": "identity"}, 5, {"type": ["x"]}]))
    assert len(reading.notes) == 3


@pytest.mark.parametrize("text", ["", "{", "[" * 5000, '{"objects": {}}', "5", "null"])
def test_what_is_no_bundle_is_one_clear_error_or_note(text):
    """No traceback for any text."""
    with contextlib.suppress(EgresswatchError):
        assert not stix_read.read(text).found


def test_without_the_library_one_line_says_what_to_install(pack, monkeypatch):
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "stix2", None)
    with pytest.raises(EgresswatchError, match=r"egresswatch\[exchange\]"):
        stix.export(pack)
