# SPDX-License-Identifier: Apache-2.0
"""The verdict screen of a replay: the answer first, then who, what, where to, since when, how sure,
then what was not seen, then where the files are.

Gets a finished ``ReplayResult``; judges nothing. The text is the same with and without a terminal:
colour only repeats what words and marks already say. Where a table does not fit, each camera gets a
block of lines instead, so that no destination is cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console

from egresswatch.records import SEVERITIES
from egresswatch.result import AssetLine, ReplayResult
from egresswatch.sinks.layout import Column, cells, joined, widths
from egresswatch.sinks.screen import Screen
from egresswatch.sinks.words import GLUE, count, percent, period, plural, since, size

MAX_LINES = 40
"""Findings shown; the rest is named as a number (the files and ``--json`` have all)."""
_MARKS = {
    "egress": ("●", "bold red"), "blocked": ("○", "yellow"), "denied": ("◐", "yellow"),
    "undecided": ("?", "cyan"),
}  # fmt: skip
_COLUMNS = (
    Column("CAMERA", 28), Column("MAKER", 18), Column("WHAT LEFT", 22), Column("TO", flexible=True),
    Column("SINCE"), Column("HOW SURE"),
)  # fmt: skip


def render(result: ReplayResult, console: Console) -> None:
    """Print the screen."""
    screen = Screen(console)
    screen.paragraph(joined(_header(result)), style="dim")
    screen.paragraph(joined(_account(result)), style="dim")
    screen.gap()
    answer, style = _answer(result)
    screen.paragraph(answer, " ", style=style)
    findings = [asset for state in _MARKS for asset in result.assets if asset.state == state]
    if findings:
        screen.gap()
        shown = findings[:MAX_LINES]
        if not _table(screen, result, shown):
            _blocks(screen, result, shown)
        if len(findings) > len(shown):
            screen.paragraph(f"… and {count(len(findings) - len(shown))} more: {_where_all(result)}", " ")
    screen.gap()
    for line in _closing(result, findings):
        screen.paragraph(line, " ", "   ")


def _header(result: ReplayResult) -> tuple[str, ...]:
    rules = f"rules {result.rules_version} ({count(result.rules_count)}, {result.rules_digest[:12]})"
    return f"egresswatch {result.version}", rules, result.site, "clock: packet time, UTC"


def _account(result: ReplayResult) -> tuple[str, ...]:
    if not result.packets:
        return ("no packet was read",)
    frames = "every frame accounted" if result.balanced else "THE LEDGER DOES NOT BALANCE: please report this"
    return period(result.first_ts, result.last_ts), plural(result.packets, "packet"), frames


def _answer(result: ReplayResult) -> tuple[str, str]:
    """The sentence everything else explains, and its colour."""
    total, egress = len(result.assets), result.count("egress")
    if not total:
        if not result.packets:
            return "No packet was read: nothing can be said about any camera.", "yellow"
        hosts = f"among {plural(result.inside_hosts, 'inside host')} " if result.inside_hosts else ""
        hint = "" if result.policy else " A site file (--site) or an inventory (enrich.cameras) names them."
        maybe = sum(not row.get("monitored", True) and row.get("role") == "other" for row in result.register)
        perhaps = f"; {maybe} may be one (`egresswatch cameras` tells why)" if maybe else ""
        return f"No camera was recognised {hosts}in this capture{perhaps}.{hint}", "yellow"
    blocked, denied, inside, undecided = (
        result.count(state) for state in ("blocked", "denied", "inside", "undecided")
    )
    if total == 1:
        only = result.assets[0]
        sentence = {
            "egress": "The 1 camera seen sent data outside.",
            "blocked": "The 1 camera seen was blocked while trying to send data outside.",
            "denied": "The 1 camera seen stayed inside, but against the policy.",
            "inside": "The 1 camera seen stayed inside.",
            "undecided": "The 1 camera seen cannot be judged: too much was unseen.",
        }[only.state]
    else:
        parts = [f"{count(egress) if egress else 'None'} of {plural(total, 'camera')} sent data outside."]
        if blocked:
            parts.append(f"{count(blocked)} {'was' if blocked == 1 else 'were'} blocked while trying.")
        if denied:
            parts.append(f"{count(denied)} stayed inside, but against the policy.")
        parts += [f"{count(inside)} stayed inside.", f"{count(undecided)} undecided."]
        sentence = " ".join(parts)
    style = "bold red" if egress else "bold yellow" if blocked or denied or undecided else "bold green"
    return sentence, style


def _what(asset: AssetLine) -> str:
    if asset.state == "blocked":
        return "nothing (blocked)"
    if asset.state == "undecided":
        return "undecided" + (f": {asset.what}" if asset.what else "")
    if asset.state == "denied":
        return f"{size(asset.bytes_out)} inside" if asset.bytes_out else "nothing (blocked inside)"
    return f"{size(asset.bytes_out)} {asset.what}".rstrip()


def _where(asset: AssetLine) -> str:
    parts = [asset.to or "destination without a name"]
    if asset.more:
        parts.append(f"and {count(asset.more)} more".replace(" ", GLUE))
    if asset.attempts:
        parts.append(plural(asset.attempts, "attempt").replace(" ", GLUE))
    return ", ".join(parts) if asset.to or asset.state != "undecided" else ""


def _sure(asset: AssetLine) -> str:
    return f"{asset.confidence:<6} {asset.rule_id}".strip()


def _table(screen: Screen, result: ReplayResult, assets: Sequence[AssetLine]) -> bool:
    """A row a finding; False, and nothing printed, when the screen is too narrow for it."""
    rows = [
        (
            f"{asset.asset_id}  {asset.ip}", asset.maker or "unknown", _what(asset), _where(asset),
            since(asset.since, result.first_ts, result.last_ts), _sure(asset).replace(" ", GLUE),
        )
        for asset in assets
    ]  # fmt: skip
    column_widths = widths(_COLUMNS, rows, screen.width - 3)
    if column_widths is None:
        return False
    for line in cells([column.title for column in _COLUMNS], column_widths):
        screen.line(("   " + "".join(line), "dim"))
    for asset, row in zip(assets, rows, strict=True):
        mark, style = _MARKS[asset.state]
        for number, (first, *rest) in enumerate(cells(row, column_widths)):
            screen.line((f" {mark if number == 0 else ' '} ", style), (first, "bold"), ("".join(rest), ""))
    return True


def _blocks(screen: Screen, result: ReplayResult, assets: Sequence[AssetLine]) -> None:
    """Three lines a finding, for a narrow screen."""
    for asset in assets:
        mark, style = _MARKS[asset.state]
        maker = asset.maker or "maker unknown"
        screen.line((f" {mark} ", style), (f"{asset.asset_id}  {asset.ip}", "bold"), (f"  {maker}", ""))
        to = _where(asset)
        screen.paragraph(f"{_what(asset)}{' → ' + to if to else ''}", "   ", "     ")
        began = since(asset.since, result.first_ts, result.last_ts)
        sure = f"sure: {asset.confidence}" if asset.confidence else ""
        last = joined((f"since {began}" if began else "", sure, asset.rule_id))
        if last:
            screen.paragraph(last, "   ")


def _closing(result: ReplayResult, findings: list[AssetLine]) -> Iterator[str]:
    if result.packets:
        yield " ".join(
            filter(None, (_not_seen(result), f"Mirror: {result.mirror}." if result.mirror else ""))
        )
    if result.errors:
        yield f"Not read: {plural(len(result.errors), 'input')} (told above); the answer is without them."
    if result.warnings:
        yield f"Damaged: {plural(len(result.warnings), 'input')} (told above), read up to the damage."
    if result.limits:
        yield f"Not complete, tables were full: {', '.join(result.limits)}."
    if result.alerts:
        counts = [
            f"{count(result.alerts_by_severity[name])} {name}"
            for name in reversed(SEVERITIES)
            if result.alerts_by_severity.get(name)
        ]
        yield f"Alerts: {', '.join(counts)}."
    if result.out is None:
        yield "Nothing was written (--out DIR writes flows, sightings, cameras, alerts and the ledger)."
        return
    folder = result.out.rstrip("/") + "/"
    yield f"Outputs: {folder} (flows, sightings, cameras, {plural(result.alerts, 'alert')}, ledger)"
    explained = next((asset.alert_uid for asset in findings if asset.alert_uid), "")
    if explained:
        yield f"One alert explained: egresswatch dissect {explained} {result.out}"


def _not_seen(result: ReplayResult) -> str:
    if not result.assets:
        return ""
    if not result.missed_bytes:
        return "Not seen: no gap was found in what the cameras sent."
    whose = "over all cameras" if len(result.assets) > 1 else "of this camera"
    return f"Not seen: {percent(result.missed_ratio)} of bytes (≤ {size(result.missed_bytes)} {whose})."


def _where_all(result: ReplayResult) -> str:
    return f"see {result.out}/alerts.jsonl" if result.out else "see --json or --out"
