# SPDX-License-Identifier: Apache-2.0
"""``egresswatch cameras``: the register of an output folder, or of captures."""

import json
from dataclasses import replace

import pytest


def test_an_output_folder_is_read_without_a_replay(command, replayed, tmp_path):
    """The register is there already."""
    (tmp_path / "cameras.json").write_text('[{"asset_id": "cam-9", "ips": ["10.0.0.9"]}]')
    status, out, err = command("cameras", tmp_path)
    assert (status, err, replayed.options) == (0, "", None)
    assert "cam-9" in out and "10.0.0.9" in out


def test_captures_are_replayed_and_nothing_is_written(command, replayed):
    """A capture gives its register too."""
    status, out, _ = command("cameras", "a.pcap", "b.pcap")
    assert status == 0
    assert "cam-1" in out
    assert (replayed.options.paths, replayed.options.out) == (("a.pcap", "b.pcap"), None)


def test_json_is_the_register(command, replayed):
    """In the shape of cameras.json."""
    _, out, _ = command("cameras", "a.pcap", "--json")
    assert json.loads(out) == [{"asset_id": "cam-1", "ips": ["10.0.0.1"]}]


def test_an_unreadable_capture_is_status_1(command, replayed, result):
    """With its line; an empty register is not shown as an answer."""
    replayed.answer = replace(result, errors=("a: does not exist",), register=())
    assert command("cameras", "a") == (1, "", "egresswatch: a: does not exist\n")


@pytest.mark.parametrize("text", ["{", "{}", '["cam-1"]', '[{"name": "x"}]'])
def test_a_file_that_is_no_register_is_told(command, tmp_path, text):
    """One clear line, exit status 1."""
    (tmp_path / "cameras.json").write_text(text)
    status, out, err = command("cameras", tmp_path)
    assert (status, out) == (1, "")
    assert err.startswith(f"egresswatch: {tmp_path}/cameras.json: is not the register that replay writes")
