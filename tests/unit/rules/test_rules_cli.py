# SPDX-License-Identifier: Apache-2.0
"""``egresswatch rules``: what each command prints and how it leaves."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from egresswatch.cli import run


@pytest.fixture
def folder(tmp_path: Path, yamls: SimpleNamespace) -> Path:
    (tmp_path / "a.yaml").write_text(yamls.rules(yamls.rule()))
    return tmp_path


def out(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_list_shows_one_line_a_rule(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Own rules alone: one line and a summary."""
    assert run(["rules", "list", "--no-builtin", "--rules", str(folder)]) == 0
    lines = out(capsys)
    assert lines[0].split() == [
        "EW-TST-0001", "vendor_cloud", "medium", "high", "test/cloud", "Test", "cloud",
    ]  # fmt: skip
    assert lines[1].startswith("1 of 1 rules, pack none, digest ")


def test_list_can_be_narrowed(capsys: pytest.CaptureFixture[str]) -> None:
    """By maker and by class."""
    assert run(["rules", "list", "--vendor", "dahua", "--class", "p2p"]) == 0
    lines = out(capsys)
    assert len(lines) > 3
    assert all(" p2p " in line and " dahua/" in line for line in lines[:-1])


def test_list_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get every field."""
    assert run(["rules", "list", "--no-builtin", "--rules", str(folder), "--json"]) == 0
    (rule,) = json.loads(capsys.readouterr().out)
    assert rule["match"]["domains"] == ["cloud.example"]


def test_show_tells_sources_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    """One rule with maker, what it looks for, remediation, sources and file."""
    assert run(["rules", "show", "ew-dah-0007"]) == 0
    text = capsys.readouterr().out
    for part in (
        "EW-DAH-0007 rev", "Dahua (CN)", "udp payload of protocol dahua-p2p", "rules/platforms/dahua.yaml:",
        "what to do:", "sources:", "dh-p2p",
    ):  # fmt: skip
        assert part in text


@pytest.mark.parametrize(
    "rule_id", ["EW-HIK-0001", "EW-MRK-0001", "EW-HIK-0011", "EW-PPP-0001", "EW-EZV-0005"]
)
def test_show_every_kind_of_match(rule_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Names, networks, ports and payloads all have a line."""
    assert run(["rules", "show", rule_id]) == 0
    assert "looks for:" in capsys.readouterr().out


def test_show_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes are hex in JSON."""
    assert run(["rules", "show", "EW-PPP-0001", "--json"]) == 0
    rule = json.loads(capsys.readouterr().out)
    assert rule["match"]["payload"][0]["bytes"][0]["value"] == "f1"


def test_show_unknown_rule_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """An id that does not exist: exit status 2 and one line."""
    assert run(["rules", "show", "EW-XXX-0001"]) == 2
    assert "no rule, fingerprint or maker EW-XXX-0001" in capsys.readouterr().err


def test_test_runs_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """The built-in pack passes its own examples."""
    assert run(["rules", "test"]) == 0
    assert " examples, 0 failed, " in capsys.readouterr().out


def test_failing_example_is_told_with_place_and_status(
    folder: Path, yamls: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 1 and file:line of the example."""
    (folder / "a.yaml").write_text(yamls.RULE.replace("[a.cloud.example]", "[other.example]"))
    assert run(["rules", "test", "--no-builtin", "--rules", str(folder)]) == 1
    assert out(capsys) == [
        f'{folder}/a.yaml:16: error: EW-TST-0001: example "other.example" should match (found: nothing)',
        "2 examples, 1 failed, 1 rules",
    ]


def test_lint_status(folder: Path, yamls: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    """Clean 0; errors 1; warnings only with --strict."""
    command = ["rules", "lint", "--no-builtin", "--rules", str(folder)]
    assert run(command) == 0
    assert out(capsys) == ["1 rules: 0 errors, 0 warnings"]
    (folder / "a.yaml").write_text(yamls.rules(yamls.rule(title="Stop.")))
    assert run(command) == 0
    assert run([*command, "--strict"]) == 1
    (folder / "a.yaml").write_text(yamls.RULE)
    assert run(command) == 1


def test_diff_of_two_folders(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, yamls: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Changes, then both versions with their digests."""
    other = tmp_path_factory.mktemp("other")
    (other / "a.yaml").write_text(yamls.rules(yamls.rule(severity="high")))
    assert run(["rules", "diff", str(folder), str(other)]) == 0
    lines = out(capsys)
    assert lines[0] == "~ EW-TST-0001 severity (but rev is the same)"
    assert lines[1].startswith("none (")


def test_broken_rules_are_one_line_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pack that cannot be read: exit status 1, the place, no traceback."""
    (folder / "b.yaml").write_text("rulez: []\n")
    assert run(["rules", "list", "--rules", str(folder)]) == 1
    assert capsys.readouterr().err == (
        f'egresswatch: {folder}/b.yaml:1: unknown field "rulez" (did you mean "rules"?)\n'
    )


def test_help_without_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """``rules`` alone lists its commands."""
    assert run(["rules"]) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("list", "show", "test", "lint", "diff"))


def test_the_rules_of_alerts_that_no_pack_holds_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """An analyst looks up the rule id of any alert."""
    assert run(["rules", "show", "ew-unk-0001"]) == 0
    text = capsys.readouterr().out
    assert "EW-UNK-0001 rev 1: Data to a destination nobody can name" in text
    assert "part of the program" in text
    assert run(["rules", "list"]) == 0
    assert "EW-POL-0001" in out(capsys)[-1]
    assert run(["rules", "show", "EW-POL-0001", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["severity"] == "high"
