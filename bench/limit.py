# SPDX-License-Identifier: Apache-2.0
"""The limit in C as a program to measure: built when its source has changed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bench.measure import Program
from bench.workloads import CACHE

SOURCE = Path(__file__).with_name("limit.c")
FLAGS = ("-O3", "-march=native")
MISSING = "gcc is missing, and with it the limit that figures are held against: apt-get install gcc libc6-dev"


def available() -> bool:
    """There is a compiler."""
    return shutil.which("gcc") is not None


def build(flags: tuple[str, ...] = FLAGS, name: str = "limit", cache: Path = CACHE) -> Path:
    """The compiled program."""
    cache.mkdir(parents=True, exist_ok=True)
    out = cache / name
    if not out.exists() or out.stat().st_mtime_ns < SOURCE.stat().st_mtime_ns:
        subprocess.run(["gcc", *flags, "-o", str(out), str(SOURCE)], check=True)
    return out


def limit(depth: str = "flow") -> Program:
    """The limit, down to ``walk``, ``parse`` or ``flow``."""
    binary = build()
    return Program(f"limit {depth}", lambda capture, _: [str(binary), depth, str(capture)])
