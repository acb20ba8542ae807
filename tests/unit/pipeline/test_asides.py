# SPDX-License-Identifier: Apache-2.0
"""Frames outside flows, to the register and to neighbours.parquet: each once, bounded, whatever floods."""

import struct
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from egresswatch.config import load
from egresswatch.demo.frames import NS, End, Frame, arp, ethernet, pcap
from egresswatch.packets import ASIDE, ASIDE_ARP
from egresswatch.pipeline import asides
from egresswatch.pipeline.asides import Aside
from egresswatch.pipeline.front import Front
from egresswatch.pipeline.replay import networks, run
from egresswatch.result import ReplayOptions
from egresswatch.rules.site import load_site
from egresswatch.sinks.parquet import NeighbourWriter
from egresswatch.sniff.probes import BUILTIN

T0 = 1_700_000_000 * NS
HIK = "44:19:b6"


def camera(number):
    """A host with the MAC of a camera maker."""
    return End(f"{HIK}:00:{number >> 8:02x}:{number & 255:02x}", f"10.0.0.{number}")


def announcement(number, fields=60):
    """An LLDP frame of many fields, no two alike."""
    def field(kind, value):
        return struct.pack("!H", kind << 9 | len(value)) + value

    end = camera(number % 50)
    said = b"".join(field(4, b"%d-%d" % (number, k)) for k in range(fields))
    body = field(1, b"\x07c") + field(2, b"\x07p") + field(3, b"\0\x78") + said + field(0, b"")
    return ethernet(end.mac, "01:80:c2:00:00:0e", body, 0x88CC)


@pytest.fixture
def replay(tmp_path):
    """A function: (ledger, what neighbours said, rows of the register) of frames."""

    def of(frames, *settings):
        path = tmp_path / "capture.pcap"
        path.write_bytes(pcap(frames))
        small = ("flow.table_size=4096", *settings)
        result = run(ReplayOptions((str(path),), load(None, small), out=tmp_path / "out", force=True))
        told = pq.read_table(tmp_path / "out" / "neighbours.parquet").to_pylist()
        return result.ledger, told, result.register

    return of


def test_what_repeats_is_told_once(replay):
    """The same word of the same host, however often."""
    ledger, told, _ = replay([Frame(T0 + k * NS, arp(camera(5), "10.0.0.1")) for k in range(20)])
    assert [(one["kind"], one["value"]) for one in told] == [("arp", "10.0.0.5")]
    assert ledger["refused"]["neighbours"] == 0


def test_what_finds_no_room_is_counted(replay):
    """Two of ten are read, eight refused; all frames are accounted for."""
    frames = [Frame(T0, arp(camera(k), "10.0.0.1")) for k in range(10)]
    ledger, told, _ = replay(frames, "sniff.max_neighbours=2")
    assert (len(told), ledger["refused"]["neighbours"], ledger["balanced"]) == (2, 8, True)


def test_announcements_do_not_gather_in_memory(replay, monkeypatch):
    """Thousands of fields of one moment: written as soon as no more should be held."""
    written = []

    def write(self, columns, usual=NeighbourWriter.write):
        usual(self, columns)
        written.append(len(columns["ts"]))

    monkeypatch.setattr(NeighbourWriter, "write", write)
    monkeypatch.setattr(asides, "_ROWS", 100)
    _, told, _ = replay([Frame(T0, announcement(k)) for k in range(40)])
    assert len(told) == sum(written) == 40 * 62
    assert max(written) == 100


def test_frames_of_many_seconds_are_sorted_at_the_cost_of_one_look_each():
    """A quiet network: each frame of a batch lies in a second of its own."""
    n = 20_000
    front = Front(load(None, ["flow.table_size=4096"]), BUILTIN, networks(load_site(None)), between=False)
    found = [Aside(k, k, T0 + k * NS, ASIDE_ARP, b"", "", "", 1, None) for k in range(0, n, 2)]
    spans = front._spans(0, np.arange(n, dtype=np.int64) * NS)
    begun = time.process_time()
    front._keep_asides(spans, found)
    assert time.process_time() - begun < 2
    assert [one.asides for one in front._pending.values()] == [[aside] for aside in found]
    front.table.close()


def test_an_aside_row_has_what_is_read_of_it():
    """The shape of the rows is what ``read_asides`` unpacks."""
    assert ASIDE.names == ("at", "mac", "index", "size", "vlan", "code")


def test_a_crowd_with_one_address_does_not_fill_the_register(replay):
    """Whoever answers ARP for one address from ever other MACs: a few are told by name, the rest counted."""
    ends = [camera(k)._replace(addr="10.0.0.5") for k in range(300)]
    _, _, rows = replay([Frame(T0 + k, arp(end, "10.0.0.1")) for k, end in enumerate(ends)])
    assert len(rows) == 300
    for row in rows:
        assert len(row["conflicts"]) == 9
        assert row["conflicts"][-1] == "address 10.0.0.5 is also used by 291 others"
