# SPDX-License-Identifier: Apache-2.0
"""The one door to numba: compiled or plain, cached under the name of all sources, quiet about wrapping."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import egresswatch
from egresswatch import jit


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


def test_kernels_are_cached_where_numba_is_told_to(tmp_path):
    """NUMBA_CACHE_DIR names the folder; of other versions' leavings the youngest few stay."""
    left = [tmp_path / f"kernels-{k:016x}" for k in range(20)]
    for age, folder in enumerate(left):
        folder.mkdir()
        os.utime(folder, (1_000_000 - age, 1_000_000 - age))
    code = "from egresswatch import jit; print(jit.cache_directory())"
    told = Path(child(code, tmp_path, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_DISABLE_JIT="0"))
    assert told.parent == tmp_path
    assert told.name.startswith("kernels-")
    assert [folder.exists() for folder in left] == [k < jit._KEPT for k in range(20)]


def test_without_a_folder_that_can_be_written_it_says_so(tmp_path):
    """Kernels compile each time then; the reason is one line."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    code = "from egresswatch import jit; print(repr(jit.cache_directory()), jit.cache_unavailable)"
    told = child(code, tmp_path, NUMBA_CACHE_DIR=str(blocked), NUMBA_DISABLE_JIT="0")
    assert told.startswith("'' no folder for compiled kernels can be written")


def test_the_cache_is_named_after_all_sources_of_kernels(tmp_path, monkeypatch):
    """numba looks at a kernel's own file only: a change anywhere must give another name."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "one.py").write_text("1")
    (package / "jit.py").write_text("2")
    monkeypatch.setattr(jit, "__file__", str(package / "jit.py"))
    monkeypatch.setattr(jit, "KERNEL_SOURCES", ("flow", "jit.py"))
    (package / "flow").mkdir()
    (package / "flow" / "one.py").write_text("1")
    before = jit._stamp()
    assert jit._stamp() == before
    (package / "one.py").write_text("10")
    assert jit._stamp() == before, "no kernel is made of it"
    (package / "flow" / "one.py").write_text("10")
    assert jit._stamp() != before


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
    covered = tuple(name if name.endswith(".py") else name + "/" for name in jit.KERNEL_SOURCES)
    assert [name for name in sorted(wanted) if not name.startswith(covered)] == []
