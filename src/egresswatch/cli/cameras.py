# SPDX-License-Identifier: Apache-2.0
"""``egresswatch cameras``: the passive register, from an output folder or straight from captures: listed,
counted, or compared with an inventory."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from egresswatch.cli import FAILED, complain
from egresswatch.cli.options import ConfigOption, RulesOption, SetOption, SiteOption, settings_from
from egresswatch.cli.register_file import read_register
from egresswatch.errors import OutputError, UsageError


class Format(StrEnum):
    """Values of --format."""

    text = "text"
    json = "json"
    csv = "csv"


class By(StrEnum):
    """Values of --by: ``sinks.census.GROUPS``."""

    maker = "maker"
    jurisdiction = "jurisdiction"
    site = "site"
    vlan = "vlan"
    role = "role"


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
    by: Annotated[
        By | None, typer.Option("--by", help="Count the devices by this instead of listing them.")
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            "--compare",
            metavar="INVENTORY.CSV",
            help="Show devices that this inventory does not list, listed ones that were not seen, "
            "and differences.",
        ),
    ] = None,
    format_: Annotated[
        Format | None, typer.Option("--format", help="Without it: by the ending of --out, else text.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write to this file instead of printing.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> int:
    """List the cameras, recorders and other video devices that were seen, and why we say so."""
    if by is not None and compare is not None:
        raise UsageError("cameras: --by and --compare are two questions; ask one at a time")
    if json and format_ not in (None, Format.json):
        raise UsageError(f"cameras: --json and --format {format_} contradict each other")
    shape = Format.json if json else format_ or _by_ending(out)
    inventory = _inventory(compare)
    inputs = [*map(Path, paths), *([compare] if compare is not None else [])]
    if out is not None and any(_same(out, path) for path in inputs):
        raise UsageError(f"cameras --out {out}: is one of the inputs")
    settings = settings_from(config, set_, rules)
    rows, errors = _register(paths, settings, site)
    if not rows and errors:
        return FAILED
    comparison = None
    if inventory is not None:
        from egresswatch.enrich.compare import compare as compared
        from egresswatch.rules import load_tables

        tables = load_tables([Path(path) for path in settings.rules.paths], settings.rules.builtin)
        comparison = compared(rows, inventory, str(compare), tables.vendors)
    _give(_shapes(rows, comparison, by)[shape], out)
    return FAILED if errors else 0


def _register(
    paths: Sequence[str], settings: Any, site: Path | None
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Rows, and a line for every input that could not be read."""
    held = Path(paths[0]) / "cameras.json"
    if len(paths) == 1 and held.is_file():
        return read_register(held), ()
    from egresswatch.cli.progress import Progress
    from egresswatch.pipeline.replay import run
    from egresswatch.result import ReplayOptions

    options = ReplayOptions(paths=tuple(paths), settings=settings, site=site)
    with Progress(options.paths) as progress:
        result = run(options, progress.update)
    for line in (*result.warnings, *result.errors):
        complain(line)
    return [dict(row) for row in result.register], result.errors


def _inventory(path: Path | None) -> Any:
    if path is None:
        return None
    from egresswatch.enrich.inventory import Inventory

    return Inventory.load(path)


def _shapes(rows: Sequence[Mapping[str, Any]], comparison: Mapping[str, Any] | None, by: By | None) -> Any:
    """Format -> a function that gives its text, of what was asked."""
    from egresswatch.sinks import census, roster
    from egresswatch.sinks.ledger import dumps

    if comparison is not None:
        return {
            Format.text: lambda console: roster.render_comparison(comparison, console),
            Format.json: lambda _: dumps(comparison),
            Format.csv: lambda _: census.comparison_csv(comparison),
        }
    if by is not None:
        return {
            Format.text: lambda console: roster.render_counts(rows, by.value, console),
            Format.json: lambda _: dumps(census.tallies_json(rows, by.value)),
            Format.csv: lambda _: census.tallies_csv(rows, by.value),
        }
    return {
        Format.text: lambda console: roster.render(rows, console),
        Format.json: lambda _: dumps(rows),
        Format.csv: lambda _: census.as_csv(rows),
    }


def _give(shape: Any, out: Path | None) -> None:
    """Print what the shape makes, or write it to a file that appears whole."""
    from egresswatch.cli.replay import WIDTH_WITHOUT_TERMINAL, console

    if out is None:
        text = shape(console())
        if text is not None:
            typer.echo(text, nl=False)
        return
    from rich.console import Console

    from egresswatch.sinks.folder import appear, temporary

    page = io.StringIO()
    screen = Console(file=page, width=WIDTH_WITHOUT_TERMINAL, highlight=False, markup=False, emoji=False)
    text = shape(screen)
    try:
        temporary(out).write_bytes((page.getvalue() if text is None else text).encode("utf-8", "replace"))
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", out) from error
    appear(out)


def _by_ending(out: Path | None) -> Format:
    ending = out.suffix.lower().removeprefix(".") if out is not None else ""
    return Format(ending) if ending in ("json", "csv") else Format.text


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)
