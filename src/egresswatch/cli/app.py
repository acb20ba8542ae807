# SPDX-License-Identifier: Apache-2.0
"""The table of commands and the options they share.

Each command is a function in its own file; a group that others own (``rules``) and the demo are
imported only when called, so that ``--help`` stays quick.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from egresswatch import __version__
from egresswatch.cli.cameras import cameras
from egresswatch.cli.check import check
from egresswatch.cli.dissect import dissect
from egresswatch.cli.replay import replay

CommandLineError: type[Exception] = typer.BadParameter.__mro__[2]
"""Base of all mistakes in a command line, wherever this release of typer keeps it."""
Leave, Stopped = typer.Exit, typer.Abort

app = typer.Typer(
    name="egresswatch",
    help="Which surveillance cameras talk to the outside, to whom and how much: read from captures.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit status: 0 done, 1 not done or not for every input, 2 wrong usage, 3 alerts (--fail-on).",
)
_FORWARD = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"egresswatch {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Options before the command."""


app.command(short_help="Captures in, verdict out: which cameras sent data outside.")(replay)
app.command(short_help="The passive register: cameras and recorders that were seen.")(cameras)
app.command(short_help="The packets behind one alert or flow, read by tshark.")(dissect)
app.command(short_help="Validate settings, site, rules; compile with --warm.")(check)


@app.command("rules", context_settings=_FORWARD, add_help_option=False)
def _rules(context: typer.Context) -> Any:
    """The rule pack: show, test, lint, diff, install, export, import."""
    from egresswatch.cli.rules import rules_app

    return rules_app(args=context.args or ["--help"], prog_name="egresswatch rules", standalone_mode=False)


@app.command("policy", context_settings=_FORWARD, add_help_option=False)
def _policy(context: typer.Context) -> Any:
    """What cameras may reach: as firewall list, MUD file, policy."""
    from egresswatch.cli.policy import policy_app

    return policy_app(
        args=context.args or ["--help"], prog_name="egresswatch policy", standalone_mode=False
    )


@app.command("demo", context_settings=_FORWARD, add_help_option=False, hidden=True)
def _demo(context: typer.Context) -> Any:
    """Write the example capture that `make demo` replays."""
    from egresswatch.cli.demo import demo_app

    return demo_app(args=context.args or ["--help"], prog_name="egresswatch demo", standalone_mode=False)


__all__ = ["CommandLineError", "Leave", "Stopped", "app"]
