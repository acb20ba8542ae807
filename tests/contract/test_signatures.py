# SPDX-License-Identifier: Apache-2.0
"""No compilation but the first: whatever is replayed, each kernel is called with the same types always.

A kernel that is given a read-only array once and a writable one another time is compiled twice, the second
time in the middle of somebody's replay.
"""

import gzip
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from egresswatch.cli.check import warm_captures

ROOT = Path(__file__).parents[2]
PROBE = """
import json, sys
from egresswatch.cli import run
told = []
for arguments in {runs!r}:
    status = run(arguments)
    told.append([status, *arguments])
called = {{}}
for name, module in list(sys.modules.items()):
    if name.startswith("egresswatch."):
        for kernel in vars(module).values():
            if getattr(kernel, "signatures", None) and hasattr(kernel, "stats"):
                compiled = sum(kernel.stats.cache_misses.values())
                called[kernel.__module__ + "." + kernel.__name__] = len(kernel.signatures), compiled
print(json.dumps([told, called]), file=sys.stderr)
"""


def called(*runs):
    """One process, several commands: kernels that were called (signatures, of these compiled there)."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "NUMBA_DISABLE_JIT": "0"}
    code = PROBE.format(runs=[[str(argument) for argument in arguments] for arguments in runs])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    told, kernels = json.loads(done.stderr.splitlines()[-1])
    assert [run for run in told if run[0] != 0] == [], done.stderr
    return kernels


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Captures of all kinds, made of the same frames."""
    folder = tmp_path_factory.mktemp("captures")
    for name, data in warm_captures().items():
        (folder / name).write_bytes(data)
    pcap = warm_captures()["warm.pcap"]
    (folder / "packed.pcap.gz").write_bytes(gzip.compress(pcap))
    (folder / "packed.pcapng.gz").write_bytes(gzip.compress(warm_captures()["warm.pcapng"]))
    cut = pcap[:24]
    at = 24
    for _ in range(100):
        size = struct.unpack_from("<I", pcap, at + 8)[0]
        cut += pcap[at : at + 8] + struct.pack("<II", 40, size) + pcap[at + 16 : at + 56]
        at += 16 + size
    (folder / "snaplen.pcap").write_bytes(cut)
    (folder / "big-endian.pcap").write_bytes(
        struct.pack(">IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
        + struct.pack(">IIII", 1, 0, 60, 60) + pcap[40:100].ljust(60, b"\0")
    )  # fmt: skip
    (folder / "empty.pcap").write_bytes(pcap[:24])
    called(["demo", folder / "demo"], ["check", "--warm"])
    (folder / "site.toml").write_text(
        '[[zone]]\nname = "cameras"\nnetworks = ["192.0.2.0/24"]\nrole = "camera"\n'
    )
    return folder


CASES = (
    ["warm.pcap"],
    ["warm.pcapng"],
    ["warm.snoop"],
    ["packed.pcap.gz"],
    ["packed.pcapng.gz"],
    ["snaplen.pcap"],
    ["big-endian.pcap"],
    ["empty.pcap"],
    ["demo/camera-day.pcap"],
    ["warm.pcap", "packed.pcapng.gz"],
    ["warm.pcap", "snaplen.pcap", "warm.pcapng", "warm.snoop"],
)
WAYS = {
    "plain": [],
    "two workers": ["--workers", "2"],
    "outputs, site": ["--out", "out", "--force", "--site", "site.toml"],
    "small batches, no dedup": ["--set", "replay.batch=1000", "--set", "decode.dedup=false"],
}


@pytest.mark.jit_only  # about compiled code
@pytest.mark.parametrize("way", WAYS)
def test_after_check_warm_nothing_is_compiled(inputs, way, monkeypatch):
    """Each kernel that any of these captures calls has one signature, and it came from the disk."""
    monkeypatch.chdir(inputs)
    found = called(*(["replay", *case, *WAYS[way]] for case in CASES))
    assert len(found) > 5
    assert {kernel: seen for kernel, seen in found.items() if seen != [1, 0]} == {}
