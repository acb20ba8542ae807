# SPDX-License-Identifier: Apache-2.0
"""Running programs and taking their measure: CPU seconds of the whole process, memory, what they said.

Every program runs pinned to one processor, with its input in the page cache. Several programs run in turn,
round after round, so that all of them see the same minutes of the machine; medians of the rounds are told.
Start-up is measured on the first hundred packets and taken out: of a program by a run of its own, of one of
our stages within its process (bench.child), as a start of Python varies by more than a quick stage takes.
Memory that a program will want is touched before it runs: the host of a virtual machine gives it late, which
would be told as the program's time.
"""

from __future__ import annotations

import json
import mmap
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.workloads import ROOT, Workload, first_of

POLL = 0.01
"""Seconds between two looks at a program's memory."""
_ANONYMOUS = ("RssAnon", "RssShmem")
_SPARE = 64 << 20


class MeasureError(Exception):
    """A program that was to be measured failed."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command to measure: ``command(capture, folder for its output)``."""

    name: str
    command: Callable[[Path, Path], Sequence[str]]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a program."""

    cpu: float
    wall: float
    rss: int
    """Most memory of its own (not pages of mapped files) that was seen, bytes."""
    out: str

    def answer(self) -> dict[str, Any]:
        """The JSON line it answered with, if it did."""
        last = self.out.splitlines()[-1:] or [""]
        return json.loads(last[0]) if last[0].startswith("{") else {}


@dataclass(frozen=True, slots=True)
class Figure:
    """What a program takes for a workload, start-up taken out."""

    program: str
    packets: int
    cpu: float
    """Median CPU seconds without start-up."""
    start: float
    rss: int
    spread: float
    """Half the distance of the quartiles over the median."""
    answer: Mapping[str, Any] = field(default_factory=dict)
    said: str = ""
    """All that its last run printed."""

    @property
    def rate(self) -> float:
        """Packets per CPU second."""
        return self.packets / max(self.cpu, 1e-9)


def egresswatch(stage: str, *options: str) -> Program:
    """One of our stages (bench.child)."""

    def command(capture: Path, out: Path) -> list[str]:
        call = [sys.executable, "-m", "bench.child", stage, str(capture), str(out / "result"), *options]
        first = first_of(capture)
        return call if first == capture else [*call, "--first", str(first)]

    return Program(f"egresswatch {stage}", command, {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"})


def replay_command(*options: str) -> Program:
    """The command that people run."""

    def command(capture: Path, out: Path) -> list[str]:
        call = [sys.executable, "-m", "egresswatch", "replay", str(capture), "--out", str(out / "result")]
        return [*call, "--force", *options]

    return Program("egresswatch replay", command, {"PYTHONPATH": str(ROOT / "src")})


def run(program: Program, capture: Path, *, pin: bool = True) -> Run:
    """Run it once, on one processor unless told otherwise, and wait for its end."""
    processors = sorted(os.sched_getaffinity(0))
    allowed = processors[-1:] if pin else processors
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **program.environment}
    with tempfile.TemporaryDirectory(dir=_scratch()) as folder, tempfile.TemporaryFile() as said:
        out = Path(folder)
        begun = time.perf_counter()
        os.sched_setaffinity(0, allowed)  # the child gets it from us
        try:
            child = subprocess.Popen(
                program.command(capture, out), stdout=said, stderr=subprocess.STDOUT, cwd=out, env=environment
            )
        finally:
            os.sched_setaffinity(0, processors)
        most, status, used = 0, 0, None
        while used is None:
            most = max(most, _memory(child.pid))
            done, status, usage = os.wait4(child.pid, os.WNOHANG)
            if done:
                used = usage
            else:
                time.sleep(POLL)
        wall = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")
    if child.returncode:
        raise MeasureError(f"{program.name} ended with {child.returncode}: {text.strip()[-600:]}")
    return Run(used.ru_utime + used.ru_stime, wall, most, text)


def settle(path: Path) -> None:
    """Put a capture into the page cache in a defined way: out of it, then read from its beginning.

    The kernel holds a file that was written in small pages and one that was read in large ones; a program
    that maps it takes two to three times as long for the former.
    """
    with path.open("rb", buffering=0) as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while file.read(1 << 20):
            pass


def alternate(programs: Sequence[Program], load: Workload, rounds: int) -> dict[str, Figure]:
    """All programs in turn on one workload; the first round only warms what can be warm."""
    settle(load.path)
    full: dict[str, list[Run]] = {program.name: [] for program in programs}
    start: dict[str, list[Run]] = {program.name: [] for program in programs}
    wanted = dict.fromkeys(full, 0)
    for number in range(rounds + 1):
        for program in programs:
            touch(wanted[program.name])
            runs = run(program, load.path), run(program, load.little)
            wanted[program.name] = max(wanted[program.name], runs[0].rss + _SPARE)
            if number:
                full[program.name].append(runs[0])
                start[program.name].append(runs[1])
    return {name: _figure(name, load, full[name], start[name]) for name in full}


def touch(size: int) -> None:
    """Have so many bytes of memory backed by the machine below, then let them go."""
    if size:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_HUGEPAGE)
        for at in range(0, size, mmap.PAGESIZE):
            memory[at] = 1
        memory.close()


def _figure(name: str, load: Workload, full: Sequence[Run], start: Sequence[Run]) -> Figure:
    begin = statistics.median(one.cpu for one in start)
    times = sorted(_spent(one, begin) for one in full)
    middle = statistics.median(times)
    quarter = len(times) // 4
    spread = (times[-1 - quarter] - times[quarter]) / 2 / max(middle, 1e-9)
    most, last = max(one.rss for one in full), full[-1]
    return Figure(name, load.packets, middle, begin, most, spread, last.answer(), last.out)


def _spent(one: Run, start: float) -> float:
    """What a run took beyond its start: our stages tell it themselves, of others a start is taken off."""
    spent: Mapping[str, float] = one.answer().get("spent", {})
    return spent.get("all", one.cpu - start)


def _memory(pid: int) -> int:
    """Memory of a process that is not a mapped file."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return sum(int(fields[name].split()[0]) << 10 for name in _ANONYMOUS if name in fields)


def _scratch() -> Path:
    """Where programs write: on the same disk as the workloads."""
    folder = ROOT / "build" / "bench" / "out"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
