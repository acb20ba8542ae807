# SPDX-License-Identifier: Apache-2.0
"""Running programs and taking their measure: CPU seconds of the whole process, memory, what they said.

Every program runs pinned to one processor, with its input in the page cache. Several programs run in turn,
round after round, so that all of them see the same minutes of the machine; medians of the rounds are told.
Start-up is measured on the first hundred packets and taken out: of a program by runs of its own, of one of
our stages within its process (bench.child), as a start of Python varies by more than a quick stage takes.
Memory that a program will want is touched before it runs: the host of a virtual machine gives it late, which
would be told as the program's time.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench.workloads import ROOT, Workload, first_of

POLL = 0.01
"""Seconds between two looks at a program's memory."""
_PEAK = "VmHWM"
_ANONYMOUS = ("RssAnon", "RssShmem")
_INNER = ("spent", "calls", "clock")
"""Of an answer: what the measuring itself is about."""
_SPARE = 64 << 20
_STARTS = 2
"""Runs on the first hundred packets beside each run on all of them."""
_CHECKOUT = MappingProxyType({"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"})


class MeasureError(Exception):
    """A program that was to be measured failed."""


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A command to measure: ``command(capture, folder for its output)``."""

    name: str
    command: Callable[[Path, Path], Sequence[str]]
    environment: Mapping[str, str] = field(default_factory=dict)
    counted: str = ""
    """Pattern of the number of packets that it says it counted, where it says so."""
    times: int = 1
    """Runs in a round: a quick program's figure varies more."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a program."""

    cpu: float
    wall: float
    rss: int
    """Most memory that the kernel counted for it, bytes: with libraries and mapped files."""
    own: int
    """Most memory that was seen and is no file's, bytes."""
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
    spread: float
    """Half the distance of the quartiles of them."""
    start: float
    """Median CPU seconds of the start-up that was taken out."""
    start_spread: float
    rss: int
    own: int
    answer: Mapping[str, Any] = field(default_factory=dict)
    lost: int | None = None
    """Packets that it says it did not count."""

    @property
    def rate(self) -> float:
        """Packets per CPU second."""
        return self.packets / max(self.cpu, 1e-9)


def egresswatch(stage: str, *options: str, name: str = "") -> Program:
    """One of our stages, in a process that knows what its start costs (bench.child)."""

    def command(capture: Path, out: Path) -> list[str]:
        call = [sys.executable, "-m", "bench.child", stage, str(capture), str(out / "result"), *options]
        return [*call, "--first", str(first_of(capture))]

    return Program(name or f"egresswatch {stage}", command, _CHECKOUT)


def clocked(stage: str, *options: str) -> Program:
    """One of our stages with the time of its parts, start-up included as in the command that people run."""

    def command(capture: Path, out: Path) -> list[str]:
        call = [sys.executable, "-m", "bench.child", stage, str(capture), str(out / "result"), "--clock"]
        return [*call, *options]

    return Program(f"egresswatch {stage}, clocked", command, _CHECKOUT)


def replay_command(*options: str, more: Sequence[Path] = ()) -> Program:
    """The command that people run, on a capture and ``more`` of them."""

    def command(capture: Path, out: Path) -> list[str]:
        captures = [str(path) for path in (capture, *more)]
        return [*installed("replay"), *captures, "--out", str(out / "result"), "--force", *options]

    return Program("egresswatch replay", command, {"PYTHONPATH": str(ROOT / "src")})


def installed(*arguments: str) -> list[str]:
    """The installed command, or the module where there is none."""
    command = Path(sys.executable).with_name("egresswatch")
    call = [str(command)] if command.exists() else [sys.executable, "-m", "egresswatch"]
    return [*call, *arguments]


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
        rss, own, status, used = 0, 0, 0, None
        while used is None:
            rss, own = map(max, (rss, own), _memory(child.pid))
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
    return Run(used.ru_utime + used.ru_stime, wall, rss, own, text)


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
            for _ in range(program.times if number else 1):
                touch(wanted[program.name])
                done = run(program, load.path)
                tells = "spent" in done.answer()
                begun = [run(program, load.little) for _ in range(0 if tells else _STARTS)]
                wanted[program.name] = max(wanted[program.name], done.own + _SPARE)
                if number:
                    full[program.name].append(done)
                    start[program.name] += begun
    return {program.name: _figure(program, load, full[program.name], start[program.name])
            for program in programs}  # fmt: skip


def touch(size: int) -> None:
    """Have so many bytes of memory backed by the machine below, then let them go."""
    if size:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_HUGEPAGE)
        for at in range(0, size, mmap.PAGESIZE):
            memory[at] = 1
        memory.close()


def _figure(program: Program, load: Workload, full: Sequence[Run], starts: Sequence[Run]) -> Figure:
    last = full[-1].answer()
    if "spent" in last:
        spent = [one.answer()["spent"]["all"] for one in full]
        begin, wander = middle([one.cpu - own for one, own in zip(full, spent, strict=True)])
    else:
        begin, wander = middle([one.cpu for one in starts])
        spent = [one.cpu - begin for one in full]
    cpu, spread = middle(spent)
    said = [int(number) for number in re.findall(program.counted, full[-1].out)] if program.counted else []
    return Figure(
        program.name, load.packets, cpu, spread, begin, wander,
        max(one.rss for one in full), max(one.own for one in full),
        {key: value for key, value in last.items() if key not in _INNER},
        load.packets - sum(said) if said else None,
    )  # fmt: skip


def middle(values: Sequence[float]) -> tuple[float, float]:
    """The median, and half the distance of the quartiles."""
    order, quarter = sorted(values), len(values) // 4
    return statistics.median(order), (order[-1 - quarter] - order[quarter]) / 2


def _memory(pid: int) -> tuple[int, int]:
    """High-water mark of a process, and what it has now that is no file's.

    The mark is that of the program alone: what wait4 tells as ru_maxrss begins with the memory of whoever
    started it.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    size = {name: int(fields[name].split()[0]) << 10 for name in (_PEAK, *_ANONYMOUS) if name in fields}
    return size.get(_PEAK, 0), sum(size.get(name, 0) for name in _ANONYMOUS)


def _scratch() -> Path:
    """Where programs write: on the same disk as the workloads."""
    folder = ROOT / "build" / "bench" / "out"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
