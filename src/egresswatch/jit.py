# SPDX-License-Identifier: Apache-2.0
"""The one door to numba: ``@kernel`` and ``@inline``, and a software prefetch.

Rules of this file: nothing else in the package imports numba. Kernels compile without the
interpreter lock held (``nogil``) and are kept on disk (``kernelcache`` says where). With
``NUMBA_DISABLE_JIT=1`` kernels run as plain Python over NumPy scalars: then unsigned wrap-around is
expected, not a warning.

Kernel style (checked in tests/contract): fields as ``row["name"]``, every unsigned constant and
mask as ``np.uint64(...)`` or its own typed module constant, no allocation, no exceptions.
"""

from __future__ import annotations

import functools
import hashlib
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
from numba import types
from numba.core import caching, cgutils, compiler, serialize
from numba.extending import intrinsic

from egresswatch import kernelcache

F = TypeVar("F", bound=Callable[..., Any])

DISABLED: bool = bool(numba.config.DISABLE_JIT)
"""True when kernels run as plain Python (``NUMBA_DISABLE_JIT=1``)."""

_store = None if DISABLED else kernelcache.Store(kernelcache.places(), kernelcache.stamp())


class _Cache(caching.NullCache):  # type: ignore[misc]
    """A kernel's machine code on disk, a file for each signature.

    numba's own cache tries at import whether each function's folder can be written, and loads all that a
    compilation could need before it looks for a file: a fifth of a start.
    """

    def __init__(self, function: Callable[..., Any], store: kernelcache.Store) -> None:
        self._function = function
        self._store = store

    @property
    def cache_path(self) -> str:
        return str(self._store.folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        data = self._store.load(self._name(sig, target_context.codegen()))
        if data is None:
            return None
        parts = pickle.loads(data)  # noqa: S301 (kernelcache reads only what nobody else can have written)
        return compiler.CompileResult._rebuild(target_context, *parts)

    def save_overload(self, sig: Any, data: Any) -> None:
        self._store.save(self._name(sig, data.codegen), serialize.dumps(data._reduce()))

    def _name(self, sig: Any, codegen: Any) -> str:
        """A file name for this function as it is written, these types, this processor, this numba."""
        function = self._function
        facts = (
            _text(function.__code__.co_filename), function.__qualname__, function.__code__.co_firstlineno,
            str(sig), codegen.magic_tuple(), numba.__version__, sys.version,
        )  # fmt: skip
        return f"{function.__name__}-{hashlib.sha256(repr(facts).encode()).hexdigest()[:24]}"


@functools.cache
def _text(path: str) -> str:
    """Digest of a source file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


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
    return function if DISABLED else _compiled(function, forceinline=True)


def _compiled(function: F, **more: bool) -> F:
    # without numba's reference counting: kernels allocate nothing, and its counters are atomic, so each array
    # handed to an inner function would cost as much as reading a header. Nobody calls them from C
    options = {"nogil": True, "_nrt": False, "no_cfunc_wrapper": True, **more}
    compiled = numba.njit(**options)(function)
    code = function.__code__
    if _store is not None and not code.co_freevars and Path(code.co_filename).is_file():
        compiled._cache = _Cache(function, _store)
    return compiled  # type: ignore[no-any-return]


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
    return "" if _store is None or _store.folder is None else str(_store.folder)


def unkept() -> str:
    """Why kernels that were compiled in this process will be compiled again; empty when they are kept."""
    if _store is None or not _store.unkept:
        return ""
    return (
        f"compiled kernels could not be kept ({_store.unkept}): every start compiles them again. "
        "Set NUMBA_CACHE_DIR to a folder that can be written, and run egresswatch check --warm once"
    )
