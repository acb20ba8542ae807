# SPDX-License-Identifier: Apache-2.0
"""A site's policy as an allow-list: the same answers as the policy itself."""

import ipaddress

import pytest

from egresswatch.exchange import allow
from egresswatch.rules.site import load_site

SITE = """
[[zone]]
name = "gateway"
networks = ["10.20.0.1/32"]

[[zone]]
name = "cameras"
role = "camera"
networks = ["10.20.0.0/24", "2001:db8:20::/64"]
vlans = [20]
reach = [
  "recorders",
  { to = "10.10.0.53", proto = "udp", ports = [53] },
  { to = "Time.Example.org", proto = "udp", ports = [123] },
  { to = "outside", proto = "tcp", ports = [443, "8000-8010"] },
  "virtual",
]

[[zone]]
name = "recorders"
networks = ["10.20.0.2/31"]
role = "recorder"
reach = []

[[zone]]
name = "virtual"
vlans = [30]
reach = ["outside"]
"""


@pytest.fixture
def site(tmp_path):
    """A site with nested zones, names, outside and VLANs."""
    (tmp_path / "site.toml").write_text(SITE)
    return load_site(tmp_path / "site.toml")


@pytest.fixture
def listed(site):
    """Its allow-list."""
    return allow.from_site(site, "site.toml")


def test_zones_without_policy_or_networks_are_told(listed):
    """They are not in the list, and nobody is surprised."""
    assert [group.name for group in listed.groups] == ["cameras", "recorders"]
    assert {(note.subject, note.why) for note in listed.notes if not note.taken} == {
        ("gateway", allow.NO_POLICY), ("virtual", allow.ONLY_VLANS), ("cameras", allow.NO_NETWORK),
    }  # fmt: skip


def test_a_smaller_zone_is_cut_out_of_a_larger_one(listed):
    """The gateway and the recorders are not cameras, though their addresses lie in the cameras' network."""
    nets = [ipaddress.ip_network(text) for text in listed.groups[0].networks]
    holders = {
        last for last in range(256) if any(ipaddress.ip_address(f"10.20.0.{last}") in net for net in nets)
    }
    assert holders == set(range(256)) - {1, 2, 3}


def test_reach_keeps_protocol_ports_and_place(listed):
    """Also where in the site file it stands."""
    dns = listed.groups[0].allowed[1]
    assert (dns.peer.networks, dns.proto, dns.ports) == (("10.10.0.53/32",), 17, ((53, 53),))
    assert dns.place == "site.toml:11 10.10.0.53 (udp 53)"


def test_a_name_means_everything_below_it(listed):
    """As in site.toml, in lower case."""
    peer = listed.groups[0].allowed[2].peer
    assert (peer.kind, peer.name, peer.below) == ("name", "time.example.org", True)


@pytest.mark.parametrize("last", [0, 1, 2, 3, 77])
@pytest.mark.parametrize(
    ("dst", "proto", "port"),
    [
        ("10.20.0.2", 6, 554),
        ("10.20.0.9", 6, 80),
        ("10.20.0.1", 6, 80),
        ("10.10.0.53", 17, 53),
        ("10.10.0.53", 6, 53),
        ("203.0.113.9", 6, 443),
        ("203.0.113.9", 6, 8011),
        ("10.99.0.1", 6, 443),
        ("2001:db8:20::5", 17, 9),
    ],
)
def test_the_list_answers_as_the_policy_does(site, listed, last, dst, proto, port):
    """Every source and destination of a few, asked both ways."""
    src = f"10.20.0.{last}"
    answer = site.policy(site.zone_of(src), dst, None, proto, port)
    groups = [group for group in listed.groups if _within(src, group.networks)]
    if answer.answer == "silent":
        assert not groups
        return
    (group,) = groups
    allowed = group.among and _within(dst, group.networks)
    for item in group.allowed:
        there = (
            not _within(dst, listed.inside)
            if item.peer.kind == "outside"
            else _within(dst, item.peer.networks)
        )
        fits = item.proto in (None, proto) and (not item.ports or any(a <= port <= b for a, b in item.ports))
        allowed |= there and fits
    assert allowed == (answer.answer == "allowed")


def _within(address, networks):
    ip = ipaddress.ip_address(address)
    return any(ip in net for net in map(ipaddress.ip_network, networks) if net.version == ip.version)


def test_only_keeps_the_groups_that_were_asked_for(listed):
    """And their notes."""
    part = listed.only(["recorders"])
    assert [group.name for group in part.groups] == ["recorders"]
    assert {note.subject for note in part.notes} <= {"recorders"}
