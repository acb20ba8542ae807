# SPDX-License-Identifier: Apache-2.0
"""One broken rule file a mistake, in tests/badinput/rules: its first lines say what is to be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from egresswatch.errors import RuleError
from egresswatch.rules import RulePackError, load_tables

FOLDER = Path(__file__).resolve().parents[2] / "badinput" / "rules"
FILES = sorted(FOLDER.glob("*.yaml"))
MARK = "# expects "


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_mistake_is_told_with_its_place(file: Path) -> None:
    """Every mistake of a bad file is told in its exact words, in the order of the lines."""
    lines = file.read_text(encoding="utf-8").splitlines()
    expected = [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
    with pytest.raises(RulePackError) as caught:
        load_tables([file], builtin=False)
    told = [f"{error.line or ''}: {error.message}".replace(f"{FOLDER}/", "") for error in caught.value.errors]
    assert told == expected


def test_there_are_bad_files() -> None:
    """The folder was found."""
    assert len(FILES) > 60


def test_all_mistakes_of_all_files_are_one_error() -> None:
    """A folder with many bad files is refused once, with one line for each mistake."""
    with pytest.raises(RuleError) as caught:
        load_tables([FOLDER], builtin=False)
    lines = str(caught.value).splitlines()
    assert len(lines) > len(FILES)
    assert all(line.startswith(str(FOLDER)) for line in lines)


def test_first_mistake_is_the_error_itself() -> None:
    """Code that knows single errors only sees the first mistake's place."""
    file = FOLDER / "several-mistakes.yaml"
    with pytest.raises(RuleError) as caught:
        load_tables([file], builtin=False)
    assert (caught.value.path, caught.value.line) == (str(file), 8)
