# SPDX-License-Identifier: Apache-2.0
"""How much a test does: as told with compiled kernels, a share of it where they run as plain Python."""

import hypothesis

from egresswatch import jit

SHARE = 4
"""Plain Python takes some hundred times as long per packet; a quarter keeps the suite within minutes."""


def scaled(size: int, least: int = 1) -> int:
    """``size`` with compiled kernels, else a share of it, never below ``least``."""
    return max(least, size // SHARE) if jit.DISABLED else size


def examples(count: int, least: int = 4) -> hypothesis.settings:
    """Decorator: this many examples (scaled), more when EGRESSWATCH_EXAMPLES asks to look further."""
    wanted = count * hypothesis.settings().max_examples // 100
    return hypothesis.settings(max_examples=max(1, scaled(wanted, least)))
