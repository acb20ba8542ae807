# SPDX-License-Identifier: Apache-2.0
"""Suricata rules that are read: exactly, or with a note, never wrongly and never in silence."""

import re

import pytest

from egresswatch.exchange import suricata, suricata_read
from egresswatch.exchange.claims import Indicator, active, indicators
from egresswatch.rules.loader import load_pack


def one(options, header="alert dns any any -> any any"):
    """(indicators, notes) of a single rule."""
    reading = suricata_read.read(f'{header} (msg:"m"; {options}; sid:5; rev:1;)')
    return [item for found in reading.found for item in found.indicators], reading.notes


def test_our_own_rules_come_back_as_they_were(pack, rule):
    """Names, networks and paths: what was exported is imported."""
    reading = suricata_read.read(suricata.export(pack).files[""])
    assert not reading.notes
    found = {item.key: set(item.indicators) for item in reading.found}
    assert found["EW-ABC-0001"] == set(indicators(rule("EW-ABC-0001")))
    assert found["EW-ABC-0002"] == {i for i in indicators(rule("EW-ABC-0002")) if i.kind == "net"}
    assert {item.kind for item in found["EW-ABC-0005"]} == {"seen"}
    assert len(found["EW-ABC-0005"]) == 3


def test_a_payload_comes_back_with_every_condition(rule, pack):
    """Masks, numbers, length, limits, ports and sender survive the way there and back."""
    reading = suricata_read.read(suricata.export(pack).files[""])
    (found,) = [item.indicators[0].payload for item in reading.found if item.key == "EW-ABC-0003"]
    (own,) = rule("EW-ABC-0003").match.payload
    assert (found.proto, found.ports, found.sender) == (own.proto, own.ports, own.sender)
    assert (found.length, found.numbers, found.min_len, found.max_len) == (
        own.length, own.numbers, own.min_len, own.max_len,
    )  # fmt: skip
    cells = [
        {
            at: (v & m, m)
            for part in item.bytes
            for at, (v, m) in enumerate(zip(part.value, part.mask), part.at)
        }
        for item in (found, own)
    ]
    assert cells[0] == cells[1]


def test_the_built_in_pack_survives_the_way_there_and_back():
    """Every name and network of the real pack comes back under its rule."""
    pack = load_pack()
    reading = suricata_read.read(suricata.export(pack).files[""])
    found = {item.key: set(item.indicators) for item in reading.found}
    for rule in active(pack):
        wanted = {item for item in indicators(rule) if item.kind in ("domain", "full_domain", "net")}
        assert wanted <= found.get(rule.id, set())


@pytest.mark.parametrize(
    ("options", "kind", "value"),
    [
        ('dns.query; dotprefix; content:".bad.example"; nocase; endswith', "domain", "bad.example"),
        ('dns.query; content:"Bad.example"; nocase; bsize:11', "full_domain", "bad.example"),
        ('dns_query; content:"bad.example"; startswith; endswith', "full_domain", "bad.example"),
        ('dns.query; content:"bad.example"; depth:11; isdataat:!1,relative', "full_domain", "bad.example"),
    ],
)
def test_the_usual_ways_to_write_a_name_are_read(options, kind, value):
    """dotprefix, bsize, both anchors, and the older depth with isdataat."""
    assert one(options) == ([Indicator(kind, value)], [])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ('dns.query; content:".bad.example"; endswith', "the name itself"),
        ('dns.query; content:"bad.example"; endswith', "merely end so"),
    ],
)
def test_a_name_that_is_nearly_ours_is_taken_with_a_note(options, words):
    """The difference is told."""
    found, notes = one(options)
    assert found == [Indicator("domain", "bad.example")]
    assert [note.taken for note in notes] == [True]
    assert words in notes[0].why


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ('dns.query; content:"bad"', "a piece of a name"),
        ('dns.query; content:"bad.example"; content:"x"', "several texts"),
        ('dns.query; content:!"bad.example"; endswith', "must not be there"),
        ('dns.query; pcre:"/bad[0-9]+/"', "regular expression"),
        ('dns.query; content:"bad.example"; bsize:11; flowbits:set,x', "flowbits"),
        ('dns.query; content:"bad.example"; bsize:11; http.uri; content:"/x"', "several buffers"),
        ('dns.query; content:"a b"; bsize:3', "not a domain name"),
        ('content:"bad"', "several places|looks at no buffer"),
    ],
)
def test_what_is_more_than_one_claim_is_left_out(options, words):
    """One option that is not understood leaves the whole rule out."""
    found, notes = one(options)
    assert not found
    assert len(notes) == 1
    assert re.search(words, notes[0].why)


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("alert ip any any -> 192.0.2.7 any", ["192.0.2.7/32"]),
        ("alert ip $HOME_NET any -> [192.0.2.0/24,2001:db8::/32] any", ["192.0.2.0/24", "2001:db8::/32"]),
        ("alert tcp [198.51.100.1] any -> $HOME_NET any", ["198.51.100.1/32"]),
    ],
)
def test_addresses_of_a_header_are_read(header, values):
    """Either side, one or several."""
    found, notes = one("threshold:type limit, track by_src, seconds 60, count 1", header)
    assert [item.value for item in found] == values
    assert not notes


@pytest.mark.parametrize(
    "header",
    [
        "alert ip any any -> any any",
        "alert ip 192.0.2.1 any -> 192.0.2.2 any",
        "alert ip any any -> !192.0.2.1 any",
        "alert ip any any -> $DNS_SERVERS any",
        "alert tcp any any -> 192.0.2.1 80",
        "alert ip any any -> 0.0.0.0/0 any",
    ],
)
def test_addresses_that_are_no_claim_are_left_out(header):
    """Everything, both ends, negations, variables, and an address with a port."""
    found, notes = one("priority:1", header)
    assert not found
    assert len(notes) == 1


@pytest.mark.parametrize(
    "options",
    [
        'content:"|f1|"; offset:0; depth:2',
        'content:"|f1|"',
        'content:"|f1|"; offset:0; depth:1; nocase',
        'content:"|f1|"; offset:2000; depth:1',
        'content:"|f|"; depth:1',
        "byte_test:2,=,5,0,relative",
        'content:"|f1|"; depth:1; byte_jump:2,2,post_offset 1',
        "dsize:>5",
        'content:"|f1|"; depth:1; dsize:9<>9',
        'content:"|f1|"; depth:1; byte_test:9,=,1,0',
        'content:"|f1|"; depth:1; within:4; distance:0',
    ],
)
def test_packet_options_without_a_counterpart_are_left_out(options):
    """Anywhere, too far, without case, half a jump, nothing that could match."""
    found, notes = one(options, "alert udp any any -> any any")
    assert not found
    assert len(notes) == 1


def test_a_relative_content_is_placed_behind_the_one_before():
    """distance and within of a chain that begins at an offset."""
    found, _ = one(
        'content:"|f1|"; depth:1; content:"|02 03|"; distance:2; within:2', "alert udp any any -> any 9"
    )
    assert [(part.at, part.value) for part in found[0].payload.bytes] == [(0, b"\xf1"), (3, b"\x02\x03")]


@pytest.mark.parametrize(
    "text",
    [
        'alert dns any any -> any any (msg:"x"; dns.query; content:"a;;b"; sid:1;)',
        "alert x (",
        "alert",
        "alert dns any any -> any any ()",
        "alert dns any any -> any any (;)",
        "(" * 5000,
        "alert " + "[" * 9000,
        'alert dns any any -> any any (msg:"x"; sid:y;)',
        "alert dns any any -> any any \\",
        "#" * 20000,
        "x" * 100_000,
        "# alert ip any any -> 192.0.2.1 any (sid:1;)",
    ],
)
def test_broken_lines_are_told_and_never_raise(text):
    """Whatever stands there, reading goes on; nothing is taken."""
    reading = suricata_read.read(text + "\n" + 'alert ip any any -> 192.0.2.9 any (msg:"ok"; sid:9;)\n')
    assert [item.value for found in reading.found for item in found.indicators] in (["192.0.2.9/32"], [])
    assert reading.notes or text.startswith("##")
