# SPDX-License-Identifier: Apache-2.0
"""Help, version and every way to use the command wrongly: one line, the right exit status."""

import errno
import os
import subprocess
import sys

import pytest

import egresswatch
from egresswatch.cli.options import Severity
from egresswatch.records import SEVERITIES


def test_version(command):
    """The version and nothing else."""
    assert command("--version") == (0, f"egresswatch {egresswatch.__version__}\n", "")


def test_help_lists_the_commands_and_the_exit_statuses(command):
    """Each with a line that is not cut."""
    status, out, _ = command("--help")
    assert status == 0
    for name in ("replay", "cameras", "dissect", "check", "rules"):
        assert f"\n  {name} " in out
    assert "..." not in out.partition("Commands:")[2]
    assert "Exit status: 0 done" in out


@pytest.mark.parametrize("name", ["replay", "cameras", "dissect", "check", "rules"])
def test_every_command_has_help(command, name):
    """With -h as well."""
    for option in ("-h", "--help"):
        if name == "rules" and option == "-h":
            continue
        status, out, err = command(name, option)
        assert (status, err) == (0, "")
        assert f"egresswatch {name}" in out


def test_the_contract_s_options_of_replay_are_there(command):
    """Those of the contract, --force and --follow."""
    _, out, _ = command("replay", "--help")
    for option in ("--config", "--site", "--rules", "--out", "--workers", "--set", "--digest", "--fail-on",
                   "--json", "--force", "--follow"):  # fmt: skip
        assert option in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["replya"], "egresswatch: No such command 'replya'. Did you mean 'replay'? See: egresswatch --help"),
        (["replay"], "egresswatch: Missing argument 'PATH'. See: egresswatch replay --help"),
        (["replay", "--nope", "x"], "egresswatch: No such option: --nope"),
        (["replay", "x", "--workers", "0"], "egresswatch: Invalid value for '--workers'"),
        (["replay", "x", "--fail-on", "bad"], "egresswatch: Invalid value for '--fail-on'"),
        (["replay", "x", "--set", "decode.dedup"], "egresswatch: --set decode.dedup: write it as"),
        (["replay", "x", "--set", "decode.dedub=1"], "egresswatch: --set decode.dedub=1: no setting 'dedub'"),
        (["replay", "x", "--rules", "/no/such"], "egresswatch: --rules /no/such: does not exist"),
        (["replay", "a", "b", "--follow"], "egresswatch: replay --follow: give exactly one file"),
        (["dissect", "CaaaaAAAA"], "egresswatch: Missing argument"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line_and_status_2(command, arguments, message):
    """What is wrong, and where the help is."""
    status, out, err = command(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(message)
    assert err.count("\n") == 1


def test_no_command_shows_the_help_as_wrong_usage(command):
    """On standard error, so that a pipe gets nothing."""
    status, out, err = command()
    assert (status, out) == (2, "")
    assert "Commands:" in err


def test_fail_on_knows_the_severities_of_the_records():
    """The copy that spares --help an import is a true one."""
    assert tuple(Severity) == SEVERITIES


def test_the_module_is_the_command():
    """python -m egresswatch."""
    done = subprocess.run([sys.executable, "-m", "egresswatch", "--version"], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip
    assert (done.returncode, done.stdout) == (0, f"egresswatch {egresswatch.__version__}\n")


def test_a_reader_that_leaves_is_no_traceback():
    """egresswatch --help | true."""
    line = f"{sys.executable} -m egresswatch replay --help | true"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(line, shell=True, capture_output=True, text=True, env=environment)
    assert done.stderr == ""


def test_tables_that_do_not_fit_into_memory_are_one_line(monkeypatch, capsys):
    """An operating system that refuses memory says so as an OSError."""
    from egresswatch import cli
    from egresswatch.cli import app as table

    def refuse(**_):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(table, "app", refuse)
    assert cli.run(["replay", "x.pcap"]) == cli.FAILED
    assert capsys.readouterr().err == (
        "egresswatch: not enough memory. Smaller tables (flow.table_size, output.max_held_rows) need less.\n"
    )


def test_a_full_disk_is_one_line(monkeypatch, capsys):
    """What nobody closer has explained still is no traceback."""
    from egresswatch import cli
    from egresswatch.cli import app as table

    def refuse(**_):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/flow.pcapng")

    monkeypatch.setattr(table, "app", refuse)
    assert cli.run(["dissect", "x"]) == cli.FAILED
    assert capsys.readouterr().err == "egresswatch: /tmp/flow.pcapng: No space left on device.\n"
