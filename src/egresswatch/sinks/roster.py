# SPDX-License-Identifier: Apache-2.0
"""The register on a screen: who is there, what it is taken for, how sure, and on which evidence; the same
counted, and against an inventory.

Gets rows in the shape of cameras.json; judges nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from egresswatch.sinks.census import UNKNOWN, counted, listings, of_group, seen, tallies
from egresswatch.sinks.layout import Column, cells, joined, widths
from egresswatch.sinks.screen import Screen
from egresswatch.sinks.words import percent, plural

_COLUMNS = (
    Column("ASSET", 28), Column("ADDRESS", 20), Column("MAC"), Column("VLAN"), Column("ROLE"),
    Column("MAKER AND MODEL", 30, flexible=True), Column("HOW SURE"),
)  # fmt: skip
_EVIDENCE_LINES = 4
_MOST_GROUPS = 8
"""Groups named in the summary; the rest are summed."""
_TITLES = {"maker": "Maker", "jurisdiction": "Country", "site": "Site", "vlan": "VLAN"}
_LIST_LINES = 6


def render(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print the register: counts, then the devices."""
    screen = Screen(console)
    rows = sorted(rows, key=lambda row: not row.get("monitored", True))
    if not rows:
        screen.paragraph("No video device was recognised.", " ")
        return
    _summary(screen, rows)
    _pack(screen, rows)
    screen.gap()
    if not _table(screen, rows):
        for row in rows:
            screen.line((_bullet(row), ""), (_text(row, "asset_id"), "bold"), (f"  {_addresses(row)}", ""))
            facts = (_what(row), _text(row, "role"), _text(row, "mac"), _vlan(row), _sure(row))
            screen.paragraph(" · ".join(filter(None, facts)), "   ")
            _evidence(screen, row)


def _pack(screen: Screen, rows: Sequence[Mapping[str, Any]]) -> None:
    """Which rule pack says so."""
    pack = rows[0].get("rules") if rows else None
    if isinstance(pack, Mapping) and pack.get("version"):
        digest = f", digest {str(pack['digest'])[:12]}" if pack.get("digest") else ""
        screen.paragraph(f"Rules {pack['version']}{digest}.", " ", style="dim")


def render_counts(rows: Sequence[Mapping[str, Any]], by: str, console: Console) -> None:
    """Print how many devices each maker, country, site, VLAN or role has."""
    screen = Screen(console)
    found = tallies(rows, by)
    screen.paragraph(_headline(rows), " ", style="bold")
    if not found:
        return
    _pack(screen, rows)
    screen.gap()
    lines = [
        (
            each.group, str(each.devices),
            ", ".join(plural(number, *_role_words(role)) for role, number in each.roles),
            str(each.listed or ""),
        )
        for each in found
    ]  # fmt: skip
    columns = (
        Column(_TITLES.get(by, by).upper(), 40, flexible=True), Column("DEVICES"), Column("OF THEM", 40),
        Column("LISTED"),
    )  # fmt: skip
    column_widths = widths(columns, lines, screen.width - 1) or [20, 7, 40, 6]
    for line in ([column.title for column in columns], *lines):
        for parts in cells(line, column_widths):
            screen.line((" " + "".join(parts), ""))
    if any(each.listed for each in found):
        screen.gap()
        words = "LISTED: public lists name the maker, its owner or who made the device."
        screen.paragraph(words, " ", style="dim")


def render_comparison(comparison: Mapping[str, Any], console: Console) -> None:
    """Print what an inventory and the wire disagree on."""
    screen = Screen(console)
    screen.paragraph(
        f"{comparison['seen']} of {plural(comparison['listed'], 'listed device')} seen. "
        f"{len(comparison['unknown'])} unknown, {len(comparison['missing'])} missing, "
        f"{len(comparison['different'])} different.",
        " ", style="bold",
    )  # fmt: skip
    for key, title in (
        ("unknown", f"UNKNOWN: seen, but not in {comparison['inventory']}"),
        ("missing", "MISSING: listed, but not seen as a video device"),
        ("different", "DIFFERENT: listed otherwise than seen"),
    ):
        if comparison[key]:
            screen.gap()
            screen.paragraph(title, " ", style="dim")
        for each in comparison[key]:
            brand = " ".join(filter(None, (_text(each, "brand"), _text(each, "model"))))
            facts = (_addresses(each), _text(each, "mac"), _vlan(each), brand, _text(each, "place"))
            screen.line((" ● ", ""), (_text(each, "name") or _text(each, "asset_id"), "bold"))
            screen.paragraph(joined(facts), "   ")
            for line in each["detail"]:
                screen.paragraph(str(line), "     ", "       ", style="dim")
    if comparison["missing"]:
        screen.gap()
        screen.paragraph(
            "Missing says that nothing of it passed the mirror in this time, or that nothing showed what "
            "it is; not that it is gone.",
            " ", style="dim",
        )  # fmt: skip


def _headline(rows: Sequence[Mapping[str, Any]]) -> str:
    here = [row for row in rows if counted(row)]
    roles = Counter(of_group(row, "role") for row in here)
    roles.pop(UNKNOWN["role"], None)
    parts = [plural(number, *_role_words(role)) for role, number in sorted(roles.items())]
    told = f"{plural(len(here), 'video device')} seen" + (f": {', '.join(parts)}." if parts else ".")
    beside = Counter(row.get("role") == "client" for row in rows if seen(row) and not counted(row))
    told += f" {plural(beside[False], 'host')} that may be one." if beside[False] else ""
    told += f" {plural(beside[True], 'client')} of theirs." if beside[True] else ""
    unseen = sum(not seen(row) for row in rows)
    return told + (f" {unseen} listed but not seen." if unseen else "")


def _role_words(role: str) -> tuple[str, str | None]:
    return {"other": ("other", "others"), "vms": ("VMS", "VMS")}.get(role, (role, None))


def _summary(screen: Screen, rows: Sequence[Mapping[str, Any]]) -> None:
    screen.paragraph(_headline(rows), " ", style="bold")
    for by, title in _TITLES.items():
        found = tallies(rows, by)
        if sum(each.devices for each in found) < 2 or [each.group for each in found] == [UNKNOWN[by]]:
            continue
        parts = [f"{each.group} {each.devices}" for each in found[:_MOST_GROUPS]]
        if rest := found[_MOST_GROUPS:]:
            parts.append(f"{len(rest)} more {sum(each.devices for each in rest)}")
        screen.paragraph(f"{title}: {joined(parts, ', ')}", " ", "   ")
    lists = Counter(name for row in rows if counted(row) for name in listings(row))
    if lists:
        screen.paragraph("On public lists, by maker, owner or who made it:", " ")
        for name, number in sorted(lists.items(), key=lambda item: (-item[1], item[0]))[:_LIST_LINES]:
            screen.paragraph(f"{plural(number, 'device')}: {name}", "   ", "     ")
    outside = sum(int(row.get("outside_flows") or 0) for row in rows)
    unnamed = sum(int(row.get("unnamed_flows") or 0) for row in rows)
    if outside:
        share = percent(unnamed / outside)
        flows = plural(outside, "flow")
        screen.paragraph(f"Of {flows} to the outside, {unnamed} without a name ({share}).", " ")


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
            screen.line((_bullet(row) if number == 0 else "   ", ""), (first, "bold"), ("".join(rest), ""))
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
    made = [made for made in row.get("made_by") or () if made.get("name")]
    if made:
        screen.paragraph(f"made by: {', '.join(map(_made, made))}", "     ", "       ", style="dim")
    outside, unnamed = int(row.get("outside_flows") or 0), int(row.get("unnamed_flows") or 0)
    if unnamed:
        share = percent(unnamed / outside)
        text = f"{unnamed} of {plural(outside, 'flow')} to the outside without a name ({share})"
        screen.paragraph(text, "     ", "       ", style="dim")
    for line in row.get("conflicts") or ():
        screen.paragraph(f"but: {line}", "     ", "       ", style="yellow")


def _bullet(row: Mapping[str, Any]) -> str:
    """Full: a video device that was seen; empty: listed only, a client, or perhaps one."""
    return " ● " if counted(row) else " ○ "


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return "" if value is None else str(value)


def _addresses(row: Mapping[str, Any]) -> str:
    addresses = [str(address) for address in row.get("ips") or ()]
    return ", ".join(addresses[:3]) + (f" and {len(addresses) - 3} more" if len(addresses) > 3 else "")


def _what(row: Mapping[str, Any]) -> str:
    brand = _text(row, "brand") or _text(row, "vendor") or "maker unknown"
    country = (row.get("maker") or {}).get("jurisdiction")
    maker = f"{brand} ({country})" if country else brand
    return " ".join(filter(None, (maker, _text(row, "model"), _text(row, "firmware"))))


def _made(made: Mapping[str, Any]) -> str:
    """``Dahua (some recorders, sources: medium)``, ``Hikvision (sources: high, it shows signs of it)``."""
    sure = f"sources: {made['confidence']}" if made.get("confidence") else ""
    facts = (made.get("lines"), sure, "it shows signs of it" if made.get("seen") else "")
    return f"{made['name']} ({', '.join(filter(None, facts))})"


def _vlan(row: Mapping[str, Any]) -> str:
    return f"VLAN {row['vlan']}" if row.get("vlan") is not None else ""


def _sure(row: Mapping[str, Any]) -> str:
    return f"sure: {row['confidence']}" if row.get("confidence") else ""
