# SPDX-License-Identifier: Apache-2.0
"""Sigma rules out and in: valid by pySigma, the same after the way there and back, notes for the rest."""

import pytest
from sigma.collection import SigmaCollection
from sigma.validation import SigmaValidator
from sigma.validators.core import validators

from egresswatch.exchange import sigma, sigma_read
from egresswatch.exchange.claims import Indicator, active, indicators
from egresswatch.rules.loader import load_pack

HEAD = "title: t\nid: i\nlogsource: {category: dns}\ndetection:\n"
NAMES = ("domain", "full_domain", "net")


def one(detection):
    """(indicators, notes) of one rule."""
    reading = sigma_read.read(HEAD + detection)
    return [item for found in reading.found for item in found.indicators], reading.notes


@pytest.fixture(scope="module", params=["small", "built-in"])
def any_pack(request, pack):
    """The small pack, and the real one."""
    return pack if request.param == "small" else load_pack()


def test_pysigma_finds_nothing_wrong(any_pack):
    """Every document parses and passes every core validator of pySigma."""
    exported = sigma.export(any_pack)
    collection = SigmaCollection.from_yaml("---\n".join(exported.files.values()), collect_errors=True)
    assert len(collection.rules) == exported.count
    assert not collection.errors
    assert not [rule.errors for rule in collection.rules if rule.errors]
    # a star that is meant as one is escaped on purpose in the small pack
    chosen = [validator for name, validator in validators.items() if name != "escaped_wildcard"]
    assert SigmaValidator(chosen).validate_rules(collection) == []


def test_names_and_networks_come_back_as_they_were(any_pack):
    """dns and proxy documents of one rule are one again."""
    reading = sigma_read.read("---\n".join(sigma.export(any_pack).files.values()))
    assert not reading.notes
    found = {item.key: {i for i in item.indicators if i.kind in NAMES} for item in reading.found}
    for rule in active(any_pack):
        assert {i for i in indicators(rule) if i.kind in NAMES} == found.get(rule.id, set())


def test_ids_are_the_same_every_time_and_differ_between_logs(pack):
    """A rule of Sigma stays that rule in the next export."""
    first, second = sigma.export(pack).files, sigma.export(pack).files
    assert first == second
    assert list(first) == sorted(first)
    ids = [line for text in first.values() for line in text.splitlines() if line.startswith("id:")]
    assert len(set(ids)) == len(first)


def test_payloads_ports_and_sightings_without_a_log_are_told(pack):
    """Nothing disappears."""
    subjects = [note.subject for note in sigma.export(pack).notes]
    assert sorted(set(subjects)) == [f"EW-ABC-{n:04d}" for n in range(2, 8)]


def test_wildcards_in_a_seen_text_are_escaped(pack):
    """A star of a path is a star, not anything."""
    text = sigma.export(pack).files["ew-abc-0005-proxy.yml"]
    assert '"/api/x\\\\*y"' in text
    found = [i.seen for f in sigma_read.read(text).found for i in f.indicators]
    assert ("equals", ("/api/x*y",)) in {(seen.way, seen.values) for seen in found}


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        ("  s: {query: a.example}\n  condition: s", [Indicator("full_domain", "a.example")]),
        ("  s: {query: [a.example], dns.question.name: b}\n  condition: s", []),
        ("  s:\n  - {query: a.example}\n  - {dst_ip: 192.0.2.1}\n  condition: 1 of s*",
         [Indicator("full_domain", "a.example"), Indicator("net", "192.0.2.1/32")]),
        ("  a: {dst_ip|cidr: 192.0.2.0/24}\n  b: {query: b.example}\n  condition: a or b",
         [Indicator("net", "192.0.2.0/24"), Indicator("full_domain", "b.example")]),
        ("  a: {query: x.example}\n  b: {query: b.example}\n  condition: a and not b", []),
        ("  a: {query|contains: bad}\n  condition: a", []),
        ("  a: {query: 'b*d.example'}\n  condition: a", []),
        ("  a: {Image: x}\n  condition: a", []),
        ("  a: [word]\n  condition: a", []),
        ("  a: {query: b.example}\n  condition: all of them", []),
        ("  a: {query: b.example}\n  timeframe: 5m\n  condition: a", []),
        ("  a: {query: b.example}\n  condition: c", []),
        ("  a: {query: 5}\n  condition: a", []),
    ],
)  # fmt: skip
def test_only_lists_of_which_one_is_enough_are_taken(detection, expected):
    """And, not, counting, keywords and unknown fields are left out with a note."""
    found, notes = one(detection)
    assert found == expected
    assert bool(notes) == (not expected)


def test_everything_below_a_name_is_taken_with_a_note():
    """Sigma says only what is below; our domain holds the name as well."""
    found, notes = one("  a: {query|endswith: .b.example}\n  condition: a")
    assert found == [Indicator("domain", "b.example")]
    assert [note.taken for note in notes] == [True]


@pytest.mark.parametrize(
    "text",
    ["{", "a: &x 1\nb: *x\n", "- a\n", "title: t\n", "title: !!python/object:os.system x\n", "a: 1\na: 2\n",
     "\x00", "title: t\ndetection: x\n", "correlation: {}\n", "a:\n" + " [" * 5000],
)  # fmt: skip
def test_broken_documents_are_told_and_never_raise(text):
    """The good document behind a bad one is read."""
    reading = sigma_read.read(text + "\n---\n" + HEAD + "  s: {query: a.example}\n  condition: s\n")
    assert len(reading.found) == 1
    assert len(reading.notes) == 1
