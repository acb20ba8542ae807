# SPDX-License-Identifier: Apache-2.0
"""Precedence of classes and verdicts."""

from types import SimpleNamespace

import pytest

from egresswatch.detect.verdict import dest_class, is_service, judge, port_only, primary
from egresswatch.records import DEST_CLASSES, VERDICTS


@pytest.mark.parametrize(
    ("monitored", "policy", "cls", "verdict"),
    [
        (False, "violation", "p2p", "not_monitored"),
        (True, "allowed", "p2p", "allowed"),
        (True, "violation", "vendor_cloud", "violation"),
        (True, "silent", "p2p", "p2p"),
        (True, "silent", "vendor_cloud", "vendor_cloud"),
        (True, "silent", "infrastructure", "unknown"),
        (True, "silent", "other", "unknown"),
        (True, "silent", "none", "unknown"),
    ],
)
def test_verdict_is_the_first_that_applies(monitored, policy, cls, verdict):
    """The contract's list is walked from its top."""
    assert judge(monitored, policy, cls) == verdict
    assert verdict in VERDICTS


def test_a_cloud_name_makes_vendor_cloud(make):
    """A domain rule tells class and platform."""
    assert dest_class((make.rule(),), (), 6, 443, True) == ("vendor_cloud", "example/cloud")


def test_p2p_wins_over_vendor_cloud_whatever_the_order(make):
    """What the packets speak says more than whose name it is."""
    both = (make.rule(), make.p2p_rule())
    assert dest_class(both, ("pppp",), 17, 32100, True) == ("p2p", "example/p2p")
    assert dest_class(both[::-1], ("pppp",), 17, 32100, True) == ("p2p", "example/p2p")


def test_the_most_specific_of_equal_rules_names_the_platform(make):
    """Rules come most specific first; the first of the highest class speaks."""
    rules = (make.rule(platform="example/exact"), make.rule(platform="example/suffix"))
    assert dest_class(rules, (), 6, 443, True) == ("vendor_cloud", "example/exact")


@pytest.mark.parametrize(("proto", "port"), [(17, 53), (6, 53), (17, 123)])
def test_dns_and_ntp_are_infrastructure_even_at_a_vendor(make, proto, port):
    """A vendor's time server is told by its platform, but is no cloud session."""
    assert dest_class((make.rule(),), (), proto, port, True) == ("infrastructure", "example/cloud")


def test_p2p_over_the_dns_port_is_p2p(make):
    """A recogniser looks at the bytes, so borrowing port 53 does not hide it."""
    assert dest_class((make.p2p_rule(),), ("pppp",), 17, 53, True)[0] == "p2p"


def test_ntp_is_a_matter_of_udp():
    """TCP 123 is not NTP."""
    assert is_service(17, 123)
    assert not is_service(6, 123)
    assert not is_service(47, 53)


def test_stun_to_the_outside_is_p2p_with_a_generic_platform():
    """STUN needs no vendor to be the first step of a P2P session."""
    assert dest_class((), ("stun",), 17, 3478, True) == ("p2p", "generic/stun")


def test_stun_to_a_vendor_keeps_the_vendor_platform(make):
    """The name says whose STUN server it is."""
    assert dest_class((make.rule(),), ("stun",), 17, 3478, True) == ("p2p", "example/cloud")


def test_stun_inside_makes_no_class():
    """Intercoms on one LAN use STUN as well."""
    assert dest_class((), ("stun",), 17, 3478, False) == ("none", "")


def test_a_port_alone_never_makes_a_class(make):
    """Anybody can use a port."""
    hint = make.p2p_rule(match=SimpleNamespace(ports=((17, 32100),)))
    assert port_only(hint)
    assert primary((hint,)) is None
    assert dest_class((hint,), (), 17, 32100, True) == ("other", "")


@pytest.mark.parametrize("cls", ["infrastructure", "other"])
def test_weaker_classes_are_told_as_the_rule_says(make, cls):
    """A generic cloud is told, with its platform."""
    assert dest_class((make.rule(dest_class=cls),), (), 6, 443, True) == (cls, "example/cloud")


def test_without_a_rule_the_perimeter_decides():
    """Outside is other, inside is none; both words are the contract's."""
    assert dest_class((), (), 6, 443, True) == ("other", "")
    assert dest_class((), (), 6, 443, False) == ("none", "")
    assert {"other", "none"} < set(DEST_CLASSES)


def test_class_and_platform_are_told_for_inside_traffic_too(make):
    """The contract: told in every case."""
    assert dest_class((make.p2p_rule(),), ("pppp",), 17, 32108, False) == ("p2p", "example/p2p")


def test_of_one_platform_the_surest_rule_speaks(make):
    """An exact name read in one place does not make less of a domain that is well known."""
    exact = make.rule(id="EW-EXA-0009", confidence="low", status="experimental")
    assert primary((exact, make.rule())).id == "EW-EXA-0001"
    assert primary((make.rule(id="EW-EXA-0009"), make.rule())).id == "EW-EXA-0009", "as sure, more specific"
    elsewhere = make.rule(id="EW-EXB-0001", confidence="low", platform="other/cloud")
    assert primary((elsewhere, make.rule())).id == "EW-EXB-0001", "another platform: the most specific"


def test_media_beside_stun_stay_a_way_through_nat(make):
    """What flows through the hole says less than that somebody made one."""
    media = make.p2p_rule(id="EW-MED-0004", dest_class="other", platform="generic/rtp")
    assert dest_class((media,), ("rtp", "stun"), 17, 40404, crossing=True) == ("p2p", "generic/stun")


def test_what_stays_inside_has_no_class_of_destination(make):
    """A protocol that was recognised there keeps its platform."""
    onvif = make.p2p_rule(id="EW-LAN-0001", dest_class="other", platform="generic/onvif")
    assert dest_class((onvif,), (), 17, 3702, crossing=False) == ("none", "generic/onvif")
