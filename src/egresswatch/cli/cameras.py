# SPDX-License-Identifier: Apache-2.0
"""``egresswatch cameras``: the passive register, from an output folder or straight from captures."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated, Any

import typer

from egresswatch.cli import FAILED, complain
from egresswatch.cli.options import ConfigOption, RulesOption, SetOption, SiteOption, settings_from
from egresswatch.errors import EgresswatchError


def cameras(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="DIR|CAPTURE", help="Output folder of a replay, or captures.", show_default=False
        ),
    ],
    config: ConfigOption = None,
    site: SiteOption = None,
    rules: RulesOption = None,
    set_: SetOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the register as cameras.json has it.")] = False,
) -> int:
    """List the cameras, recorders and other video devices that were seen, and why we say so."""
    rows: list[dict[str, Any]]
    errors: tuple[str, ...] = ()
    held = Path(paths[0]) / "cameras.json"
    if len(paths) == 1 and held.is_file():
        rows = read_register(held)
    else:
        from egresswatch.cli.progress import Progress
        from egresswatch.pipeline.replay import run
        from egresswatch.result import ReplayOptions

        options = ReplayOptions(paths=tuple(paths), settings=settings_from(config, set_, rules), site=site)
        with Progress(options.paths) as progress:
            result = run(options, progress.update)
        rows, errors = [dict(row) for row in result.register], result.errors
        for line in (*result.warnings, *errors):
            complain(line)
    if json:
        from egresswatch.sinks.ledger import dumps

        typer.echo(dumps(rows), nl=False)
    elif rows or not errors:
        from egresswatch.cli.replay import console
        from egresswatch.sinks.roster import render

        render(rows, console())
    return FAILED if errors else 0


def read_register(path: Path) -> list[dict[str, Any]]:
    """The rows of a cameras.json."""
    try:
        rows = jsonlib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EgresswatchError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise EgresswatchError(f"{path}: is not the register that replay writes: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "asset_id" in row for row in rows):
        raise EgresswatchError(
            f"{path}: is not the register that replay writes: a list of assets was expected"
        )
    return rows
