# SPDX-License-Identifier: Apache-2.0
"""ledger.json and cameras.json: small JSON documents for people and programs.

Two spaces of indent, keys in the order given, a newline at the end, no NaN. The files appear whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from egresswatch.errors import OutputError
from egresswatch.sinks.folder import appear, temporary


def write_ledger(path: Path, ledger: Mapping[str, Any]) -> None:
    """Write the account of every frame."""
    _write(path, dict(ledger))


def write_cameras(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the register: one object an asset, in the order given."""
    _write(path, [dict(row) for row in rows])


def dumps(document: Any) -> str:
    """The text form: readable, with a newline at the end."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _write(path: Path, document: Any) -> None:
    # a lone surrogate (a file name that is not UTF-8) becomes its JSON escape instead of an error
    data = dumps(document).encode("utf-8", "backslashreplace")
    try:
        temporary(path).write_bytes(data)
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", path) from error
    appear(path)
