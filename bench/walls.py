# SPDX-License-Identifier: Apache-2.0
"""What is told in seconds on the wall: a warm start, a cold one, one worker and two."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench import peers
from bench.measure import Program, Run, installed, replay_command, run, settle, touch
from bench.workloads import CACHE, Workload, halves

STARTS = 5
"""Warm starts that the median is of."""
FILES = {1: "one file", 2: "two files"}
_PAIRED = ("mixed", "camera_s", "flood")
"""Workloads that are also replayed as two files; camera would need as much disk again."""


def starts(load: Workload) -> dict[str, float]:
    """Seconds for a hundred packets, everything warm: our command and the quick peers."""
    programs = [replay_command(), *(peer.program for peer in peers.installed(slow=False))]
    runs: dict[str, list[Run]] = {program.name: [] for program in programs}
    for number in range(STARTS + 1):
        for program in programs:
            done = run(program, load.little)
            if number:
                runs[program.name].append(done)
    return {name: statistics.median(one.wall for one in done) for name, done in runs.items()}


def cold(load: Workload) -> float:
    """Seconds of ``egresswatch check --warm`` with no compiled kernel there, both processors free to use."""
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        environment = {"NUMBA_CACHE_DIR": folder}
        check = Program("egresswatch check --warm", lambda *_: installed("check", "--warm"), environment)
        done = run(check, load.little, pin=False)
        if not any(path.is_file() for path in Path(folder).rglob("*")):
            raise ValueError("check --warm kept no kernel in the folder it was given")
    return done.wall


def workers(load: Workload, rounds: int) -> dict[str, dict[str, float]]:
    """Files -> workers -> seconds of a whole replay, start-up taken out, on all processors."""
    ways: dict[str, list[Path]] = {FILES[1]: [load.path]}
    if load.name in _PAIRED:
        ways[FILES[2]] = list(halves(load))
    return {files: _walls(load, paths, rounds) for files, paths in ways.items()}


def _walls(load: Workload, paths: list[Path], rounds: int) -> dict[str, float]:
    for path in paths:
        settle(path)
    options = {n: ("--workers", str(n)) for n in (1, 2)}
    seconds: Mapping[int, list[float]] = {n: [] for n in options}
    wanted = 0
    for number in range(rounds + 1):
        for n, option in options.items():
            touch(wanted)
            whole = run(replay_command(*option, more=paths[1:]), paths[0], pin=False)
            first = run(replay_command(*option), load.little, pin=False)
            wanted = max(wanted, whole.own)
            if number:
                seconds[n].append(whole.wall - first.wall)
    return {str(n): statistics.median(times) for n, times in seconds.items()}
