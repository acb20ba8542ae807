# SPDX-License-Identifier: Apache-2.0
"""egresswatch: which surveillance cameras talk to the outside, to whom and how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from egresswatch.analysis.load import Run

__all__ = ["__version__", "load"]
__version__ = "0.1.0"


def load(folder: Any) -> Run:
    """The tables a replay wrote to ``folder``, as pandas data frames (see ``egresswatch.analysis``)."""
    from egresswatch.analysis.load import load as load_run  # pandas is loaded by whom it serves

    return load_run(folder)
