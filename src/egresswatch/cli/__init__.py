# SPDX-License-Identifier: Apache-2.0
"""The command line: reads arguments, calls one stage, prints, and turns every outcome into an exit
status. Nothing heavy (numba, pandas, pyarrow, pyshark) is imported before a command needs it.

    0  done, also when alerts were raised and for an empty capture
    1  not done, or not for every input: one line on standard error per cause
    2  wrong usage
    3  only with --fail-on: an alert of that severity or above
    130, 143  stopped by SIGINT, SIGTERM
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from egresswatch.cli.lean import collect_seldom
from egresswatch.errors import EgresswatchError, UsageError

FAILED, USAGE, ALERT = 1, 2, 3
STOPPED = 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point of the ``egresswatch`` command."""
    collect_seldom()
    for stream in (sys.stdout, sys.stderr):
        # a terminal that cannot show a mark gets "?" instead of a traceback
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """The command's exit status; every message has been printed."""
    from egresswatch.cli.app import CommandLineError, Leave, Stopped, app

    try:
        status = app(args=arguments, prog_name="egresswatch", standalone_mode=False)
        sys.stdout.flush()
        if status == STOPPED:  # newer releases of typer give this for a KeyboardInterrupt
            return _stopped()
        return status if isinstance(status, int) else 0
    except CommandLineError as error:
        return _usage(error)
    except UsageError as error:
        complain(str(error))
        return USAGE
    except EgresswatchError as error:
        complain(str(error))
        return FAILED
    except Leave as leave:
        return int(leave.exit_code)
    except BrokenPipeError:
        # the reader (head, less) has gone: silence what the interpreter would flush on its way out
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (KeyboardInterrupt, Stopped):
        return _stopped()
    except MemoryError:
        return _memory()
    except OSError as error:  # what nobody closer has explained: a full disk, a lost mount
        if error.errno == errno.ENOMEM:
            return _memory()
        where = f"{error.filename}: " if error.filename else ""
        complain(f"{where}{error.strerror or error}.")
        return FAILED


def complain(message: str) -> None:
    """One cause, one line on standard error; an error that holds several causes has one a line."""
    for line in message.splitlines():
        print(f"egresswatch: {line}", file=sys.stderr)


def _usage(error: Exception) -> int:
    """A mistake in the command line, told in one line with the way to the help."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        print(context.get_help(), file=sys.stderr)
        return USAGE
    message = getattr(error, "format_message", error.__str__)().rstrip(".")
    path = context.command_path if context is not None else "egresswatch"
    complain(f"{message}{'' if message.endswith('?') else '.'} See: {path} --help")
    return USAGE


def _memory() -> int:
    complain("not enough memory. Smaller tables (flow.table_size, output.max_held_rows) need less.")
    return FAILED


def _stopped() -> int:
    complain("stopped. What was not finished is not there.")
    return STOPPED


def _terminated(number: int, _frame: object) -> NoReturn:
    complain("stopped by SIGTERM. What was not finished is not there.")
    raise SystemExit(128 + number)
