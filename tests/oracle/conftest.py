# SPDX-License-Identifier: Apache-2.0
"""Replays of every real capture, once per settings and session, in this process."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from egresswatch import cli

MODES = {
    # as the captures' README asks: no duplicates, outermost headers, tags in the key
    "plain": ("decode.dedup=false", "decode.decapsulate=none", "decode.vlan_in_key=true"),
    # the same with every tunnel opened: names and JA4 were read inside
    "opened": ("decode.dedup=false", "decode.decapsulate=all", "decode.vlan_in_key=true"),
    "usual": (),
}


@dataclass
class Run:
    """One replay and what it wrote; files are read when they are asked for."""

    name: str
    status: int
    complaints: str
    out: Path

    @cached_property
    def flows(self) -> list[dict[str, Any]]:
        return self._table("flows")

    @cached_property
    def sightings(self) -> list[dict[str, Any]]:
        return self._table("sightings")

    @cached_property
    def alerts(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / "alerts.jsonl").read_text().splitlines()]

    @cached_property
    def ledger(self) -> dict[str, Any]:
        return json.loads((self.out / "ledger.json").read_text())

    def _table(self, name: str) -> list[dict[str, Any]]:
        return pq.read_table(self.out / f"{name}.parquet").to_pylist()


@pytest.fixture(scope="session")
def replays(captures, tmp_path_factory) -> Callable[[str], dict[str, Run]]:
    """A function: mode to {capture name: run}."""
    done: dict[str, dict[str, Run]] = {}

    def of(mode: str) -> dict[str, Run]:
        if mode not in done:
            folder = tmp_path_factory.mktemp(mode)
            done[mode] = {path.name: _replay(path, folder / path.name, MODES[mode])
                          for path in sorted((captures / "dev").iterdir())}  # fmt: skip
        return done[mode]

    return of


def _replay(path: Path, out: Path, settings: tuple[str, ...]) -> Run:
    options = [word for setting in settings for word in ("--set", setting)]
    complaints = io.StringIO()
    with contextlib.redirect_stderr(complaints), contextlib.redirect_stdout(io.StringIO()):
        status = cli.run(["replay", str(path), "--out", str(out), *options])
    return Run(path.name, status, complaints.getvalue(), out)


@pytest.fixture(scope="session")
def oracle(captures) -> Callable[[str], dict[str, Any]]:
    """A function: capture name to tshark's answers."""
    known: dict[str, dict[str, Any]] = {}

    def of(name: str) -> dict[str, Any]:
        if name not in known:
            known[name] = json.loads((captures / "oracle" / f"{name}.json").read_text())
        return known[name]

    return of
