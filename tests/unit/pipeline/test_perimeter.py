# SPDX-License-Identifier: Apache-2.0
"""Which way a flow goes, for rows and for events."""

import itertools

import numpy as np
import pytest

from egresswatch.pipeline.perimeter import TCP, directions, opened_inside
from egresswatch.records import FLOW_RECORD, AddressClass, Direction

OUT, IN = AddressClass.outside, AddressClass.inside
MULTI, BROAD = AddressClass.multicast, AddressClass.broadcast
UDP = 17
PORTS = (80, 1023, 1024, 50000)


def direction(orig, resp, *, proto=UDP, oriented=1, orig_p=40000, resp_p=443):
    rows = np.zeros(1, FLOW_RECORD)
    rows["orig_class"], rows["resp_class"], rows["proto"] = orig, resp, proto
    rows["oriented"], rows["orig_p"], rows["resp_p"] = oriented, orig_p, resp_p
    return Direction(int(directions(rows)[0]))


@pytest.mark.parametrize(
    ("orig", "resp", "wanted"),
    [
        (IN, OUT, Direction.outbound), (OUT, IN, Direction.inbound), (IN, IN, Direction.internal),
        (OUT, OUT, Direction.external), (IN, MULTI, Direction.multicast), (OUT, MULTI, Direction.multicast),
        (IN, BROAD, Direction.multicast), (MULTI, IN, Direction.external),
    ],
)  # fmt: skip
def test_by_the_two_ends(orig, resp, wanted):
    """The site's perimeter decides; broadcast counts as multicast."""
    assert direction(orig, resp) == wanted


@pytest.mark.parametrize(("orig_p", "resp_p", "wanted"), [
    (443, 40000, Direction.outbound),  # the server was seen first: the connection was open already
    (40000, 443, Direction.inbound),   # outside client, inside server
    (40000, 50000, Direction.inbound), (443, 443, Direction.inbound),
])  # fmt: skip
def test_a_connection_open_before_the_capture(orig_p, resp_p, wanted):
    """Without a SYN, the well-known port is the server's."""
    assert direction(OUT, IN, proto=TCP, oriented=0, orig_p=orig_p, resp_p=resp_p) == wanted


def test_a_syn_settles_it():
    """Whatever the ports say."""
    assert direction(OUT, IN, proto=TCP, oriented=1, orig_p=443, resp_p=40000) == Direction.inbound


def test_ports_are_not_asked_for_udp():
    """The first packet is all there is to go by."""
    assert direction(OUT, IN, oriented=0, orig_p=443, resp_p=40000) == Direction.inbound


@pytest.mark.parametrize(
    ("inside_is_orig", "oriented", "proto", "inside_p", "outside_p"),
    [*itertools.product([False, True], [False, True], [TCP, UDP], PORTS, PORTS)],
)
def test_events_and_rows_agree(inside_is_orig, oriented, proto, inside_p, outside_p):
    """What an alert calls outbound, the row calls outbound."""
    ends = (IN, OUT) if inside_is_orig else (OUT, IN)
    ports = (inside_p, outside_p) if inside_is_orig else (outside_p, inside_p)
    told = direction(*ends, proto=proto, oriented=int(oriented), orig_p=ports[0], resp_p=ports[1])
    outward = opened_inside(inside_is_orig, oriented, proto, inside_p, outside_p)
    assert told == (Direction.outbound if outward else Direction.inbound)
