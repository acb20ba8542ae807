# SPDX-License-Identifier: Apache-2.0
"""Where compiled kernels are kept between runs: which folders are read, which one is written.

Rules of this file: it knows folders and bytes, no numba. Places are ``NUMBA_CACHE_DIR``, else beside the
package and the user's cache folder; in each, a folder named after all sources that a kernel can be made
of. Every place is read up to the first that can be written, which new kernels go to: so those that were
compiled when the package was installed serve a user who can write nowhere. What is kept is machine code:
only folders are read that nobody but this user, root or the package's owner can write, and only files
whose digest fits. No OSError leaves this file: what cannot be kept is compiled again, and
``Store.unkept`` says why.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

PACKAGE = Path(__file__).parent
KERNEL_SOURCES = (
    "decode/*.py", "flow/*.py", "*/kernels.py", "pipeline/community.py", "config.py", "errors.py", "jit.py",
    "kernelcache.py", "loads.py", "packets.py", "patterns.py", "records.py",
)  # fmt: skip
"""Files of the package that hold kernels or anything that these import (tests/unit/base)."""
_KEPT = 3
"""Folders of other versions that are left alone: one of them may be running."""
_DIGEST = 32
_NAME = "kernels-" + 16 * "[0-9a-f]"


def sources(package: Path = PACKAGE, patterns: Sequence[str] = KERNEL_SOURCES) -> list[Path]:
    """All files that a kernel can be made of."""
    return sorted({path for pattern in patterns for path in package.glob(pattern)})


def stamp(package: Path = PACKAGE, patterns: Sequence[str] = KERNEL_SOURCES) -> str:
    """Name of the kernels' sources: changes with any of them, and with nothing else."""
    digest = hashlib.sha256()
    for path in sources(package, patterns):
        text = path.read_bytes()
        digest.update(f"{path.relative_to(package)} {len(text)}\n".encode() + text)
    return "kernels-" + digest.hexdigest()[:16]


def places(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Where folders of kernels are looked for, the preferred place first."""
    given = environment.get("NUMBA_CACHE_DIR")
    if given:
        return [Path(given)]
    user = environment.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 (no error without a home)
    return [PACKAGE / "__pycache__", Path(user) / "egresswatch"]


class Store:
    """The kernels of one version: ``load`` from any place, ``save`` to the first that can be written."""

    def __init__(self, bases: Sequence[Path], name: str) -> None:
        self.unkept = ""
        """Why something compiled in this process could not be kept; empty when all was."""
        self.folder: Path | None = None
        """Where new kernels are kept."""
        self._read: list[Path] = []
        refused = []
        for base in bases:
            folder = base / name
            problem = _foreign(folder)
            if not problem:
                problem = _unwritable(folder)
                foreign = _foreign(folder)  # it may have come from somebody else only now
                if not foreign:
                    self._read.append(folder)
                problem = foreign or problem
            if not problem:
                self.folder = folder
                _clear(base, name)
                break
            refused.append(f"{folder}: {problem}")
        self._refused = "; ".join(refused)

    def load(self, name: str) -> bytes | None:
        """What was kept under this name; None when nothing was, or it is damaged."""
        for folder in self._read:
            try:
                data = (folder / name).read_bytes()
            except OSError:
                continue
            if hashlib.sha256(data[_DIGEST:]).digest() == data[:_DIGEST]:
                return data[_DIGEST:]
        return None

    def save(self, name: str, data: bytes) -> None:
        """Keep ``data``: whole or not at all, however many processes do so."""
        if self.folder is None:
            self.unkept = self._refused
            return
        half = self.folder / f"{name}.{os.getpid()}"
        try:
            half.write_bytes(hashlib.sha256(data).digest() + data)
            half.replace(self.folder / name)
        except OSError as error:
            self.unkept = f"{self.folder}: {error.strerror}"
            with suppress(OSError):
                half.unlink(missing_ok=True)


def _foreign(folder: Path) -> str:
    """Why what lies in a folder cannot be trusted; empty when it can, or is not there yet."""
    try:
        found = folder.stat()
    except OSError:
        return ""
    if found.st_uid not in {0, os.geteuid(), PACKAGE.stat().st_uid}:
        return "belongs to another user"
    return "others can write there" if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) else ""


def _unwritable(folder: Path) -> str:
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _clear(base: Path, name: str) -> None:
    """Remove what versions before the last ones left."""
    others = [path for path in base.glob(_NAME) if path.name != name]  # what else lies there is not ours
    for old in sorted(others, key=_age)[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _age(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:  # another process was quicker
        return 0
