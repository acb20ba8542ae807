# SPDX-License-Identifier: Apache-2.0
"""The machine in words: processor, memory, system, versions. No name, no address, no date."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path


def described() -> str:
    """A sentence or two."""
    return (
        f"{_processor()}, {len(os.sched_getaffinity(0))} processors of it, {_memory()} of memory, "
        f"Linux {'.'.join(platform.release().split('.')[:2])}, {_compiler()}, "
        f"Python {platform.python_version()}, "
        f"NumPy {version('numpy')}, numba {version('numba')}, pyarrow {version('pyarrow')}."
    )


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.+)", text)
    family = re.search(r"cpu family\s*:\s*(\d+)", text)
    cache = re.search(r"cache size\s*:\s*(\d+) KB", text)
    parts = [model[1].strip() if model else platform.machine()]
    if family:
        parts.append(f"(family {family[1]}{f', {cache[1]} KiB of cache a core' if cache else ''})")
    virtual = ", a virtual machine" if re.search(r"^flags.*\bhypervisor\b", text, re.MULTILINE) else ""
    return " ".join(parts) + virtual


def _memory() -> str:
    found = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    return f"{round(int(found[1]) / (1 << 20))} GiB" if found else "an unknown amount"


def _compiler() -> str:
    try:
        said = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "no gcc"
    return f"gcc {said.strip()}"
