# SPDX-License-Identifier: Apache-2.0
"""``egresswatch replay``: captures in, the verdict screen (or ``--json``) and the output files out."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from egresswatch.cli import ALERT, FAILED, complain
from egresswatch.cli.lean import settled, spare_pandas
from egresswatch.cli.options import (
    ConfigOption,
    OutOption,
    RulesOption,
    SetOption,
    Severity,
    SiteOption,
    WorkersOption,
    settings_from,
)
from egresswatch.errors import UsageError

if TYPE_CHECKING:
    from egresswatch.result import ReplayResult, StopSwitch

WIDTH_WITHOUT_TERMINAL = 120


def replay(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="pcap or pcapng, plain or .gz/.zst/.xz; a folder; a rotated set; - for standard input.",
            show_default=False,
        ),
    ],
    config: ConfigOption = None,
    site: SiteOption = None,
    rules: RulesOption = None,
    out: OutOption = None,
    workers: WorkersOption = None,
    set_: SetOption = None,
    digest: Annotated[
        bool, typer.Option("--digest", help="SHA-256 of every input file into the ledger.")
    ] = False,
    fail_on: Annotated[
        Severity | None,
        typer.Option("--fail-on", help="Exit with 3 when an alert has this severity or a higher one."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of the screen.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace another run's files in --out.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on reading a file that is still being written, until Ctrl-C.")
    ] = False,
) -> int:
    """Read captures and say which cameras sent data outside, to whom and how much."""
    from egresswatch.cli.progress import Progress
    from egresswatch.result import ReplayOptions, StopSwitch

    if follow and (len(paths) != 1 or paths[0] == "-"):
        raise UsageError("replay --follow: give exactly one file (standard input is followed anyway)")
    stop = StopSwitch()
    options = ReplayOptions(
        paths=tuple(paths),
        settings=settings_from(config, set_, rules, workers),
        site=site,
        out=out,
        digest=digest,
        force=force,
        follow=follow,
        stop=stop,
    )
    if follow:
        _stop_on_signal(stop)
    if out is not None:
        spare_pandas()
    from egresswatch.pipeline.replay import run

    with Progress(options.paths) as progress:
        result = run(options, settled(progress.update))
    show(result, json=json)
    _tell_unkept()
    return exit_status(result, fail_on)


def show(result: ReplayResult, *, json: bool) -> None:
    """Causes on standard error first, then the answer on standard output."""
    for line in (*result.warnings, *result.errors):
        complain(line)
    if json:
        from egresswatch.result import to_json
        from egresswatch.sinks.ledger import dumps

        typer.echo(dumps(to_json(result)), nl=False)
    elif result.packets or not result.errors:
        from egresswatch.sinks.terminal import render

        render(result, console())


def _tell_unkept() -> None:
    """A line when this start compiled kernels and the next one will again."""
    from egresswatch import jit

    if jit.unkept():
        complain(jit.unkept())


def exit_status(result: ReplayResult, fail_on: Severity | None) -> int:
    """1 before 3: an incomplete job must not look like a complete one with findings."""
    if result.errors:
        return FAILED
    return ALERT if fail_on is not None and result.reaches(fail_on.value) else 0


def console() -> Any:
    """Standard output; wide when it is not a terminal, so that files and pipes get the table."""
    from rich.console import Console

    screen = Console(highlight=False, markup=False, emoji=False)
    if not screen.is_terminal and "COLUMNS" not in screen._environ:
        screen.width = WIDTH_WITHOUT_TERMINAL
    return screen


def _stop_on_signal(stop: StopSwitch) -> None:
    """The first Ctrl-C ends a followed capture in good order, the second one at once."""

    def handle(number: int, _frame: object) -> None:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        stop.press()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


__all__ = ["Path", "console", "exit_status", "replay", "show"]
