# SPDX-License-Identifier: Apache-2.0
"""egresswatch.load: data frames with right types, read when asked for, also when nothing is in them."""

import numpy as np
import pandas as pd
import pytest

import egresswatch
from egresswatch.errors import EgresswatchError
from egresswatch.sinks.jsonl import AlertWriter
from egresswatch.sinks.ledger import write_cameras, write_ledger
from egresswatch.sinks.parquet import FLOW_SCHEMA, FlowWriter, SightingWriter

NS = 1_000_000_000
ALERT = {
    "@timestamp": "2026-11-16T00:00:03.000000007Z",
    "event": {"id": "A1"},
    "rule": {"id": "EW-HIK-0031"},
    "source": {"ip": "10.20.0.13"},
    "egresswatch": {"update": 0, "bytes_out": 2**63, "first_seen": "2026-11-16T00:00:01.000000000Z"},
}


def flow_columns(rows):
    """``rows`` flows; every second one without VLAN, ports and AS number."""
    columns = {}
    for field in FLOW_SCHEMA:
        if field.name == "rule_ids":
            columns[field.name] = [["EW-A-0001"]] * rows
        elif str(field.type) == "string":
            columns[field.name] = ["x"] * rows
        elif field.nullable:
            columns[field.name] = [n if n % 2 else None for n in range(rows)]
        else:
            columns[field.name] = np.arange(rows)
    return columns | {"ts": np.arange(rows) * NS + 1, "orig_ip_bytes": np.full(rows, 2**63, np.uint64)}


@pytest.fixture
def folder(tmp_path):
    """A function that writes an output folder with so many flows and alerts."""

    def make(rows=4, alerts=(ALERT, ALERT | {"egresswatch": ALERT["egresswatch"] | {"update": 1}})):
        flows = FlowWriter(tmp_path / "flows.parquet")
        sightings = SightingWriter(tmp_path / "sightings.parquet")
        if rows:
            flows.write(flow_columns(rows))
            sightings.write(
                {
                    "ts": [5],
                    "uid": ["C1"],
                    "kind": ["mdns"],
                    "value": ["x.local"],
                    "detail": [""],
                    "asset": [""],
                }
            )
        flows.close()
        sightings.close()
        writer = AlertWriter(tmp_path / "alerts.jsonl")
        for alert in alerts:
            writer.write(alert)
        writer.close()
        write_cameras(tmp_path / "cameras.json", [{"asset_id": "cam-1", "ips": ["10.0.0.1"]}] if rows else [])
        write_ledger(tmp_path / "ledger.json", {"frames_read": 7})
        return tmp_path

    return make


def test_times_are_nanoseconds_in_utc(folder):
    """pandas 3 would make microseconds of some: here it is always nanoseconds."""
    run = egresswatch.load(folder())
    for column in (run.flows["ts"], run.flows["ts_end"], run.sightings["ts"], run.alerts["@timestamp"],
                   run.alerts["egresswatch.first_seen"]):  # fmt: skip
        assert str(column.dtype) == "datetime64[ns, UTC]"
    assert run.flows["ts"].iloc[1] == pd.Timestamp(NS + 1, tz="UTC")
    assert run.alerts["@timestamp"].iloc[0].nanosecond == 7


@pytest.mark.parametrize(
    ("column", "kind"),
    [("seq", "uint32"), ("orig_ip_bytes", "uint64"), ("orig_tcp_flags", "uint8"), ("vlan", "UInt16"),
     ("resp_p", "UInt16"), ("resp_asn", "UInt32"), ("verdict", "str")],
)  # fmt: skip
def test_columns_have_their_types(folder, column, kind):
    """Integers stay integers, with null where null is allowed."""
    assert str(egresswatch.load(folder()).flows[column].dtype) == kind


def test_null_is_null_and_sums_are_exact(folder):
    """A VLAN is never 20.0; 64-bit counts are not rounded."""
    flows = egresswatch.load(folder()).flows
    assert flows["vlan"].tolist() == [pd.NA, 1, pd.NA, 3]
    assert int(flows["orig_ip_bytes"].iloc[0]) == 2**63
    assert list(flows["rule_ids"].iloc[0]) == ["EW-A-0001"]


def test_alerts_are_flat_and_cases_are_the_last_lines(folder):
    """Nested ECS objects become dotted columns."""
    run = egresswatch.load(folder())
    assert run.alerts["source.ip"].tolist() == ["10.20.0.13"] * 2
    assert run.cases["egresswatch.update"].tolist() == [1]
    assert int(run.alerts["egresswatch.bytes_out"].iloc[0]) == 2**63


def test_cameras_and_ledger_come_along(folder):
    """The register as a frame, the ledger as it is."""
    run = egresswatch.load(str(folder()))
    assert run.cameras["ips"].tolist() == [["10.0.0.1"]]
    assert run.ledger == {"frames_read": 7}


def test_an_empty_run_has_every_column_and_no_row(folder):
    """A notebook works on a quiet day too."""
    run = egresswatch.load(folder(rows=0, alerts=()))
    assert (len(run.flows), len(run.sightings), len(run.alerts), len(run.cases), len(run.cameras)) == (0,) * 5
    assert list(run.flows.columns) == FLOW_SCHEMA.names
    assert run.flows.groupby("orig_asset")["orig_ip_bytes"].sum().empty


def test_a_table_is_read_once(folder):
    """The second use costs nothing."""
    run = egresswatch.load(folder())
    assert run.flows is run.flows


def test_the_worked_example_of_the_documentation(folder):
    """The question of the docstring, asked."""
    flows = egresswatch.load(folder()).flows
    sent = flows[flows["direction"] == "x"].groupby(["orig_asset", "platform"])["orig_ip_bytes"].sum()
    assert sent.dtype == "uint64"


def test_a_folder_that_is_no_run_is_told(tmp_path):
    """Before anything else goes wrong."""
    with pytest.raises(EgresswatchError, match=r"no ledger\.json is there\. Is it what replay --out wrote\?"):
        egresswatch.load(tmp_path)


def test_a_missing_table_is_told(folder):
    """Which one, and where it was looked for."""
    out = folder()
    (out / "flows.parquet").unlink()
    with pytest.raises(EgresswatchError, match=r"flows\.parquet: is not there"):
        _ = egresswatch.load(out).flows


def test_a_broken_table_is_told(folder):
    """Not a traceback of a library."""
    out = folder()
    (out / "flows.parquet").write_bytes(b"PAR1")
    with pytest.raises(EgresswatchError, match=r"flows\.parquet: cannot be read"):
        _ = egresswatch.load(out).flows


@pytest.mark.parametrize("text", ["", "[", "[" * 100_000, "7", '{"a": 1', "\udc80"])
@pytest.mark.parametrize("name", ["cameras", "ledger", "alerts"])
def test_a_broken_document_is_told(folder, name, text):
    """One line with the file's name; the other files can still be read."""
    run = egresswatch.load(folder())
    file = {"cameras": "cameras.json", "ledger": "ledger.json", "alerts": "alerts.jsonl"}[name]
    (run.folder / file).write_bytes(text.encode(errors="surrogateescape"))
    if (name, text) == ("alerts", ""):
        assert run.alerts.empty
        return
    with pytest.raises(EgresswatchError, match=rf"/{file}: is not what replay --out wrote: "):
        getattr(run, name)
    assert len(run.flows) == 4


def test_a_register_of_other_things_is_told(folder):
    """A list, but not of assets."""
    run = egresswatch.load(folder())
    (run.folder / "cameras.json").write_text('["cam-1"]')
    with pytest.raises(EgresswatchError, match="a list of assets was expected"):
        _ = run.cameras
