# SPDX-License-Identifier: Apache-2.0
"""How bench/ measures: processor time and memory of a program, its start taken out."""

import sys

import pytest

from bench.limit import available, limit
from bench.machine import described
from bench.measure import MeasureError, Program, alternate, run, settle
from bench.peers import PEERS
from bench.scaling import rule_pack
from bench.workloads import halves, workload
from egresswatch.rules import load_tables

needs_gcc = pytest.mark.skipif(not available(), reason="THE LIMIT IS NOT MEASURED: gcc is not installed")


@pytest.fixture
def load(tmp_path):
    """A small workload."""
    return workload("flood", 1000, cache=tmp_path)


def test_processor_time_and_memory_of_a_child(load):
    """A run tells CPU seconds and memory of the process that ran, and what it printed."""
    code = "b = bytearray(80 << 20); x = sum(range(4_000_000)); print('{\"x\": %d}' % x)"
    done = run(Program("child", lambda *_: [sys.executable, "-c", code]), load.path)
    assert done.cpu > 0.03
    assert min(done.rss, done.own) > 60 << 20
    assert done.answer() == {"x": 7999998000000}


def test_a_program_that_fails_gives_no_figure(load):
    """Its exit status and its last words are the error."""
    broken = Program("broken", lambda *_: [sys.executable, "-c", "raise SystemExit('no such thing')"])
    with pytest.raises(MeasureError, match="broken ended with 1: no such thing"):
        run(broken, load.path)


@needs_gcc
def test_start_up_is_taken_out(load):
    """A program that only starts takes next to nothing."""
    idle = Program("idle", lambda *_: [sys.executable, "-c", "print()"])
    figures = alternate([idle, limit("flow")], load, 2)
    assert figures["idle"].start > 0.005
    assert abs(figures["idle"].cpu) < figures["idle"].start
    assert figures[limit("flow").name].answer["packets"] == 1000


def test_memory_is_that_of_the_program_alone(load):
    """The high-water mark begins with the program, however much memory its starter had."""
    held = bytearray(120 << 20)
    small = run(
        Program("small", lambda *_: [sys.executable, "-S", "-c", "import time; time.sleep(0.1)"]), load.path
    )
    assert len(held) > small.rss > 1 << 20
    code = "import time; b = bytearray(80 << 20); del b; time.sleep(0.1)"
    large = run(Program("large", lambda *_: [sys.executable, "-S", "-c", code]), load.path)
    assert large.rss > small.rss + (70 << 20)


def test_the_machine_has_no_date():
    """The machine is described by its parts and versions: nothing that is different tomorrow."""
    assert described() == described()
    assert "numba" in described()


def test_generated_rules_load(monkeypatch, tmp_path):
    """The rules that growth is measured with are sound rules."""
    monkeypatch.setattr("bench.scaling.CACHE", tmp_path)
    tables = load_tables([rule_pack(1200)], builtin=True)
    assert tables.domain("x.cloud01199.example")[0].id == "EW-BAB-0199"


def test_settling_changes_no_byte(load):
    """A capture that is put out of the page cache and read again is the same."""
    before = load.path.read_bytes()
    settle(load.path)
    assert load.path.read_bytes() == before


def test_halves_are_the_whole(load):
    """The two files of a workload have its packets, one half each, in their order."""
    first, second = halves(load)
    whole = load.path.read_bytes()
    assert first.read_bytes() + second.read_bytes()[24:] == whole
    assert run(limit("walk"), second).answer()["packets"] == load.packets // 2


def test_lost_packets_are_what_a_peer_does_not_count(load):
    """The numbers that a peer prints are added up; of one that prints none nothing is known."""
    said = "print('Ident: none Flows: 9, Packets: 200, Bytes: 6'); print('Flows: 1, Packets: 5')"
    call = [sys.executable, "-S", "-c", said]
    pattern = {peer.name: peer.counted for peer in PEERS}
    figures = alternate(
        [Program(name, lambda *_: call, counted=pattern[name]) for name in ("nfpcapd", "argus")], load, 1
    )
    assert figures["nfpcapd"].lost == load.packets - 205
    assert figures["argus"].lost is None
