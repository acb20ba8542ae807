# SPDX-License-Identifier: Apache-2.0
"""Who each camera talked to, summed over the flow records of an output folder."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egresswatch.analysis.load import load
from egresswatch.analysis.observed import conversations
from egresswatch.errors import EgresswatchError
from egresswatch.sinks.ledger import write_cameras, write_ledger
from egresswatch.sinks.parquet import FLOW_SCHEMA, FlowWriter

PLAIN = {
    "proto": "tcp", "outcome": "answered", "direction": "outbound", "verdict": "unknown",
    "orig_h": "10.0.0.9",
    "resp_h": "203.0.113.5", "resp_p": 443, "orig_asset": "cam-1", "server_name": "a.example", "seq": 0,
    "orig_ip_bytes": 10, "resp_ip_bytes": 5, "ts_end": 7,
}  # fmt: skip


@pytest.fixture
def written(tmp_path):
    """A function: flow rows to the conversations of a folder that holds them."""

    def write(*rows):
        columns = {}
        for field in FLOW_SCHEMA:
            empty = (
                []
                if field.name == "rule_ids"
                else None
                if field.nullable
                else ""
                if field.type == "string"
                else 0
            )
            values = [(PLAIN | row).get(field.name, empty) for row in rows]
            numeric = not field.nullable and empty == 0
            columns[field.name] = (
                np.array(values, np.uint64 if "uint64" in str(field.type) else np.int64)
                if numeric
                else values
            )
        writer = FlowWriter(tmp_path / "flows.parquet")
        writer.write(columns)
        writer.close()
        write_cameras(tmp_path / "cameras.json", [{"asset_id": "cam-1"}])
        write_ledger(tmp_path / "ledger.json", {})
        return conversations(load(tmp_path))

    return write


def test_records_of_one_conversation_are_summed(written):
    """Bytes over all records, flows once each, the last time."""
    (row,) = written({}, {"seq": 1, "ts_end": 9}, {"orig_ip_bytes": 2**62})
    assert (row["flows"], row["bytes"], row["last"]) == (2, 2**62 + 35, 9)
    assert (row["camera"], row["address"], row["peer"], row["port"], row["name"], row["by_camera"]) == (
        "cam-1", "10.0.0.9", "203.0.113.5", 443, "a.example", True,
    )  # fmt: skip


def test_what_others_begin_is_told_from_the_cameras_side(written):
    """The port stays the service's, and a name that others used for it is none of its peers'."""
    (row,) = written(
        {"orig_asset": "host-1", "resp_asset": "cam-1", "orig_h": "10.0.0.2", "resp_h": "10.0.0.9"}
    )
    assert (row["peer"], row["address"], row["port"], row["by_camera"], row["name"]) == (
        "10.0.0.2", "10.0.0.9", 443, False, "",
    )  # fmt: skip


def test_hosts_that_are_no_cameras_are_left_out(written):
    """Only assets of the register."""
    assert written({"orig_asset": "host-1"}, {"orig_asset": None}) == []


def test_rows_come_in_a_fixed_order(written):
    """Whatever the order of the flows; no port is 0."""
    rows = written({"resp_h": "203.0.113.9"}, {}, {"proto": "icmp", "resp_p": None})
    assert [(row["peer"], row["proto"], row["port"]) for row in rows] == [
        ("203.0.113.5", "icmp", 0), ("203.0.113.5", "tcp", 443), ("203.0.113.9", "tcp", 443),
    ]  # fmt: skip


def test_a_table_of_something_else_is_told(written, tmp_path):
    """Columns are missing, or hold other things."""
    written({})
    file = tmp_path / "flows.parquet"
    whole = pq.read_table(file).to_pydict()
    for columns in ({"ts": [1]}, {**whole, "orig_ip_bytes": ["x"]}):
        pq.write_table(pa.table(columns), file)
        with pytest.raises(EgresswatchError, match=r"flows\.parquet: is not the table that replay writes"):
            conversations(load(tmp_path))
