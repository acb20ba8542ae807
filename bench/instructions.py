# SPDX-License-Identifier: Apache-2.0
"""Instructions per packet, of the limit and of flow accounting: undisturbed by other programs.

Counted by valgrind on two sizes of a workload; their difference is what packets cost, without what a start or
a run costs once. valgrind knows no AVX-512: both are compiled for x86-64-v3 here, into caches of their own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.limit import build
from bench.workloads import CACHE, ROOT, Workload

PACKETS = (200_000, 400_000)
LIMIT, FLOW = "limit flow", "egresswatch flow"
_LEVEL = "x86-64-v3"
_COUNT = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")


def available() -> bool:
    """valgrind is there, and the processor is one it knows."""
    return shutil.which("valgrind") is not None and os.uname().machine == "x86_64"


def per_packet(pairs: Mapping[str, tuple[Workload, Workload]]) -> dict[str, dict[str, float]]:
    """Workload -> program -> instructions a packet, from a smaller and a larger one of its kind."""
    binary = str(build(("-O3", f"-march={_LEVEL}"), "limit-portable"))
    child = [sys.executable, "-m", "bench.child", "flow"]
    commands = {LIMIT: [binary, "flow"], FLOW: child}
    paths = [load.path for pair in pairs.values() for load in pair]
    with tempfile.TemporaryDirectory() as folder:
        _run([*child, str(paths[0])], folder)  # kernels are compiled before anything is counted
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            counts = {
                (program, path): pool.submit(_count, [*command, str(path)], folder)
                for program, command in commands.items()
                for path in paths
            }
        return {
            name: {
                program: (counts[program, large.path].result() - counts[program, small.path].result())
                / (large.packets - small.packets)
                for program in commands
            }
            for name, (small, large) in pairs.items()
        }


def _count(command: Sequence[str], folder: str) -> int:
    """Instructions of the whole process."""
    said = _run([*_COUNT, *command], folder)
    found = re.search(r"I\s+refs:\s+([\d,]+)", said)
    if found is None:
        raise ValueError(f"valgrind gave no count: {said[-300:]}")
    return int(found[1].replace(",", ""))


def _run(command: Sequence[str], folder: str) -> str:
    """What it said on standard error."""
    kernels = Path(CACHE) / "kernels"
    kernels.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PYTHONHASHSEED": "0",
        "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(kernels),
    }  # fmt: skip
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stderr
