# SPDX-License-Identifier: Apache-2.0
"""alerts.jsonl: one JSON object a line, in the order given.

Gets dicts (``sinks.ecs.ecs`` makes them) and keeps their key order. The file appears whole at
``close``; also when no alert was raised, because an absent file would not say "none".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from egresswatch.errors import OutputError
from egresswatch.sinks.folder import appear, temporary

_ENCODER = msgspec.json.Encoder()


class AlertWriter:
    """Writes alert lines; ``lines`` counts them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        try:
            self._file = temporary(path).open("wb")
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror}", path) from error

    def write(self, alert: Mapping[str, Any]) -> None:
        """Append one alert."""
        try:
            self._file.write(_ENCODER.encode(alert) + b"\n")
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror}", self.path) from error
        self.lines += 1

    def close(self) -> None:
        """Finish: the file appears under its name."""
        try:
            self._file.close()
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror}", self.path) from error
        appear(self.path)

    def abandon(self) -> None:
        """Give up: nothing stays behind."""
        self._file.close()
        temporary(self.path).unlink(missing_ok=True)
