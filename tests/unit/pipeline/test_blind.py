# SPDX-License-Identifier: Apache-2.0
"""Flows nobody can name: which flows count, and as whose."""

import numpy as np
import pytest

from egresswatch.pipeline.blind import BlindFlows
from egresswatch.pipeline.notes import Addresses
from egresswatch.pipeline.owned import Owned
from egresswatch.pipeline.perimeter import directions
from egresswatch.pipeline.watched import low_word
from egresswatch.records import FLOW_RECORD

CAMERA, REMOTE = "10.20.0.13", "203.0.113.9"


def record(orig=CAMERA, resp=REMOTE, **fields):
    out = np.zeros(1, FLOW_RECORD)
    out["orig_lo"], out["resp_lo"], out["ver"], out["orig_mac"], out["resp_mac"] = (
        low_word(orig), low_word(resp), 4, 1, 2
    )  # fmt: skip
    out["orig_class"], out["resp_class"] = int(orig.startswith("10.")), int(resp.startswith("10."))
    out["proto"], out["has_ports"], out["orig_p"], out["resp_p"], out["oriented"] = 6, 1, 40000, 443, 1
    out["orig_pkts"], out["resp_pkts"] = 1, 1
    for name, value in fields.items():
        out[name] = value
    return out


def counted(*records, named=False, monitored=True):
    rows = np.concatenate(records)
    inside = rows["orig_class"] == 1
    owners = Owned(
        ["camera"], np.array([monitored, False]), np.array([-1, -1]), np.array([1, 0], np.uint64),
        np.where(inside, 0, -1), np.where(inside, -1, 0),
    )  # fmt: skip
    blind = BlindFlows(Addresses())
    blind.count(rows, directions(rows), [named], np.zeros(len(rows), np.int64), owners)
    return list(blind.of_hosts())


def test_a_flow_without_any_name_is_blind():
    """One flow to the outside, one of it blind, by the camera's address and MAC."""
    assert counted(record()) == [(CAMERA, 1, 1, 1)]


def test_a_flow_with_a_name_counts_and_is_not_blind():
    """The share needs both numbers."""
    assert counted(record(), named=True) == [(CAMERA, 1, 1, 0)]


def test_a_long_flow_counts_once():
    """Interim records are the same flow."""
    assert counted(record(), record(seq=1), record(seq=2)) == [(CAMERA, 1, 1, 1)]


@pytest.mark.parametrize(
    "fields",
    [{"resp_p": 53}, {"resp_p": 53, "proto": 17}, {"resp_p": 123, "proto": 17}, {"proto": 1}],
    ids=["dns-tcp", "dns", "ntp", "icmp"],
)
def test_what_nobody_looks_up_does_not_count(fields):
    """Resolvers and clocks are configured by address, and a ping has no name."""
    assert counted(record(**fields)) == []


def test_what_came_from_outside_does_not_count():
    """The camera chose no destination."""
    assert counted(record(orig=REMOTE, resp=CAMERA, orig_p=50000, resp_p=554)) == []


def test_a_flow_in_which_the_camera_sent_nothing_does_not_count():
    """Its first packet was seen from the other side only."""
    assert counted(record(orig_pkts=0)) == []


def test_traffic_inside_does_not_count():
    """Nothing left."""
    assert counted(record(resp="10.20.0.1")) == []


def test_other_hosts_do_not_count():
    """The share is the cameras'."""
    assert counted(record(), monitored=False) == []


def test_hosts_come_in_the_order_of_their_addresses():
    """Whatever order their rows came in."""
    hosts = counted(record(orig="10.20.0.9"), record(orig="10.20.0.13"), record(orig="10.20.0.9"))
    assert hosts == [("10.20.0.13", 1, 1, 1), ("10.20.0.9", 1, 2, 2)]


def test_other_macs_with_its_address_do_not_each_take_room():
    """Whoever forges the sender's MAC fills nothing: those flows count by address."""
    flood = [record(orig_mac=mac) for mac in range(1, 1001)]
    assert counted(*flood) == [(CAMERA, 0, 999, 999), (CAMERA, 1, 1, 1)]
