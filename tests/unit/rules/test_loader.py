# SPDX-License-Identifier: Apache-2.0
"""Reading rule folders: strict YAML, merging, replacing, and errors outside the grammar."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egresswatch.errors import RuleError
from egresswatch.rules import builtin_path, load_tables
from egresswatch.rules.loader import MAX_FILE, load_pack


def write(folder: Path, name: str, text: str | bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def outcome(file: Path) -> str:
    """What the file became: the refusal, or the place of its first rule (or the file when it has none)."""
    try:
        found = load_pack([file], builtin=False).rules
    except RuleError as error:
        return str(error)
    return found[0].path if found else str(file)


def test_good_rule_is_read_whole(yamls: SimpleNamespace, tmp_path: Path) -> None:
    """Every field of a rule arrives, with its file and line."""
    file = write(tmp_path, "a.yaml", yamls.RULE)
    (found,) = load_pack([file], builtin=False).rules
    assert (found.id, found.rev, found.family, found.vendor) == ("EW-TST-0001", 1, "TST", "test")
    assert found.match.domains == ("cloud.example",)
    assert found.references == ("a source",)
    assert found.first_published == "2026-11-22"
    assert (found.path, found.line) == (str(file), 2)
    assert found.match_examples[0].name == "a.cloud.example"


def test_words_and_dates_stay_texts(yamls: SimpleNamespace, tmp_path: Path) -> None:
    """NO, on, base-60 numbers, floats and dates are texts; only digits are numbers."""
    text = yamls.RULE.replace("[a source]", "[NO, on, 12:34:56, 1.5, 2026-01-01, 1e3]")
    (found,) = load_pack([write(tmp_path, "a.yaml", text)], builtin=False).rules
    assert found.references == ("NO", "on", "12:34:56", "1.5", "2026-01-01", "1e3")


def test_folder_is_read_recursively_and_only_yaml(yamls: SimpleNamespace, tmp_path: Path) -> None:
    """Sub-folders count; other files do not."""
    write(tmp_path / "deep" / "er", "b.yml", yamls.RULE)
    write(tmp_path, "vendors.yaml", yamls.VENDOR)
    write(tmp_path, "README.md", "not: [yaml")
    found = load_pack([tmp_path], builtin=False)
    assert [item.path for item in found.rules] == [f"{tmp_path}/deep/er/b.yml"]
    assert [item.id for item in found.vendors] == ["test"]


def test_later_folder_replaces_by_id(yamls: SimpleNamespace, tmp_path: Path) -> None:
    """A rule of a later folder with the same id takes the place of the earlier one."""
    write(
        tmp_path / "one",
        "a.yaml",
        yamls.rules(yamls.rule(1), yamls.rule(2, match="domains: [other.example]")),
    )
    write(tmp_path / "two", "a.yaml", yamls.rules(yamls.rule(1, match="domains: [moved.example]", rev="2")))
    tables = load_tables([tmp_path / "one", tmp_path / "two"], builtin=False)
    assert tables.rules["EW-TST-0001"].rev == 2
    assert tables.domain("a.cloud.example") == ()
    assert [item.id for item in tables.domain("a.moved.example")] == ["EW-TST-0001"]
    assert [item.id for item in tables.domain("other.example")] == ["EW-TST-0002"]


def test_builtin_pack_can_be_extended_and_left_out(yamls: SimpleNamespace, tmp_path: Path) -> None:
    """Own rules come beside the built-in ones, or alone."""
    file = write(tmp_path, "own.yaml", yamls.RULE)
    both = load_tables([file], builtin=True)
    assert both.domain("cloud.example")
    assert both.domain("hik-connect.com")
    alone = load_tables([file], builtin=False)
    assert list(alone.rules) == ["EW-TST-0001"]


def test_versions_are_joined(yamls: SimpleNamespace, tmp_path: Path) -> None:
    """The version tells every pack that has one."""
    pack = "pack:\n  format: 1\n  version: site-7\n"
    write(tmp_path / "own", "pack.yaml", pack)
    write(tmp_path / "own", "a.yaml", yamls.RULE)
    assert load_tables([tmp_path / "own"], builtin=False).version == "site-7"
    assert load_tables([tmp_path / "own"]).version.endswith("+site-7")


def test_no_pack_has_a_version_word(yamls: SimpleNamespace, tmp_path: Path) -> None:
    """Rules without a pack file say so."""
    assert load_tables([write(tmp_path, "a.yaml", yamls.RULE)], builtin=False).version == "none"


def test_nothing_at_all_is_an_empty_pack() -> None:
    """Without built-in pack and paths there are no rules, and every look-up answers nothing."""
    tables = load_tables([], builtin=False)
    assert len(tables.rules) == 0
    assert len(tables.patterns) == 0
    assert tables.domain("a.b") == tables.address("192.0.2.1") == tables.port(17, 1) == ()
    assert tables.oui(0x00BC99000001) is None
    assert tables.fingerprints("http_server", "x") == ()


def test_missing_path_is_one_clear_error(tmp_path: Path) -> None:
    """A folder that does not exist is named."""
    with pytest.raises(RuleError, match="nowhere: no such rule folder or file"):
        load_tables([tmp_path / "nowhere"], builtin=False)


def test_folder_without_rules_is_an_error(tmp_path: Path) -> None:
    """A folder that holds no YAML was surely not meant."""
    with pytest.raises(RuleError, match=r"no rule files \(\*\.yaml\)"):
        load_tables([tmp_path], builtin=False)


def test_file_that_is_not_utf8(tmp_path: Path) -> None:
    """Bytes that are no text are refused by name."""
    with pytest.raises(RuleError, match=r"a\.yaml: is not UTF-8 text"):
        load_tables([write(tmp_path, "a.yaml", b"rules: [\xff]")], builtin=False)


def test_file_with_control_characters(tmp_path: Path) -> None:
    """A NUL in a file is a YAML error with a name."""
    with pytest.raises(RuleError, match=r"a\.yaml.*not YAML"):
        load_tables([write(tmp_path, "a.yaml", b"rules: \x00")], builtin=False)


def test_huge_file_is_refused_unread(tmp_path: Path) -> None:
    """A file beyond the limit is not read."""
    with pytest.raises(RuleError, match="is larger than 4 MiB"):
        load_tables([write(tmp_path, "a.yaml", b"#" * (MAX_FILE + 1))], builtin=False)


def test_directory_named_like_a_file(tmp_path: Path) -> None:
    """A folder called x.yaml is an error, not a traceback."""
    (tmp_path / "x.yaml").mkdir()
    with pytest.raises(RuleError, match=r"x\.yaml: cannot be read"):
        load_tables([tmp_path], builtin=False)


def test_a_pipe_in_a_folder_is_told_and_not_waited_for(tmp_path: Path) -> None:
    """Reading it would never end."""
    os.mkfifo(tmp_path / "a.yaml")
    assert outcome(tmp_path) == f"{tmp_path}/a.yaml: is not a plain file"


def test_nesting_bomb_is_refused(tmp_path: Path) -> None:
    """Deep nesting does not exhaust the interpreter."""
    with pytest.raises(RuleError):
        load_tables([write(tmp_path, "a.yaml", "rules: " + "[" * 20000)], builtin=False)


def test_builtin_path_holds_the_pack() -> None:
    """The built-in pack is found in a checkout or an installed wheel."""
    assert (builtin_path() / "pack.yaml").is_file()


@settings(max_examples=150)
@given(
    st.one_of(
        st.binary(max_size=200), st.text(alphabet="abr-:[]{}&*!#'\"| \n\tules", max_size=80).map(str.encode)
    )
)
def test_any_bytes_are_rules_or_a_rule_error(tmp_path: Path, data: bytes) -> None:
    """Whatever a rule file holds: it loads, or a RuleError says why."""
    assert "any.yaml" in outcome(write(tmp_path, "any.yaml", data))


@settings(max_examples=150)
@given(st.integers(0, 500), st.integers(0, 40), st.text(alphabet="ab1-:[]{}&*!#'\" \n", max_size=6))
def test_any_edit_of_a_rule_is_a_rule_or_a_rule_error(
    tmp_path: Path, yamls: SimpleNamespace, at: int, cut: int, put: str
) -> None:
    """A rule with any piece replaced by anything loads or is refused with a place; nothing else happens."""
    text = yamls.RULE[:at] + put + yamls.RULE[at + cut :]
    assert "edit.yaml" in outcome(write(tmp_path, "edit.yaml", text))


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 200_000, "a:\n" + "- " * 200_000 + "x", "? " * 100_000, "{a: " * 100_000]
)
def test_a_file_nested_without_end_is_refused(tmp_path: Path, text: str) -> None:
    """YAML's reader recurses in C: without a look beforehand such a file would end the process."""
    assert "nested deeper than 32 levels" in outcome(write(tmp_path, "deep.yaml", text))


def test_many_short_lists_are_no_depth(tmp_path: Path) -> None:
    """Only how deep they are counts, not how many."""
    assert "nested" not in outcome(write(tmp_path, "wide.yaml", "rules: [" + "[], " * 5000 + "]"))
