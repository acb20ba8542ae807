# SPDX-License-Identifier: Apache-2.0
"""Lint: one pack a contradiction, and the exact words that tell it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from egresswatch.rules.lint import lint
from egresswatch.rules.loader import load_pack


def found(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "a.yaml"
    file.write_text(text, encoding="utf-8")
    return [
        f"{item.severity}: {item.subject}: {item.message}" for item in lint(load_pack([file], builtin=False))
    ]


def test_good_pack_has_no_issues(tmp_path: Path, yamls: SimpleNamespace) -> None:
    """The sample rule with its maker is clean."""
    assert found(tmp_path, yamls.rules(yamls.rule())) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"vendor": "nobody", "platform": "nobody/cloud"},
            'error: EW-TST-0001: vendor "nobody" is not in the vendors list',
        ),
        (
            {"platform": "other/cloud"},
            'error: EW-TST-0001: platform "other/cloud" does not begin with its vendor',
        ),
        (
            {"purpose": "generic-cloud"},
            "error: EW-TST-0001: generic-cloud must not be vendor_cloud: use other or infrastructure",
        ),
        (
            {"severity": "high", "confidence": "low"},
            "warning: EW-TST-0001: severity high with low confidence",
        ),
        (
            {"title": "Ends with a stop."},
            "warning: EW-TST-0001: a title has up to 80 characters and no full stop",
        ),
        (
            {"match": "domains: [other.example]"},
            'error: EW-TST-0001: example "a.cloud.example" should match (found: nothing)',
        ),
        (
            {"match": "domains: [cloud.example, example.net]"},
            'error: EW-TST-0001: example "cloud.example.net" should not match',
        ),
    ],
)
def test_issue_of_one_rule(
    tmp_path: Path, yamls: SimpleNamespace, fields: dict[str, str], expected: str
) -> None:
    """Each contradiction inside one rule is told in these words."""
    assert expected in found(tmp_path, yamls.rules(yamls.rule(**fields)))


def test_same_claim_twice(tmp_path: Path, yamls: SimpleNamespace) -> None:
    """Two rules with the same domain contradict each other."""
    text = yamls.rules(yamls.rule(1), yamls.rule(2, title="Another"))
    assert found(tmp_path, text) == [
        'error: EW-TST-0002: domain "cloud.example" is also claimed by EW-TST-0001'
    ]


def test_same_title_twice(tmp_path: Path, yamls: SimpleNamespace) -> None:
    """Titles tell rules apart."""
    text = yamls.rules(yamls.rule(1), yamls.rule(2, match="full_domains: [a.cloud.example]"))
    assert found(tmp_path, text) == ["warning: EW-TST-0002: title is also that of EW-TST-0001"]


def test_family_of_two_makers(tmp_path: Path, yamls: SimpleNamespace) -> None:
    """A family of ids belongs to one maker."""
    other = yamls.rule(
        2, title="Another", vendor="two", platform="two/cloud", match="full_domains: [a.cloud.example]"
    )
    text = yamls.rules(yamls.rule(1), other).replace(
        "vendors:\n", "vendors:\n- {id: two, name: Two, references: [s]}\n"
    )
    assert found(tmp_path, text) == ["error: EW-TST-0002: family TST is used for test (EW-TST-0001) and two"]


def test_shared_hosting_cannot_be_a_makers(tmp_path: Path, yamls: SimpleNamespace) -> None:
    """A domain known as shared hosting must not raise a maker's alert."""
    shared = yamls.rule(2, title="Hosting", purpose="generic-cloud", dest_class="other", severity="low")
    assert 'error: EW-TST-0001: "cloud.example" is shared hosting (EW-TST-0002)' in found(
        tmp_path, yamls.rules(yamls.rule(1), shared)
    )


def test_weak_payload(tmp_path: Path, yamls: SimpleNamespace) -> None:
    """A pattern that chance meets is told."""
    rule = yamls.rule(match="payload:\n- proto: udp\n  bytes: [{at: 0, hex: f1}]", protocol="weak")
    assert "warning: EW-TST-0001: a payload pattern fixes 8 bits only" in found(tmp_path, yamls.rules(rule))


def test_makers_and_prefixes(tmp_path: Path) -> None:
    """Unknown parents and makers, and prefixes given twice, are told."""
    text = """vendors:
- {id: test, name: Test, parent: gone, references: [s]}
ouis:
- {vendor: test, registrant: A, relevance: camera, prefixes: "00BC99 040312", references: [s]}
- {vendor: who, registrant: B, relevance: camera, prefixes: "00BC99 70B3D51", references: [s]}
fingerprints:
- id: FP-TST-0001
  kind: mdns
  match: {equals: a}
  vendor: whom
  role: camera
  confidence: low
  text: a test
  references: [s]
  examples: {match: [a, b], no_match: [c, A]}
"""
    assert found(tmp_path, text) == [
        'error: test: parent "gone" is not in the vendors list',
        "error: who: prefix 00BC99 is also given to test",
        'error: who: vendor "who" is not in the vendors list',
        'error: FP-TST-0001: example "A" should not match',
        'error: FP-TST-0001: example "b" should match',
        'error: FP-TST-0001: vendor "whom" is not in the vendors list',
    ]


def test_issue_reads_as_one_line(tmp_path: Path, yamls: SimpleNamespace) -> None:
    """An issue says place, severity, subject and what is wrong."""
    file = tmp_path / "a.yaml"
    file.write_text(yamls.RULE)
    (issue,) = lint(load_pack([file], builtin=False))
    assert str(issue) == f'{file}:2: error: EW-TST-0001: vendor "test" is not in the vendors list'
