# SPDX-License-Identifier: Apache-2.0
"""Fingerprints: ways to compare, several conditions, and what is read from a value."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.rules import MatchTables
from egresswatch.rules.examples import run_examples
from egresswatch.rules.makers import Condition, Fingerprint, FingerprintRule, Reading
from egresswatch.rules.model import RulePackError
from egresswatch.rules.prints import MAX_READ, WAYS, Part, recognise

Load = Callable[..., MatchTables]


def item(*lines: str, kind: str = "http_title", number: int = 1, examples: str = "") -> str:
    """One fingerprint with these lines."""
    body = "".join(f"  {line}\n" for line in lines)
    return (
        f"- id: FP-TST-{number:04d}\n  kind: {kind}\n{body}  role: camera\n  confidence: high\n"
        f"  text: a test\n  references: [s]\n  examples: {examples or '{match: [x], no_match: [y]}'}\n"
    )


def prints(load: Load, *items: str) -> MatchTables:
    """Tables of these fingerprints."""
    return load("fingerprints:\n" + "".join(items))


@pytest.mark.parametrize(
    ("match", "value", "fits"),
    [
        ("{prefix: IQ, suffix: ': Live Images'}", "IQ732 IQEYE01: Live Images", True),
        ("{prefix: IQ, suffix: ': Live Images'}", "IQ732 IQEYE01: Live", False),
        ("{prefix: IQ, contains: IQEYE}", "IQ732 iqeye01", True),
        ("{prefix: IQ, contains: IQEYE}", "732 IQEYE01", False),
        ("{prefix: abc, suffix: cde}", "abcde", False),
        ("{prefix: abc, suffix: cde}", "ABCcde", True),
        ("{all: [one, two]}", "two and ONE", True),
        ("{all: [one, two]}", "two and three", False),
        ("{words: [ip, camera, wireless]}", "Wireless  IP Camera", True),
        ("{words: [ip, camera, wireless]}", "Wireless IP Camera 2", False),
        ("{words: [ip, camera]}", "", False),
        ("{words: [ip, camera], contains: cam}", "IP", False),
        ("{any: true}", "", True),
        ("{any: true}", "whatever", True),
    ],
)
def test_every_way_must_hold(load: Load, match: str, value: str, fits: bool) -> None:
    """Ways stand together; prefix and suffix may not share a character."""
    assert bool(prints(load, item(f"match: {match}")).fingerprints("http_title", value)) is fits


COMMAS = (
    "match: {prefix: 'AXIS,Camera,'}",
    "model: rest",
    "model_until: ','",
    "firmware: rest",
    "firmware_from: ','",
)
DOME = ("match: {contains: dome}", "model: whole", "model_from: 'to '", "model_until: ' '")


@pytest.mark.parametrize(
    ("lines", "value", "model", "firmware"),
    [
        (COMMAS, "AXIS,Camera,P3245-LVE,10.12.66", "P3245-LVE", "10.12.66"),
        (COMMAS, "AXIS,Camera,P3245-LVE", "P3245-LVE", ""),
        (
            (
                "match: {prefix: 'AXIS ', contains: ' Camera '}",
                "model: rest",
                "model_until: ' '",
                "firmware: rest",
                "firmware_from: ['camera version ', 'camera ']",
                "firmware_until: ' '",
            ),
            "AXIS 2100 Network Camera Version 2.43 ready",
            "2100",
            "2.43",
        ),
        (("match: {prefix: 'a(', suffix: ')'}", "model: rest"), "A(M1)", "M1", ""),
        (DOME, "Welcome to AutoDome 8", "AutoDome", ""),
        (("match: {any: true}", "firmware: whole"), "V5.4", "", "V5.4"),
    ],
)  # fmt: skip
def test_model_and_firmware_are_read(
    load: Load, lines: tuple[str, ...], value: str, model: str, firmware: str
) -> None:
    """From the rest or the whole, behind the first text that occurs, up to a mark."""
    (found,) = prints(load, item(*lines)).fingerprints("http_title", value)
    assert (found.model, found.firmware) == (model, firmware)


def test_what_is_read_has_a_limit(load: Load) -> None:
    """A device cannot fill the register with its model."""
    tables = prints(load, item("match: {any: true}", "model: whole", "firmware: whole"))
    (found,) = tables.fingerprints("http_title", "x" * 500)
    assert (len(found.model), len(found.firmware)) == (MAX_READ, MAX_READ)


TWO = (
    "match: {equals: tcp/8000}",
    "with:",
    "- {kind: served_port, match: {equals: [tcp/9010, tcp/9020]}}",
    "- {kind: http_title, match: {any: true}}",
)


@pytest.mark.parametrize(
    ("kind", "value", "part"),
    [
        ("served_port", "tcp/8000", 0),
        ("served_port", "tcp/9020", 1),
        ("http_title", "Login", 2),
        ("served_port", "tcp/80", None),
        ("contacted_port", "tcp/8000", None),
    ],
)
def test_one_condition_is_a_part_of_the_whole(load: Load, kind: str, value: str, part: int | None) -> None:
    """Who has met some of the conditions learns which one and how many there are."""
    found = prints(load, item(*TWO, kind="served_port")).fingerprints(kind, value)
    assert [(hit.id, hit.part, hit.parts) for hit in found] == (
        [] if part is None else [("FP-TST-0001", part, 3)]
    )


def test_only_the_first_condition_reads(load: Load) -> None:
    """The value of a further condition is no model."""
    lines = ("match: {prefix: M}", "model: whole", "with:", "- {kind: ssdp, match: {any: true}}")
    tables = prints(load, item(*lines))
    assert tables.fingerprints("http_title", "M1")[0].model == "M1"
    assert tables.fingerprints("ssdp", "uuid")[0].model == ""


def test_a_plain_fingerprint_has_one_part(load: Load) -> None:
    """Nothing else is needed."""
    (found,) = prints(load, item("match: {equals: x}")).fingerprints("http_title", "x")
    assert (found.part, found.parts) == (0, 1)


@pytest.mark.parametrize(
    ("lines", "kind", "message"),
    [
        (("match: {}",), "mdns", '"match" needs one or more of equals, prefix, suffix, all,'),
        (("match: {any: false}",), "mdns", '"any" can only be true'),
        (("match: {any: true, prefix: x}",), "mdns", '"any" stands alone'),
        (("match: {regex: x}",), "mdns", 'unknown field "regex"'),
        (("match: {equals: 5}",), "mdns", "put it in quotes"),
        (("match: {equals: []}",), "mdns", '"equals" must not be empty'),
        (("match: {equals: x}",), "mnds", 'did you mean "mdns"?'),
        (("match: {equals: '8000'}",), "served_port", "ports such as tcp/8000"),
        (("match: {prefix: tcp/}",), "served_port", "ports such as tcp/8000"),
        (("match: {any: true}",), "contacted_port", "ports such as tcp/8000"),
        (("match: {contains: x}", "model: rest"), "mdns", '"model: rest" needs a match by prefix or suffix'),
        (("match: {any: true}", "firmware: rest"), "mdns", '"firmware: rest" needs a match by'),
        (("match: {prefix: x}", "firmware_from: y"), "mdns", '"firmware_from" and "firmware_until" need'),
        (("match: {prefix: x}", "model_until: y"), "mdns", '"model_from" and "model_until" need'),
        (("match: {prefix: x}", "model: rest", "model_until: ''"), "mdns", '"model_until" must have'),
        (("match: {prefix: x}", "with: [{kind: mdns}]"), "mdns", 'field "match" is missing'),
        (("match: {prefix: x}", "with: [{kind: tls, match: {any: true}}]"), "mdns", '"kind": "tls" is not'),
        (
            ("match: {prefix: x}", "with: [" + ", ".join(["{kind: ssdp, match: {any: true}}"] * 8) + "]"),
            "mdns",
            '"with" has more than 7 conditions',
        ),
    ],
)  # fmt: skip
def test_mistakes_in_a_fingerprint(load: Load, lines: tuple[str, ...], kind: str, message: str) -> None:
    """Each is told in words, with its place."""
    with pytest.raises(RulePackError) as caught:
        prints(load, item(*lines, kind=kind))
    assert message in str(caught.value)
    assert "FP-TST-0001" in str(caught.value)


def test_counter_examples_are_needed_unless_anything_fits(load: Load) -> None:
    """Where the mere presence counts there is nothing that would not fit."""
    prints(load, item("match: {any: true}", examples="{match: [x]}"))
    with pytest.raises(RulePackError, match='field "no_match" is missing'):
        prints(load, item("match: {equals: x}", examples="{match: [x]}"))


@pytest.mark.parametrize(
    ("examples", "problem"),
    [
        ("{match: [A-M1-2], no_match: [B], model: M1, firmware: '2'}", ""),
        ("{match: [A-M1-2], no_match: [B], model: M1}", 'gives model "M1" and firmware "2"'),
        ("{match: [A-M1-2], no_match: [B], model: M2, firmware: '2'}", 'gives model "M1" and firmware "2"'),
        ("{match: [B], no_match: [A-M1-2], model: M1, firmware: '2'}", "should match"),
        ("{match: [A-M1-2], no_match: [A-], model: M1, firmware: '2'}", "should not match"),
    ],
)
def test_examples_say_what_is_read(load: Load, examples: str, problem: str) -> None:
    """The first example proves model and firmware; all prove that it fits or not."""
    lines = (
        "match: {prefix: A-}",
        "model: rest",
        "model_until: '-'",
        "firmware: rest",
        "firmware_from: '-'",
    )
    found = [issue.message for issue in run_examples(prints(load, item(*lines, examples=examples)))]
    assert bool(found) is bool(problem)
    assert not found or any(problem in message for message in found)


def test_values_of_other_kinds_do_not_fit(load: Load) -> None:
    """A title is no banner."""
    tables = prints(load, item("match: {equals: x}"))
    assert tables.fingerprints("ftp_banner", "x") == ()
    assert tables.fingerprints("no_such_kind", "x") == ()


TEXTS = st.lists(st.text("abc ", min_size=1, max_size=3), min_size=1, max_size=3).map(tuple)
READING = st.none() | st.builds(
    Reading, st.sampled_from(["rest", "whole"]), st.just(()) | TEXTS, st.sampled_from(["", " ", "b"])
)


def obvious(ways: tuple[tuple[str, tuple[str, ...]], ...], value: str) -> bool:
    """The meaning of the ways, written down once more without any cleverness."""
    low = value.lower()
    tests = {
        "equals": lambda texts: low in texts,
        "prefix": low.startswith,
        "suffix": low.endswith,
        "contains": lambda texts: any(text in low for text in texts),
        "all": lambda texts: all(text in low for text in texts),
        "words": lambda texts: set(low.split()) <= set(texts) and bool(low.split()),
        "any": lambda _: True,
    }
    return all(tests[way](texts) for way, texts in ways)


@given(
    st.dictionaries(st.sampled_from(WAYS), TEXTS, min_size=1, max_size=3),
    READING,
    READING,
    st.text("abcABC ", max_size=12) | st.text(max_size=12),
)
def test_comparing_never_fails_and_means_what_it_says(
    ways: dict[str, tuple[str, ...]], model: Reading | None, firmware: Reading | None, value: str
) -> None:
    """Any value against any matcher: the plain meaning, but for a prefix and suffix that overlap."""
    wanted = tuple(ways.items())
    base = Fingerprint("FP-TST-0001", "mdns", "", "camera", "", "low", "a test")
    rule = FingerprintRule(base, (Condition("mdns", wanted),), model, firmware, (), (), ())
    found = recognise(Part(rule, 0), value, value.lower())
    if found is not None:
        assert obvious(wanted, value)
        assert found.model in value
        assert found.firmware in value
    elif not {"prefix", "suffix"} <= ways.keys():
        assert not obvious(wanted, value)
