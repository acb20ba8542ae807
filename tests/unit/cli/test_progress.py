# SPDX-License-Identifier: Apache-2.0
"""Progress: only on a terminal, only on standard error, and with the right total."""

import io
import sys

import pytest

from egresswatch.cli.progress import Progress, _rate, measure


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_nothing_is_written_without_a_terminal(capsys):
    """A log file stays free of bars."""
    with Progress(("a",)) as progress:
        progress.update(10, 1)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_files_bytes_and_packets(monkeypatch, tmp_path):
    """On standard error; standard output stays for the answer."""
    (tmp_path / "a.pcap").write_bytes(bytes(2000))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with Progress((str(tmp_path),)) as progress:
        progress.update(1000, 5)
    assert "Reading 1 file, 2 kB" in terminal.getvalue()
    assert "50 %" in terminal.getvalue()


def test_files_of_folders_are_counted(tmp_path):
    """At any depth."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.pcap").write_bytes(bytes(5))
    (tmp_path / "b.pcap").write_bytes(bytes(7))
    assert measure([str(tmp_path), str(tmp_path / "b.pcap")]) == (3, 19)


@pytest.mark.parametrize("path", ["-", "/dev/null"])
def test_a_stream_has_no_total(path):
    """No end time is promised."""
    assert measure([path]) == (1, None)


def test_a_missing_input_does_not_break_the_bar():
    """The replay will say what is wrong with it."""
    assert measure(["/no/such"]) == (1, 0)


@pytest.mark.parametrize(("rate", "text"), [(5_120_000, "5.1 M"), (12_300, "12.3 k"), (42, "42")])
def test_rates_are_short(rate, text):
    """5.1 M packets/s."""
    assert _rate(rate) == text
