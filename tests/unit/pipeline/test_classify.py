# SPDX-License-Identifier: Apache-2.0
"""What a destination is: names, surest first; rules; class and platform."""

from ipaddress import ip_address
from types import SimpleNamespace

import pytest

from egresswatch.enrich.names import PassiveNames
from egresswatch.pipeline import classify as classify_module
from egresswatch.pipeline.classify import Classifier
from egresswatch.records import FlowInfo
from egresswatch.rules import load_tables

CAMERA, REMOTE, TCP, UDP = "10.0.0.5", "203.0.113.7", 6, 17
HIK, GENERIC, NOW = "dev.hik-connect.com", "balancer.cloud.example", 10**18


@pytest.fixture(scope="module")
def tables():
    return load_tables([], True)


@pytest.fixture
def names():
    return PassiveNames(100)


@pytest.fixture
def classify(tables, names):
    classifier = Classifier(tables, names)

    def of(info=None, proto=TCP, port=443, crossing=True):
        return classifier.classify(CAMERA, REMOTE, proto, port, crossing, NOW, info)

    return of


def sniffed(name="", source="sni", **fields):
    return FlowInfo(server_name=name, server_name_source=source if name else "none", **fields)


def test_nothing_known(classify):
    """No name, no rule: other outside, none inside."""
    what = classify()
    assert (what.names, what.rules, what.protocols) == ((), (), ())
    assert (what.dest_class, what.platform) == ("other", "")
    assert classify(crossing=False).dest_class == "none"


def test_a_name_seen_in_the_session(classify):
    """The maker's name makes it the maker's cloud."""
    what = classify(sniffed(HIK))
    assert what.names == ((HIK, "sni"),)
    assert (what.dest_class, what.platform) == ("vendor_cloud", "hikvision/hik-connect")


def test_a_name_that_was_asked_for(classify, names):
    """The question counts, and its alias stands behind it."""
    names.add(CAMERA, [REMOTE], [HIK, GENERIC], 60, NOW)
    what = classify()
    assert what.names == ((HIK, "dns"),)
    assert what.all_names == (HIK, GENERIC)
    assert what.dest_class == "vendor_cloud"


def test_the_session_is_surer_than_the_question(classify, names):
    """Both names are told, the sniffed one first."""
    names.add(CAMERA, [REMOTE], [HIK], 60, NOW)
    what = classify(sniffed("other.example", "http"))
    assert what.names == (("other.example", "http"), (HIK, "dns"))
    assert what.dest_class == "vendor_cloud"


def test_the_same_name_twice_is_told_once(classify, names):
    """DNS and SNI that agree are one name."""
    names.add(CAMERA, [REMOTE], [HIK], 60, NOW)
    assert classify(sniffed(HIK)).names == ((HIK, "sni"),)


def test_another_hosts_question_does_not_count(classify, names):
    """On shared addresses it would put words in the camera's mouth."""
    names.add("10.0.0.6", [REMOTE], [HIK], 60, NOW)
    assert classify().names == ()


def test_inside_destinations_have_no_passive_name(classify, names):
    """The local resolver's answers are for addresses outside."""
    names.add(CAMERA, [REMOTE], [HIK], 60, NOW)
    assert classify(crossing=False).names == ()


@pytest.mark.parametrize("port", [53, 123])
def test_housekeeping_is_infrastructure(classify, port):
    """DNS and NTP outside."""
    assert classify(proto=UDP, port=port).dest_class == "infrastructure"


def test_stun_is_peer_to_peer(classify):
    """Built in, no rule needed."""
    what = classify(sniffed(service="stun"), proto=UDP, port=3478)
    assert (what.protocols, what.dest_class, what.platform) == (("stun",), "p2p", "generic/stun")


def test_a_recognised_protocol(classify, tables):
    """The payload says PPPP, whatever the port."""
    index = next(i for i in range(1000) if tables.recogniser(i).protocol == "pppp")
    what = classify(sniffed(protocols=(str(index),)), proto=UDP, port=9)
    assert what.protocols == ("pppp",)
    assert (what.dest_class, what.platform) == ("p2p", "cs2_ilnk/pppp")


def test_asking_again_gives_the_same(classify):
    """Remembered answers are those of the first time."""
    assert classify(sniffed(HIK)) == classify(sniffed(HIK))


def test_names_that_raise_alerts(tables, names):
    """A maker's cloud does, a name of no rule does not."""
    classifier = Classifier(tables, names)
    assert [classifier.alerts(name) for name in (HIK, GENERIC, HIK)] == [True, False, True]


def certified(*names, by=REMOTE, **fields):
    return FlowInfo(service="tls", cert_names=names, cert_from=by, **fields)


def test_a_certificate_names_a_server_that_nobody_named(classify):
    """No SNI, no DNS: the names it claims are the best there is, and rules know them."""
    what = classify(certified("*.example.net".removeprefix("*."), HIK))
    assert what.names == (("example.net", "cert"),)
    assert what.dest_class == "vendor_cloud"


def test_a_name_beats_a_certificate(classify):
    """The certificate's names stay among all names, for rules and policy."""
    what = classify(certified("shared.example", server_name=HIK, server_name_source="sni"))
    assert what.names == ((HIK, "sni"),)
    assert "shared.example" in what.all_names


def test_the_cameras_own_certificate_does_not_name_its_visitor(classify):
    """It speaks of the end that showed it."""
    assert classify(certified(HIK, by=CAMERA)).names == ()


def test_an_outer_name_is_told_as_such(classify):
    """Beside ECH the TLS name may be a front's; a rule that knows it still speaks."""
    what = classify(sniffed(HIK, outer_name=True))
    assert what.names == ((HIK, "ech"),)
    assert what.dest_class == "vendor_cloud"


def test_what_was_asked_for_beats_an_outer_name(classify, names):
    """DNS comes first then."""
    names.add(CAMERA, [REMOTE], ["real.example"], 60, NOW)
    assert classify(sniffed("front.example", outer_name=True)).names == (
        ("real.example", "dns"), ("front.example", "ech")
    )  # fmt: skip


def test_an_outer_name_that_was_asked_for_is_an_ordinary_name(classify, names):
    """Most clients offer ECH to servers that have none: DNS confirms the name."""
    names.add(CAMERA, [REMOTE], ["front.example"], 60, NOW)
    assert classify(sniffed("front.example", outer_name=True)).names[0] == ("front.example", "sni")


def test_an_address_is_placed_when_a_rule_names_its_network(tables, names):
    """Then it matters to the judgement of a flow; others are not asked about one by one."""
    classifier = Classifier(tables, names)
    for addr in ("8.8.8.8", "100.64.0.1", "2001:4860:4860::8888", REMOTE, "8.8.8.9", "2001:db8::1", "::1"):
        number = int(ip_address(addr))
        placed = classifier.placed(number >> 64, number & (1 << 64) - 1, ":" in addr)
        assert placed == bool(tables.address(addr))
    assert classifier.placed(0, 0xFFFF << 32 | int(ip_address("8.8.8.8")), v6=False)


def test_what_was_asked_may_be_known_beforehand(tables, names):
    """The same answer as looking it up."""
    names.add(CAMERA, [REMOTE], [HIK, GENERIC], 60, NOW)
    classifier = Classifier(tables, names)
    what = classifier.what((HIK, GENERIC), REMOTE, TCP, 443, True, None)
    assert what == classifier.classify(CAMERA, REMOTE, TCP, 443, True, NOW, None)
    assert what.rule_ids == tuple(rule.id for rule in what.rules) != ()


def test_rules_of_a_name_are_looked_up_once(tables, names, monkeypatch):
    """Whoever asks; what is remembered is bounded: full, it starts anew."""
    asked = []
    counting = SimpleNamespace(nets={}, domain=lambda name: asked.append(name) or tables.domain(name))
    classifier = Classifier(counting, names)
    for _ in range(2):
        assert classifier.alerts(HIK)
        what = classifier.what((), REMOTE, TCP, 443, True, sniffed(HIK))
        assert what.rules == tables.domain(HIK)
        assert not classifier.alerts(GENERIC)
    assert asked == [HIK, GENERIC]
    monkeypatch.setattr(classify_module, "_CACHE", 2)
    assert not classifier.alerts("other.example")
    assert classifier.alerts(HIK)
    assert asked == [HIK, GENERIC, "other.example", HIK]
