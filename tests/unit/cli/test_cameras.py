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


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '["cam-1"]',
        '[{"name": "x"}]',
        "[" * 100_000,
        '[{"asset_id": 7}]',
        '[{"asset_id": "c", "maker": 3}]',
        '[{"asset_id": "c", "maker": {"lists": [7]}}]',
        '[{"asset_id": "c", "made_by": [null]}]',
        '[{"asset_id": "c", "name": {"a": 3}}]',
        '[{"asset_id": "c", "ips": 5}]',
        '[{"asset_id": "c", "evidence": [7]}]',
        '[{"asset_id": "c", "outside_flows": "x"}]',
        '[{"asset_id": "c", "unnamed_flows": 3}]',
        '[{"asset_id": "c", "unnamed_flows": 3, "outside_flows": 2}]',
    ],
)
def test_a_file_that_is_no_register_is_told(command, tmp_path, text):
    """One clear line, exit status 1."""
    (tmp_path / "cameras.json").write_text(text)
    status, out, err = command("cameras", tmp_path)
    assert (status, out) == (1, "")
    assert err.startswith(f"egresswatch: {tmp_path}/cameras.json: is not the register that replay writes")


# --- counts, formats, comparison -----------------------------------------------------------------------
ROWS = [
    {"asset_id": "cam-1", "ips": ["10.0.0.1"], "mac": "44:19:b6:00:00:01", "vendor": "hikvision",
     "brand": "Hikvision", "role": "camera", "first_seen": "2026",
     "maker": {"name": "Hikvision", "lists": []}},
    {"asset_id": "cam-2", "ips": ["10.0.0.2"], "role": "camera", "first_seen": "2026"},
]  # fmt: skip
INVENTORY = "name,mac,ip,vendor\ngate,44:19:b6:00:00:01,,HIK\nhall,,10.0.0.9,\n"


@pytest.fixture
def folder(tmp_path):
    """An output folder with a register of two, and an inventory beside it."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "cameras.json").write_text(json.dumps(ROWS))
    (tmp_path / "cameras.csv").write_text(INVENTORY)
    return tmp_path


def test_counts_by_maker(command, folder):
    """On a screen, as JSON and as CSV."""
    status, out, _ = command("cameras", folder / "out", "--by", "maker")
    assert status == 0
    assert "2 video devices seen: 2 cameras." in out
    assert "cam-1" not in out
    found = json.loads(command("cameras", folder / "out", "--by", "maker", "--format", "json")[1])
    assert [each["group"] for each in found["counts"]] == ["Hikvision", "maker unknown"]
    assert command("cameras", folder / "out", "--by", "vlan", "--format", "csv")[1].startswith("vlan,devices")


def test_csv_is_the_register(command, folder):
    """A line a device, with a header."""
    _, out, _ = command("cameras", folder / "out", "--format", "csv")
    assert [line.split(",")[0] for line in out.splitlines()] == ["asset_id", "cam-1", "cam-2"]


def test_an_inventory_is_compared(command, folder):
    """Unknown and missing devices are an answer, not a failure."""
    status, out, err = command("cameras", folder / "out", "--compare", folder / "cameras.csv")
    assert (status, err) == (0, "")
    assert "1 of 2 listed devices seen. 1 unknown, 1 missing, 0 different." in out
    found = json.loads(command("cameras", folder / "out", "--compare", folder / "cameras.csv", "--json")[1])
    assert [each["asset_id"] for each in found["unknown"]] == ["cam-2"]
    assert [each["name"] for each in found["missing"]] == ["hall"]


def test_a_mistake_in_the_inventory_is_told_before_anything_is_read(command, folder, replayed):
    """With its line; nothing is replayed."""
    (folder / "cameras.csv").write_text("name,mak\nx,y\n")
    status, out, err = command("cameras", "a.pcap", "--compare", folder / "cameras.csv")
    assert (status, out, replayed.options) == (1, "", None)
    assert 'unknown column "mak"' in err


@pytest.mark.parametrize(
    ("name", "begin"), [("x.csv", "asset_id,"), ("x.json", "[\n"), ("x.txt", " 2 video devices")]
)
def test_out_writes_a_file_by_its_ending(command, folder, name, begin):
    """Nothing is printed."""
    assert command("cameras", folder / "out", "--out", folder / name) == (0, "", "")
    assert (folder / name).read_text().startswith(begin)
    assert not list(folder.glob(".*"))


def test_out_never_replaces_an_input(command, folder):
    """Neither the inventory nor a capture."""
    inventory = folder / "cameras.csv"
    status, _, err = command("cameras", folder / "out", "--compare", inventory, "--out", inventory)
    assert (status, inventory.read_text()) == (2, INVENTORY)
    assert "is one of the inputs" in err


def test_a_file_that_cannot_be_written_is_one_line(command, folder):
    """Path and reason."""
    status, _, err = command("cameras", folder / "out", "--out", folder / "no" / "x.csv")
    assert status == 1
    assert err == f"egresswatch: {folder}/no/x.csv: cannot be written: No such file or directory\n"


@pytest.mark.parametrize(
    "options", [("--by", "maker", "--compare", "x.csv"), ("--json", "--format", "csv"), ("--by", "colour")]
)
def test_questions_that_do_not_go_together_are_wrong_usage(command, folder, options):
    """One line, exit status 2."""
    status, out, err = command("cameras", folder / "out", *options)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
