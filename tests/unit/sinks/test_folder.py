# SPDX-License-Identifier: Apache-2.0
"""The output folder: made when absent, refused when another run lies there, replaced only by --force."""

import os

import pytest

from egresswatch.errors import OutputError
from egresswatch.sinks.folder import OUTPUTS, held_files, prepare_out, temporary


def test_a_missing_folder_is_made_with_its_parents(tmp_path):
    """--out case/0412 needs no mkdir."""
    prepare_out(tmp_path / "case" / "0412", force=False)
    assert (tmp_path / "case" / "0412").is_dir()


@pytest.mark.parametrize("name", OUTPUTS)
def test_any_file_of_another_run_is_refused(tmp_path, name):
    """Two runs never mix, whichever of the files was left."""
    (tmp_path / name).touch()
    with pytest.raises(OutputError) as error:
        prepare_out(tmp_path, force=False)
    assert str(error.value) == (
        f"{tmp_path}: holds files of another run ({name}). "
        "Choose another folder, or replace them with --force. Nothing was read."
    )
    assert (tmp_path / name).exists()


def test_force_removes_our_files_and_no_others(tmp_path):
    """The captures that lie in the same folder stay."""
    for name in (*OUTPUTS, "evidence.pcap"):
        (tmp_path / name).touch()
    prepare_out(tmp_path, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["evidence.pcap"]


def test_a_half_file_of_a_run_that_died_is_cleared_away(tmp_path):
    """It is no result, so it needs no --force."""
    temporary(tmp_path / "flows.parquet").touch()
    prepare_out(tmp_path, force=False)
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_no_reason_to_refuse(tmp_path):
    """A folder with notes is a good place."""
    (tmp_path / "notes.txt").touch()
    prepare_out(tmp_path, force=False)
    assert held_files(tmp_path) == []


def test_a_file_in_place_of_the_folder_is_told(tmp_path):
    """The message says what is wrong and that nothing happened."""
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match=r"out: is a file, not a folder\. Nothing was read\."):
        prepare_out(tmp_path / "out", force=True)


def test_a_file_above_the_folder_is_told(tmp_path):
    """--out capture.pcap/out."""
    (tmp_path / "a").touch()
    with pytest.raises(OutputError, match=r"cannot be made: Not a directory\. Nothing was read\."):
        prepare_out(tmp_path / "a" / "b", force=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told(tmp_path):
    """Before an hour of reading, not after."""
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="without write permission"):
        prepare_out(tmp_path, force=False)
