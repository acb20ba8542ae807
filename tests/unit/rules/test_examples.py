# SPDX-License-Identifier: Apache-2.0
"""Examples inside rules: each kind of observation, found and not found."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from egresswatch.rules import MatchTables
from egresswatch.rules.examples import count, run_examples

Load = Callable[..., MatchTables]
PAYLOAD = "payload:\n- {proto: udp, bytes: [{at: 0, hex: f1f2f3f4}], max_len: 6}"
ANSWER = "payload:\n- {proto: tcp, sender: responder, packets: 1-2, bytes: [{at: 0, hex: f1f2f3f4}]}"
TWICE = "payload:\n- {proto: udp, repeat: 2, bytes: [{at: 0, hex: f1f2}, {at: 2, any: [f3, f4]}]}"


def problems(load: Load, yamls: SimpleNamespace, match: str, good: str, bad: str, **fields: str) -> list[str]:
    text = yamls.rules(yamls.rule(match=match, **fields))
    text = text.replace("    match: [a.cloud.example]", f"    match: [{good}]")
    text = text.replace("    no_match: [cloud.example.net]", f"    no_match: [{bad}]")
    return [issue.message for issue in run_examples(load(text))]


CASES = [
    ("domains: [cloud.example]", "Cloud.Example", "cloud.example.net", {}),
    ("domains: [cloud.example]", "{name: x.cloud.example}", "{name: example}", {}),
    ("nets: [192.0.2.0/24]", "{address: 192.0.2.7}", "{address: 192.0.3.7}", {}),
    ("ports: [udp/9]", "{port: udp/9}", "{port: tcp/9}", {}),
    (
        PAYLOAD,
        "{payload: f1 f2 f3 f4, port: udp/9}",
        "{payload: f1 f2 f3 f5, port: udp/9}",
        {"protocol": "p"},
    ),
    (
        PAYLOAD,
        "{payload: f1f2f3f4, port: udp/9, length: 6}",
        "{payload: f1f2f3f4, port: udp/9, length: 7}",
        {"protocol": "p"},
    ),
    (
        ANSWER,
        "{payload: f1f2f3f4, port: tcp/9, sender: responder}",
        "{payload: f1f2f3f4, port: tcp/9}",
        {"protocol": "p"},
    ),
    (
        ANSWER,
        "{payload: f1f2f3f4, port: tcp/9, sender: responder, packet: 2}",
        "{payload: f1f2f3f4, port: tcp/9, sender: responder, packet: 3}",
        {"protocol": "p"},
    ),
    (TWICE, "{payload: f1f2f4, port: udp/9}", "{payload: f1f2f4, port: udp/9, times: 1}", {"protocol": "p"}),
    (TWICE, "{payload: f1f2f3, port: udp/9, times: 2}", "{payload: f1f2f5, port: udp/9}", {"protocol": "p"}),
    ("seen: [{kind: srt, equals: A}]", "{seen: srt, value: a}", "{seen: srt}", {}),
]


@pytest.mark.parametrize(("match", "good", "bad", "fields"), CASES)
def test_true_examples_pass(
    load: Load, yamls: SimpleNamespace, match: str, good: str, bad: str, fields: dict[str, str]
) -> None:
    """An example that says the truth raises nothing."""
    assert problems(load, yamls, match, good, bad, **fields) == []


@pytest.mark.parametrize(("match", "good", "bad", "fields"), CASES)
def test_exchanged_examples_fail(
    load: Load, yamls: SimpleNamespace, match: str, good: str, bad: str, fields: dict[str, str]
) -> None:
    """The same examples under the wrong heading both fail."""
    found = problems(load, yamls, match, bad, good, **fields)
    assert len(found) == 2
    assert " should match (found: nothing)" in found[0] + found[1]
    assert found[0].endswith(" should not match") or found[1].endswith(" should not match")


def test_payload_example_is_shown_as_written(load: Load, yamls: SimpleNamespace) -> None:
    """A failing payload example is told in bytes and port."""
    found = problems(
        load, yamls, PAYLOAD, "{payload: aabb, port: udp/9}", "{payload: ab, port: udp/9}", protocol="p"
    )
    assert found == ["example aa bb on udp/9 should match (found: nothing)"]


def test_deprecated_rules_are_not_run(load: Load, yamls: SimpleNamespace) -> None:
    """What matches nothing cannot keep its examples."""
    assert run_examples(load(yamls.rules(yamls.rule(status="deprecated")))) == []


def test_examples_are_counted(load: Load, yamls: SimpleNamespace) -> None:
    """Rules' examples of both kinds count."""
    assert count(load(yamls.rules(yamls.rule()))) == 2
