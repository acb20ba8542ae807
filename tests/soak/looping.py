# SPDX-License-Identifier: Apache-2.0
"""A stream without an end: a capture whose frames come again and again, each time later.

    python tests/soak/looping.py CAPTURE BYTES [--out FOLDER] [SETTING=VALUE ...]

replays so many bytes of it in this process and prints one JSON object: packets, bytes, whether the ledger
balances, and the resident memory after each round in KiB. The frames are read once, so the stream costs no
reading: what is told is the rest. Rounds lie further apart than flows live: all of them end and begin anew.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from egresswatch.config import load
from egresswatch.pipeline import replay
from egresswatch.records import FileFacts, FrameBatch, SourceFacts
from egresswatch.result import ReplayOptions
from egresswatch.source import open_replay

APART = 400 * 10**9
"""Nanoseconds between two rounds: longer than any timeout."""


def resident() -> int:
    """Memory of this process that is in use now, KiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


class Looping:
    """A Source that gives a capture's frames until ``size`` bytes of frames have been given."""

    def __init__(self, path: str, size: int, batch: int) -> None:
        source = open_replay([path], batch=batch)
        self._batches = [
            replace(one, **{name: getattr(one, name).copy() for name in FrameBatch.__slots__[:-1]})
            for one in source.batches()
        ]
        source.close()
        self._round = sum(int(one.cap.sum()) for one in self._batches)
        self._size = size
        self._stopped = False
        self.facts = SourceFacts([FileFacts("looping", 0)], source.facts.interfaces, [])
        self.total_bytes, self.bytes_read = None, 0
        self.memory: list[int] = []

    def batches(self) -> Iterator[FrameBatch]:
        first, shift = 0, 0
        low = min(int(one.ts.min()) for one in self._batches)
        high = max(int(one.ts.max()) for one in self._batches)
        while self.bytes_read < self._size and not self._stopped:
            for one in self._batches:
                yield replace(one, ts=one.ts + np.int64(shift), first=first)
                first += len(one)
            self.bytes_read += self._round
            shift += high - low + APART
            self.memory.append(resident())

    def stop(self) -> None:
        self._stopped = True

    def close(self) -> None:
        self._stopped = True


def soak(path: str, size: int, settings: list[str], out: Path | None = None) -> dict[str, Any]:
    """Replay ``size`` bytes of the endless capture."""
    given = load(None, settings)
    source = Looping(path, size, given.replay.batch)
    usual, replay.open_replay = replay.open_replay, lambda *_args, **_kwargs: source
    try:
        result = replay.run(ReplayOptions((path,), given, out=out, force=True))
    finally:
        replay.open_replay = usual
    return {
        "packets": result.packets, "bytes": source.bytes_read, "balanced": result.balanced,
        "limits": result.limits, "memory": source.memory, "flows": result.ledger["flows"]["created"],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("capture")
    parser.add_argument("bytes", type=int)
    parser.add_argument("--out", type=Path)
    parser.add_argument("settings", nargs="*")
    asked = parser.parse_intermixed_args()
    print(json.dumps(soak(asked.capture, asked.bytes, asked.settings, asked.out)))
