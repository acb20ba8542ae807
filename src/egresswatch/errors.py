# SPDX-License-Identifier: Apache-2.0
"""Every error egresswatch raises on purpose.

    EgresswatchError            one clear line for standard error; exit status 1
    ├── UsageError              the command line is wrong; exit status 2
    ├── ConfigError             settings, site or inventory file: carries path and line
    ├── RuleError               a rule file: carries path and line
    ├── CaptureError            a capture that cannot be read at all
    └── OutputError             an output that cannot be written

A message says what is wrong, where (``path:line`` or packet number), and what to do or what was
done instead. Damage *inside* a capture is not an error: it is counted in the ledger.
"""

from __future__ import annotations

from pathlib import Path


class EgresswatchError(Exception):
    """Base of all: ``str(error)`` is the line a person reads."""


class UsageError(EgresswatchError):
    """The command line asks for something that does not exist or does not fit together."""


class PlacedError(EgresswatchError):
    """An error with a place: ``path:line: message``; the line is left out when unknown."""

    def __init__(self, message: str, path: Path | str | None = None, line: int | None = None):
        self.message = message
        self.path = str(path) if path is not None else None
        self.line = line
        place = "" if self.path is None else self.path + (f":{line}" if line else "") + ": "
        super().__init__(place + message)


class ConfigError(PlacedError):
    """A settings, site or inventory file that cannot be taken as it is."""


class RuleError(PlacedError):
    """A rule file that cannot be taken as it is."""


class CaptureError(PlacedError):
    """A capture that cannot be read at all (damage further in is counted, not raised)."""


class OutputError(PlacedError):
    """An output file or folder that cannot be written."""
