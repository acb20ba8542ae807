# SPDX-License-Identifier: Apache-2.0
"""Whole replays against files: every folder here with a case.py is a case (see README.md)."""

import importlib.util
import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from egresswatch.cli import run
from egresswatch.demo.frames import pcap

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/case.py"))
REWRITE = os.environ.get("EGRESSWATCH_GOLDEN") == "write"
OF_A_RELEASE = {"version", "digest", "software", "rules", "rule_pack", "site_digest", "rules_digest"}


def load_case(name):
    spec = importlib.util.spec_from_file_location(f"golden_{name}", HERE / name / "case.py")
    case = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(case)
    return case


def lasting(value):
    """A document without what changes with every release."""
    if isinstance(value, dict):
        return {key: lasting(item) for key, item in value.items() if key not in OF_A_RELEASE}
    return [lasting(item) for item in value] if isinstance(value, list) else value


def rows(path):
    """A table as dictionaries, times as integer nanoseconds, nulls left out."""
    table = pq.read_table(path)
    for index, field in enumerate(table.schema):
        if str(field.type).startswith("timestamp"):
            table = table.set_column(index, field.name, table.column(index).cast("int64"))
    return [{name: value for name, value in row.items() if value is not None} for row in table.to_pylist()]


def written(documents, suffix):
    """Text whose differences a person can read: a row a line for tables, a field a line for the rest."""
    if suffix == "jsonl":
        return "".join(json.dumps(lasting(row), ensure_ascii=False) + "\n" for row in documents)
    return json.dumps(lasting(documents), ensure_ascii=False, indent=1) + "\n"


@pytest.fixture(scope="module", params=CASES)
def replayed(request, tmp_path_factory):
    """(name, case, written files as documents): one replay a case, away from the checkout."""
    case = load_case(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    data = case.capture() if hasattr(case, "capture") else pcap(case.frames())
    (folder / "capture.pcap").write_bytes(data)
    command = ["replay", "capture.pcap", "--out", "out", *getattr(case, "OPTIONS", [])]
    for name, option in (
        ("SITE", ["--site", "site.toml"]),
        ("INVENTORY", ["--set", "enrich.cameras=cameras.csv"]),
    ):
        if hasattr(case, name):
            (folder / option[-1].rpartition("=")[2]).write_text(getattr(case, name))
            command += option
    here = Path.cwd()
    os.chdir(folder)
    try:
        assert run(command) == 0
    finally:
        os.chdir(here)
    out = folder / "out"
    alerts = [json.loads(line) for line in (out / "alerts.jsonl").read_text().splitlines()]
    documents = {
        "alerts": alerts,
        "flows": rows(out / "flows.parquet"),
        "sightings": rows(out / "sightings.parquet"),
        "cameras": json.loads((out / "cameras.json").read_text()),
        "ledger": [json.loads((out / "ledger.json").read_text())],
    }
    return request.param, case, documents


def field(document, path):
    """``a.b.c`` of nested objects; absent is None."""
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


def test_what_must_be_found_is_found(replayed):
    """The case's own checks: filter and count, where 0 is as important as 1."""
    _, case, documents = replayed
    for table, wanted, count in case.CHECKS:
        found = [row for row in documents[table] if all(field(row, path) == wanted[path] for path in wanted)]
        assert len(found) == count, f"{table} {wanted}: {len(found)} of {count}"


@pytest.mark.parametrize(
    "file", ["alerts.json", "flows.jsonl", "sightings.jsonl", "cameras.json", "ledger.json"]
)
def test_everything_written_is_as_before(replayed, file):
    """The written files equal the golden ones."""
    name, _, documents = replayed
    table, _, suffix = file.partition(".")
    path = HERE / name / "expected" / file
    text = written(documents[table], suffix)
    if REWRITE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8").splitlines() == text.splitlines()
