# SPDX-License-Identifier: Apache-2.0
"""Which finding one flow is."""

import re
from types import SimpleNamespace

import pytest

from egresswatch.detect.families import DETECTOR_RULES, find
from egresswatch.records import SEVERITIES


@pytest.mark.parametrize("verdict", ["not_monitored", "allowed"])
def test_what_nobody_watches_or_policy_allows_is_no_finding(make, verdict):
    """Also when it goes to a vendor cloud."""
    assert find(make.cloud(verdict=verdict)) is None


def test_nothing_sent_is_no_finding(make):
    """A scan from outside that the camera never answered took nothing out."""
    assert find(make.event(direction="inbound", pkts_out=0, bytes_out=0)) is None


@pytest.mark.parametrize(("proto", "rport"), [(1, 0), (58, 0), (17, 53), (6, 53), (17, 123)])
def test_icmp_dns_and_ntp_are_no_egress_by_themselves(make, proto, rport):
    """Every device needs them."""
    assert find(make.event(proto=proto, rport=rport, dest_class="infrastructure")) is None


@pytest.mark.parametrize(("proto", "rport"), [(1, 0), (17, 53), (17, 123)])
def test_icmp_dns_and_ntp_against_policy_are_a_violation(make, proto, rport):
    """A hard-coded resolver is told when the site said what may be asked."""
    found = find(make.event(proto=proto, rport=rport, verdict="violation", dest_class="infrastructure"))
    assert (found.rule.id, found.family, found.target) == ("EW-POL-0001", "violation", "203.0.113.9")


def test_icmp_to_a_vendor_is_nothing_without_policy(make):
    """A ping is not a cloud session."""
    assert find(make.cloud(proto=1, rport=0)) is None


def test_vendor_cloud_speaks_with_the_pack_rule_and_its_platform(make):
    """One case per platform, not per address."""
    found = find(make.cloud())
    assert (found.rule.id, found.family, found.target) == ("EW-EXA-0001", "vendor_cloud", "example/cloud")
    assert not found.individual


def test_vendor_cloud_against_policy_keeps_the_vendor_rule(make):
    """One alert that says both, not two."""
    assert find(make.cloud(verdict="violation")).rule.id == "EW-EXA-0001"


def test_p2p_speaks_with_the_recogniser_rule(make):
    """Payload before names."""
    ev = make.cloud(
        verdict="p2p", dest_class="p2p", rules=(make.rule(), make.p2p_rule()), protocols=("pppp",)
    )
    assert (find(ev).rule.id, find(ev).family) == ("EW-EXA-0002", "p2p")


def test_stun_alone_has_a_rule_of_its_own(make):
    """Nobody's platform, still a way in."""
    found = find(make.event(verdict="p2p", dest_class="p2p", protocols=("stun",), platform="generic/stun"))
    assert (found.rule.id, found.target) == ("EW-NAT-0001", "generic/stun")


def test_media_beside_stun_are_called_media(make):
    """What leaves is live media: more than a question about the way in, also on rented hosting."""
    hosting = make.rule(dest_class="other", platform="example/hosting")
    media = make.rule(
        id="EW-EXA-0003", dest_class="other", platform="example/rtp", match=SimpleNamespace(seen=("rtp",))
    )
    ev = make.event(
        verdict="p2p",
        dest_class="p2p",
        protocols=("stun", "rtp"),
        platform="generic/stun",
        rules=(hosting, media),
    )
    found = find(ev)
    assert (found.rule.id, found.family, found.target) == ("EW-EXA-0003", "p2p", "example/rtp")


def test_stun_to_rented_hosting_has_a_rule_of_its_own(make):
    """A name that says nothing of what is spoken takes nothing away from STUN."""
    hosting = make.rule(dest_class="other", platform="example/hosting")
    ev = make.event(
        verdict="p2p", dest_class="p2p", protocols=("stun",), platform="generic/stun", rules=(hosting,)
    )
    assert find(ev).rule.id == "EW-NAT-0001"


def test_stun_at_a_vendor_speaks_with_the_vendor_rule(make):
    """The vendor's rule says more."""
    assert find(make.cloud(verdict="p2p", dest_class="p2p", protocols=("stun",))).rule.id == "EW-EXA-0001"


def test_a_rule_without_platform_makes_cases_by_address(make):
    """There is nothing better to sum up by."""
    found = find(make.cloud(rules=(make.rule(platform=""),)))
    assert (found.target, found.individual) == ("203.0.113.9", True)


def test_a_name_that_no_rule_knows_is_told_by_its_name(make):
    """Addresses behind a name change, the name is the destination."""
    found = find(make.event(names=(("cdn.example.net", "dns"),)))
    assert (found.rule.id, found.target, found.individual) == ("EW-UNK-0002", "cdn.example.net", True)


def test_a_generic_cloud_is_never_a_vendor_alert(make):
    """Infrastructure rules explain, they do not accuse."""
    ev = make.event(
        names=(("s3.amazonaws.example", "sni"),),
        rules=(make.rule(dest_class="other"),),
        dest_class="other",
    )
    assert find(ev).rule.id == "EW-UNK-0002"


def test_what_nobody_can_name_is_told_by_its_address(make):
    """No DNS, no SNI, no recogniser."""
    found = find(make.event())
    assert (found.rule.id, found.target) == ("EW-UNK-0001", "203.0.113.9")


def test_reached_from_outside_is_told_by_the_port_reached(make):
    """A thousand scanners of one open port are one case."""
    found = find(make.event(direction="inbound", lport=554, rport=51234))
    assert (found.rule.id, found.target) == ("EW-INB-0001", "6/554")


@pytest.mark.parametrize("rule", DETECTOR_RULES, ids=lambda rule: rule.id)
def test_every_detector_rule_is_complete(rule):
    """Same vocabulary as the pack; a finding without a known innocent cause has not been thought through."""
    assert re.fullmatch(r"EW-[A-Z]{3}-\d{4}", rule.id)
    assert rule.severity in SEVERITIES
    assert rule.confidence in ("low", "medium", "high")
    assert rule.title
    assert rule.false_positives


def test_detector_rules_are_unique_and_in_order():
    """Ids are never reused."""
    ids = [rule.id for rule in DETECTOR_RULES]
    assert ids == sorted(set(ids))


def test_an_outer_name_alone_names_nothing(make):
    """Encrypted ClientHello: the name of a front is not the destination."""
    found = find(make.event(names=(("front.example", "ech"),)))
    assert (found.rule.id, found.target) == ("EW-UNK-0001", "203.0.113.9")


def test_what_the_packets_speak_tells_more_than_nobody_knows_it(make):
    """A rule about a protocol, of nobody's cloud: its title and severity, one case a destination."""
    rule = make.p2p_rule(dest_class="other", id="EW-MED-0001")
    found = find(make.event(dest_class="other", rules=(rule,), names=(("live.example", "dns"),)))
    assert (found.rule.id, found.family, found.target) == ("EW-MED-0001", "unknown", "live.example")


def test_a_service_that_should_not_be_needed_speaks_by_its_rule(make):
    """A resolver asked by HTTPS is infrastructure, and still something to tell."""
    rule = make.rule(dest_class="infrastructure", id="EW-DNS-0001")
    assert find(make.event(dest_class="infrastructure", rules=(rule,))).rule.id == "EW-DNS-0001"


def test_shared_hosting_by_name_stays_a_destination_nobody_knows(make):
    """Who rents there is not told by the landlord's name."""
    rule = make.rule(dest_class="other")
    found = find(make.event(dest_class="other", rules=(rule,), names=(("x.hosting.example", "dns"),)))
    assert found.rule.id == "EW-UNK-0002"
