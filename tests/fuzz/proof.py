# SPDX-License-Identifier: Apache-2.0
"""Runs the whole pipeline over a capture and checks what must hold for any bytes whatever."""

import json
import time
from pathlib import Path
from typing import NamedTuple

import pyarrow.compute as pc
import pyarrow.parquet as pq

from egresswatch.config import load
from egresswatch.pipeline.replay import run
from egresswatch.result import ReplayOptions
from egresswatch.sinks.folder import OUTPUTS

SMALL = ("flow.table_size=4096",)
"""A table of the default size takes longer to lay out than these captures to read."""


class Told(NamedTuple):
    """What a run left behind."""

    ledger: dict
    files: dict[str, bytes]
    alerts: list[dict]
    folder: Path
    seconds: float
    """Processor time."""

    def table(self, name):
        return pq.read_table(self.folder / name)


def replay(path: Path, folder: Path, *settings: str) -> Told:
    """One run, its invariants checked."""
    begun = time.process_time()
    result = run(ReplayOptions((str(path),), load(None, [*SMALL, *settings]), out=folder, force=True))
    seconds = time.process_time() - begun
    files = {name: (folder / name).read_bytes() for name in OUTPUTS}
    ledger = json.loads(files["ledger.json"])
    alerts = [json.loads(line, parse_constant=_refuse) for line in files["alerts.jsonl"].splitlines()]
    json.loads(files["cameras.json"], parse_constant=_refuse)
    assert result.balanced
    _check_ledger(ledger)
    _check_flows(ledger, pq.read_table(folder / "flows.parquet"))
    _check_alerts(alerts)
    return Told(ledger, files, alerts, folder, seconds)


def _check_ledger(ledger: dict) -> None:
    assert ledger["balanced"] is True
    assert ledger["frames_read"] == sum(ledger["buckets"].values())
    assert ledger["frames_read"] == sum(file["frames"] for file in ledger["input_files"])
    assert min(ledger["buckets"].values()) >= 0
    assert ledger["shed"]["parser_errors"] == 0


def _check_flows(ledger: dict, flows) -> None:
    """Records add up to what was accounted; ``(uid, seq)`` is a key; times are in order."""
    def total(*names):
        return sum(pc.sum(flows[name]).as_py() or 0 for name in names)

    assert total("orig_pkts", "resp_pkts") == ledger["buckets"]["accounted"]
    assert total("orig_ip_bytes", "resp_ip_bytes") == ledger["ip_bytes_accounted"]
    keys = flows.select(["uid", "seq"]).group_by(["uid", "seq"], use_threads=False).aggregate([])
    assert len(keys) == len(flows)
    assert pc.all(pc.less_equal(flows["ts"], flows["ts_end"])).as_py() is not False
    for uid, numbers in _numbers(flows).items():
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), uid


def _numbers(flows) -> dict[str, list[int]]:
    """Record numbers by flow, of flows with several records."""
    out: dict[str, list[int]] = {}
    several = flows.filter(pc.greater(flows["seq"], 0))["uid"].unique()
    some = flows.filter(pc.is_in(flows["uid"], value_set=several))
    for uid, seq in zip(some["uid"].to_pylist(), some["seq"].to_pylist(), strict=True):
        out.setdefault(uid, []).append(seq)
    return {uid: sorted(numbers) for uid, numbers in out.items()}


def _check_alerts(alerts: list[dict]) -> None:
    """In the contract's order, each update of a case once."""
    order = [
        (a["@timestamp"], a["rule"]["id"], a["egresswatch"]["alert_uid"], a["egresswatch"]["update"])
        for a in alerts
    ]  # fmt: skip
    assert order == sorted(order)
    assert len({(uid, update) for _, _, uid, update in order}) == len(order)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
