# SPDX-License-Identifier: Apache-2.0
"""alerts.jsonl: a line an alert, in the order given, the file whole or not there."""

import json

import pytest

from egresswatch.errors import OutputError
from egresswatch.sinks.jsonl import AlertWriter


def test_each_alert_is_one_line_in_order(tmp_path):
    """A line break inside a text does not make a second line."""
    writer = AlertWriter(tmp_path / "alerts.jsonl")
    for number in (2, 1):
        writer.write({"event": {"id": f"A{number}"}, "message": "two\nlines – ü"})
    writer.close()
    lines = (tmp_path / "alerts.jsonl").read_bytes().decode().splitlines()
    assert [json.loads(line)["event"]["id"] for line in lines] == ["A2", "A1"]
    assert writer.lines == 2


def test_key_order_is_kept(tmp_path):
    """The same alert gives the same bytes."""
    writer = AlertWriter(tmp_path / "alerts.jsonl")
    writer.write({"b": 1, "a": 2})
    writer.close()
    assert (tmp_path / "alerts.jsonl").read_bytes() == b'{"b":1,"a":2}\n'


def test_no_alert_gives_an_empty_file(tmp_path):
    """An absent file would not say "none"."""
    AlertWriter(tmp_path / "alerts.jsonl").close()
    assert (tmp_path / "alerts.jsonl").read_bytes() == b""


def test_giving_up_leaves_nothing(tmp_path):
    """Neither the file nor its beginning."""
    writer = AlertWriter(tmp_path / "alerts.jsonl")
    writer.write({"a": 1})
    writer.abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_an_output_error(tmp_path):
    """One line with the path."""
    with pytest.raises(OutputError, match=r"alerts\.jsonl: cannot be written"):
        AlertWriter(tmp_path / "none" / "alerts.jsonl")
