# SPDX-License-Identifier: Apache-2.0
"""Observed traffic as an allow-list: what may become a permission, and what must not."""

import pytest

from egresswatch.exchange.observed import MAX_ALLOWED, from_rows

BASE = {
    "camera": "cam-1",
    "address": "10.0.0.9",
    "peer": "203.0.113.5",
    "by_camera": True,
    "proto": "tcp",
    "port": 443,
    "name": "",
    "verdict": "unknown",
    "outcome": "answered",
    "direction": "outbound",
    "flows": 2,
    "bytes": 100,
    "last": 1_700_000_000_123_456_789,
}


def listed(*changes, also=()):
    return from_rows([BASE | change for change in changes], "run", ["10.0.0.0/8"], also)


def test_one_permission_for_a_peer_and_service():
    """With how often it was seen, for the reader."""
    (group,) = listed({}, {"outcome": "one_sided", "flows": 1}).groups
    (item,) = group.allowed
    assert (group.networks, item.peer.networks) == (("10.0.0.9/32",), ("203.0.113.5/32",))
    assert item.place == "seen in 3 flows, 200 bytes"


def test_a_named_peer_is_one_permission_with_all_its_addresses():
    """Clouds move; the name stays."""
    (group,) = listed({"name": "a.example"}, {"name": "a.example", "peer": "203.0.113.2"}).groups
    assert [(item.peer.kind, item.peer.name, item.peer.networks) for item in group.allowed] == [
        ("name", "a.example", ("203.0.113.2/32", "203.0.113.5/32"))
    ]


@pytest.mark.parametrize("verdict", ["p2p", "vendor_cloud", "violation"])
def test_suspect_verdicts_are_left_out_unless_asked_for(verdict):
    """That a camera talks to its maker is no reason to allow it."""
    out = listed({"verdict": verdict})
    assert not out.groups
    assert verdict in out.notes[0].why
    assert listed({"verdict": verdict}, also=[verdict]).groups


@pytest.mark.parametrize(
    "change", [{"outcome": "unanswered"}, {"outcome": "refused"}, {"direction": "multicast"}]
)
def test_what_nobody_answered_is_no_permission(change):
    """Counted and told."""
    out = listed(change, change)
    assert not out.groups
    assert [note.what for note in out.notes] == ["to 203.0.113.5 tcp/443, 4 flows"]


def test_what_others_begin_is_inbound():
    """The recorder that fetches pictures."""
    (group,) = listed({"by_camera": False, "peer": "10.0.0.2", "port": 554}).groups
    assert group.closed
    assert [(item.inbound, item.ports) for item in group.allowed] == [(True, ((554, 554),))]


def test_a_name_that_is_none_is_not_used():
    """What came from the wire goes through the door; the address stays."""
    (group,) = listed({"name": 'x" accept; }'}).groups
    assert group.allowed[0].peer.kind == "network"


def test_a_camera_with_too_many_peers_is_cut_and_told():
    """A list of thousands helps nobody."""
    out = listed(*({"peer": f"203.0.{n // 250}.{n % 250}"} for n in range(MAX_ALLOWED + 5)))
    assert len(out.groups[0].allowed) == MAX_ALLOWED
    assert len(out.notes) == 5


def test_the_date_is_that_of_the_last_packet():
    """No clock."""
    assert listed({}, {"last": 0}).date == "2023-11-14T22:13:20Z"


def test_protocols_without_ports_are_numbers():
    """ICMP, and what has no name."""
    (group,) = listed({"proto": "icmp", "port": 0}, {"proto": "200", "port": 0}).groups
    assert [(item.proto, item.ports) for item in group.allowed] == [(1, ()), (200, ())]
