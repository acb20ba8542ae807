# SPDX-License-Identifier: Apache-2.0
"""cameras.json of an output folder, read back: rows of the shape that replay writes, or one line why not.

Owns the shape that the commands rely on. Keys that it does not know are kept, those of an older
egresswatch may be missing; nothing is repaired.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NotRequired, Required, TypedDict

from egresswatch.errors import EgresswatchError


class Listed(TypedDict, total=False):
    """A public list that names a company."""

    name: Required[str]
    reference: str
    names: str


class Company(TypedDict, total=False):
    """``maker`` of a row."""

    id: str | None
    name: str | None
    parent: str | None
    jurisdiction: str | None
    lists: list[Listed]


class Made(Company, total=False):
    """One of ``made_by``."""

    lines: str | None
    confidence: str
    seen: bool


class Rules(TypedDict, total=False):
    """The pack that said so."""

    version: str
    digest: str


class Row(TypedDict):
    """A device, as far as listing, counting and comparing look at it."""

    asset_id: str
    ips: NotRequired[list[str]]
    evidence: NotRequired[list[str]]
    conflicts: NotRequired[list[str]]
    vlan: NotRequired[int | None]
    monitored: NotRequired[bool]
    outside_flows: NotRequired[int]
    unnamed_flows: NotRequired[int]
    blind_name_share: NotRequired[float | None]
    maker: NotRequired[Company | None]
    made_by: NotRequired[list[Made]]
    name: NotRequired[str | None]
    mac: NotRequired[str | None]
    role: NotRequired[str | None]
    vendor: NotRequired[str | None]
    brand: NotRequired[str | None]
    model: NotRequired[str | None]
    firmware: NotRequired[str | None]
    hostname: NotRequired[str | None]
    confidence: NotRequired[str | None]
    site: NotRequired[str | None]
    first_seen: NotRequired[str | None]
    last_seen: NotRequired[str | None]
    rules: NotRequired[Rules]


def read_register(path: Path) -> list[dict[str, Any]]:
    """The rows of a cameras.json. Raises EgresswatchError."""
    import msgspec

    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        checked = msgspec.convert(rows, list[Row])
    except OSError as error:
        raise EgresswatchError(f"{path}: cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise _none(path, "nested deeper than any register") from error
    except ValueError as error:  # no JSON, no UTF-8, or another shape
        raise _none(path, str(error)) from error
    for number, row in enumerate(checked):
        if not 0 <= row.get("unnamed_flows", 0) <= row.get("outside_flows", 0):
            raise _none(path, f"more flows without a name than flows to the outside - at `$[{number}]`")
    return list(rows)


def _none(path: Path, why: str) -> EgresswatchError:
    return EgresswatchError(f"{path}: is not the register that replay writes: {why}")
