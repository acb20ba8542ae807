# SPDX-License-Identifier: Apache-2.0
"""From an identifier that a person copied to the flow behind it, out of a replay's output folder.

Reads alerts.jsonl, flows.parquet and ledger.json; an identifier may be cut short as long as it
means one thing only. Knows no packet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egresswatch.errors import EgresswatchError, UsageError
from egresswatch.result import INPUT_FILES

SHORTEST = 4
"""Characters of an identifier that must be given."""
MAX_RELATED = 12
"""Further flows of an alert that are named."""
_COLUMNS = (
    "uid", "seq", "ts", "ts_end", "vlan", "orig_h", "orig_p", "resp_h", "resp_p", "proto",
    "orig_pkts", "resp_pkts", "orig_ip_bytes", "resp_ip_bytes", "end_reason", "outcome",
    "service", "server_name", "orig_asset", "resp_asset", "platform", "verdict", "rule_ids",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """One row of the flow: when, and IP bytes from originator and responder."""

    ts: int
    ts_end: int
    orig_bytes: int
    resp_bytes: int


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow with all its records together."""

    uid: str
    proto: str
    orig_h: str
    orig_p: int | None
    resp_h: str
    resp_p: int | None
    vlan: int | None
    orig_pkts: int
    resp_pkts: int
    orig_asset: str
    resp_asset: str
    service: str
    server_name: str
    platform: str
    verdict: str
    outcome: str
    end_reason: str
    records: tuple[Record, ...]

    @property
    def ts(self) -> int:
        return min(record.ts for record in self.records)

    @property
    def ts_end(self) -> int:
        return max(record.ts_end for record in self.records)

    @property
    def orig_bytes(self) -> int:
        return sum(record.orig_bytes for record in self.records)

    @property
    def resp_bytes(self) -> int:
        return sum(record.resp_bytes for record in self.records)


@dataclass(frozen=True, slots=True)
class Subject:
    """What an identifier means: a flow, and the alert when it named one."""

    flow: Flow
    alert: Mapping[str, Any] | None = None
    related: tuple[str, ...] = ()
    """Identifiers of further flows of the same alert."""


def find(folder: Path, identifier: str) -> Subject:
    """The alert or flow that ``identifier`` (or its beginning) names in an output folder."""
    if len(identifier) < SHORTEST:
        raise UsageError(
            f"{identifier!r} is too short: give at least {SHORTEST} characters of an alert or flow uid"
        )
    alert = _alert(folder / "alerts.jsonl", identifier)
    if alert is None:
        return Subject(_flow(folder, identifier, exact=False))
    details = alert.get("egresswatch", {})
    flow_uid = details.get("flow_uid", "")
    if not flow_uid:
        raise EgresswatchError(
            f"alert {identifier}: names no flow; look at its line in {folder / 'alerts.jsonl'}"
        )
    return Subject(_flow(folder, flow_uid, exact=True), alert, _related(folder, alert, flow_uid))


def captures(folder: Path) -> tuple[str, ...]:
    """The captures the replay read, as its ledger tells."""
    path = folder / "ledger.json"
    try:
        ledger = json.loads(path.read_text(encoding="utf-8"))
        return tuple(str(entry["path"]) for entry in ledger[INPUT_FILES])
    except OSError as error:
        raise EgresswatchError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EgresswatchError(f"{path}: is not a ledger that replay wrote ({error})") from error


def _alert(path: Path, identifier: str) -> Mapping[str, Any] | None:
    """The last line of the alert; None when no alert begins so."""
    found: dict[str, Mapping[str, Any]] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                alert = json.loads(line)
                uid = alert["event"]["id"]
                if uid.upper().startswith(identifier.upper()):
                    found[uid] = alert
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EgresswatchError(f"{path}: is not what replay wrote ({error})") from error
    _only_one(identifier, found)
    return next(iter(found.values()), None)


def _flow(folder: Path, identifier: str, *, exact: bool) -> Flow:
    rows = _rows(folder, {"uid"})
    uids = {uid for uid in rows["uid"] if (uid == identifier if exact else uid.startswith(identifier))}
    _only_one(identifier, uids)
    if not uids:
        raise EgresswatchError(f"{identifier}: no alert and no flow of {folder} has this uid")
    return _built(_rows(folder, set(_COLUMNS), [("uid", "==", uids.pop())]))


def _related(folder: Path, alert: Mapping[str, Any], flow_uid: str) -> tuple[str, ...]:
    """Other flows of the asset on which the alert's rule fired, or to its destination; earliest first."""
    asset, rule = alert["egresswatch"].get("asset_id"), alert.get("rule", {}).get("id")
    remote = alert.get("destination", {}).get("ip")
    wanted = ("uid", "ts", "orig_h", "resp_h", "orig_asset", "resp_asset", "rule_ids")
    rows = _rows(folder, set(wanted))
    hits: dict[str, int] = {}
    for uid, ts, orig_h, resp_h, orig, resp, rules in zip(*(rows[name] for name in wanted), strict=True):
        of_case = rule in rules or remote in (orig_h, resp_h)
        if of_case and asset in (orig, resp) and uid != flow_uid:
            hits[uid] = min(ts, hits.get(uid, ts))
    return tuple(sorted(hits, key=lambda uid: (hits[uid], uid)))


def _rows(folder: Path, columns: set[str], filters: Any = None) -> dict[str, list[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "flows.parquet"
    try:
        table = pq.read_table(path, columns=[name for name in _COLUMNS if name in columns], filters=filters)
    except (OSError, ValueError) as error:
        raise EgresswatchError(f"{path}: cannot be read as flows of a replay ({error})") from error
    for name in ("ts", "ts_end"):
        if name in table.column_names:
            index = table.column_names.index(name)
            table = table.set_column(index, name, table.column(name).cast(pa.int64()))
    rows: dict[str, list[Any]] = table.to_pydict()
    return rows


def _built(rows: Mapping[str, list[Any]]) -> Flow:
    """One flow out of its records; what can change while it lives is taken from the last one."""
    order = sorted(range(len(rows["seq"])), key=lambda index: rows["seq"][index])
    last = {name: values[order[-1]] for name, values in rows.items()}
    texts = ("orig_asset", "resp_asset", "service", "server_name", "platform")
    facts: dict[str, Any] = {name: last[name] or "" for name in texts}
    for name in (
        "uid",
        "proto",
        "orig_h",
        "orig_p",
        "resp_h",
        "resp_p",
        "vlan",
        "verdict",
        "outcome",
        "end_reason",
    ):
        facts[name] = last[name]
    return Flow(
        **facts,
        orig_pkts=sum(rows["orig_pkts"]),
        resp_pkts=sum(rows["resp_pkts"]),
        records=tuple(
            Record(*(rows[name][index] for name in ("ts", "ts_end", "orig_ip_bytes", "resp_ip_bytes")))
            for index in order
        ),
    )


def _only_one(identifier: str, found: Mapping[str, Any] | set[str]) -> None:
    if len(found) > 1:
        raise UsageError(f"{identifier} could mean {', '.join(sorted(found)[:4])}: give more characters")
