# SPDX-License-Identifier: Apache-2.0
"""The output folder: which files a run writes there, and the refusal to mix two runs.

Owns the file names and the temporary names under which files grow before they appear whole.
Never touches a file that is not on its list.
"""

from __future__ import annotations

import os
from pathlib import Path

from egresswatch.errors import OutputError

FLOWS = "flows.parquet"
SIGHTINGS = "sightings.parquet"
NEIGHBOURS = "neighbours.parquet"
CAMERAS = "cameras.json"
ALERTS = "alerts.jsonl"
LEDGER = "ledger.json"
OUTPUTS = (FLOWS, SIGHTINGS, NEIGHBOURS, CAMERAS, ALERTS, LEDGER)


def temporary(path: Path) -> Path:
    """The name under which ``path`` grows until it is complete."""
    return path.with_name(f".{path.name}.part")


def appear(path: Path) -> None:
    """Give the finished temporary file its real name, in one step."""
    try:
        temporary(path).replace(path)
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", path) from error


def held_files(path: Path) -> list[str]:
    """Names of another run's files in ``path``."""
    return [name for name in OUTPUTS if (path / name).exists()]


def prepare_out(path: Path, force: bool) -> None:
    """Make ``path`` a folder ready for a run; refuse one that holds another run's files.

    With ``force`` those files (and only those) are removed first, so a run that fails half-way
    never leaves a mixture of two.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OutputError("is a file, not a folder. Nothing was read.", path) from None
    except OSError as error:
        raise OutputError(f"cannot be made: {error.strerror}. Nothing was read.", path) from error
    held = held_files(path)
    if held and not force:
        raise OutputError(
            f"holds files of another run ({', '.join(held)}). "
            "Choose another folder, or replace them with --force. Nothing was read.",
            path,
        )
    if not os.access(path, os.W_OK | os.X_OK):
        raise OutputError("is a folder without write permission. Nothing was read.", path)
    for name in OUTPUTS:
        for leftover in (path / name, temporary(path / name)):
            try:
                leftover.unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(
                    f"cannot be replaced: {error.strerror}. Nothing was read.", leftover
                ) from error
