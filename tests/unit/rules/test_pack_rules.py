# SPDX-License-Identifier: Apache-2.0
"""What every rule of the built-in pack must say, and what the pack as a whole must know."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from egresswatch.rules import MatchTables, builtin_path
from egresswatch.rules.model import Rule
from egresswatch.rules.site import load_site

DOC = Path(__file__).parents[3] / "docs" / "platforms.md"

COMPUTED = {
    "EW-PPP-0002", "EW-PPP-0004", "EW-VST-0002", "EW-VST-0003", "EW-TUT-0004", "EW-GWL-0002", "EW-ZOS-0001",
}  # fmt: skip
"""Recognisers whose bytes follow from a published algorithm or description: nobody saw them on a wire."""

LOCAL = {
    "dahua-dhip", "dahua-dvrip", "dahua-discover", "hik-sdk", "hik-sadp", "xm-dvrip", "xm-discover",
    "reolink-bc", "tuya-lan", "tplink-shp", "zosi-head", "onvif-discovery",
}  # fmt: skip
"""Protocols between a camera and its recorder, tool or app: they belong on the local network."""


def active(pack: MatchTables) -> list[Rule]:
    return [rule for rule in pack.rules.values() if rule.status != "deprecated"]


def only_ports(rule: Rule) -> bool:
    match = rule.match
    return not (match.domains or match.full_domains or match.nets or match.payload or match.seen)


def test_every_rule_says_who_else_does_this(pack: MatchTables) -> None:
    """An analyst who reads an alert wants to know what it could be instead."""
    assert [rule.id for rule in active(pack) if not rule.false_positives] == []


def test_every_rule_has_its_date_and_sources_once(pack: MatchTables) -> None:
    """A source that stands twice proves nothing twice."""
    for rule in active(pack):
        assert rule.first_published, rule.id
        assert len(set(rule.references)) == len(rule.references), rule.id


def test_every_recogniser_has_near_misses(pack: MatchTables) -> None:
    """One positive and three near misses at least: what almost fits must not match."""
    for rule in active(pack):
        for kind in ("payload", "seen"):
            if getattr(rule.match, kind) and (kind == "payload" or rule.protocol):
                found = [e for e in rule.match_examples if e.kind == kind]
                near = [e for e in rule.no_match_examples if e.kind == kind]
                assert found, rule.id
                assert len(near) >= 3, rule.id


@pytest.mark.parametrize(
    "form",
    [
        "plate",
        "face",
        "image",
        "isapi-event",
        "onvif-event",
        "xml-event",
        "json-event",
        "text-event",
        "multipart",
    ],
)
def test_every_form_of_a_push_is_named(pack: MatchTables, form: str) -> None:
    """Whatever is reported to a host outside, a rule says what it is."""
    assert pack.seen("http_push", form)


def test_every_way_of_a_recogniser_is_limited(pack: MatchTables) -> None:
    """No pattern goes by a port alone, and none fixes nothing."""
    for rule in active(pack):
        for item in rule.match.payload:
            assert item.bytes or item.wire, rule.id


def test_every_sighting_rule_has_examples_of_its_kinds(pack: MatchTables) -> None:
    """Each kind of sighting that a rule asks for stands in an example."""
    for rule in active(pack):
        shown = {e.seen for e in rule.match_examples if e.kind == "seen"}
        assert {item.kind for item in rule.match.seen} == shown, rule.id


@pytest.mark.parametrize("rule_id", sorted(COMPUTED))
def test_computed_bytes_are_experimental(pack: MatchTables, rule_id: str) -> None:
    """What was computed, not seen, says so."""
    rule = pack.rules[rule_id]
    assert rule.status == "experimental"
    assert rule.confidence != "high"


def test_a_port_alone_is_experimental_and_weak(pack: MatchTables) -> None:
    """A rule that knows a port only is a hint: low severity, and it warns of itself."""
    hints = [rule for rule in active(pack) if only_ports(rule)]
    assert len(hints) > 15
    for rule in hints:
        assert (rule.status, rule.severity) == ("experimental", "low"), rule.id
        assert any("port" in text for text in rule.false_positives), rule.id


@pytest.mark.parametrize("protocol", sorted(LOCAL))
def test_local_protocols_tell_no_destination(pack: MatchTables, protocol: str) -> None:
    """A session of a private protocol says what it is; whose host it reaches is another matter."""
    (rule,) = [rule for rule in active(pack) if rule.protocol == protocol]
    assert rule.dest_class == "other"


@pytest.mark.parametrize(
    "name",
    ["x.amazonaws.com", "obs.eu-de.myhuaweicloud.com", "x.hicloud.com", "b.oss-cn-hangzhou.aliyuncs.com"],
)
def test_shared_clouds_never_alert_alone(pack: MatchTables, name: str) -> None:
    """Hosting that everybody rents names no maker."""
    found = pack.domain(name)
    assert found
    assert {rule.dest_class for rule in found} == {"other"}


@pytest.mark.parametrize(
    "name",
    [
        "hikvision", "hikvision-platforms", "ezviz", "dahua", "imou", "amcrest", "uniview", "huawei",
        "xiongmai", "tvt", "reolink", "tuya", "v380", "vstarcam", "gwell", "jovision", "tp-link", "xiaomi",
        "wyze", "axis", "bosch", "panasonic", "hanwha", "mobotix", "avigilon", "verkada", "meraki", "nest",
        "ring", "blink", "dlink", "zosi",
    ],
)  # fmt: skip
def test_every_maker_has_its_file(name: str) -> None:
    """No maker is exempt, and each is found where one looks for it."""
    assert (builtin_path() / "platforms" / f"{name}.yaml").is_file()


def test_a_file_of_platforms_is_about_one_maker(pack: MatchTables) -> None:
    """One file, one maker: a new one is added without touching another."""
    makers: dict[str, set[str]] = {}
    for rule in pack.rules.values():
        if Path(rule.path).parent.name == "platforms":
            makers.setdefault(rule.path, set()).add(rule.vendor)
    assert {path: who for path, who in makers.items() if len(who) > 1} == {}


def test_look_alikes_are_nobodys(pack: MatchTables) -> None:
    """A name that only looks like one of ours, at either end, is not taken for it."""
    for rule in active(pack):
        for name in rule.match.domains:
            for fake in (f"not{name}", f"{name}.example"):
                assert rule not in pack.domain(fake), fake


@pytest.mark.parametrize(
    ("kind", "value", "rule_id", "platform"),
    [
        ("http_path", "/artemis/api/resource/v1/cameras", "EW-HPL-0001", "hikvision/hikcentral"),
        ("http_push", "isapi-event", "EW-HPL-0002", "hikvision/isapi-event"),
        ("http_push", "plate", "EW-PUS-0001", "generic/plate-push"),
        ("http_path", "/SDK.post", "EW-EZV-0024", "ezviz/pictures"),
        ("mqtt_topic", "/3300/17", "EW-EZV-0023", "ezviz/mqtt"),
        ("gb28181", "nvr", "EW-GB-0001", "gb28181/platform"),
        ("rtmp", "live", "EW-MED-0001", "generic/rtmp"),
        ("rtsp_push", "rtsp://media.example/cam", "EW-MED-0005", "generic/rtsp-push"),
        ("soap_action", "AddPortMapping", "EW-IGD-0001", "generic/upnp-igd"),
        ("ftp_command", "STOR", "EW-UPL-0001", "generic/ftp"),
        ("dot", "dns.google", "EW-GEN-0004", "generic/encrypted-dns"),
    ],
)
def test_known_sightings(pack: MatchTables, kind: str, value: str, rule_id: str, platform: str) -> None:
    """What was read on a flow, and the rule that says what it means."""
    found = [pack.recogniser(index) for index in pack.seen(kind, value)]
    assert (rule_id, platform) in [(rule.id, rule.platform) for rule in found]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("http_path", "/index.html"),
        ("http_path", "/artemis"),
        ("soap_action", "GetExternalIPAddress"),
        ("ftp_command", "RETR"),
        ("mqtt_topic", "home/garden/temperature"),
        ("http_user_agent", "Mozilla/5.0"),
        ("dns_query", "dns.google"),
    ],
)
def test_everyday_sightings_are_nobodys(pack: MatchTables, kind: str, value: str) -> None:
    """Reading a web page, asking the router for its address or fetching a file is no finding."""
    assert pack.seen(kind, value) == ()


def test_addresses_of_resolvers_are_infrastructure(pack: MatchTables) -> None:
    """Built-in name servers are told as such, whichever way they are reached."""
    for address in ("8.8.8.8", "114.114.114.114", "223.5.5.5", "2606:4700:4700::1111"):
        assert [rule.dest_class for rule in pack.address(address)] == ["infrastructure"]
    assert pack.domain("mozilla.cloudflare-dns.com")[0].platform == "generic/encrypted-dns"


def test_the_page_on_platforms_names_rules_that_exist(pack: MatchTables) -> None:
    """docs/platforms.md lists rules of the pack."""
    named = re.findall(r"EW-[A-Z]+-\d{4}", DOC.read_text(encoding="utf-8"))
    assert len(named) > 5
    assert set(named) <= pack.rules.keys()


def test_the_site_on_the_page_on_platforms_is_read(tmp_path: Path) -> None:
    """Its example is a sound site file that allows the declared platform and nothing else."""
    (text,) = re.findall(r"```toml\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    site = load_site(path)
    cameras = site.zone_of("10.20.0.5", None)
    assert site.policy(cameras, "203.0.113.20", None, 6, 7660, ()).answer == "allowed"
    assert site.policy(cameras, "203.0.113.21", None, 6, 7660, ()).answer == "violation"
