# SPDX-License-Identifier: Apache-2.0
"""``egresswatch.load(DIR)``: a replay's output folder as pandas data frames with right types.

Reads, never writes. A table is read when it is first asked for and kept. Times are
``datetime64[ns, UTC]``, counts are integers (nullable where the contract allows null), text is
``str``, ``rule_ids`` holds lists.

Which camera sent how much to which platform, worst first::

    >>> import egresswatch
    >>> run = egresswatch.load("case-0412")                                   # doctest: +SKIP
    >>> out = run.flows[run.flows["direction"] == "outbound"]                 # doctest: +SKIP
    >>> sent = out.groupby(["orig_asset", "platform"])["orig_ip_bytes"].sum() # doctest: +SKIP
    >>> sent.sort_values(ascending=False).head(3)                             # doctest: +SKIP
    orig_asset        platform
    hikvision-3fa2c1  hikvision/hik-connect    1931000000
    dahua-91c2de      dahua/easy4ip              38000000
    Name: orig_ip_bytes, dtype: uint64

Interim records of a long flow are rows of their own with their own counts, so sums are exact;
``(uid, seq)`` is the key. Alerts carry every update line; ``run.cases`` keeps the last of each.
"""

from __future__ import annotations

import json
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from egresswatch.errors import EgresswatchError

_ALERT_TIMES = ("@timestamp", "egresswatch.first_seen", "egresswatch.last_seen")
_NULLABLE = {pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype(),
             pa.uint32(): pd.UInt32Dtype(), pa.uint64(): pd.UInt64Dtype()}  # fmt: skip


class Run:
    """One replay's outputs. Make it with ``egresswatch.load``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"<egresswatch run in {self.folder}>"

    @cached_property
    def flows(self) -> pd.DataFrame:
        """A row per flow record (docs/columns.md)."""
        return self._table("flows.parquet")

    @cached_property
    def sightings(self) -> pd.DataFrame:
        """A row per thing read on the wire: ts, uid, kind, value, detail, asset."""
        return self._table("sightings.parquet")

    @cached_property
    def neighbours(self) -> pd.DataFrame:
        """A row per thing that ARP, IPv6 neighbour messages, LLDP or CDP said: frames outside all flows."""
        return self._table("neighbours.parquet")

    @cached_property
    def alerts(self) -> pd.DataFrame:
        """A row per alert line; nested ECS objects become dotted columns (``source.ip``)."""
        lines = self._text("alerts.jsonl").split("\n")
        frame = pd.json_normalize([self._json("alerts.jsonl", dict, line) for line in lines if line])
        if not len(frame.columns):
            frame = pd.DataFrame(columns=["@timestamp", "event.id", "rule.id"])
        for column in _ALERT_TIMES:
            if column in frame:
                frame[column] = pd.to_datetime(frame[column], utc=True, format="ISO8601").dt.as_unit("ns")
        return frame

    @cached_property
    def cases(self) -> pd.DataFrame:
        """The last line of every alert: one row per ``event.id``."""
        return self.alerts.drop_duplicates("event.id", keep="last").reset_index(drop=True)

    @cached_property
    def cameras(self) -> pd.DataFrame:
        """The register: a row per asset; ``ips``, ``evidence`` and ``conflicts`` hold lists."""
        rows = self._json("cameras.json", list)
        if not all(isinstance(row, dict) and "asset_id" in row for row in rows):
            raise self._other("cameras.json", "a list of assets was expected")
        return pd.DataFrame(rows, columns=None if rows else ["asset_id"])

    @cached_property
    def ledger(self) -> dict[str, Any]:
        """The account of every frame, as written."""
        document: dict[str, Any] = self._json("ledger.json", dict)
        return document

    def _table(self, name: str) -> pd.DataFrame:
        try:
            table = pq.read_table(self._path(name))
        except (OSError, ValueError) as error:
            raise EgresswatchError(f"{self.folder / name}: cannot be read: {error}") from error
        frame = table.to_pandas()
        for field in table.schema:
            if field.nullable and field.type in _NULLABLE:
                # plain pandas would make floats of a column with nulls
                frame[field.name] = table.column(field.name).to_pandas(types_mapper=_NULLABLE.get)
        return frame

    def _text(self, name: str) -> str:
        try:
            return self._path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise EgresswatchError(f"{self.folder / name}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise self._other(name, "it is not UTF-8 text") from error

    def _json(self, name: str, kind: type, text: str | None = None) -> Any:
        """A document of this kind: the file's, or one of its lines."""
        try:
            document = json.loads(self._text(name) if text is None else text)
        except (ValueError, RecursionError) as error:
            raise self._other(name, f"not JSON: {error}") from error
        if not isinstance(document, kind):
            raise self._other(name, f"a JSON {'list' if kind is list else 'object'} was expected")
        return document

    def _other(self, name: str, why: str) -> EgresswatchError:
        return EgresswatchError(f"{self.folder / name}: is not what replay --out wrote: {why}")

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            raise EgresswatchError(f"{path}: is not there. Is {self.folder} what replay --out wrote?")
        return path


def load(folder: str | PathLike[str]) -> Run:
    """The outputs in ``folder``; an EgresswatchError says so when it is not an output folder."""
    path = Path(folder)
    if not (path / "ledger.json").exists():
        raise EgresswatchError(f"{path}: no ledger.json is there. Is it what replay --out wrote?")
    return Run(path)
