# SPDX-License-Identifier: Apache-2.0
"""The activity strip: where the bytes were, never nothing where there was something."""

from types import SimpleNamespace

from egresswatch.cli.dissection import activity, strip
from egresswatch.dissect.lookup import Record


def test_nothing_is_a_dot_and_something_is_a_bar():
    """Also one byte beside a gigabyte."""
    assert strip([0, 1, 10**9]) == "·▁█"


def test_an_empty_strip_is_empty_dots():
    """A flow without bytes from its originator."""
    assert strip([0, 0]) == "··"


def test_bytes_stand_where_their_record_stood():
    """The first and the last minute of an hour."""
    records = (Record(0, 60, 100, 0), Record(3540, 3600, 50, 0))
    flow = SimpleNamespace(ts=0, ts_end=3600, records=records)
    assert activity(flow) == "██" + "·" * 57 + "█"
