# SPDX-License-Identifier: Apache-2.0
"""Records as events take them; flows that one inside host asks another to carry outside: noted up to a
bound, and counted beyond it."""

from types import SimpleNamespace

import numpy as np
import pytest

from egresswatch.config import load
from egresswatch.demo.frames import ACK, NS, PSH, End, Frame, ethernet, ip, pcap, tcp
from egresswatch.flow.layout import NOTE
from egresswatch.pipeline.egress import EgressEvents, as_records, in_order
from egresswatch.pipeline.notes import Addresses, Note, as_noted
from egresswatch.pipeline.replay import run
from egresswatch.records import FLOW_RECORD, NO_PACKET
from egresswatch.result import ReplayOptions

T0 = 1_700_000_000 * NS


def events(most):
    return EgressEvents(None, None, None, None, None, None, most)


def test_a_flow_is_noted_once():
    """However often its client asks."""
    some = events(2)
    for flow in (1, 1, 2, 1):
        some.proxy(flow)
    assert (some.proxied, some.refused) == ({1, 2}, 0)


def test_flows_beyond_the_bound_are_counted():
    """One that has ended makes room."""
    some = events(1)
    some.proxy(1)
    some.proxy(2)
    assert (some.proxied, some.refused) == ({1}, 1)
    some.proxied.discard(1)
    some.proxy(3)
    assert (some.proxied, some.refused) == ({3}, 1)


def test_a_flood_of_proxy_requests_is_in_the_ledger(tmp_path):
    """Connections to a proxy inside, more than may be followed."""
    frames = []
    for k in range(20):
        one = End("02:00:00:00:00:01", "10.0.0.5", 4000 + k)
        other = End("02:00:00:00:00:02", "10.0.0.9", 3128)
        data = tcp(one, other, b"CONNECT a.example:443 HTTP/1.1\r\n\r\n", seq=1, flags=PSH | ACK)
        frames.append(Frame(T0 + k, ethernet(one.mac, other.mac, ip(one.addr, other.addr, 6, data))))
    path = tmp_path / "connect.pcap"
    path.write_bytes(pcap(frames))
    result = run(ReplayOptions((str(path),), load(None, ["flow.table_size=4096", "sniff.max_flows=8"])))
    assert result.ledger["refused"]["proxied_flows"] == 12


def test_records_come_in_the_order_in_which_they_were_exported():
    """By time, what time ended first, then by flow and record: however they were exported."""
    rows = np.zeros(5, FLOW_RECORD)
    rows["flow"] = [1, 2, 3, 4, 5]
    rows["tick"] = [9, 5, 5, 5, 5]
    rows["at"] = [NO_PACKET, 3, NO_PACKET, NO_PACKET, NO_PACKET]
    rows["uid"] = [1, 1, 8, 2, 2]
    rows["seq"] = [0, 0, 0, 1, 0]
    wanted = [5, 4, 3, 2, 1]
    assert in_order([rows])["flow"].tolist() == wanted
    assert in_order([rows[3:], rows[:1], rows[1:3]])["flow"].tolist() == wanted


def test_records_as_tuples():
    """Their fields by name, in Python's own numbers."""
    rows = np.zeros(2, FLOW_RECORD)
    rows["orig_p"], rows["flow"] = [443, 80], [1 << 63, 2]
    one, other = as_records(rows)
    assert (one.orig_p, one.flow, other.orig_p, other.flow) == (443, 1 << 63, 80, 2)
    assert {type(value) for value in one} == {int}
    assert list(as_records(rows[:0])) == []


@pytest.mark.parametrize("given", [False, True], ids=["no policy", "a policy"])
def test_what_leaves_is_what_has_facts(given):
    """Told of whole columns as of each note, wherever its ends lie."""
    site = SimpleNamespace(given=given)
    some = EgressEvents(None, site, None, None, None, Addresses(), 1)
    classes = [a << 4 | b for a in range(4) for b in range(4)]
    rows = np.zeros(len(classes), NOTE)
    rows["class_ab"] = classes
    noted = as_noted(rows)
    facts = [some.of_note(Note.at(noted, k), k) for k in range(len(rows))]
    assert some.leaving(rows).tolist() == [each is not None for each in facts]
    assert some.leaving(rows).sum() == 2 + given
