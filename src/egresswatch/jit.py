# SPDX-License-Identifier: Apache-2.0
"""The one door to numba: ``@kernel`` and ``@inline``, and a software prefetch.

Rules of this file: nothing else in the package imports numba. Kernels compile without the
interpreter lock held (``nogil``) and are cached on disk: in ``NUMBA_CACHE_DIR``, else beside the
package, else in the user's cache folder. numba looks only at the file of the kernel itself, not at
those of the functions it inlines, so the cache lies in a folder named after all sources that a kernel
can be made of. Where no folder can be written, kernels compile each time and ``cache_unavailable``
says why. With ``NUMBA_DISABLE_JIT=1`` kernels run as plain Python over NumPy scalars: then unsigned
wrap-around is expected, not a warning.

Kernel style (checked in tests/contract): fields as ``row["name"]``, every unsigned constant and
mask as ``np.uint64(...)`` or its own typed module constant, no allocation, no exceptions.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])

DISABLED: bool = bool(numba.config.DISABLE_JIT)
"""True when kernels run as plain Python (``NUMBA_DISABLE_JIT=1``)."""

KERNEL_SOURCES = (
    "decode", "flow", "source/kernels.py", "pipeline/community.py", "config.py", "errors.py", "jit.py",
    "loads.py", "packets.py", "patterns.py", "records.py",
)  # fmt: skip
"""Files and folders of the package that hold kernels or anything that these import (tests/unit/base)."""

_KEPT = 3
"""Caches of other versions that are left alone: one of them may be running."""

cache_unavailable: str = ""
"""Why kernels cannot be cached on disk; empty when they can."""


def _stamp() -> str:
    """Name of the kernels' sources: changes with any of them."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    places = [package / name for name in KERNEL_SOURCES]
    paths = [path for place in places for path in (place.rglob("*.py") if place.is_dir() else (place,))]
    for path in sorted(paths):
        status = path.stat()
        digest.update(f"{path.relative_to(package)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return "kernels-" + digest.hexdigest()[:16]


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _age(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:  # another process was quicker
        return 0


def _cache_folder() -> Path | None:
    """The first folder that can be written, without what versions before the last ones left in it."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    bases = [Path(given)] if given else [Path(__file__).parent / "__pycache__", user / "egresswatch"]
    stamp = _stamp()
    for base in bases:
        if _writable(base / stamp):
            others = [path for path in base.glob("kernels-*") if path.name != stamp]
            for old in sorted(others, key=_age)[:-_KEPT]:
                shutil.rmtree(old, ignore_errors=True)
            return base / stamp
    return None


def _set_up_cache() -> str:
    """Point numba at the cache; why not, when that is not possible."""
    folder = _cache_folder()
    if folder is None:
        return "no folder for compiled kernels can be written: set NUMBA_CACHE_DIR to one that can"
    numba.config.CACHE_DIR = str(folder)
    return ""


if not DISABLED:
    cache_unavailable = _set_up_cache()


def _quiet(function: F) -> F:
    @functools.wraps(function)
    def wrapped(*args: Any) -> Any:
        with np.errstate(over="ignore"):
            return function(*args)

    return wrapped  # type: ignore[return-value]


def kernel(function: F) -> F:
    """Compile a hot loop: nopython, nogil, cached where a cache can be written."""
    return _quiet(function) if DISABLED else _compiled(function)


def inline(function: F) -> F:
    """Compile a small device function that LLVM inlines into its caller."""
    return function if DISABLED else _compiled(function)


def _compiled(function: F) -> F:
    # without numba's reference counting: kernels allocate nothing, and its counters are atomic, so each array
    # handed to an inner function would cost as much as reading a header
    options = {"cache": not cache_unavailable, "nogil": True, "_nrt": False}
    return numba.njit(**options)(function)  # type: ignore[no-any-return]


@intrinsic  # type: ignore[misc]
def _prefetch(typingctx: Any, array: Any, index: Any) -> Any:
    signature = types.void(array, index)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        from llvmlite import ir

        ary = context.make_array(sig.args[0])(context, builder, args[0])
        pointer = builder.gep(ary.data, [args[1]])
        void_pointer = builder.bitcast(pointer, cgutils.voidptr_t)
        int32 = ir.IntType(32)
        fn_type = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, int32, int32, int32])
        fn = cgutils.get_or_insert_function(builder.module, fn_type, "llvm.prefetch.p0i8")
        builder.call(fn, [void_pointer, int32(0), int32(3), int32(1)])
        return context.get_dummy_value()

    return signature, codegen


if DISABLED:

    def prefetch(array: Any, index: Any) -> None:
        """Ask the processor for ``array[index]``'s cache line (does nothing without JIT)."""

else:

    @numba.njit(nogil=True, inline="always")  # type: ignore[misc]
    def prefetch(array: Any, index: Any) -> None:
        """Ask the processor for ``array[index]``'s cache line (does nothing without JIT)."""
        _prefetch(array, index)


def cache_directory() -> str:
    """Where compiled kernels are kept; empty when they are not kept."""
    return "" if DISABLED or cache_unavailable else str(numba.config.CACHE_DIR)
