# SPDX-License-Identifier: Apache-2.0
"""The end of input with very many live flows: each is held once, as the record that it becomes."""

import tracemalloc

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from egresswatch.config import load
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import End, Frame, pcap, udp_frame
from egresswatch.pipeline.notes import NS
from egresswatch.pipeline.replay import run
from egresswatch.records import FLOW_RECORD
from egresswatch.result import ReplayOptions

HEAD, RECORD = 24, 16
"""Bytes before the first frame of a capture, and before each."""


def flood(path, flows):
    """A capture of UDP datagrams within three seconds, each of a host of its own."""
    host, server = End("02:00:00:00:00:00", "10.0.0.0", 5000), End(s.HIK_CLOUD.mac, s.HIK_CLOUD.addr, 9)
    whole = pcap([Frame(s.DAY, udp_frame(host, server, b"hello"))])
    lines = np.tile(np.frombuffer(whole[HEAD:], np.uint8), (flows, 1))
    number = np.arange(flows)
    at = (s.DAY + number * 3 * NS // flows) // 1000
    for place, word in ((0, at // 1_000_000), (4, at % 1_000_000)):
        lines[:, place : place + 4] = word.astype("<u4").view(np.uint8).reshape(-1, 4)
    low = number.astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:]
    for place in (RECORD + 9, RECORD + 27):  # of the sender's MAC and address
        lines[:, place : place + 3] = low
    path.write_bytes(whole[:HEAD] + lines.tobytes())


def replayed(folder, flows):
    """Flows of the table, start times in flows.parquet, and the most memory that Python and NumPy had."""
    folder.mkdir()
    flood(folder / "flood.pcap", flows)
    options = ReplayOptions((str(folder / "flood.pcap"),), load(None, ()), out=folder / "out")
    tracemalloc.start()
    created = run(options).ledger["flows"]["created"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return created, pq.read_table(folder / "out" / "flows.parquet", columns=["ts"])["ts"], peak


@pytest.mark.jit_only
def test_records_of_the_end_of_input_exist_once(tmp_path):
    """Each flow more that lives then takes its record and some sort keys, not a second copy of the record;
    and the whole hand-over is one order of time."""
    few, _, least = replayed(tmp_path / "few", 80_000)  # registers and row groups are full with these
    many, times, peak = replayed(tmp_path / "many", 200_000)
    assert (few, many, len(times)) == (80_000, 200_000, 200_000)
    assert pc.all(pc.less_equal(times[:-1], times[1:])).as_py()
    assert peak - least < 1.5 * (many - few) * FLOW_RECORD.itemsize, (peak, least)
