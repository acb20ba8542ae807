# SPDX-License-Identifier: Apache-2.0
"""The register counted and as a table for spreadsheets: how many devices by maker, country, site, VLAN, role.

Gets rows in the shape of cameras.json and a comparison as ``enrich.compare`` gives it; judges nothing.
What the wire said is text and stays text: a cell that a spreadsheet would take for a formula is marked.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Row = Mapping[str, Any]

GROUPS = ("maker", "jurisdiction", "site", "vlan", "role")
UNKNOWN = {
    "maker": "maker unknown", "jurisdiction": "country unknown", "site": "no site named",
    "vlan": "no VLAN tag", "role": "role unknown",
}  # fmt: skip
_COLUMNS = (
    "asset_id", "name", "monitored", "site", "vlan", "mac", "ips", "role", "vendor", "brand", "parent",
    "jurisdiction", "made_by", "lists", "model", "firmware", "hostname", "confidence", "first_seen",
    "last_seen", "outside_flows", "unnamed_flows", "blind_name_share", "evidence", "conflicts",
    "rules_version", "rules_digest",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet reads as the beginning of a formula (OWASP, CSV injection)."""


class Tally(NamedTuple):
    """How many devices one group has."""

    group: str
    devices: int
    roles: tuple[tuple[str, int], ...]
    listed: int
    """Of a maker that public lists name, or made by one."""


def seen(row: Row) -> bool:
    """Was it on the wire? A row may stand for a line of the inventory that nobody saw."""
    return row.get("first_seen", "") is not None


def counted(row: Row) -> bool:
    """Is it a video device that was seen? The census also shows clients and what only may be one."""
    return seen(row) and bool(row.get("monitored", True))


def of_group(row: Row, by: str) -> str:
    """The group a device is counted under."""
    maker = row.get("maker") or {}
    value = {
        "maker": maker.get("name") or row.get("brand") or row.get("vendor"),
        "jurisdiction": maker.get("jurisdiction"),
        "vlan": None if row.get("vlan") is None else f"VLAN {row['vlan']}",
    }.get(by, row.get(by))
    return str(value) if value else UNKNOWN[by]


def listings(row: Row) -> tuple[str, ...]:
    """Names of the public lists that name its maker, the maker's owner or who made it."""
    made = [made for made in row.get("made_by") or () if made.get("seen") or not made.get("lines")]
    named = [entry for each in (row.get("maker") or {}, *made) for entry in each.get("lists") or ()]
    return tuple(dict.fromkeys(str(entry["name"]) for entry in named))


def tallies(rows: Iterable[Row], by: str) -> list[Tally]:
    """Video devices that were seen, by group; the largest first, what is unknown last."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if counted(row):
            groups.setdefault(of_group(row, by), []).append(row)
    found = [
        Tally(
            group, len(members),
            tuple(sorted(Counter(of_group(row, "role") for row in members).items())),
            sum(bool(listings(row)) for row in members),
        )
        for group, members in groups.items()
    ]  # fmt: skip
    return sorted(found, key=lambda tally: (tally.group == UNKNOWN[by], -tally.devices, tally.group))


def as_csv(rows: Sequence[Row]) -> str:
    """The whole register, a line a device."""
    return _written(_COLUMNS, (_cells(row) for row in rows))


def tallies_csv(rows: Iterable[Row], by: str) -> str:
    """The counts of ``tallies``."""
    lines = ((each.group, each.devices, each.listed) for each in tallies(rows, by))
    return _written((by, "devices", "on_public_lists"), lines)


def comparison_csv(comparison: Mapping[str, Any]) -> str:
    """What an inventory and the wire disagree on, a line a finding."""
    columns = ("finding", "asset_id", "name", "place", "mac", "ips", "vlan", "detail")
    return _written(
        columns,
        (
            (finding, *(each.get(column) for column in columns[1:-1]), "; ".join(each["detail"]))
            for finding in ("unknown", "missing", "different")
            for each in comparison[finding]
        ),
    )


def tallies_json(rows: Iterable[Row], by: str) -> dict[str, Any]:
    """The counts as an object."""
    return {
        "by": by,
        "counts": [
            {"group": each.group, "devices": each.devices, "roles": dict(each.roles), "listed": each.listed}
            for each in tallies(rows, by)
        ],
    }


def _cells(row: Row) -> list[Any]:
    maker, rules = row.get("maker") or {}, row.get("rules") or {}
    derived = {
        "parent": maker.get("parent"), "jurisdiction": maker.get("jurisdiction"),
        "made_by": [made.get("name") for made in row.get("made_by") or ()], "lists": listings(row),
        "rules_version": rules.get("version"), "rules_digest": rules.get("digest"),
    }  # fmt: skip
    return [derived.get(column, row.get(column)) for column in _COLUMNS]


def _written(columns: Sequence[str], lines: Iterable[Iterable[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in line] for line in lines)
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    text = "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    text = "".join(char if char.isprintable() else "\ufffd" for char in text)
    return f"'{text}" if text.startswith(_FORMULA) else text
