# SPDX-License-Identifier: Apache-2.0
"""flows.parquet and sightings.parquet: the contract's columns, exact values, one file appearing whole."""

import hashlib
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egresswatch.errors import OutputError
from egresswatch.sinks import parquet
from egresswatch.sinks.parquet import FLOW_SCHEMA, SIGHTING_SCHEMA, Coded, FlowWriter, SightingWriter

# docs of the contract, word for word in its order
FLOW_COLUMNS = (
    "uid seq community_id ts ts_end vlan inner_vlan orig_h resp_h orig_p resp_p proto orig_pkts resp_pkts "
    "orig_ip_bytes resp_ip_bytes orig_l2_addr resp_l2_addr orig_tcp_flags resp_tcp_flags orig_missed_bytes "
    "resp_missed_bytes end_reason outcome service server_name server_name_source ja4 direction orig_asset "
    "resp_asset platform dest_class verdict rule_ids resp_cc resp_asn resp_as_org"
).split()
TEXTS = ["a", "", "ü"]


def columns(schema=FLOW_SCHEMA, rows=3):
    """Columns as the pipeline gives them: arrays for numbers, lists for text."""
    made = {}
    for field in schema:
        if field.name == "rule_ids":
            made[field.name] = [["EW-A-0001", "EW-B-0002"] if row % 2 else [] for row in range(rows)]
        elif pa.types.is_string(field.type):
            made[field.name] = [TEXTS[row % 3] for row in range(rows)]
        else:
            made[field.name] = np.arange(rows) % 200
    return made


def written(path, *batches, writer=FlowWriter):
    table = writer(path)
    for batch in batches:
        table.write(batch)
    table.close()
    return pq.read_table(path)


def test_flow_columns_are_the_contract_s():
    """Dashboards rely on names and order."""
    assert FLOW_SCHEMA.names == FLOW_COLUMNS


def test_sighting_columns_are_the_contract_s():
    """ts, uid, kind, value, detail, asset."""
    assert SIGHTING_SCHEMA.names == ["ts", "uid", "kind", "value", "detail", "asset"]


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (("seq",), "uint32"),
        (("ts", "ts_end"), "timestamp[ns, tz=UTC]"),
        (("vlan", "inner_vlan", "orig_p", "resp_p"), "uint16"),
        (("orig_ip_bytes", "resp_ip_bytes", "orig_pkts", "resp_pkts"), "uint64"),
        (("orig_tcp_flags", "resp_tcp_flags"), "uint8"),
        (("rule_ids",), "list<element: string>"),
    ],
)
def test_types_are_the_contract_s(tmp_path, names, kind):
    """A reader of the file sees the promised types."""
    schema = written(tmp_path / "flows.parquet", columns()).schema
    assert {str(schema.field(name).type) for name in names} == {kind}


def test_numbers_come_back_as_given(tmp_path):
    """The largest values of every width survive."""
    given = columns(rows=1)
    given |= {"orig_ip_bytes": np.array([2**64 - 1], np.uint64), "seq": np.array([2**32 - 1], np.uint32)}
    given |= {"ts": np.array([1_794_960_003_123_456_789]), "orig_p": [65535], "vlan": [0]}
    row = written(tmp_path / "flows.parquet", given)
    assert row["orig_ip_bytes"][0].as_py() == 2**64 - 1
    assert row["seq"][0].as_py() == 2**32 - 1
    assert row["ts"].cast(pa.int64())[0].as_py() == 1_794_960_003_123_456_789
    assert row["orig_p"][0].as_py() == 65535
    assert row["vlan"][0].as_py() == 0


@pytest.mark.parametrize(
    "column",
    [[None, 20, None], np.ma.masked_array([7, 20, 7], mask=[True, False, True])],
    ids=["list", "masked array"],
)
def test_absent_numbers_are_null(tmp_path, column):
    """No VLAN is null, never 0."""
    table = written(tmp_path / "flows.parquet", columns() | {"vlan": column})
    assert table["vlan"].to_pylist() == [None, 20, None]


@pytest.mark.parametrize(
    "column",
    [["x", "", "y"], np.array(["x", "", "y"]), Coded(("x", "y", ""), np.array([0, 2, 1])),
     Coded(("x", "y"), np.array([0, -1, 1]))],
    ids=["list", "array", "coded", "coded null"],
)  # fmt: skip
def test_empty_text_in_a_nullable_column_is_null(tmp_path, column):
    """An absent name is null, so that a count of names counts names."""
    table = written(tmp_path / "flows.parquet", columns() | {"server_name": column})
    assert table["server_name"].to_pylist() == ["x", None, "y"]


@pytest.mark.parametrize(
    ("lines", "texts"),
    [([b"abc", b"de\0", b"\0\0\0"], ["abc", "de", None]), ([b"a\0c", b"\0b\0", b"abc"], ["ac", "b", "abc"]),
     ([b"abc", b"def", b"ghi"], ["abc", "def", "ghi"])],
    ids=["an empty one", "zeros between", "all of one length"],
)  # fmt: skip
def test_lines_of_bytes_are_text_without_their_zeros(tmp_path, lines, texts):
    """Whole columns of text come as an array; an empty line is null where a text may be absent."""
    array = np.array([list(line) for line in lines], np.uint8)
    table = written(tmp_path / "flows.parquet", columns() | {"orig_l2_addr": array, "orig_h": array})
    assert table["orig_l2_addr"].to_pylist() == texts
    assert table["orig_h"].to_pylist() == [text or "" for text in texts]


def test_a_column_that_says_nothing_is_null_throughout(tmp_path):
    """As the places of remotes without a database."""
    coded = {"resp_cc": Coded([""], np.zeros(3)), "resp_asn": Coded([None], np.zeros(3))}
    table = written(tmp_path / "flows.parquet", columns() | coded)
    assert table["resp_cc"].null_count == table["resp_asn"].null_count == 3


def test_lists_by_code(tmp_path):
    """The rules of a judgement, for every row that has it."""
    coded = Coded([[], ["EW-Ä-1", "EW-B-2"]], np.array([1, 0, 1]))
    table = written(tmp_path / "flows.parquet", columns() | {"rule_ids": coded})
    assert table["rule_ids"].to_pylist() == [["EW-Ä-1", "EW-B-2"], [], ["EW-Ä-1", "EW-B-2"]]


def test_a_number_that_does_not_fit_is_refused(tmp_path):
    """It would wrap around without a word; a mistake of ours."""
    writer = FlowWriter(tmp_path / "flows.parquet")
    with pytest.raises(ValueError, match="uint16"):
        writer.write(columns() | {"orig_p": np.array([1, 2, 65536])})
    writer.abandon()


def test_a_null_where_the_contract_has_none_is_refused(tmp_path):
    """A row without a verdict would be a mistake of ours: it never reaches a file."""
    writer = FlowWriter(tmp_path / "flows.parquet")
    with pytest.raises(ValueError, match="verdict"):
        writer.write(columns() | {"verdict": ["unknown", None, "unknown"]})
    writer.abandon()


def test_fields_of_a_record_array_are_taken_as_they_are(tmp_path):
    """FLOW_RECORD fields are strided; their values arrive all the same."""
    rows = np.zeros(3, [("a", "u8"), ("b", "u2")])
    rows["a"] = [1, 2, 3]
    table = written(tmp_path / "flows.parquet", columns() | {"orig_pkts": rows["a"]})
    assert table["orig_pkts"].to_pylist() == [1, 2, 3]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_the_file_does_not_depend_on_how_rows_were_handed_in(tmp_path, monkeypatch, size):
    """Row groups are cut at a fixed count, whatever the batches: the bytes are the same."""
    monkeypatch.setattr(parquet, "ROW_GROUP", 8)
    whole = columns(rows=50)
    written(tmp_path / "whole.parquet", whole)
    parts = [{name: values[at : at + size] for name, values in whole.items()} for at in range(0, 50, size)]
    written(tmp_path / "parts.parquet", *parts)
    digests = {
        hashlib.sha256((tmp_path / name).read_bytes()).digest() for name in ("whole.parquet", "parts.parquet")
    }
    assert len(digests) == 1
    assert pq.ParquetFile(tmp_path / "parts.parquet").metadata.num_row_groups == 7


def test_row_groups_tell_the_span_of_their_times_and_numbers(tmp_path):
    """A reader skips those outside the hours that it wants; of texts nothing is told."""
    written(tmp_path / "flows.parquet", columns(rows=3))
    file = pq.ParquetFile(tmp_path / "flows.parquet")
    group = file.metadata.row_group(0)
    for column in map(group.column, range(group.num_columns)):
        text = column.physical_type == "BYTE_ARRAY"
        assert (column.statistics is None) == text, column.path_in_schema


def test_no_row_gives_an_empty_table_with_all_columns(tmp_path):
    """An empty capture has flows.parquet too."""
    table = written(tmp_path / "flows.parquet")
    assert table.num_rows == 0
    assert table.schema.names == FLOW_COLUMNS


def test_sightings_have_times_and_text(tmp_path):
    """A sighting's detail may be absent, its value not."""
    rows = {"ts": [5, 6], "uid": ["C1", "C2"], "kind": ["dns_query", "mdns"], "value": ["a.example", ""],
            "detail": ["type=A", ""], "asset": ["cam-1", ""]}  # fmt: skip
    table = written(tmp_path / "sightings.parquet", rows, writer=SightingWriter)
    assert table["detail"].to_pylist() == ["type=A", None]
    assert table["value"].to_pylist() == ["a.example", ""]


def test_the_file_appears_only_when_it_is_complete(tmp_path):
    """A reader never sees half a table."""
    writer = FlowWriter(tmp_path / "flows.parquet")
    writer.write(columns())
    assert not (tmp_path / "flows.parquet").exists()
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["flows.parquet"]


def test_giving_up_leaves_nothing_behind(tmp_path):
    """An error in a replay leaves no half file."""
    writer = FlowWriter(tmp_path / "flows.parquet")
    writer.write(columns())
    writer.abandon()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rows", [3, 20], ids=["at the end", "on the way"])
def test_a_disk_that_fills_up_is_an_output_error(tmp_path, monkeypatch, rows):
    """Also when it does while the next rows are made: they are encoded by a thread of their own."""

    def full(self, table, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet, "ROW_GROUP", 8)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    writer = FlowWriter(tmp_path / "flows.parquet")
    with pytest.raises(OutputError, match=r"flows\.parquet: cannot be written: No space left on device"):
        writer.write(columns(rows=rows))
        writer.close()
    writer.abandon()
    assert list(tmp_path.iterdir()) == []


def test_writing_needs_no_pandas(tmp_path):
    """Importing it takes longer than a small replay."""
    script = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from egresswatch.sinks.parquet import SightingWriter, Coded\n"
        f"w = SightingWriter(Path({str(tmp_path / 's.parquet')!r}))\n"
        "w.write({'ts': [1], 'uid': ['u'], 'kind': Coded(['k'], np.zeros(1)), 'value': ['v'],\n"
        "         'detail': [''], 'asset': np.full((1, 2), 65, np.uint8)})\n"
        "w.close()\n"
        "assert 'pandas' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path):
    """One clear line with the path, not a library's exception."""
    with pytest.raises(OutputError, match=r"none/flows\.parquet: cannot be written"):
        FlowWriter(tmp_path / "none" / "flows.parquet")
