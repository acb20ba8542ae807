# SPDX-License-Identifier: Apache-2.0
"""A package and a home that cannot be written: kernels compiled before are used, others work and it is told.

Permissions mean nothing to root, so the folders are mounted read-only, in a mount namespace of their own.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from egresswatch import kernelcache

pytestmark = pytest.mark.jit_only  # about compiled code
ROOT = Path(__file__).parents[2]
KERNEL = """
import numpy as np
from egresswatch.jit import kernel

@kernel
def first(array):
    return array[0]

if __name__ == "__main__":
    from egresswatch import jit
    first(np.zeros(1, np.uint64))
    print("hit" if sum(first.stats.cache_hits.values()) else "compiled")
    print(jit.unkept())
"""
MOUNT = 'set -e; for f in "$SRC" "$HOME"; do mount --bind "$f" "$f"; mount -o remount,bind,ro "$f"; done; '


@pytest.fixture
def place(tmp_path):
    """A folder with a kernel that no cache has seen, and a home."""
    (tmp_path / "home").mkdir()
    (tmp_path / "one.py").write_text(f"# {tmp_path}{KERNEL}")
    return tmp_path


def start(place, *, read_only):
    """Call the kernel in a process of its own: (hit or compiled, what is told)."""
    source = str(ROOT / "src")
    environment = {key: text for key, text in os.environ.items() if not key.startswith(("NUMBA_", "XDG_"))}
    environment |= {"HOME": str(place / "home"), "SRC": source, "PYTHONPATH": source}
    command = [sys.executable, str(place / "one.py")]
    if read_only:
        command = ["unshare", "--mount", "sh", "-c", MOUNT + 'exec "$@"', "sh", *command]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=place)
    if read_only and ("unshare" in done.stderr or "mount:" in done.stderr):
        pytest.skip(f"READ-ONLY FOLDERS NOT CHECKED: no mount namespace here ({done.stderr.strip()})")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_what_cannot_be_kept_works_and_is_told(place):
    """What, where of each place, and what to do; again with each start."""
    for _ in "ab":
        how, told = start(place, read_only=True)
        assert how == "compiled"
        beside = ROOT / "src/egresswatch/__pycache__" / kernelcache.stamp()
        home = place / "home/.cache/egresswatch" / kernelcache.stamp()
        why = f"({beside}: Read-only file system; {home}: Read-only file system)"
        assert told.startswith(f"compiled kernels could not be kept {why}")
        assert "Set NUMBA_CACHE_DIR" in told


def test_kernels_compiled_at_installation_are_used(place):
    """Read-only is enough to read."""
    start(place, read_only=False)
    assert start(place, read_only=True) == ["hit", ""]
