# SPDX-License-Identifier: Apache-2.0
"""ledger.json and cameras.json: readable, complete, the same bytes for the same facts."""

import json

import pytest

from egresswatch.errors import OutputError
from egresswatch.sinks.ledger import dumps, write_cameras, write_ledger


def test_keys_keep_their_order_and_the_file_ends_with_a_newline(tmp_path):
    """A diff of two ledgers shows what changed and nothing else."""
    write_ledger(
        tmp_path / "ledger.json", {"frames_read": 3, "accounted": 2, "duplicate": 1, "dropped": None}
    )
    assert (tmp_path / "ledger.json").read_text() == (
        '{\n  "frames_read": 3,\n  "accounted": 2,\n  "duplicate": 1,\n  "dropped": null\n}\n'
    )


def test_cameras_are_a_list_also_when_there_is_none(tmp_path):
    """A program reads an empty register without a special case."""
    write_cameras(tmp_path / "cameras.json", [])
    assert (tmp_path / "cameras.json").read_text() == "[]\n"


def test_names_stay_readable(tmp_path):
    """Text outside ASCII is written as it is, in UTF-8."""
    write_cameras(tmp_path / "cameras.json", [{"asset_id": "tür-1", "ips": ["10.0.0.1"]}])
    assert '"tür-1"' in (tmp_path / "cameras.json").read_text(encoding="utf-8")


def test_a_file_name_that_is_not_utf8_is_escaped(tmp_path):
    """A capture called with odd bytes does not stop the ledger."""
    write_ledger(tmp_path / "ledger.json", {"path": "caf\udce9.pcap"})
    assert json.loads((tmp_path / "ledger.json").read_text(encoding="utf-8"))["path"] == "caf\udce9.pcap"


def test_a_number_that_json_does_not_have_is_refused():
    """NaN would break the reader later; it breaks us now."""
    with pytest.raises(ValueError):
        dumps({"ratio": float("nan")})


def test_only_the_finished_file_is_there(tmp_path):
    """No temporary file stays."""
    write_ledger(tmp_path / "ledger.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.json"]


def test_a_missing_folder_is_an_output_error(tmp_path):
    """One line with the path."""
    with pytest.raises(OutputError, match="cannot be written: No such file or directory"):
        write_ledger(tmp_path / "none" / "ledger.json", {})
