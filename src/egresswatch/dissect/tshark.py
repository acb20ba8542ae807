# SPDX-License-Identifier: Apache-2.0
"""Running tshark: found and checked once, no name resolution, no profile of the user, bounded.

Gives the packet list (tshark's columns) and, for the first packets, pyshark's packet objects made
from tshark's XML. pyshark's own capture classes are not used: they need an event loop of their own
and fail on Python 3.14, and its parser works without them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from egresswatch.errors import EgresswatchError

OLDEST = (4, 0)
_VERSION = re.compile(r"\b(\d+)\.(\d+)\.(\d+)\b")
_FORMAT = '"No.","%m","Time","%t","Source","%us","Port","%uS","Protocol","%p","Length","%L","Info","%i"'
_CHUNK = 1 << 16
_MAX_PACKET_XML = 8 << 20
"""A packet whose XML is longer is left out (a reassembled body of megabytes)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of tshark's packet list."""

    number: int
    """In the file tshark read, from 1."""
    ts: int
    source: str
    port: int | None
    protocol: str
    length: int
    info: str


@dataclass(frozen=True, slots=True)
class Tshark:
    """A tshark that is new enough."""

    path: str
    version: tuple[int, int, int]

    def rows(self, capture: Path, display_filter: str) -> list[Row]:
        """The packet list."""
        arguments = ["-t", "e", "-T", "tabs", "-o", f"gui.column.format:{_FORMAT}"]
        with self._running(capture, display_filter, arguments) as output:
            return [row for line in output if (row := _row(line)) is not None]

    def packets(self, capture: Path, display_filter: str, limit: int) -> list[Any]:
        """The first ``limit`` packets with all layers, as ``pyshark.packet.packet.Packet``."""
        try:
            from pyshark.tshark.output_parser.tshark_xml import packet_from_xml_packet
        except ImportError as error:
            raise EgresswatchError(
                f"dissect needs pyshark ({error}). Install it: pip install pyshark"
            ) from error
        with self._running(capture, display_filter, ["-T", "pdml"]) as output:
            found = []
            for xml in _elements(output):
                found.append(packet_from_xml_packet(xml))
                if len(found) == limit:
                    break
            return found

    @contextmanager
    def _running(self, capture: Path, display_filter: str, arguments: list[str]) -> Iterator[IO[bytes]]:
        """tshark's standard output; it is ended when the reader has enough."""
        with tempfile.TemporaryDirectory() as profile, tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(
                [self.path, "-n", "-r", str(capture), "-Y", display_filter, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env=_environment(profile),
            )
            assert process.stdout is not None
            try:
                yield process.stdout
                early = process.poll() is None and bool(process.stdout.read(1))
            except BaseException:
                early = True
                raise
            finally:
                if process.poll() is None and early:
                    process.kill()
                process.stdout.close()
                status = process.wait()
            complaints.seek(0)
            if status and not early:
                told = [
                    line
                    for line in complaints.read().decode("utf-8", "replace").splitlines()
                    if "root" not in line
                ]
                raise EgresswatchError(
                    f"tshark ended with status {status}: {' '.join(told)[:300] or 'no reason given'}"
                )


def find() -> Tshark:
    """The installed tshark; an EgresswatchError in one line when there is none or it is too old."""
    path = shutil.which("tshark")
    if path is None:
        raise EgresswatchError("dissect needs tshark, which is not installed. On Debian: apt install tshark")
    with tempfile.TemporaryDirectory() as profile:
        try:
            told = subprocess.run(
                [path, "--version"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
                env=_environment(profile),
            ).stdout
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EgresswatchError(f"dissect needs tshark, but {path} does not run: {error}") from error
    match = _VERSION.search(told)
    if match is None:
        raise EgresswatchError(f"dissect needs tshark, but {path} does not tell its version")
    version = (int(match[1]), int(match[2]), int(match[3]))
    if version < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise EgresswatchError(f"dissect needs tshark {wanted} or newer; {path} is {match[0]}. Update it")
    return Tshark(path, version)


def _environment(profile: str) -> dict[str, str]:
    """An empty profile: columns, preferences and scripts of the user change nothing."""
    return {**os.environ, "WIRESHARK_CONFIG_DIR": profile, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _row(line: bytes) -> Row | None:
    parts = line.decode("utf-8", "replace").rstrip("\n").split("\t", 6)
    if len(parts) != 7:
        return None
    number, when, source, port, protocol, length, info = (part.strip() for part in parts)
    seconds, _, fraction = when.partition(".")
    try:
        ts = int(seconds) * 1_000_000_000 + int(f"{fraction:0<9}"[:9])
        return Row(int(number), ts, source, int(port) if port else None, protocol, int(length), info)
    except ValueError:
        return None


def _elements(stream: IO[bytes]) -> Iterator[bytes]:
    """Each ``<packet>...</packet>`` of a PDML document."""
    opening, closing = b"<packet>", b"</packet>"
    held = b""
    skipping = False
    while chunk := stream.read1(_CHUNK) if hasattr(stream, "read1") else stream.read(_CHUNK):
        held += chunk
        while (end := held.find(closing)) >= 0:
            begin = held.find(opening)
            if not skipping and 0 <= begin < end:
                yield held[begin : end + len(closing)]
            held, skipping = held[end + len(closing) :], False
        if len(held) > _MAX_PACKET_XML:
            held, skipping = held[-len(closing) :], True
