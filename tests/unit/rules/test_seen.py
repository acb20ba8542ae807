# SPDX-License-Identifier: Apache-2.0
"""Rules about things that were read on a flow: ``match.seen``."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from egresswatch.rules import MatchTables
from egresswatch.rules.examples import run_examples

Load = Callable[..., MatchTables]
PATH = "seen:\n- {kind: http_path, prefix: /Artemis/}\n- {kind: http_path, equals: [/api/a, /api/B]}"
SRT = "seen:\n- {kind: srt}"
REST = 'seen:\n- {kind: http_server, suffix: "-Webs"}\n- {kind: http_path, contains: event}'


@pytest.fixture
def tables(load: Load, yamls: SimpleNamespace) -> MatchTables:
    """Three rules about sightings and one about a name."""
    return load(
        yamls.rules(
            yamls.rule(1, match=PATH),
            yamls.rule(2, match=SRT, protocol="srt"),
            yamls.rule(3),
            yamls.rule(4, match=REST),
        )
    )


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("http_path", "/artemis/api", (0,)),
        ("http_path", "/ARTEMIS/", (0,)),
        ("http_path", "/api/b", (0,)),
        ("http_path", "/api/b/c", ()),
        ("http_path", "/x/artemis/", ()),
        ("http_path", "/artemis/event", (0, 2)),
        ("http_path", "", ()),
        ("srt", "", (1,)),
        ("srt", "caller", (1,)),
        ("http_server", "App-webs", (2,)),
        ("http_server", "App-webs/1", ()),
        ("rtsp_server", "App-webs", ()),
        ("no such kind", "x", ()),
    ],
)
def test_what_was_read_finds_its_rules(
    tables: MatchTables, kind: str, value: str, wanted: tuple[int, ...]
) -> None:
    """Four ways to compare, in any case, or any value; numbers of recognisers in their order."""
    assert tables.seen(kind, value) == wanted
    assert [tables.recogniser(n).id for n in wanted] == [f"EW-TST-000{(1, 2, 4)[n]}" for n in wanted]


def test_recognisers_hold_payload_and_sighting_rules(load: Load, yamls: SimpleNamespace) -> None:
    """One numbering for both; a rule may have both; only payloads make rows."""
    both = SRT + "\npayload:\n- proto: udp\n  bytes: [{at: 0, hex: f1f2f3f4}]"
    tables = load(
        yamls.rules(yamls.rule(1, match=SRT), yamls.rule(2, match=both, protocol="two"), yamls.rule(3))
    )
    assert [rule.id for rule in tables.recognisers] == ["EW-TST-0001", "EW-TST-0002"]
    assert tables.seen("srt", "") == (0, 1)
    assert (tables.patterns["parser"] - 64).tolist() == [1]


def test_deprecated_rules_see_nothing(load: Load, yamls: SimpleNamespace) -> None:
    """Kept for its id."""
    assert load(yamls.rules(yamls.rule(1, match=SRT, status="deprecated"))).seen("srt", "") == ()


def test_examples_of_sightings_are_run(load: Load, yamls: SimpleNamespace) -> None:
    """One that should match and does not, one that should not and does."""
    examples = "\n    match: [{seen: http_path, value: /artemis/x}, {seen: http_path, value: /b}]"
    examples += "\n    no_match: [{seen: http_path, value: /c}, {seen: http_path, value: /artemis/y}]"
    text = yamls.rule(1, match=PATH)
    old = text[text.index("  examples:") : text.index("  references:")]
    tables = load(yamls.rules(text.replace(old, f"  examples:{examples}\n")))
    problems = [issue.message for issue in run_examples(tables)]
    assert problems == [
        'example http_path "/b" should match (found: nothing)',
        'example http_path "/artemis/y" should not match',
    ]


def test_protocol_may_name_a_sighting_rule(load: Load, yamls: SimpleNamespace) -> None:
    """It is needed for a payload only."""
    tables = load(yamls.rules(yamls.rule(1, match=SRT, protocol="srt"), yamls.rule(2, match=PATH)))
    assert [rule.protocol for rule in tables.recognisers] == ["srt", ""]
