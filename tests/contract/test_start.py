# SPDX-License-Identifier: Apache-2.0
"""What a command may load before it has something to do: heavy packages stay out of ``--help``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from egresswatch.cli.check import warm_captures

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


def run(*arguments, looked_for=HEAVY):
    code = PROBE.format(arguments=list(arguments), heavy=looked_for)
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


NOT_FOR_A_REPLAY = (
    "pandas", "pyshark", "lxml", "dpkt", "geoip2", "maxminddb", "cryptography", "stix2", "suricataparser",
    "jsonschema", "asyncio", "pyarrow.dataset", "pyarrow.pandas_compat", "numba.np.arraymath",
)  # fmt: skip


@pytest.mark.jit_only  # about compiled code
def test_a_replay_loads_nothing_but_what_it_uses(tmp_path):
    """pandas and pyshark belong to notebooks and to dissect, keys to captures with QUIC, numba's knowledge of
    what can be compiled to the first start."""
    (tmp_path / "a.pcap").write_bytes(warm_captures()["warm.pcap"])
    command = ("replay", f"{tmp_path}/a.pcap", "--out", f"{tmp_path}/out", "--force")
    for _ in "ab":  # the first compiles what this machine has not kept
        done = run(*command, looked_for=NOT_FOR_A_REPLAY)
        assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "loaded:"
