# SPDX-License-Identifier: Apache-2.0
"""The screen of ``dissect``: the alert in its own words, the conversation, what the packets say, and
the timeline. Gets finished facts; every text from packets has been redacted before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from egresswatch.dissect.lookup import MAX_RELATED, Flow, Subject
from egresswatch.dissect.timeline import Reading, Step
from egresswatch.sinks.layout import joined
from egresswatch.sinks.screen import Screen
from egresswatch.sinks.words import count, period, plural, size

_BARS = "▁▂▃▄▅▆▇█"
_STRIP = 60
"""Pieces of time in the activity strip."""
FEWEST_RECORDS = 4
"""A strip of fewer records would only look like knowledge."""


def render(subject: Subject, reading: Reading, packets: int, console: Console) -> None:
    """Print the screen."""
    screen = Screen(console)
    if subject.alert is not None:
        _alert(screen, subject.alert)
        screen.gap()
    _conversation(screen, subject.flow)
    _read(screen, subject.flow, reading)
    if reading.facts:
        _title(screen, "WHAT THE PACKETS SAY")
        for fact in reading.facts:
            screen.paragraph(
                f"{fact.name}: {fact.value}  ({fact.layer}, frame {count(fact.frame)})", " ", "   "
            )
    _title(screen, "  FRAME           AFTER   TIMELINE")
    shown = reading.steps[:packets]
    for step in shown:
        _step(screen, step)
    total = subject.flow.orig_pkts + subject.flow.resp_pkts
    if total > len(shown):
        screen.paragraph(f"… {plural(total - len(shown), 'more packet')} (--packets N shows more)", " ")
    if subject.related:
        _title(screen, "MORE FLOWS OF THIS ALERT")
        more = len(subject.related) - MAX_RELATED
        tail = f", and {count(more)} more in flows.parquet" if more > 0 else ""
        screen.paragraph(", ".join(subject.related[:MAX_RELATED]) + tail, " ")


def _alert(screen: Screen, alert: Mapping[str, Any]) -> None:
    details, rule = alert.get("egresswatch", {}), alert.get("rule", {})
    head = (
        f"Alert {alert['event']['id']}",
        alert["event"].get("severity", ""),
        rule.get("id", ""),
        rule.get("name", ""),
    )
    screen.paragraph(joined(head), style="bold")
    screen.paragraph(str(alert.get("message", "")), " ")
    for title, key in (("Why:", "evidence"), ("Against it:", "counter_evidence")):
        lines = details.get(key) or ()
        for line in lines:
            screen.paragraph(f"{title} {line}", " ", "   ")
    if details.get("remediation") and details["remediation"] not in alert.get("message", ""):
        screen.paragraph(f"To do: {details['remediation']}", " ", "   ")


def _conversation(screen: Screen, flow: Flow) -> None:
    name = joined((flow.proto, flow.service, flow.server_name, flow.platform, _vlan(flow)))
    screen.paragraph(joined((f"Flow {flow.uid}", name)), style="bold")
    screen.paragraph(f"{_end(flow, orig=True)} → {_end(flow, orig=False)}", " ")
    ended = {
        "idle": "went quiet",
        "active": "no packet after the last interim record",
        "end": "closed",
        "eof": "open at the end of the capture",
    }
    how = ended.get(flow.end_reason, flow.end_reason)
    screen.paragraph(joined((period(flow.ts, flow.ts_end), flow.outcome, how, flow.verdict)), " ")
    screen.paragraph(f"→ {plural(flow.orig_pkts, 'packet')}, {size(flow.orig_bytes)} of IP", " ")
    screen.paragraph(f"← {plural(flow.resp_pkts, 'packet')}, {size(flow.resp_bytes)} of IP", " ")
    if len(flow.records) >= FEWEST_RECORDS:
        screen.line((f" → over time {activity(flow)}", ""))


def _read(screen: Screen, flow: Flow, reading: Reading) -> None:
    read = len(reading.steps)
    if reading.complete and read == flow.orig_pkts + flow.resp_pkts:
        what = "every packet"
    else:
        what = f"the first {plural(read, 'packet')}" if not reading.complete else plural(read, "packet")
    screen.paragraph(
        f"Read by tshark {reading.tshark}: {what} · filter: {reading.display_filter}", " ", "   "
    )
    whole = reading.detailed == read
    _title(screen, "LAYERS" if whole else f"LAYERS OF THE FIRST {count(reading.detailed)} PACKETS")
    layers = [f"{layer.name} in {count(layer.packets)}" for layer in reading.layers]
    screen.paragraph(joined(layers) or "none", " ")


def _step(screen: Screen, step: Step) -> None:
    arrow = "→" if step.from_orig else "←"
    style = "" if step.from_orig else "dim"
    after = f"+{step.after / 1e9:.6f}"
    head = f" {step.frame:>7}  {after:>14} {arrow} {step.length:>5} B  {step.protocol:<8} "
    room = max(screen.width - len(head), 24)
    text = step.text if len(step.text) <= room else step.text[: room - 1] + "…"
    screen.line((head, style), (text, style))


def activity(flow: Flow) -> str:
    """Bytes from the originator over the flow's time, as a strip; a record's bytes are spread evenly."""
    span = max(flow.ts_end - flow.ts, 1)
    pieces = [0.0] * _STRIP
    for record in flow.records:
        begin = (record.ts - flow.ts) * _STRIP // span
        end = (record.ts_end - flow.ts) * _STRIP // span
        first, last = min(begin, _STRIP - 1), min(end, _STRIP - 1)
        for index in range(first, last + 1):
            pieces[index] += record.orig_bytes / (last - first + 1)
    return strip(pieces)


def strip(values: Sequence[float]) -> str:
    """A strip of bars; nothing is a dot, something is never nothing."""
    top = max(values, default=0) or 1
    return "".join(
        "·" if value <= 0 else _BARS[min(int(value / top * len(_BARS)), len(_BARS) - 1)] for value in values
    )


def _end(flow: Flow, *, orig: bool) -> str:
    host, port, asset = (
        (flow.orig_h, flow.orig_p, flow.orig_asset) if orig else (flow.resp_h, flow.resp_p, flow.resp_asset)
    )
    text = host if port is None else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"{asset} ({text})" if asset else text


def _vlan(flow: Flow) -> str:
    return "" if flow.vlan is None else f"VLAN {flow.vlan}"


def _title(screen: Screen, text: str) -> None:
    screen.gap()
    screen.line((text, "dim"))
