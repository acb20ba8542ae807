# SPDX-License-Identifier: Apache-2.0
"""The site answers what is inside, who is in which zone, and what policy says."""

from __future__ import annotations

import hashlib
import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.errors import ConfigError
from egresswatch.rules.site import load_site
from egresswatch.rules.site_model import DEFAULT_INSIDE

SITE = """
[site]
name = "depot"

[[zone]]
name = "cameras"
role = "camera"
networks = ["10.20.0.0/24", "2001:db8:20::/64"]
vlans = [20]
reach = [
  "nvr-main",
  { to = "10.30.0.53", proto = "udp", ports = [53, 123] },
  { to = "*.time.example.org", proto = "udp", ports = ["120-125"] },
  { to = "update.example.com" },
]

[[zone]]
name = "nvr-main"
role = "recorder"
networks = ["10.20.0.2"]
reach = []

[[zone]]
name = "office"
networks = ["198.51.100.0/24"]
reach = [{ to = "outside", proto = "tcp", ports = [443] }]

[[zone]]
name = "lab"
role = "core"
vlans = [40]
monitored = true
"""


@pytest.fixture
def site(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    return load_site(path)


@pytest.fixture
def default():
    return load_site(None)


def ask(site, src, dst, proto=6, port=443, names=()):
    return site.policy(site.zone_of(src, None), dst, None, proto, port, names)


@pytest.mark.parametrize(
    ("addr", "kind"),
    [
        ("10.1.2.3", "inside"),
        ("172.31.255.255", "inside"),
        ("172.32.0.0", "outside"),
        ("192.168.1.255", "inside"),
        ("169.254.3.4", "inside"),
        ("127.0.0.1", "inside"),
        ("0.0.0.0", "inside"),
        ("100.64.0.1", "outside"),
        ("203.0.113.7", "outside"),
        ("8.8.8.8", "outside"),
        ("224.0.0.251", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("240.0.0.1", "outside"),
        ("fe80::1", "inside"),
        ("fd00::1", "inside"),
        ("::", "inside"),
        ("2001:db8::1", "outside"),
        ("ff02::fb", "multicast"),
        ("::ffff:10.0.0.1", "inside"),
        ("::ffff:8.8.8.8", "outside"),
        ("not an address", "outside"),
    ],
)
def test_without_a_site_file_private_space_is_inside(default, addr, kind):
    """RFC 1918, link-local and unique-local space; carrier-grade NAT space is the carrier's."""
    assert default.kind(addr) == kind
    assert default.inside(addr) == (kind == "inside")


def test_without_a_site_file_nothing_is_policy(default):
    """No zones, nothing said about monitoring, and policy silent."""
    assert not default.given
    assert default.zone_of("10.0.0.1", 20) is None
    assert default.monitored("10.0.0.1", 20) is None
    assert default.policy(None, "203.0.113.7", None, 6, 443).answer == "silent"
    assert default.policy_text() == "no site file (no policy given)"
    assert default.digest == ""


def test_the_digest_is_of_the_bytes(site):
    """So that a report can name the policy it was judged by."""
    assert site.digest == hashlib.sha256(SITE.encode()).hexdigest()
    assert site.given
    assert site.name == "depot"


def test_the_most_specific_network_decides(site):
    """A recorder inside the cameras' network is in its own zone."""
    assert site.zone_of("10.20.0.13", None).name == "cameras"
    assert site.zone_of("10.20.0.2", None).name == "nvr-main"
    assert site.zone_of("2001:db8:20::5", None).name == "cameras"
    assert site.zone_of("10.21.0.1", None) is None


def test_a_vlan_decides_where_no_network_does(site):
    """For inside hosts only: a router's frame on the VLAN keeps its real sender's address."""
    assert site.zone_of("192.168.4.4", 20).name == "cameras"
    assert site.zone_of("10.20.0.2", 20).name == "nvr-main"
    assert site.zone_of("203.0.113.7", 20) is None
    assert site.zone_of("224.0.0.251", 20) is None


def test_zone_networks_are_inside(site):
    """A site with public addresses lists them in a zone."""
    assert site.inside("198.51.100.9")
    assert site.inside("10.99.0.1")
    assert site.kind("10.20.0.255") == "broadcast"


@pytest.mark.parametrize(
    ("addr", "vlan", "monitored"),
    [
        ("10.20.0.13", None, True),
        ("10.20.0.2", None, True),
        ("198.51.100.9", None, False),
        ("192.168.9.9", 40, True),
        ("192.168.9.9", None, None),
    ],
)
def test_who_is_monitored(site, addr, vlan, monitored):
    """Camera and recorder zones by default, others when they say so; elsewhere nothing is said."""
    assert site.monitored(addr, vlan) is monitored


def test_a_site_may_name_its_own_inside(tmp_path):
    """``inside`` replaces the default; link-local stays inside always."""
    path = tmp_path / "s.toml"
    path.write_text('[site]\ninside = ["100.64.0.0/10", "10.0.0.0/8"]\n', encoding="utf-8")
    site = load_site(path)
    assert [site.kind(a) for a in ("100.64.0.1", "10.0.0.1", "192.168.0.1", "169.254.0.1")] == [
        "inside", "inside", "outside", "inside",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("dst", "proto", "port", "names", "answer"),
    [
        ("10.20.0.2", 6, 554, (), "allowed"),
        ("10.20.0.99", 6, 554, (), "allowed"),
        ("10.30.0.53", 17, 53, (), "allowed"),
        ("10.30.0.53", 17, 54, (), "violation"),
        ("10.30.0.53", 6, 53, (), "violation"),
        ("203.0.113.7", 17, 123, ("a.time.example.org",), "allowed"),
        ("203.0.113.7", 17, 123, ("time.example.org",), "allowed"),
        ("203.0.113.7", 17, 126, ("a.time.example.org",), "violation"),
        ("203.0.113.7", 17, 123, ("nottime.example.org",), "violation"),
        ("203.0.113.7", 6, 1, ("x", "UPDATE.example.com"), "allowed"),
        ("203.0.113.7", 6, 443, (), "violation"),
        ("224.0.0.251", 17, 5353, (), "silent"),
        ("255.255.255.255", 17, 67, (), "silent"),
        ("192.168.77.7", 6, 80, (), "violation"),
    ],
)
def test_what_a_camera_may_reach(site, dst, proto, port, names, answer):
    """Its own zone, and what reach lists, with protocol, ports and names; nothing else."""
    assert ask(site, "10.20.0.13", dst, proto, port, names).answer == answer


def test_a_violation_says_why_and_where(site):
    """The reason ends an alert's sentence, the place is the line of reach."""
    policy = ask(site, "10.20.0.13", "203.0.113.7")
    assert policy.reason == (
        'zone "cameras" may reach only nvr-main, 10.30.0.53 (udp 53, 123), '
        "*.time.example.org (udp 120-125), update.example.com"
    )
    assert policy.place == "site.toml:10"


def test_an_empty_reach_isolates(site):
    """``reach = []``: nothing but its own zone."""
    policy = ask(site, "10.20.0.2", "10.20.0.13")
    assert policy.answer == "violation"
    assert policy.reason == 'zone "nvr-main" may reach nothing outside its own zone'


def test_outside_stands_for_everything_outside(site):
    """With its own port limits; inside hosts are not meant."""
    assert ask(site, "198.51.100.9", "203.0.113.7").answer == "allowed"
    assert ask(site, "198.51.100.9", "203.0.113.7", port=80).answer == "violation"
    assert ask(site, "198.51.100.9", "10.20.0.13").answer == "violation"


def test_a_zone_without_reach_leaves_policy_silent(site):
    """Only what the operator wrote is policy."""
    assert site.policy(site.zone_of("192.168.9.9", 40), "203.0.113.7", None, 6, 443).answer == "silent"


def test_the_header_tells_the_policy_shortly(site, tmp_path):
    """What a reader needs to know before the verdict."""
    assert (
        site.policy_text() == "site.toml (policy: cameras may reach nvr-main and 3 more; nvr-main isolated)"
    )
    path = tmp_path / "z.toml"
    path.write_text('[[zone]]\nname = "c"\nrole = "camera"\nvlans = [2]\n', encoding="utf-8")
    assert load_site(path).policy_text() == "z.toml (no policy for monitored zones)"


def test_inside_networks_are_disjoint_and_hold_what_is_inside(site):
    """The packet path's table: no network twice, none within another."""
    networks = site.inside_networks()
    for family in (4, 6):
        mine = [network for network in networks if network.version == family]
        assert mine == sorted(mine)
        assert all(not a.overlaps(b) for i, a in enumerate(mine) for b in mine[i + 1 :])
    assert ipaddress.ip_network("198.51.100.0/24") in networks


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_inside_agrees_with_its_networks(address):
    """The cached answer is the same as looking through the networks one by one."""
    site = load_site(None)
    plain = address.ipv4_mapped or address if address.version == 6 else address
    listed = any(plain in network for network in site.inside_networks() if network.version == plain.version)
    assert site.inside(str(address)) == (listed and not plain.is_multicast)
    if any(plain in network for network in DEFAULT_INSIDE if network.version == plain.version):
        assert site.inside(str(address))


def test_a_missing_file_is_one_clear_line(tmp_path):
    """Path and reason."""
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        load_site(tmp_path / "none.toml")


def test_an_empty_file_is_a_site_without_zones(tmp_path):
    """Nothing said is nothing monitored by the site."""
    path = tmp_path / "e.toml"
    path.write_text("", encoding="utf-8")
    site = load_site(path)
    assert site.given
    assert site.monitored("10.0.0.1", None) is None


def test_the_address_cache_never_changes_an_answer(site, monkeypatch):
    """Full, it starts anew."""
    monkeypatch.setattr("egresswatch.rules.site._CACHE", 2)
    for _ in range(2):
        for last in range(5):
            assert site.zone_of(f"10.20.0.{last + 10}", None).name == "cameras"


def test_deep_nesting_is_refused(tmp_path):
    """A hostile file cannot end in a traceback."""
    path = tmp_path / "d.toml"
    path.write_text("a = " + "[" * 100_000, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_site(path)


def test_zones_of_whole_columns_are_those_of_each_address(site):
    """By network alone, IPv4 in IPv6 too; a network's broadcast address may count as held."""
    texts = [
        "10.20.0.0", "10.20.0.77", "10.19.255.255", "10.20.1.0", "2001:db8:20::", "2001:db8:20::ffff:1",
        "2001:db8:20:1::", "2001:db8:1f:ffff::1", "::ffff:10.20.0.7", "203.0.113.7", "fe80::1",
    ]  # fmt: skip
    numbers = [int(ipaddress.ip_address(text)) + (0 if ":" in text else 0xFFFF << 32) for text in texts]
    hi = np.array([number >> 64 for number in numbers], np.uint64)
    lo = np.array([number & (1 << 64) - 1 for number in numbers], np.uint64)
    assert site.zoned(hi, lo).tolist() == [site.zone_of(text) is not None for text in texts]
    assert load_site(None).zoned(hi, lo).tolist() == [False] * len(texts)


def test_vlans_of_zones_are_told_apart_from_others(site):
    """What the register asks of hosts that nobody else speaks about."""
    assert (bool(site.zone_vlans[20]), bool(site.zone_vlans[999])) == (True, False)
    assert not load_site(None).zone_vlans.any()
