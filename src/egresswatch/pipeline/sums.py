# SPDX-License-Identifier: Apache-2.0
"""What is summed up over all rows: records by verdict, and how much of the monitored hosts' traffic was on
the wire but not in the capture. A flow between two monitored hosts counts once, with its originator.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from egresswatch.pipeline.owned import Owned
from egresswatch.records import Array


class Sums:
    """Counts of a run: ``verdicts`` of records; bytes of monitored hosts ``missed`` and ``seen``."""

    def __init__(self) -> None:
        self.verdicts: dict[str, int] = {}
        self.missed = 0
        self.seen = 0

    def count(self, rows: Array, verdicts: Sequence[str], codes: Array, owned: Owned) -> None:
        """A block of rows; ``verdicts[codes[k]]`` is that of row k."""
        counts = np.bincount(codes, minlength=len(verdicts)).tolist()
        for verdict, count in zip(verdicts, counts, strict=True):
            self.verdicts[verdict] = self.verdicts.get(verdict, 0) + count
        mine = np.flatnonzero(owned.watched)
        if not len(mine):
            return
        self.missed += sum(int(rows[name][mine].sum()) for name in ("orig_missed", "resp_missed"))
        self.seen += sum(int(rows[name][mine].sum()) for name in ("orig_ip_bytes", "resp_ip_bytes"))
