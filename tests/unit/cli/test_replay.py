# SPDX-License-Identifier: Apache-2.0
"""``egresswatch replay``: options to the pipeline, outcome to screen, JSON and exit status."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from egresswatch.errors import ConfigError, OutputError


def test_options_reach_the_pipeline(command, replayed, tmp_path):
    """Paths in order, folders as paths, settings with their overrides."""
    rules = tmp_path / "rules"
    rules.mkdir()
    status, _, _ = command(
        "replay", "a.pcap", "-", "--site", "s.toml", "--out", "o", "--workers", "2", "--digest", "--force",
        "--rules", rules, "--set", "decode.dedup=false", "--set", "flow.table_size=64",
    )  # fmt: skip
    options = replayed.options
    assert status == 0
    assert options.paths == ("a.pcap", "-")
    assert (options.site, options.out) == (Path("s.toml"), Path("o"))
    assert (options.digest, options.force, options.follow) == (True, True, False)
    assert options.settings.replay.workers == 2
    assert options.settings.decode.dedup is False
    assert options.settings.flow.table_size == 64
    assert options.settings.rules.paths == (str(rules),)


def test_a_settings_file_is_read_and_set_comes_after_it(command, replayed, tmp_path):
    """--set overrides any setting."""
    file = tmp_path / "c.toml"
    file.write_text("[replay]\nbatch = 7\nworkers = 3\n")
    command("replay", "a", "--config", file, "--set", "replay.batch=9")
    assert (replayed.options.settings.replay.batch, replayed.options.settings.replay.workers) == (9, 3)


def test_the_screen_goes_to_standard_output(command, replayed):
    """Alerts are no failure."""
    status, out, err = command("replay", "a")
    assert (status, err) == (0, "")
    assert " The 1 camera seen sent data outside.\n" in out


def test_without_a_terminal_the_text_is_plain_and_wide(command, replayed, monkeypatch):
    """A file or a pipe gets the table without escape codes."""
    monkeypatch.delenv("COLUMNS", raising=False)
    _, out, _ = command("replay", "a")
    assert "WHAT LEFT" in out
    assert "\x1b" not in out


def test_json_is_one_object_and_nothing_else(command, replayed):
    """Standard output can be parsed as it is."""
    status, out, err = command("replay", "a", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["alerts"]["medium"] == 1


@pytest.mark.parametrize(("severity", "status"), [("low", 3), ("medium", 3), ("high", 0), ("critical", 0)])
def test_fail_on(command, replayed, severity, status):
    """3 for an alert of that severity or above, else 0."""
    assert command("replay", "a", "--fail-on", severity)[0] == status


def test_an_input_that_could_not_be_read_is_status_1_with_its_line(command, replayed, result):
    """The others were processed, so the screen is there, and it says so."""
    replayed.answer = replace(
        result, errors=("b.pcap: is not a capture", "c.pcap: is a folder without captures")
    )
    status, out, err = command("replay", "a", "b.pcap", "c.pcap", "--fail-on", "low")
    assert status == 1
    assert err == "egresswatch: b.pcap: is not a capture\negresswatch: c.pcap: is a folder without captures\n"
    assert "Not read: 2 inputs" in out


def test_nothing_read_shows_the_cause_and_no_verdict(command, replayed, result):
    """No screen pretends that something was looked at."""
    replayed.answer = replace(result, errors=("a: does not exist",), packets=0, assets=())
    assert command("replay", "a") == (1, "", "egresswatch: a: does not exist\n")


def test_damage_is_told_and_is_no_failure(command, replayed, result):
    """Processed up to the damage: exit 0."""
    replayed.answer = replace(result, warnings=("case.pcap: record 9: damaged from byte 803 on",))
    status, out, err = command("replay", "case.pcap")
    assert (status, err) == (0, "egresswatch: case.pcap: record 9: damaged from byte 803 on\n")
    assert "Damaged: 1 input" in out


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ConfigError("network is wrong", "site.toml", 14), "egresswatch: site.toml:14: network is wrong\n"),
        (OutputError("holds files of another run", "out"), "egresswatch: out: holds files of another run\n"),
        (ConfigError("two\nmistakes", "x"), "egresswatch: x: two\negresswatch: mistakes\n"),
    ],
)
def test_an_error_is_a_line_and_status_1(command, replayed, error, line):
    """No traceback; an error with several causes has a line for each."""
    replayed.answer = error
    assert command("replay", "a") == (1, "", line)


def test_ctrl_c_is_a_line_and_status_130(command, replayed):
    """As shells expect."""
    replayed.answer = KeyboardInterrupt()
    assert command("replay", "a") == (130, "", "egresswatch: stopped. What was not finished is not there.\n")


def test_ctrl_c_ends_a_followed_capture_in_good_order(command, replayed):
    """The first signal presses the stop switch; what was read is judged."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    stopped = []

    def interrupt(options):
        options.stop.on_stop(lambda: stopped.append(True))
        os.kill(os.getpid(), signal.SIGINT)

    replayed.before = interrupt
    try:
        status, out, _ = command("replay", "a.pcap", "--follow")
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    assert (status, stopped) == (0, [True])
    assert "sent data outside" in out
