# SPDX-License-Identifier: Apache-2.0
"""The command line with a stand-in for the replay behind it."""

import sys
from types import ModuleType

import pytest

from egresswatch import cli
from egresswatch.result import AssetLine, ReplayResult


@pytest.fixture
def result():
    """A replay that found one camera sending."""
    return ReplayResult(
        version="0.1.0", rules_version="2026.11", rules_digest="5e0f1a2b3c4d5e6f",
        rules_count=3, site="no site file", policy=False,
        first_ts=10**18, last_ts=10**18 + 10**10, packets=10, balanced=True,
        assets=(AssetLine("cam-1", "10.0.0.1", state="egress", bytes_out=1000, to="a.example"),),
        alerts_by_severity={"medium": 1}, verdicts={"unknown": 1}, ledger={"frames_read": 10},
        register=({"asset_id": "cam-1", "ips": ["10.0.0.1"]},),
    )  # fmt: skip


@pytest.fixture
def replayed(monkeypatch, result):
    """What the replay was asked; ``answer`` is its result (an exception is raised), ``before`` runs first."""

    class Replayed:
        options = None
        answer = result
        before = staticmethod(lambda options: None)

    def run(options, progress):
        Replayed.options = options
        Replayed.before(options)
        if isinstance(Replayed.answer, BaseException):
            raise Replayed.answer
        if progress is not None:
            progress(100, 10)
        return Replayed.answer

    module = ModuleType("egresswatch.pipeline.replay")
    module.run = run
    monkeypatch.setitem(sys.modules, "egresswatch.pipeline.replay", module)
    return Replayed


@pytest.fixture
def command(capsys):
    """A function: arguments to (status, standard output, standard error)."""

    def run(*arguments):
        status = cli.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run
