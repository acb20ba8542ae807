# SPDX-License-Identifier: Apache-2.0
"""Workloads in their cache folder: made when missing, with the truth about them beside.

A capture of a name and a number of packets is always the same file. The truth says what an exact analyser
must find in it, and is written last: a capture without it was interrupted and is made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import draw, frames, payload, scenes, traffic
from bench.traffic import TCP, Flows, Kind, Packets

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "build" / "bench"
PACKETS = 2_000_000
NAMES = ("mixed", "camera", "camera_s", "flood")
SNAPLEN = 128
FIRST = 100
"""Packets of the little capture that start-up is measured with."""
_LITTLE = ".first.pcap"


@dataclass(frozen=True, slots=True)
class Workload:
    """A capture that exists, and the truth about it."""

    name: str
    path: Path
    little: Path
    """Its first packets as a capture of their own."""
    truth: dict[str, Any]

    @property
    def packets(self) -> int:
        return int(self.truth["packets"])


def workload(
    name: str, packets: int = PACKETS, variant: str = "", cache: Path = CACHE, **size: int
) -> Workload:
    """The workload, made now when it is not there. ``variant`` names one with another ``size``."""
    cache.mkdir(parents=True, exist_ok=True)
    scene = "camera" if name == "camera_s" else name
    stem = f"{scene}{variant}-{packets}"
    paths = {scene: cache / f"{stem}.pcap"}
    if scene == "camera":
        paths["camera_s"] = cache / f"camera_s{variant}-{packets}.pcap"
    truth_path, stamp = cache / f"{stem}.json", _stamp()
    truth = json.loads(truth_path.read_text()) if truth_path.exists() else {}
    if truth.get("generator") != stamp or not all(path.exists() for path in paths.values()):
        truth_path.unlink(missing_ok=True)
        flows, sent = _SCENES[scene](packets, **size)
        frames.write_capture(flows, sent, paths[scene], paths.get("camera_s"), SNAPLEN)
        truth = {"generator": stamp, **truth_of(flows, sent)}
        truth_path.write_text(json.dumps(truth, indent=1) + "\n")
    return Workload(name, paths[name], little(paths[name]), truth)


def little(path: Path) -> Path:
    """The first packets of a capture as a file of their own."""
    out = first_of(path)
    if not out.exists() or out.stat().st_mtime_ns < path.stat().st_mtime_ns:
        with path.open("rb") as file:
            data = file.read(24)
            for _ in range(FIRST):
                head = file.read(16)
                data += head + file.read(int.from_bytes(head[8:12], "little"))
        out.write_bytes(data)
    return out


def halves(load: Workload) -> tuple[Path, Path]:
    """A workload as two captures, one after the other in time."""
    paths = load.path.with_suffix(".a.pcap"), load.path.with_suffix(".b.pcap")
    if not all(path.exists() and path.stat().st_mtime_ns > load.path.stat().st_mtime_ns for path in paths):
        data = np.memmap(load.path, np.uint8, "r")
        cut = 24
        for _ in range(load.packets // 2):
            cut += 16 + int.from_bytes(data[cut + 8 : cut + 12].tobytes(), "little")
        for path, part in zip(paths, (data[24:cut], data[cut:]), strict=True):
            with path.open("wb") as file:
                file.write(data[:24].data)
                file.write(part.data)
    return paths


def first_of(path: Path) -> Path:
    """Where that file is; the file itself is its own."""
    return path.with_name(path.name.removesuffix(_LITTLE).removesuffix(".pcap") + _LITTLE)


def truth_of(flows: Flows, packets: Packets) -> dict[str, Any]:
    """What an exact analyser reports: the sums, and the largest flow of each protocol."""
    size = packets.size + flows.header()[packets.flow]
    frame = np.maximum(size + 18, frames.LEAST)
    sent = np.bincount(packets.flow, minlength=len(flows))
    octets = np.bincount(packets.flow, weights=size, minlength=len(flows)).astype(np.int64)
    parts = {
        "ipv4": ~flows.v6,
        "ipv6": flows.v6,
        "tcp": flows.tcp,
        "udp": ~flows.tcp,
    }
    return {
        "packets": len(packets), "ip_bytes": int(size.sum()), "frame_bytes": int(frame.sum()),
        "flows": int((sent > 0).sum()), "milliseconds": int(packets.time.max() - packets.time.min()) // 1000,
        **{name: _summed(sent[of], octets[of]) for name, of in parts.items()},
        "client_hellos": int((packets.kind == Kind.CLIENT_HELLO).sum()),
        "dns_queries": int((packets.kind == Kind.DNS_QUERY).sum()),
        "largest": [_largest(flows, packets, size, octets, tcp=tcp) for tcp in (True, False)],
    }  # fmt: skip


def _summed(sent: Any, octets: Any) -> dict[str, int]:
    return {"flows": int((sent > 0).sum()), "packets": int(sent.sum()), "ip_bytes": int(octets.sum())}


def _largest(flows: Flows, packets: Packets, size: Any, octets: Any, *, tcp: bool) -> dict[str, Any]:
    """The flow of most bytes, by direction."""
    own = np.where((flows.proto == TCP) == tcp, octets, -1)
    flow = int(own.argmax())
    of = packets.flow == flow
    ports = int(flows.cport[flow]), int(flows.sport[flow])
    return {
        "proto": int(flows.proto[flow]), "ports": ports,
        "packets": [int((of & (packets.back == back)).sum()) for back in (False, True)],
        "ip_bytes": [int(size[of & (packets.back == back)].sum()) for back in (False, True)],
    }  # fmt: skip


def _stamp() -> str:
    """Of the sources that decide a capture's bytes."""
    sources = [
        Path(module.__file__ or "").read_bytes() for module in (draw, frames, payload, scenes, traffic)
    ]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:16]


_SCENES: dict[str, Callable[..., scenes.Scene]] = {
    "mixed": scenes.mixed, "camera": scenes.camera, "flood": scenes.flood,
}  # fmt: skip
