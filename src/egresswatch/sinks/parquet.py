# SPDX-License-Identifier: Apache-2.0
"""The Parquet files: fixed columns, fixed types, nothing of the machine in them.

Owns the schemas (the contract's columns in the contract's order) and the way from the pipeline's
columns to them. Row groups are cut at a fixed number of rows, so the file does not depend on how
often ``write`` was called; each tells the span of its times and numbers (of texts it would say nothing). A
full one is encoded by a thread of its own, one at a time and in order, while the next one is made. Empty
text in a nullable column becomes null: absent is not "". Only this module and ``analysis`` import pyarrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from egresswatch.errors import OutputError
from egresswatch.records import Array
from egresswatch.sinks.folder import appear, temporary

ROW_GROUP = 1 << 15
_DIFFERENT = frozenset(("uid", "community_id", "ts", "ts_end", "orig_p"))
"""Columns in which every row has a value of its own: a dictionary costs time and space there."""
_DICTIONARY = 1 << 18
"""Bytes after which a column of a row group gives its dictionary up (addresses of a flood)."""
_MANY = 256
"""Small tables held apart: each costs some 40 kB however few rows it has."""
_TIME = pa.timestamp("ns", "UTC")
_U8, _U16, _U32, _U64, _TEXT = pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.string()
_NUMBERS = {
    _U8: np.uint8, _U16: np.uint16, _U32: np.uint32, _U64: np.uint64, _TIME: np.int64, pa.int32(): np.int32
}  # fmt: skip
_MOST_TEXT = (1 << 31) - 1  # bytes of one Arrow array


def _schema(kind: str, columns: Sequence[tuple[str, Any, bool]]) -> pa.Schema:
    fields = [pa.field(name, type_, nullable=nullable) for name, type_, nullable in columns]
    return pa.schema(fields, metadata={"egresswatch.table": f"{kind}/1"})


FLOW_SCHEMA: pa.Schema = _schema(
    "flows",
    [
        # name, type, may be null
        ("uid", _TEXT, False), ("seq", _U32, False), ("community_id", _TEXT, True),
        ("ts", _TIME, False), ("ts_end", _TIME, False),
        ("vlan", _U16, True), ("inner_vlan", _U16, True),
        ("orig_h", _TEXT, False), ("resp_h", _TEXT, False),
        ("orig_p", _U16, True), ("resp_p", _U16, True), ("proto", _TEXT, False),
        ("orig_pkts", _U64, False), ("resp_pkts", _U64, False),
        ("orig_ip_bytes", _U64, False), ("resp_ip_bytes", _U64, False),
        ("orig_l2_addr", _TEXT, True), ("resp_l2_addr", _TEXT, True),
        ("orig_tcp_flags", _U8, False), ("resp_tcp_flags", _U8, False),
        ("orig_missed_bytes", _U64, False), ("resp_missed_bytes", _U64, False),
        ("end_reason", _TEXT, False), ("outcome", _TEXT, False),
        ("service", _TEXT, True), ("server_name", _TEXT, True),
        ("server_name_source", _TEXT, False), ("ja4", _TEXT, True), ("direction", _TEXT, False),
        ("orig_asset", _TEXT, True), ("resp_asset", _TEXT, True),
        ("platform", _TEXT, True), ("dest_class", _TEXT, False), ("verdict", _TEXT, False),
        ("rule_ids", pa.list_(_TEXT), False),
        ("resp_cc", _TEXT, True), ("resp_asn", _U32, True), ("resp_as_org", _TEXT, True),
    ],
)  # fmt: skip
SIGHTING_SCHEMA: pa.Schema = _schema(
    "sightings",
    [
        ("ts", _TIME, False), ("uid", _TEXT, False), ("kind", _TEXT, False),
        ("value", _TEXT, False), ("detail", _TEXT, True), ("asset", _TEXT, True),
    ],
)  # fmt: skip
NEIGHBOUR_SCHEMA: pa.Schema = _schema(
    "neighbours",
    [
        ("ts", _TIME, False), ("kind", _TEXT, False), ("value", _TEXT, False), ("detail", _TEXT, True),
        ("mac", _TEXT, True), ("vlan", _U16, True), ("asset", _TEXT, True),
    ],
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of few different values: an index into ``values`` per row, -1 for null."""

    values: Sequence[Any]
    codes: Array


Column = Array | Coded | Sequence[Any]


class TableWriter:
    """Writes one table; ``rows`` counts what was given so far. ``about`` goes into the file's metadata."""

    def __init__(self, path: Path, schema: pa.Schema, about: Mapping[str, str] | None = None) -> None:
        self.path = path
        self.rows = 0
        facts = {f"egresswatch.{name}": text for name, text in (about or {}).items()}
        self._schema = schema = schema.with_metadata({**(schema.metadata or {}), **facts})
        self._held: list[pa.Table] = []
        self._held_rows = 0
        self._thread = ThreadPoolExecutor(1)  # begins with its first work
        self._encoding: Future[None] | None = None
        try:
            self._writer = pq.ParquetWriter(
                temporary(path), schema, use_dictionary=_repeating(schema),
                compression="zstd", dictionary_pagesize_limit=_DICTIONARY,
                write_statistics=[field.name for field in schema if field.type in _NUMBERS],
            )  # fmt: skip
        except OSError as error:
            raise OutputError(f"cannot be written: {_why(error)}", path) from error

    def write(self, columns: Mapping[str, Column]) -> None:
        """Append rows: every column of the schema, all of one length."""
        rows = max(map(_length, columns.values()))
        for start in range(0, rows, ROW_GROUP):
            part = slice(start, start + ROW_GROUP)
            self._add([_array(field, _part(columns[field.name], part)) for field in self._schema])

    def _add(self, arrays: list[pa.Array]) -> None:
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        self.rows += table.num_rows
        self._held.append(table)
        self._held_rows += table.num_rows
        if self._held_rows >= ROW_GROUP:
            self._flush(whole=False)
        elif len(self._held) >= _MANY:
            self._held = [pa.concat_tables(self._held).combine_chunks()]

    def close(self) -> None:
        """Finish: the file appears under its name (also with no row)."""
        self._flush(whole=True)
        self._settle()
        self._thread.shutdown()
        try:
            self._writer.close()
        except OSError as error:
            raise OutputError(f"cannot be written: {_why(error)}", self.path) from error
        appear(self.path)

    def abandon(self) -> None:
        """Give up: nothing stays behind."""
        self._held.clear()
        self._thread.shutdown()
        self._writer.close()
        temporary(self.path).unlink(missing_ok=True)

    def _flush(self, *, whole: bool) -> None:
        table = pa.concat_tables(self._held) if self._held else self._schema.empty_table()
        rows = self._held_rows if whole else self._held_rows // ROW_GROUP * ROW_GROUP
        for start in range(0, rows, ROW_GROUP):
            part = table.slice(start, min(ROW_GROUP, rows - start)).combine_chunks()
            self._settle()
            self._encoding = self._thread.submit(self._writer.write_table, part, row_group_size=ROW_GROUP)
        rest = table.slice(rows)
        self._held = [rest] if rest.num_rows else []
        self._held_rows = rest.num_rows

    def _settle(self) -> None:
        """Wait for the row group that is being encoded."""
        encoding, self._encoding = self._encoding, None
        try:
            if encoding is not None:
                encoding.result()
        except OSError as error:
            raise OutputError(f"cannot be written: {_why(error)}", self.path) from error


class FlowWriter(TableWriter):
    """flows.parquet."""

    def __init__(self, path: Path, about: Mapping[str, str] | None = None) -> None:
        super().__init__(path, FLOW_SCHEMA, about)


class SightingWriter(TableWriter):
    """sightings.parquet."""

    def __init__(self, path: Path, about: Mapping[str, str] | None = None) -> None:
        super().__init__(path, SIGHTING_SCHEMA, about)


class NeighbourWriter(TableWriter):
    """neighbours.parquet."""

    def __init__(self, path: Path, about: Mapping[str, str] | None = None) -> None:
        super().__init__(path, NEIGHBOUR_SCHEMA, about)


def _repeating(schema: pa.Schema) -> list[str]:
    """Columns whose values come again and again, as Parquet names them: written with a dictionary."""
    return [
        field.name if field.type != pa.list_(_TEXT) else f"{field.name}.list.element"
        for field in schema
        if field.name not in _DIFFERENT
    ]


def _array(field: pa.Field, column: Column) -> pa.Array:
    """One column as its Arrow array; times are integer nanoseconds, None and masks are null.

    Made of buffers: ``pyarrow.array`` is slower, and imports pandas to ask what it was given.
    """
    if isinstance(column, Coded):
        array = _coded(field, column)
    elif isinstance(column, np.ndarray) and column.ndim == 2:
        array = _lines(field, column)
    elif isinstance(column, np.ma.MaskedArray):
        array = _numbers(field.type, column.data, np.ma.getmaskarray(column))
    elif isinstance(column, np.ndarray) and column.dtype.kind not in "SU":
        array = _numbers(field.type, column, None)
    else:
        array = _values(field, [*column])
    if array.null_count and not field.nullable:
        raise ValueError(f"column {field.name} holds nulls")  # a mistake of ours, not of the input
    return array


def _length(column: Column) -> int:
    return len(column.codes if isinstance(column, Coded) else column)


def _part(column: Column, part: slice) -> Column:
    return Coded(column.values, column.codes[part]) if isinstance(column, Coded) else column[part]


def _coded(field: pa.Field, column: Coded) -> pa.Array:
    codes = np.asarray(column.codes, np.int32)
    words = _values(field, column.values)
    if words.null_count == len(words):
        return pa.nulls(len(codes), field.type)
    return words.take(_numbers(pa.int32(), codes, codes < 0))


def _lines(field: pa.Field, lines: Array) -> pa.Array:
    """Text as a line of bytes a row, without its zero bytes."""
    data, width = np.ascontiguousarray(lines).reshape(-1), lines.shape[1]
    filled = data != 0
    if filled.all():
        ends = np.arange(len(lines) + 1, dtype=np.int32) * np.int32(width)
        return _strings(ends, data, None)
    ends = np.zeros(len(lines) + 1, np.int32)
    ends[1:] = np.cumsum(filled, dtype=np.int32)[width - 1 :: width]
    return _strings(ends, np.compress(filled, data), ends[1:] == ends[:-1] if field.nullable else None)


def _numbers(kind: pa.DataType, values: Array, mask: Array | None) -> pa.Array:
    """Numbers, dense: a field of a record array is strided."""
    data = np.ascontiguousarray(values, _NUMBERS[kind])
    if data.dtype != values.dtype and not np.array_equal(data, values):
        raise ValueError(f"a number does not fit {kind}")  # a mistake of ours, not of the input
    return pa.Array.from_buffers(kind, len(data), [_bitmap(mask), pa.py_buffer(data)])


def _values(field: pa.Field, values: Sequence[Any]) -> pa.Array:
    """Python values, None for null."""
    if field.type == _TEXT:
        return _texts(values, nullable=field.nullable)
    if field.type in _NUMBERS:
        mask = np.array([value is None for value in values], bool)
        return _numbers(field.type, np.array([value or 0 for value in values], _NUMBERS[field.type]), mask)
    ends = np.zeros(len(values) + 1, np.int32)
    np.cumsum([len(value) for value in values], out=ends[1:])
    items = _texts([item for value in values for item in value], nullable=False)
    return pa.ListArray.from_arrays(_numbers(pa.int32(), ends, None), items)


def _texts(values: Sequence[str | None], *, nullable: bool) -> pa.Array:
    """Text; in a nullable column the empty one is null."""
    known = [value or "" for value in values]
    text = "".join(known)
    encoded = known if text.isascii() else [value.encode() for value in known]
    ends = np.zeros(len(known) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(known)), out=ends[1:])
    if ends[-1] > _MOST_TEXT:
        raise ValueError("too much text at once")
    absent = ends[1:] == ends[:-1]
    if not nullable:  # the empty text is one
        absent = np.array([value is None for value in values], bool)
    return _strings(ends.astype(np.int32), text.encode(), absent)


def _strings(ends: Array, data: Any, mask: Array | None) -> pa.Array:
    return pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(data), _bitmap(mask))


def _bitmap(mask: Array | None) -> pa.Buffer | None:
    """Arrow's validity bits, where something is null."""
    if mask is None or not mask.any():
        return None
    return pa.py_buffer(np.packbits(~mask, bitorder="little"))


def _why(error: OSError) -> str:
    return error.strerror or str(error)
