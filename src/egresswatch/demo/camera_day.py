# SPDX-License-Identifier: Apache-2.0
"""Puts the day together and writes it: camera-day.pcap, cameras.csv and site.toml.

The story, all times UTC: two clean Axis cameras, a clean Hikvision and a clean Uniview serve the
recorder. cam-gate-03 (Hikvision) logs in to its maker's cloud at 02:14 and stays. cam-yard-07 (Dahua)
is watched peer to peer from outside at 03:12 and at 21:40. cam-hall-11 (Uniview) tries to reach its
maker's cloud all day and is blocked.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import Frame, write_pcap

CAPTURE, INVENTORY, SITE = "camera-day.pcap", "cameras.csv", "site.toml"


def story() -> Iterator[Frame]:
    """Every frame of the day, act after act (not yet in time order)."""
    day = s.DAY
    for number, camera in enumerate(s.CAMERAS):
        yield from acts.keep_house(day, camera, number)
        yield from acts.record(day, camera, number)
    login, midnight = day + 2 * s.HOUR + 14 * s.MINUTE, day + 24 * s.HOUR
    yield from acts.cloud_session(
        login, midnight - 2 * s.MINUTE, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113
    )
    yield from acts.p2p_presence(day, s.P2P, s.DAHUA_CLOUD, s.DAHUA_CLOUD_NAME, s.DAHUA_SERIAL)
    night, evening = day + 3 * s.HOUR + 12 * s.MINUTE, day + 21 * s.HOUR + 40 * s.MINUTE
    yield from acts.p2p_upload(night, 110, s.P2P, s.DAHUA_CLOUD, s.VIEWERS[0], s.DAHUA_SERIAL)
    yield from acts.p2p_upload(evening, 35, s.P2P, s.DAHUA_CLOUD, s.VIEWERS[1], s.DAHUA_SERIAL)
    yield from acts.blocked_attempts(day, s.BLOCKED, s.UNIVIEW_CLOUD, s.UNIVIEW_CLOUD_NAME)
    for hour in range(6, 23):
        yield from acts.guard_looks(day + hour * s.HOUR + 17 * s.MINUTE, s.GUARD_DESK, 51000 + hour)


def frames() -> list[Frame]:
    """The day in time order; frames of the same microsecond stay in the order of the story."""
    return sorted(story(), key=itemgetter(0))


def write(folder: Path) -> tuple[Path, int]:
    """Writes the capture and the two files that go with it; gives its path and number of frames."""
    folder.mkdir(parents=True, exist_ok=True)
    capture = folder / CAPTURE
    with capture.open("wb") as file:
        count = write_pcap(file, frames())
    (folder / INVENTORY).write_text(s.inventory(), encoding="utf-8")
    (folder / SITE).write_text(s.site(), encoding="utf-8")
    return capture, count


def excerpt(hours: int) -> list[Frame]:
    """The first hours of the day, for tests that want the story without its length."""
    end = s.DAY + hours * s.HOUR
    return list(itertools.takewhile(lambda frame: frame.ts < end, frames()))
