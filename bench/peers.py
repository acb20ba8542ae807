# SPDX-License-Identifier: Apache-2.0
"""Other programs that make flows of a capture, measured in the same run where they are installed.

Each is asked for the least that it can do and still give flows, one process, no reverse look-ups. A peer that
is not installed is named as such: a figure that was not measured here is not told here.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Program
from bench.workloads import ROOT


@dataclass(frozen=True, slots=True)
class Peer:
    """How to run one, and where it says how many packets it counted."""

    name: str
    command: Callable[[Path, Path], Sequence[str]]
    gives: str
    version: tuple[str, ...]
    counted: str = ""
    """Pattern of that number in its output; empty: it does not say."""
    slow: bool = False
    """Measured on a tenth of the packets, once."""
    executable: str = ""
    """Where it is, when that is not its name."""

    @property
    def program(self) -> Program:
        return Program(self.name, self.command, counted=self.counted)


_PYTHON = str(ROOT / "build" / "peers" / "bin" / "python")
"""Of an environment for peers that come from PyPI."""
_NFSTREAM = """
import sys
from nfstream import NFStreamer
if __name__ == "__main__":
    NFStreamer(source=sys.argv[1], n_dissections=0, accounting_mode=1, n_meters=1).to_csv(path=sys.argv[2])
"""


def _in(out: Path, name: str) -> str:
    """A folder of its own for a peer that wants one."""
    folder = out / name
    folder.mkdir()
    return str(folder)


PEERS = (
    Peer(
        "nfpcapd",
        lambda capture, out: ["nfpcapd", "-r", str(capture), "-w", _in(out, "flows"), "-e", "300,120"],
        "one-way flows", ("nfpcapd", "-V"), r"Packets: (\d+)",
    ),
    Peer(
        "argus", lambda capture, out: ["argus", "-r", str(capture), "-S", "3600", "-w", str(out / "flows")],
        "two-way flows", ("argus", "-h"),
    ),
    Peer(
        "softflowd",
        lambda capture, _: ["softflowd", "-r", str(capture), "-d", "-m", "4000000", "-T", "vlan",
                            "-c", "none", "-6", "-n", "127.0.0.1:29995", "-v", "10"],
        "one-way flows, sent as IPFIX", ("softflowd", "-h"), r"Packets processed: (\d+)",
    ),
    Peer(
        "suricata",
        lambda capture, out: ["suricata", "-r", str(capture), "-l", _in(out, "log"), "-S", "/dev/null",
                              "--runmode", "single"],
        "two-way flows, names", ("suricata", "-V"),
    ),
    Peer(
        "zeek", lambda capture, _: ["zeek", "-r", str(capture)], "two-way flows, names",
        ("zeek", "--version"),
        slow=True,
    ),
    Peer(
        "tshark",
        lambda capture, _: ["tshark", "-r", str(capture), "-n", "-q", "-z", "conv,tcp", "-z", "conv,udp"],
        "conversations, every protocol dissected", ("tshark", "--version"), slow=True,
    ),
    Peer(
        "nfstream", lambda capture, out: [_PYTHON, "-c", _NFSTREAM, str(capture), str(out / "flows.csv")],
        "two-way flows, protocols not recognised",
        (_PYTHON, "-c", "import nfstream; print(nfstream.__version__)"), slow=True, executable=_PYTHON,
    ),
)  # fmt: skip


def available(peer: Peer) -> bool:
    """It is on this machine."""
    return shutil.which(peer.executable or peer.name) is not None


def installed(*, slow: bool) -> list[Peer]:
    """The peers of this machine."""
    return [peer for peer in PEERS if peer.slow == slow and available(peer)]


def version(peer: Peer) -> str:
    """What it says its version is."""
    done = subprocess.run(peer.version, capture_output=True, text=True, check=False)
    found = re.search(r"(\d+\.\d+(?:\.\d+)*)", done.stdout + done.stderr)
    return found[1] if found else "of unknown version"
