# SPDX-License-Identifier: Apache-2.0
"""What the file formats share: the row arrays, the answer of a walk, the length limits.

A walker takes whole records out of an arena and writes rows; it never reads, waits or decides what
to do about damage: it says in words what is wrong and where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from egresswatch.records import Array
from egresswatch.source.arena import Arena

FRAME_LIMIT = 262_144
"""Longest captured frame that is believed: libpcap's MAXIMUM_SNAPLEN, which every capture program
obeys. A larger length is damage; believing it would swallow the good records behind it."""
FRAME_LIMITS = {189: 1 << 27, 220: 1 << 27, 231: 1 << 27, 249: 1 << 27, 279: 1 << 23}
"""Link types that libpcap allows longer: USB (189, 220, 249), D-Bus (231), EBHSCR (279)."""


def frame_limit(link: int) -> int:
    """Longest captured frame of a link type."""
    return FRAME_LIMITS.get(link, FRAME_LIMIT)


class Rows(NamedTuple):
    """Preallocated columns of FrameBatch."""

    off: Array
    cap: Array
    wire: Array
    ts: Array
    link: Array
    iface: Array

    @classmethod
    def make(cls, count: int) -> Rows:
        """Columns for ``count`` frames."""
        kinds = (np.int64, np.uint32, np.uint32, np.int64, np.uint16, np.uint16)
        return cls(*(np.zeros(count, kind) for kind in kinds))


@dataclass(frozen=True, slots=True)
class Step:
    """How far one walk came: rows written, and why it stopped."""

    rows: int
    more: bool = False
    """The next record is not complete in the arena."""
    damage: str = ""
    """What is wrong with the next record, in words; nothing can be read behind it."""


class HeaderError(Exception):
    """The file header cannot be taken; the text says why."""


class Walker(Protocol):
    """One file format over one arena."""

    format: str

    def walk(self, arena: Arena, rows: Rows, limit: int, max_bytes: int) -> Step: ...

    def finish(self) -> None:
        """Tell the interface table what this file told about its interfaces."""


Opener = Callable[..., Walker]
