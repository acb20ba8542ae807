# SPDX-License-Identifier: Apache-2.0
"""What is summed up over all rows: records by verdict, and how much of the monitored hosts' traffic was on
the wire but not in the capture. A flow between two monitored hosts counts once, with its originator.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from egresswatch.pipeline.blind import Owners
from egresswatch.records import Array


class Sums:
    """Counts of a run: ``verdicts`` of records; bytes of monitored hosts ``missed`` and ``seen``."""

    def __init__(self) -> None:
        self.verdicts: dict[str, int] = {}
        self.missed = 0
        self.seen = 0

    def count(self, rows: Array, verdicts: Sequence[str], codes: Array, orig: Owners, resp: Owners) -> None:
        """A block of rows; ``verdicts[codes[k]]`` is that of row k."""
        for code, count in enumerate(np.bincount(codes, minlength=len(verdicts)).tolist()):
            self.verdicts[verdicts[code]] = self.verdicts.get(verdicts[code], 0) + count
        mine = _monitored(orig) | _monitored(resp)
        missed = rows["orig_missed"] + rows["resp_missed"]
        size = rows["orig_ip_bytes"] + rows["resp_ip_bytes"]
        self.missed += int(missed[mine].sum())
        self.seen += int(size[mine].sum())


def _monitored(owners: Owners) -> Array:
    """Mask of the rows whose end belongs to a monitored asset."""
    assets, codes = owners
    watched = np.array([*(asset.monitored for asset in assets), False])
    mask: Array = watched[codes]  # code -1: nobody's, the last
    return mask
