# SPDX-License-Identifier: Apache-2.0
"""The one door to numba: ``@kernel`` and ``@inline``, and a software prefetch.

Rules of this file: nothing else in the package imports numba. Kernels compile without the
interpreter lock held (``nogil``) and are cached on disk; where no cache directory can be written,
they compile each time and ``cache_unavailable`` says why. With ``NUMBA_DISABLE_JIT=1`` kernels
run as plain Python over NumPy scalars: then unsigned wrap-around is expected, not a warning.

Kernel style (checked in tests/contract): fields as ``row["name"]``, every unsigned constant and
mask as ``np.uint64(...)`` or its own typed module constant, no allocation, no exceptions.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])

DISABLED: bool = bool(numba.config.DISABLE_JIT)
"""True when kernels run as plain Python (``NUMBA_DISABLE_JIT=1``)."""

cache_unavailable: str = ""
"""Why kernels cannot be cached on disk; empty when they can."""


def _quiet(function: F) -> F:
    @functools.wraps(function)
    def wrapped(*args: Any) -> Any:
        with np.errstate(over="ignore"):
            return function(*args)

    return wrapped  # type: ignore[return-value]


def kernel(function: F) -> F:
    """Compile a hot loop: nopython, nogil, cached where a cache can be written."""
    global cache_unavailable
    if DISABLED:
        return _quiet(function)
    try:
        return numba.njit(cache=True, nogil=True)(function)  # type: ignore[no-any-return]
    except RuntimeError as error:
        cache_unavailable = str(error)
        return numba.njit(nogil=True)(function)  # type: ignore[no-any-return]


def inline(function: F) -> F:
    """Compile a small device function that LLVM inlines into its caller."""
    if DISABLED:
        return function
    try:
        return numba.njit(cache=True, nogil=True)(function)  # type: ignore[no-any-return]
    except RuntimeError:
        return numba.njit(nogil=True)(function)  # type: ignore[no-any-return]


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
    """Where compiled kernels are kept, for people; empty when they are not kept."""
    return "" if cache_unavailable else os.environ.get("NUMBA_CACHE_DIR", "beside the package")
