# SPDX-License-Identifier: Apache-2.0
"""What a command may load before it has something to do: heavy packages stay out of ``--help``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
HEAVY = ("numba", "numpy", "pandas", "pyarrow", "pyshark", "dpkt", "geoip2", "cryptography", "yaml", "lxml")
PROBE = """
import sys
from egresswatch.cli import run
status = run({arguments!r})
loaded = [name for name in {heavy!r} if name in sys.modules]
print("loaded:", *loaded, file=sys.stderr)
sys.exit(status)
"""


def run(*arguments):
    code = PROBE.format(arguments=list(arguments), heavy=HEAVY)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["replay", "--help"],
        ["check", "--help"],
        ["dissect", "--help"],
        ["cameras", "--help"],
    ],
    ids=" ".join,
)
def test_help_loads_nothing_heavy(arguments):
    """Help answers at once because numba, pandas and the like are loaded by what needs them."""
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "loaded:"


def test_a_wrong_option_loads_nothing_heavy():
    """Wrong usage is told in one line, exit status 2, at once."""
    done = run("replay", "--no-such-option")
    assert done.returncode == 2
    message, loaded = done.stderr.splitlines()
    assert message.startswith("egresswatch: ")
    assert loaded == "loaded:"


def test_a_replay_does_not_load_what_only_people_ask_for(tmp_path):
    """pandas and pyshark belong to notebooks and to dissect."""
    capture = tmp_path / "empty.pcap"
    capture.write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    done = run("replay", str(capture))
    assert done.returncode == 0, done.stderr
    loaded = done.stderr.splitlines()[-1].split()
    assert not {"pandas", "pyshark", "lxml"} & set(loaded)
