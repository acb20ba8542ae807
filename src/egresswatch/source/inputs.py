# SPDX-License-Identifier: Apache-2.0
"""Which files a command line means: folders walked, each file once, in a fixed order.

A path named by the user is always tried. In a folder, every regular file is looked at, at any
depth, in the order of its name: captures are told by their first bytes, not by their name. A file
there that is no capture is noted and passed over, unless its name says that it is one: then it is
an error, because somebody expects it to be read. A file that is met twice (again on the command
line, hard or symbolic link) is read once.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from egresswatch.records import FileFacts
from egresswatch.source.reader import Input, opener, unreadable
from egresswatch.source.streams import Tap, Unpacked
from egresswatch.source.unpack import packed_kind
from egresswatch.source.words import shown

_MAGIC_BYTES = 8
NOT_A_CAPTURE = "not a capture"
SAME_FILE = "same file as one before"
_NAMED_CAPTURE = re.compile(r"\.(pcap|pcapng|cap|ntar|dmp|snoop)\d*(\.(gz|zst|xz|bz2))?$", re.IGNORECASE)


@dataclass(slots=True)
class Inputs:
    """What was found, each with its facts; facts without an input were passed over."""

    found: list[tuple[Input, FileFacts]] = field(default_factory=list)
    facts: list[FileFacts] = field(default_factory=list)

    def add(self, path: str, length: int) -> None:
        """Read this file."""
        facts = FileFacts(shown(path), length)
        self.found.append((Input(path, length), facts))
        self.facts.append(facts)

    def note(self, path: str, length: int, why: str) -> None:
        """Pass this file over, but tell that it was there."""
        self.facts.append(FileFacts(shown(path), length, format=why))


def expand(paths: Sequence[str], error: Callable[[str], None]) -> Inputs:
    """All inputs behind these paths, in order."""
    inputs = Inputs()
    met: set[tuple[int, int]] = set()
    for path in paths:
        try:
            status = Path(path).stat()
        except OSError as problem:
            error(unreadable(path, problem))
            continue
        if stat.S_ISDIR(status.st_mode):
            before = len(inputs.found)
            for inside in _walk(path, error):
                _consider(inside, inputs, met, error)
            if len(inputs.found) == before:
                error(f"{shown(path)}: no capture in this folder. Nothing was read from it.")
        elif _first_time(status, met):
            inputs.add(path, status.st_size)
        else:
            inputs.note(path, status.st_size, SAME_FILE)
    return inputs


def _walk(folder: str, error: Callable[[str], None]) -> Iterator[str]:
    def blocked(problem: OSError) -> None:
        error(unreadable(str(problem.filename), problem))

    for where, folders, names in os.walk(folder, onerror=blocked):
        folders.sort()
        for one in sorted(names):
            yield str(Path(where, one))


def _consider(path: str, inputs: Inputs, met: set[tuple[int, int]], error: Callable[[str], None]) -> None:
    """A file met in a folder: read it, or note why not."""
    named = _NAMED_CAPTURE.search(path) is not None
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            return
        with open(path, "rb") as file:
            capture = named or _is_capture(file)
    except OSError as problem:
        error(unreadable(path, problem))
        return
    if not capture:
        inputs.note(path, status.st_size, NOT_A_CAPTURE)
    elif _first_time(status, met):
        inputs.add(path, status.st_size)
    else:
        inputs.note(path, status.st_size, SAME_FILE)


def _is_capture(file: BinaryIO) -> bool:
    """Whether the file, or what is packed in it, begins like a capture."""
    head = file.read(_MAGIC_BYTES)
    kind = packed_kind(head)
    if not kind:
        return opener(head) is not None
    file.seek(0)
    inside = bytearray(_MAGIC_BYTES)
    Unpacked(Tap(file, digest=False), kind).fill(memoryview(inside))
    return opener(bytes(inside)) is not None


def _first_time(status: os.stat_result, met: set[tuple[int, int]]) -> bool:
    if not stat.S_ISREG(status.st_mode):
        return True
    key = (status.st_dev, status.st_ino)
    if key in met:
        return False
    met.add(key)
    return True
