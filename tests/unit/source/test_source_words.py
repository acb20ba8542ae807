# SPDX-License-Identifier: Apache-2.0
"""Words for people."""

import os

import pytest

from egresswatch.source import words


@pytest.mark.parametrize(
    "number, text",
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (12_400_000, "12.4 MB"),
     (3_941_000_000_000, "3.9 TB"), (2_100_000_000, "2.1 GB")],
)  # fmt: skip
def test_sizes_as_said(number, text):
    """Sizes carry one digit and the unit a person would use."""
    assert words.size(number) == text


def test_counts_are_grouped():
    """Long numbers are grouped by spaces, as everywhere in the output."""
    assert words.count(1_204_311) == "1 204 311"


def test_paths_never_carry_control_characters():
    """A file name cannot write to the terminal, nor break on bytes that are no UTF-8."""
    assert words.shown("ok/ümläut.pcap") == "ok/ümläut.pcap"
    assert words.shown(os.fsdecode(b"a\x1b]0;x\x07\xff.pcap")) == "a\\x1b]0;x\\x07�.pcap"


def test_names_out_of_files_are_bounded():
    """Interface names end at a zero byte and at 255 characters."""
    assert words.name(b"eth0\0junk") == "eth0"
    assert len(words.name(b"\n" * 1000)) <= 255


def test_a_small_loss_is_not_told_as_none():
    """A few bytes of a large file are still something."""
    from egresswatch.source.words import percent

    assert [percent(share) for share in (60.0, 1.54, 0.045, 0.0001)] == [
        "60.0 %", "1.5 %", "0.04 %", "under 0.01 %",
    ]  # fmt: skip
