# SPDX-License-Identifier: Apache-2.0
"""The register on a screen: who is there, what it is taken for, how sure, and on which evidence.

Gets rows in the shape of cameras.json; judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from egresswatch.sinks.layout import Column, cells, widths
from egresswatch.sinks.screen import Screen
from egresswatch.sinks.words import plural

_COLUMNS = (
    Column("ASSET", 28), Column("ADDRESS", 20), Column("MAC"), Column("VLAN"), Column("ROLE"),
    Column("MAKER AND MODEL", 30, flexible=True), Column("HOW SURE"),
)  # fmt: skip
_EVIDENCE_LINES = 4


def render(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print the register."""
    screen = Screen(console)
    if not rows:
        screen.paragraph("No video device was recognised.", " ")
        return
    screen.paragraph(f"{plural(len(rows), 'video device')} seen.", " ", style="bold")
    screen.gap()
    if not _table(screen, rows):
        for row in rows:
            screen.line((" ● ", ""), (_text(row, "asset_id"), "bold"), (f"  {_addresses(row)}", ""))
            facts = (_what(row), _text(row, "role"), _text(row, "mac"), _vlan(row), _sure(row))
            screen.paragraph(" · ".join(filter(None, facts)), "   ")
            _evidence(screen, row)


def _table(screen: Screen, rows: Sequence[Mapping[str, Any]]) -> bool:
    """A line an asset; False, and nothing printed, when the screen is too narrow for it."""
    lines = [
        (
            _text(row, "asset_id"), _addresses(row), _text(row, "mac"), _text(row, "vlan"),
            _text(row, "role"), _what(row), _text(row, "confidence"),
        )
        for row in rows
    ]  # fmt: skip
    column_widths = widths(_COLUMNS, lines, screen.width - 3)
    if column_widths is None:
        return False
    for header in cells([column.title for column in _COLUMNS], column_widths):
        screen.line(("   " + "".join(header), "dim"))
    for row, line in zip(rows, lines, strict=True):
        for number, (first, *rest) in enumerate(cells(line, column_widths)):
            screen.line((" ● " if number == 0 else "   ", ""), (first, "bold"), ("".join(rest), ""))
        _evidence(screen, row)
    return True


def _evidence(screen: Screen, row: Mapping[str, Any]) -> None:
    evidence = [str(line) for line in row.get("evidence") or ()]
    for line in evidence[:_EVIDENCE_LINES]:
        screen.paragraph(line, "     ", "       ", style="dim")
    if len(evidence) > _EVIDENCE_LINES:
        screen.paragraph(
            f"and {plural(len(evidence) - _EVIDENCE_LINES, 'more piece')} of evidence", "     ", style="dim"
        )
    for line in row.get("conflicts") or ():
        screen.paragraph(f"but: {line}", "     ", "       ", style="yellow")


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return "" if value is None else str(value)


def _addresses(row: Mapping[str, Any]) -> str:
    addresses = [str(address) for address in row.get("ips") or ()]
    return ", ".join(addresses[:3]) + (f" and {len(addresses) - 3} more" if len(addresses) > 3 else "")


def _what(row: Mapping[str, Any]) -> str:
    maker = _text(row, "brand") or _text(row, "vendor") or "maker unknown"
    return " ".join(filter(None, (maker, _text(row, "model"), _text(row, "firmware"))))


def _vlan(row: Mapping[str, Any]) -> str:
    return f"VLAN {row['vlan']}" if row.get("vlan") is not None else ""


def _sure(row: Mapping[str, Any]) -> str:
    return f"sure: {row['confidence']}" if row.get("confidence") else ""
