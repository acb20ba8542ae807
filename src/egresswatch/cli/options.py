# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, and the settings they add up to."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from egresswatch import config
from egresswatch.errors import UsageError


class Severity(StrEnum):
    """Values of --fail-on: ``records.SEVERITIES``, which would cost the import of numpy here."""

    informational = "informational"
    low = "low"
    medium = "medium"
    high = "high"
    critical = "critical"


ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings file (TOML); without it the defaults."),
]
SiteOption = Annotated[
    Path | None,
    typer.Option(
        "--site",
        metavar="FILE",
        help="site.toml: zones, their roles, what each may reach. Without it private networks are inside, "
        "cameras are recognised by themselves and nothing is policy.",
    ),
]
RulesOption = Annotated[
    list[Path] | None,
    typer.Option("--rules", metavar="DIR", help="More rules; the same id replaces. May be given again."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a setting, e.g. decode.dedup=false. May be given again."
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder for the output files; without it nothing is written."),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", metavar="N", min=1, help="Threads that share the work (speed, never results)."
    ),
]


def settings_from(
    path: Path | None,
    overrides: Sequence[str] | None,
    rules: Sequence[Path] | None,
    workers: int | None = None,
) -> config.Settings:
    """Settings file, then --set, then the options that have a name of their own."""
    settings = config.load(path, overrides or ())
    for folder in rules or ():
        if not folder.exists():
            raise UsageError(f"--rules {folder}: does not exist")
    changed = dataclasses.replace(
        settings.rules, paths=(*settings.rules.paths, *(str(folder) for folder in rules or ()))
    )
    replay = settings.replay if workers is None else dataclasses.replace(settings.replay, workers=workers)
    return dataclasses.replace(settings, rules=changed, replay=replay)
