# SPDX-License-Identifier: Apache-2.0
"""Imported indicators as a rule folder: it loads, its examples hold, and it says where it came from."""

import dataclasses

import pytest

from egresswatch.exchange import sigma, sigma_read, stix, stix_read, suricata, suricata_read
from egresswatch.exchange.claims import Found, Indicator
from egresswatch.exchange.packtext import Origin, pack_text
from egresswatch.rules.lint import lint
from egresswatch.rules.loader import load_pack
from egresswatch.rules.shape import Bytes, Length, Number, Payload, Seen

ORIGIN = Origin("feed.rules")


def loaded(exported, folder):
    for name, text in exported.files.items():
        (folder / name).write_text(text)
    return load_pack([folder], builtin=False)


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (lambda p: suricata.export(p).files[""], suricata_read.read),
        (lambda p: "---\n".join(sigma.export(p).files.values()), sigma_read.read),
        (lambda p: stix.export(p).files[""], stix_read.read),
    ],
    ids=["suricata", "sigma", "stix"],
)
def test_what_was_exported_loads_again_as_a_sound_pack(write, read, pack, tmp_path):
    """Export, import, load, lint: no error, and everything is experimental, of family IMP, for both sides."""
    exported = pack_text(read(write(pack)).found, ORIGIN)
    again = loaded(exported, tmp_path)
    assert exported.count == len(again.rules) >= 2
    assert not [issue for issue in lint(again) if issue.severity == "error"]
    for rule in again.rules:
        assert (rule.family, rule.status, rule.side, rule.vendor) == (
            "IMP",
            "experimental",
            "both",
            "imported",
        )
        assert rule.references[0].startswith("feed.rules: EW-ABC-")
        assert rule.dest_class == "p2p"  # as the exported rules say; ORIGIN alone would make it vendor_cloud


def test_matches_are_those_of_the_first_pack(pack, rule, tmp_path):
    """Two ways round, the same names."""
    again = loaded(pack_text(suricata_read.read(suricata.export(pack).files[""]).found, ORIGIN), tmp_path)
    own = rule("EW-ABC-0001").match
    assert set(again.rules[0].match.domains) == set(own.domains)
    assert set(again.rules[0].match.full_domains) == set(own.full_domains)


def test_every_kind_of_claim_gets_examples_that_hold(tmp_path):
    """Names, networks, ports, payloads with all conditions, sightings."""
    payload = Payload(
        6,
        (9000,),
        (Bytes(0, b"\x40\x01", b"\xf0\xff"), Bytes(9, b"z", b"\xff")),
        Length("le16", 3, 4),
        0,
        90,
        sender=2,
        numbers=(Number("be16", 6, 5, 9),),
    )
    kinds = (
        Indicator("domain", "a.example"),
        Indicator("full_domain", "eu*.b.example"),
        Indicator("net", "2001:db8::/32"),
        Indicator("net", "192.0.2.0/24"),
        Indicator("port", "udp/5-9"),
        Indicator("payload", payload=payload),
        Indicator("seen", seen=Seen("http_path", "suffix", ("/x",))),
    )
    exported = pack_text([Found("sid 1", "t", kinds)], ORIGIN)
    (rule,) = loaded(exported, tmp_path).rules
    assert exported.notes == ()
    assert len(rule.match_examples) == len(rule.no_match_examples) == len(kinds)
    assert rule.match.payload == (payload,)


def test_a_rule_that_our_grammar_refuses_is_told_and_the_others_stay(tmp_path):
    """Nothing is written that would not load."""
    bad = Indicator("payload", payload=Payload(17, (), (Bytes(5000, b"a", b"\xff"),)))
    exported = pack_text(
        [Found("sid 1", "bad", (bad,)), Found("sid 2", "good", (Indicator("domain", "a.example"),))], ORIGIN
    )
    assert [rule.match.domains for rule in loaded(exported, tmp_path).rules] == [("a.example",)]
    assert [note.subject for note in exported.notes] == ["sid 1"]


def test_impossible_payloads_are_told():
    """A length that no length field can hold."""
    payload = Payload(17, (), (Bytes(0, b"a", b"\xff"),), Length("u8", 1, 0), min_len=400)
    exported = pack_text([Found("sid 1", "bad", (Indicator("payload", payload=payload),))], ORIGIN)
    assert not exported.files
    assert "length" in exported.notes[0].why


def test_what_the_pack_has_already_is_left_out(pack):
    """With its rule's id; and the same claim twice in a feed is one."""
    claims = (Indicator("domain", "abc.example"), Indicator("domain", "new.example"))
    exported = pack_text([Found("a", "a", claims), Found("b", "b", claims[1:])], ORIGIN, pack)
    assert exported.count == 1
    assert [note.what for note in exported.notes] == [
        "domain abc.example, as EW-ABC-0001",
        "domain new.example, as a",
    ]


def test_hostile_titles_and_sources_stay_texts(tmp_path):
    """No title becomes YAML, no file name a comment's end."""
    title = 'x"\n- id: EW-EVL-0001 #\u2028\x07é\U0001f600'
    origin = dataclasses.replace(ORIGIN, source="a\nrules: []\n#.rules")
    exported = pack_text(
        [Found("k\n- x", title, (Indicator("domain", "a.example"),), references=(title,))], origin
    )
    (rule,) = loaded(exported, tmp_path).rules
    assert rule.id == "EW-IMP-0001"
    assert rule.references[1] == title


def test_another_family_keeps_imports_apart(tmp_path):
    """Two folders with different families load beside each other."""
    for family in ("IMP", "XYZ"):
        (tmp_path / family).mkdir()
        exported = pack_text(
            [Found("a", "a", (Indicator("domain", f"{family.lower()}.example"),))], Origin("f", family)
        )
        loaded(exported, tmp_path / family)
    pack = load_pack([tmp_path / "IMP", tmp_path / "XYZ"], builtin=False)
    assert [rule.id for rule in pack.rules] == ["EW-IMP-0001", "EW-XYZ-0001"]


def test_bold_claims_without_confidence_are_toned_down(tmp_path):
    """Severity high needs more than low confidence."""
    exported = pack_text([Found("a", "a", (Indicator("domain", "a.example"),), "critical", "low")], ORIGIN)
    assert loaded(exported, tmp_path).rules[0].severity == "medium"
