# SPDX-License-Identifier: Apache-2.0
"""The built-in pack keeps its word: clean, sourced, and it knows the platforms it should."""

from __future__ import annotations

import pytest

from egresswatch.patterns import RECOGNISER_BASE
from egresswatch.rules import MatchTables
from egresswatch.rules.examples import found_by, matching, run_examples
from egresswatch.rules.lint import lint
from egresswatch.rules.loader import load_pack


def test_lint_finds_nothing() -> None:
    """No error and no warning in what we ship."""
    assert [str(issue) for issue in lint(load_pack())] == []


def test_every_example_does_what_it_says(pack: MatchTables) -> None:
    """Every rule's and fingerprint's own examples."""
    assert [str(issue) for issue in run_examples(pack)] == []


def test_every_rule_has_sources_and_both_kinds_of_examples(pack: MatchTables) -> None:
    """The grammar asks for it; this says it again for what is shipped."""
    for rule in pack.rules.values():
        assert rule.references, rule.id
        assert rule.match_examples, rule.id
        assert rule.no_match_examples, rule.id


def test_sources_are_whole(pack: MatchTables) -> None:
    """No source lost its second half to a YAML comment."""
    texts = [text for rule in pack.rules.values() for text in rule.references]
    texts += [text for vendor in pack.vendors.values() for text in vendor.references]
    assert [text for text in texts if len(text) < 12 or text.endswith("public-code")] == []


@pytest.mark.parametrize(
    ("name", "rule_id", "dest_class"),
    [
        ("dev.hik-connect.com", "EW-HIK-0002", "vendor_cloud"),
        ("anything.hik-connect.com", "EW-HIK-0001", "vendor_cloud"),
        ("litedev.ezvizlife.com", "EW-EZV-0002", "vendor_cloud"),
        ("vtmvirginia.ezvizlife.com", "EW-EZV-0005", "vendor_cloud"),
        ("time.ys7.com", "EW-EZV-0007", "infrastructure"),
        ("www.easy4ipcloud.com", "EW-DAH-0001", "p2p"),
        ("p2p.amcrestview.com", "EW-AMC-0001", "p2p"),
        ("en.ezcloud.uniview.com", "EW-UNV-0001", "vendor_cloud"),
        ("www.star4live.com", "EW-UNV-0002", "vendor_cloud"),
        ("obs.eu-de.myhuaweicloud.com", "EW-HUA-0001", "other"),
        ("de.ot.io.mi.com", "EW-XIA-0001", "vendor_cloud"),
        ("xiaomi8.p2psy2.io.mi.com", "EW-XIA-0002", "p2p"),
        ("api.us.xiaoyi.com", "EW-YI-0001", "vendor_cloud"),
        ("euw1-device-cloudgateway.iot.i.tplinknbu.com", "EW-TPL-0001", "vendor_cloud"),
        ("aps1-relay-dcipc-beta.i.tplinknbu.com", "EW-TPL-0002", "vendor_cloud"),
        ("mp-eu-signal.auto.mydlink.com", "EW-DLK-0001", "vendor_cloud"),
        ("rest-hw-u002.immedia-semi.com", "EW-BLI-0001", "vendor_cloud"),
        ("bucket.s3.amazonaws.com", "EW-AWS-0001", "other"),
        ("p2p6.reolink.com", "EW-REO-0001", "p2p"),
        ("m1.iotcplatform.com", "EW-TUT-0001", "p2p"),
    ],
)
def test_known_names(pack: MatchTables, name: str, rule_id: str, dest_class: str) -> None:
    """Names that cameras were seen to ask for, and the rule that speaks first."""
    first = pack.domain(name)[0]
    assert (first.id, first.dest_class) == (rule_id, dest_class)


@pytest.mark.parametrize("name", ["hik-connect.com.evil.example", "pool.ntp.org", "com", "amazon.example"])
def test_names_nobody_claims(pack: MatchTables, name: str) -> None:
    """Look-alikes and other people's names have no rule."""
    assert pack.domain(name) == ()


@pytest.mark.parametrize(
    ("proto", "port", "head", "length", "protocol"),
    [
        (17, 32100, "f1000000", 4, "pppp"),
        (17, 21985, "f1d00404d1030297", 1032, "pppp"),
        (17, 10178, "b196ec02", 4, "pppp-obfuscated"),
        (17, 8800, "4448474554202f6f6e6c696e65", 267, "dahua-p2p"),
        (17, 8802, "4448504f5354202f646576696365", 300, "dahua-p2p"),
        (17, 40001, "505443500000000000000000", 28, "dahua-ptcp"),
        (17, 6000, "e2000c000000000162340c5a", 60, "hik-v3"),
        (17, 8053, "21310020ffffffff", 32, "miio"),
        (17, 9999, "3acf872a4000000001000000", 84, "reolink-bcudp"),
    ],
)
def test_known_payloads(
    pack: MatchTables, proto: int, port: int, head: str, length: int, protocol: str
) -> None:
    """First bytes of each protocol, as published, are recognised by exactly one rule."""
    hits = matching(pack.patterns, proto, 50000, port, bytes.fromhex(head), length)
    assert [pack.recogniser(parser - RECOGNISER_BASE).protocol for parser in hits] == [protocol]


@pytest.mark.parametrize(
    ("proto", "port", "head"),
    [
        (17, 53, "1a2b01000001000000000000"),
        (17, 123, "1b0000000000000000000000"),
        (17, 3478, "000100002112a442010203040506070809101112"),
        (17, 5004, "80600001000000010102030405060708"),
        (17, 443, "c000000001081122334455667788"),
        (17, 1900, "4d2d534541524348202a2048545450"),
        (6, 443, "1603010200010001fc0303"),
        (6, 80, "474554202f20485454502f312e31"),
        (6, 554, "4f5054494f4e53207274737020"),
    ],
)
def test_everyday_payloads_are_nobodys(pack: MatchTables, proto: int, port: int, head: str) -> None:
    """DNS, NTP, STUN, RTP, QUIC, SSDP, TLS, HTTP and RTSP are not taken for a maker's protocol."""
    data = bytes.fromhex(head)
    assert matching(pack.patterns, proto, 50000, port, data, len(data) + 40) == ()


def test_rules_are_found_by_their_protocol_name_once(pack: MatchTables) -> None:
    """A protocol name belongs to one rule: a p2p sighting can be traced back."""
    names = [rule.protocol for rule in pack.recognisers]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("mac", "vendor", "relevance"),
    [
        (0x9C8ECD000001, "amcrest", "camera"),
        (0x00BC99000001, "hikvision", "camera"),
        (0x14A78B000001, "dahua", "camera"),
        (0x48EA63000001, "uniview", "camera"),
        (0xB0C554000001, "dlink", "generic"),
        (0x78DF72000001, "imilab", "mostly"),
        (0x8C1F64B2B001, "rhombus", "mostly"),
    ],
)
def test_known_prefixes(pack: MatchTables, mac: int, vendor: str, relevance: str) -> None:
    """Prefixes of makers, and how much they say."""
    oui = pack.oui(mac)
    assert oui is not None
    assert (oui.vendor, oui.relevance) == (vendor, relevance)


def test_every_prefix_belongs_to_a_known_maker(pack: MatchTables) -> None:
    """An OUI's vendor has a name to show."""
    assert all(pack.vendor(oui.vendor) for _, table in pack.ouis for oui in table.values())
    assert sum(len(table) for _, table in pack.ouis) > 3500


def test_group_companies_name_their_parent(pack: MatchTables) -> None:
    """EZVIZ belongs to Hikvision, Imou to Dahua."""
    for child, parent in (("ezviz", "hikvision"), ("imou", "dahua")):
        vendor = pack.vendor(child)
        assert vendor is not None
        assert vendor.parent == parent


@pytest.mark.parametrize("vendor_id", ["cs2_ilnk", "throughtek", "hisilicon", "amazon", "generic"])
def test_who_makes_no_devices(pack: MatchTables, vendor_id: str) -> None:
    """A licensed protocol, a chip or a rented computer names no maker."""
    vendor = pack.vendor(vendor_id)
    assert vendor is not None
    assert vendor.kind != "maker"


@pytest.mark.parametrize(
    ("name", "shared", "side"),
    [
        ("api.dch.dlink.com", True, "device"),
        ("signal.mydlink.com", False, "both"),
        ("de.ot.io.mi.com", True, "device"),
        ("euw1-device-cloudgateway.iot.i.tplinknbu.com", True, "device"),
        ("euw1-device-tapo-care.i.tplinknbu.com", False, "device"),
        ("euw1-app-tapo-care.i.tplinknbu.com", False, "client"),
        ("www.hikvision.com", True, "both"),
        ("s3.amazonaws.com", True, "both"),
        ("dev.hik-connect.com", False, "device"),
        ("apiieu.hik-connect.com", False, "client"),
    ],
)
def test_what_contact_says_about_a_host(pack: MatchTables, name: str, shared: bool, side: str) -> None:
    """Plugs, browsers and apps reach the same makers: the rule that speaks first knows."""
    first = pack.domain(name)[0]
    assert (first.shared, first.side) == (shared, side)


@pytest.mark.parametrize(
    ("kind", "value", "vendor", "model"),
    [
        ("dhcp_vendor_class", "AXIS,Network Camera,P3245-LVE,10.12.66", "axis", "P3245-LVE"),
        ("http_server", "App-webs/", "hikvision", ""),
        ("rtsp_server", "Dahua Rtsp Server", "dahua", ""),
        ("rtsp_realm", "Login to 4D0C1E8PAG1B2C3", "dahua", ""),
        ("onvif_scope", "onvif://www.onvif.org/hardware/IPC-HDW2431T", "", "IPC-HDW2431T"),
        ("dhcp_hostname", "Blink-Device", "blink", ""),
        ("http_realm", "DCS-932L", "dlink", "DCS-932L"),
    ],
)
def test_known_fingerprints(pack: MatchTables, kind: str, value: str, vendor: str, model: str) -> None:
    """What devices say of themselves."""
    first = pack.fingerprints(kind, value)[0]
    assert (first.vendor, first.model) == (vendor, model)


def test_first_example_of_a_rule_is_answered_by_that_rule(pack: MatchTables) -> None:
    """Exact names of a rule are not hidden behind a broader one."""
    for rule in pack.rules.values():
        for example in rule.match_examples:
            if example.kind == "name" and example.name in rule.match.full_domains:
                assert found_by(pack, example)[0] is rule
