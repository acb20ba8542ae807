# SPDX-License-Identifier: Apache-2.0
"""A golden case: its capture, what a replay of it wrote, and the form in which that is kept.

``python -m tests.golden.cases CASE FILE`` writes the capture of a case, to be looked at.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import shutil
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from egresswatch.cli import run
from egresswatch.result import iso

HERE = Path(__file__).parent
NAMES = sorted(path.parent.name for path in HERE.glob("*/case.toml"))
KEPT = (
    "alerts.jsonl", "flows.jsonl", "sightings.jsonl", "neighbours.jsonl", "cameras.json", "ledger.json",
)  # fmt: skip
_OF_A_RELEASE = {"version", "digest", "software", "rules"}


def make_pcap(name: str) -> bytes:
    """What the case's make_pcap.py builds."""
    spec = importlib.util.spec_from_file_location(f"golden_{name}", HERE / name / "make_pcap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.capture()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Case:
    """A case after its replay."""

    name: str
    status: int
    complaints: list[str]
    checks: list[dict[str, Any]]
    expected_complaints: list[str]
    documents: dict[str, list[Any]]
    """File of ``KEPT`` -> its objects."""

    def text(self, file: str) -> str:
        """A file as it is kept: an object a line, or a field a line."""
        if file.endswith(".jsonl"):
            lines = (json.dumps(lasting(row), ensure_ascii=False) for row in self.documents[file])
            return "".join(line + "\n" for line in lines)
        return json.dumps(lasting(self.documents[file]), ensure_ascii=False, indent=1) + "\n"


def replay(name: str, folder: Path) -> Case:
    """Replay a case in ``folder``; paths in case.toml are relative to it."""
    for path in (HERE / name).iterdir():
        if path.suffix in (".toml", ".csv", ".yaml"):
            shutil.copy(path, folder)
    (folder / "capture.pcap").write_bytes(make_pcap(name))
    about = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
    complaints = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stderr(complaints):
        with contextlib.redirect_stdout(io.StringIO()):
            status = run(["replay", "capture.pcap", "--out", "out", *about.get("arguments", [])])
    out = folder / "out"
    documents = {
        "alerts.jsonl": [json.loads(line) for line in (out / "alerts.jsonl").read_text().splitlines()],
        "flows.jsonl": rows(out / "flows.parquet"),
        "sightings.jsonl": rows(out / "sightings.parquet"),
        "neighbours.jsonl": rows(out / "neighbours.parquet"),
        "cameras.json": json.loads((out / "cameras.json").read_text()),
        "ledger.json": [json.loads((out / "ledger.json").read_text())],
    }
    return Case(
        name, status, complaints.getvalue().splitlines(), about.get("check", []),
        about.get("complaints", []), documents,
    )  # fmt: skip


def rows(path: Path) -> list[dict[str, Any]]:
    """A table as objects: times as text, nulls left out."""
    table = pq.read_table(path)
    times = {field.name for field in table.schema if str(field.type).startswith("timestamp")}
    for name in times:
        table = table.set_column(table.schema.get_field_index(name), name, table.column(name).cast("int64"))
    return [
        {name: iso(value) if name in times else value for name, value in row.items() if value is not None}
        for row in table.to_pylist()
    ]


def lasting(value: Any) -> Any:
    """A document without what changes with every release: versions and digests."""
    if isinstance(value, dict):
        return {key: lasting(item) for key, item in value.items() if key not in _OF_A_RELEASE}
    return [lasting(item) for item in value] if isinstance(value, list) else value


def matching(objects: Iterable[Any], wanted: dict[str, Any]) -> int:
    """How many objects have all of ``wanted``; ``a.b`` goes into nested objects, absent equals nothing."""
    return sum(all(_field(one, path) == value for path, value in wanted.items()) for one in objects)


def _field(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(make_pcap(sys.argv[1]))
