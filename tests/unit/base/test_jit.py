# SPDX-License-Identifier: Apache-2.0
"""The one door to numba: compiled or plain, compiled once, quiet about wrapping."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import egresswatch
from egresswatch import jit, kernelcache


@jit.inline
def twice(a):
    return a * np.uint64(2)


@jit.kernel
def total(array):
    result = np.uint64(0)
    for k in range(len(array)):
        jit.prefetch(array, k)
        result += twice(array[k])
    return result


def test_a_kernel_wraps_around_like_the_processor():
    """Unsigned overflow is expected: no warning, the same number compiled or plain."""
    assert int(total(np.array([1 << 63, 3, 1 << 63], np.uint64))) == 6


def test_a_kernel_keeps_its_name_and_docstring():
    """What is measured and shown is what was written."""
    assert (total.__name__, twice.__name__) == ("total", "twice")


def child(code, tmp_path, **environment):
    """Run code with a copy of nothing but the environment given."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )  # fmt: skip
    return result.stdout.strip()


def test_the_switch_of_numba_is_obeyed(tmp_path):
    """NUMBA_DISABLE_JIT=1: kernels are plain Python functions, nothing is cached."""
    code = "from egresswatch import jit; print(jit.DISABLED, repr(jit.cache_directory()))"
    assert child(code, tmp_path, NUMBA_DISABLE_JIT="1") == "True ''"


def test_kernels_are_kept_where_numba_is_told_to(tmp_path):
    """NUMBA_CACHE_DIR names the place."""
    code = "from egresswatch import jit; print(jit.cache_directory())"
    told = Path(child(code, tmp_path, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_DISABLE_JIT="0"))
    assert told.parent == tmp_path
    assert told.name == kernelcache.stamp()


ONE_KERNEL = f"""
import importlib.util, sys
import numpy as np
from egresswatch import jit
found = importlib.util.spec_from_file_location("one", {__file__!r})
module = sys.modules["one"] = importlib.util.module_from_spec(found)
found.loader.exec_module(module)
module.total(np.zeros(1, np.uint64))
stats = module.total.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), "numba.np.arraymath" in sys.modules)
print(jit.unkept())
"""


@pytest.mark.jit_only  # about compiled code
def test_a_kernel_is_compiled_once_and_read_from_then_on(tmp_path):
    """The second process finds it, and loads nothing of numba's that only a compilation needs."""
    first = child(ONE_KERNEL, tmp_path, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_DISABLE_JIT="0")
    second = child(ONE_KERNEL, tmp_path, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_DISABLE_JIT="0")
    assert (first, second) == ("0 1 True", "1 0 False")


@pytest.mark.jit_only  # about compiled code
def test_damage_on_disk_is_compiled_over(tmp_path):
    """Half a file is no machine code."""
    child(ONE_KERNEL, tmp_path, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_DISABLE_JIT="0")
    for path in tmp_path.rglob("total-*"):
        path.write_bytes(path.read_bytes()[:-1])
    again = [child(ONE_KERNEL, tmp_path, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_DISABLE_JIT="0") for _ in "ab"]
    assert again == ["0 1 True", "1 0 False"]


@pytest.mark.jit_only  # about compiled code
def test_a_kernel_that_could_not_be_kept_says_so(tmp_path):
    """What, where and what to do, in one line; the kernel itself works."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    told = child(ONE_KERNEL, tmp_path, NUMBA_CACHE_DIR=str(blocked), NUMBA_DISABLE_JIT="0").splitlines()
    assert told[0] == "0 1 True"
    assert told[1].startswith(f"compiled kernels could not be kept ({blocked}/kernels-")
    assert "Not a directory" in told[1]
    assert "Set NUMBA_CACHE_DIR to a folder that can be written" in told[1]


@pytest.mark.jit_only  # about compiled code: plain Python has no signatures
def test_kernels_are_compiled_without_the_interpreter():
    """nopython, and the interpreter lock let go."""
    total(np.zeros(1, np.uint64))
    assert total.nopython_signatures
    assert total.targetoptions["nogil"]


def test_only_this_file_imports_numba():
    """The rest of the package would not notice another compiler."""
    package = Path(egresswatch.__file__).parent
    others = [p for p in package.rglob("*.py") if p.name != "jit.py" and "import numba" in p.read_text()]
    assert others == []


def test_the_name_covers_every_file_a_kernel_can_be_made_of():
    """Kernels, and all that the files that hold them import, however far away."""
    package = Path(jit.__file__).parent
    modules = {
        path.relative_to(package).as_posix(): path.read_text(encoding="utf-8")
        for path in package.rglob("*.py")
    }
    wanted = {
        name
        for name, text in modules.items()
        if re.search(r"jit import .*\b(kernel|inline)\b", text) and not name.startswith("cli/")
    }
    left = list(wanted)
    while left:
        for imported in re.findall(r"^from egresswatch\.([\w.]+) import", modules[left.pop()], re.MULTILINE):
            name = imported.replace(".", "/") + ".py"
            if name in modules and name not in wanted:
                wanted.add(name)
                left.append(name)
    covered = {path.relative_to(package).as_posix() for path in kernelcache.sources()}
    assert wanted - covered == set()
