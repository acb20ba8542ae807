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
WAYS = MAPPED, READ = "mapped", "read"
"""How the limit gets at a capture. Goals are held against the mapped one; the other stands beside it."""
_TIMES = 3
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


def limit(depth: str = "flow", way: str = MAPPED) -> Program:
    """The limit, down to ``walk``, ``parse`` or ``flow``, the capture mapped or read into a buffer."""
    binary, more = str(build()), ["read"] if way == READ else []
    return Program(
        f"limit {depth}, {way}", lambda capture, _: [binary, depth, str(capture), *more], times=_TIMES
    )


def limits(depth: str = "flow") -> list[Program]:
    """Both ways of it."""
    return [limit(depth, way) for way in WAYS]
