# SPDX-License-Identifier: Apache-2.0
"""Rows and columns of a flow table: every packet finds its flow in each."""

import pytest

from bench import layouts


@pytest.mark.jit_only
def test_each_layout_is_measured(monkeypatch, capsys):
    """A line a layout, a figure a number of flows."""
    monkeypatch.setattr(layouts, "FLOWS", (10, 1000))
    layouts.main(["--packets", "2000", "--rounds", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == list(layouts.WAYS)
    assert all(len(line.split("|")) == 5 for line in lines)
