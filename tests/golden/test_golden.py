# SPDX-License-Identifier: Apache-2.0
"""Whole replays against files: every folder here with a case.toml is a case (see README.md)."""

import os

import pytest
from tests.golden.cases import HERE, KEPT, NAMES, matching, replay

REWRITE = os.environ.get("EGRESSWATCH_GOLDEN") == "write"
PARTS = {"case.toml", "make_pcap.py", "README.md"}


@pytest.fixture(scope="module", params=NAMES)
def case(request, tmp_path_factory):
    """One replay a case, away from the checkout."""
    return replay(request.param, tmp_path_factory.mktemp(request.param))


def test_the_replay_ends_well(case):
    """Exit 0, and on standard error only what the case expects."""
    assert case.status == 0
    assert case.complaints == case.expected_complaints


def test_what_must_be_found_is_found(case):
    """The case's own checks: match and count, where 0 is as important as 1."""
    assert case.checks
    of = {file.partition(".")[0]: case.documents[file] for file in KEPT}
    found = [(check, matching(of[check["file"]], check.get("match", {}))) for check in case.checks]
    assert [(check, count) for check, count in found if count != check["count"]] == []


@pytest.mark.parametrize("file", KEPT)
def test_everything_written_is_as_before(case, file):
    """The written files equal the golden ones, without versions and digests."""
    path = HERE / case.name / "expected" / file
    text = case.text(file)
    if REWRITE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8").splitlines() == text.splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_a_case_is_complete(name):
    """It has its parts, its page says what it is for, and nothing else lies in expected/."""
    folder = HERE / name
    assert {path.name for path in folder.iterdir()} >= PARTS
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert page.startswith("# ")
    assert "\nOrigin: " in page
    if not REWRITE:
        assert sorted(path.name for path in (folder / "expected").iterdir()) == sorted(KEPT)


def test_no_folder_is_forgotten():
    """A folder without case.toml would be a test that nobody runs."""
    folders = {path.name for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(NAMES)
