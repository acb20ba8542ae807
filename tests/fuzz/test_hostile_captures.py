# SPDX-License-Identifier: Apache-2.0
"""Spoiled captures: an answer or a clear line, every frame accounted once, never a traceback.

The short form runs a fixed number of cases; ``make fuzz`` (EGRESSWATCH_FUZZ=seconds) goes on with new
numbers until its time is over, over the real captures too. A failure tells the number of its case:
EGRESSWATCH_FUZZ_CASE=number runs that one alone.
"""

import os
import time
from itertools import count
from pathlib import Path

import pytest
import zoo
from hostile import Raw, frames_of, pcapng, spoil
from proof import replay

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import NS
from egresswatch.errors import EgresswatchError
from egresswatch.jit import DISABLED

CASES = 8 if DISABLED else 60
TINY = (
    "flow.table_size=1", "sniff.max_flows=1", "sniff.max_names=1", "enrich.max_hosts=1", "detect.max_cases=1",
    "output.max_held_rows=1",
)  # fmt: skip
SETTINGS = (
    (), (), ("decode.decapsulate=all",), ("decode.vlan_in_key=false",), ("decode.vlan_in_key=true",),
    ("decode.dedup=false",), TINY, (*TINY, "decode.decapsulate=all"), ("flow.table_size=64",),
    ("sniff.flow_bytes=16B", "sniff.probe_packets=1"), ("flow.active_timeout=1ns", "flow.end_linger=1ns"),
    ("decode.dedup_window=1h", "output.row_hold=1s"),
)  # fmt: skip


def _story() -> list[Raw]:
    """Log-ins, peer to peer, attempts, house-keeping of the example, some 700 frames."""
    start = s.DAY + 3 * s.HOUR
    end = start + 8 * s.MINUTE
    everything = [
        *acts.cloud_session(start + s.MINUTE, end, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113),
        *acts.p2p_upload(start + 2 * s.MINUTE, 3, s.P2P, s.DAHUA_CLOUD, s.VIEWERS[0], s.DAHUA_SERIAL),
        *acts.blocked_attempts(start, s.BLOCKED, s.UNIVIEW_CLOUD, s.UNIVIEW_CLOUD_NAME),
        *acts.keep_house(start, s.CLEAN, 3),
    ]
    kept = sorted((frame for frame in everything if frame.ts < end), key=lambda frame: frame.ts)
    return [Raw(frame.ts, frame.data, 1, len(frame.data)) for frame in kept]


def _zoo() -> list[Raw]:
    """A frame of every link type, tag and tunnel."""
    return [Raw(s.DAY + k * NS, one.data, one.link, len(one.data)) for k, one in enumerate(zoo.ALL)]


@pytest.fixture(scope="module")
def herd(request) -> list[list[Raw]]:
    """What is spoiled: our own captures, and real ones where they are."""
    own = [_story(), _zoo()]
    usual = request.config.rootpath.parent / "shared" / "captures"
    root = Path(os.environ.get("EGRESSWATCH_CAPTURES", usual))
    real = sorted(root.glob("dev/*")) if not DISABLED else []
    return own * 10 + [frames for path in real if (frames := frames_of(path))]


def one(number: int, herd, folder: Path) -> None:
    """One case: spoiled, replayed in two ways, checked."""
    frames = herd[number * 7919 % len(herd)]
    done, data = spoil(number, frames)
    path = folder / "spoiled.pcapng"
    path.write_bytes(data)
    settings = SETTINGS[number % len(SETTINGS)]
    try:
        told = replay(path, folder / "a", *settings)
        batch = (1, 2, 7, 100)[number % 4] if len(frames) < 800 else 97
        way = (f"replay.batch={batch}", f"replay.workers={1 + number % 3}")
        again = replay(path, folder / "b", *settings, *way)
        assert told.files == again.files, [n for n in told.files if told.files[n] != again.files[n]]
    except BaseException as error:
        if isinstance(error, EgresswatchError) and "file" in done:
            return  # a clear line about a file that is none any more
        error.add_note(f"EGRESSWATCH_FUZZ_CASE={number} ({done}; {' '.join(settings)})")
        raise


def test_any_capture_is_accounted_for(herd, budget, tmp_path):
    """Every invariant of proof.py, and the same bytes however the input is cut and spread."""
    given = os.environ.get("EGRESSWATCH_FUZZ_CASE")
    if given:
        one(int(given), herd, tmp_path)
        return
    until = time.monotonic() + budget / 2
    for number in count():
        if number >= CASES and time.monotonic() >= until:
            break
        one(number, herd, tmp_path)


@pytest.mark.parametrize("seed", range(3))
def test_every_snaplen(seed, tmp_path):
    """The same traffic cut at every length: an answer each time, the frames all there."""
    frames = _zoo() + _story()[seed::40]
    for snap in range(seed, 140, 3 if not DISABLED else 30):
        cut = [frame._replace(data=frame.data[:snap]) for frame in frames]
        path = tmp_path / "cut.pcapng"
        path.write_bytes(pcapng(cut))
        told = replay(path, tmp_path / "out", "decode.decapsulate=all")
        assert told.ledger["frames_read"] == len(frames)
