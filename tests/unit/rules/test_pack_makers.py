# SPDX-License-Identifier: Apache-2.0
"""What the built-in pack knows of makers, brands, MAC prefixes and what gives devices away."""

from __future__ import annotations

import pytest

from egresswatch.records import ROLES
from egresswatch.rules import MatchTables
from egresswatch.rules.makers import ASKED_KINDS, FINGERPRINT_KINDS, brands_of, chain, named
from egresswatch.rules.prints import Part

NDAA, FCC, UK = "US NDAA FY2019 s.889", "US FCC Covered List", "UK statement of 24 November 2022"


def firsts(pack: MatchTables) -> list[Part]:
    """Every fingerprint by its first condition."""
    return [part for parts in pack.fingerprint_parts.values() for part in parts if part.number == 0]


@pytest.mark.parametrize(
    ("vendor_id", "lists"),
    [
        ("hikvision", [NDAA, FCC, "US BIS Entity List (Oct 2019)", UK, "Australia"]),
        ("dahua", [NDAA, FCC, "US BIS Entity List (Oct 2019)", UK, "Australia"]),
        ("huawei", [NDAA, FCC, UK]),
        ("zte", [NDAA, FCC, UK]),
        ("hytera", [NDAA, FCC, UK]),
        ("uniview", ["US BIS Entity List (Dec 2024)", UK]),
        ("tiandy", ["US BIS Entity List (Dec 2022)", UK]),
        ("ezviz", [UK]),
        ("axis", []),
    ],
)
def test_public_lists(pack: MatchTables, vendor_id: str, lists: list[str]) -> None:
    """Which lists name a maker, in the order of the file."""
    found = pack.vendors[vendor_id].lists
    assert len(found) == len(lists)
    for entry, name in zip(found, lists, strict=True):
        assert entry.name.startswith(name)


def test_every_list_relation_and_remark_has_its_source(pack: MatchTables) -> None:
    """No claim about a company without where it was read."""
    for vendor in pack.vendors.values():
        assert all(len(entry.reference) > 11 for entry in vendor.lists), vendor.id
        for fact in (*vendor.made_by, *vendor.uses, *vendor.remarks):
            assert fact.references, vendor.id
            assert all(len(text) > 11 for text in fact.references), vendor.id


@pytest.mark.parametrize(
    ("brand", "makers"),
    [
        ("LTS", ["hikvision"]),
        ("Annke", ["hikvision", "dahua"]),
        ("TruVision", ["hikvision"]),
        ("LaView", ["hikvision"]),
        ("Swann", ["hikvision", "reolink"]),
        ("Lorex", ["dahua", "hikvision"]),
        ("KBVision", ["dahua"]),
        ("CP Plus", ["dahua"]),
        ("Technaxx", ["dahua"]),
        ("Packetalk", ["dahua"]),
        ("Godrej", ["dahua", "xiongmai"]),
        ("Besder", ["xiongmai"]),
        ("NuMenWorld", ["xiongmai"]),
        ("Sharetronic", ["jovision"]),
        ("Steinsvik", ["truen"]),
        ("Axis", []),
    ],
)
def test_who_makes_what_a_brand_sells(pack: MatchTables, brand: str, makers: list[str]) -> None:
    """A relabel is found by its name and leads to its makers, the surest first."""
    vendor = named(pack.vendors, brand)
    assert vendor is not None
    assert vendor.sells
    assert [relation.vendor for relation in vendor.made_by] == makers
    for maker in makers:
        assert vendor in [brand for brand, _ in brands_of(pack.vendors, maker)]


@pytest.mark.parametrize(
    ("brand", "licensors"),
    [
        ("Wyze", ["throughtek"]),
        ("Xiaomi", ["throughtek", "cs2_ilnk"]),
        ("Yi", ["cs2_ilnk"]),
        ("VStarcam", ["cs2_ilnk"]),
        ("Eufy", ["cs2_ilnk"]),
        ("Dogness", ["throughtek"]),
    ],
)
def test_whose_platform_a_brand_uses(pack: MatchTables, brand: str, licensors: list[str]) -> None:
    """A licensed platform makes nobody the maker."""
    vendor = named(pack.vendors, brand)
    assert vendor is not None
    assert [relation.vendor for relation in vendor.uses] == licensors
    assert not {relation.vendor for relation in vendor.made_by} & set(licensors)


def test_makers_of_devices_are_makers(pack: MatchTables) -> None:
    """Nobody's devices are made by a licensor, a holding or a brand without a factory."""
    for vendor in pack.vendors.values():
        for relation in vendor.made_by:
            assert pack.vendors[relation.vendor].kind == "maker", vendor.id


@pytest.mark.parametrize(
    ("vendor_id", "house"),
    [
        ("ezviz", ["ezviz", "hikvision"]),
        ("hikrobot", ["hikrobot", "hikvision"]),
        ("imou", ["imou", "dahua"]),
        ("blink", ["blink", "amazon"]),
        ("meraki", ["meraki", "cisco"]),
        ("avigilon", ["avigilon", "motorola_solutions"]),
    ],
)
def test_parents(pack: MatchTables, vendor_id: str, house: list[str]) -> None:
    """Brands of a group lead to the company above them."""
    assert [vendor.id for vendor in chain(pack.vendors, vendor_id)] == house


def test_platforms_are_no_makers(pack: MatchTables) -> None:
    """Infovision IoT and iSecure Center are software of Hikvision."""
    for name in ("Infovision IoT", "iSecure Center"):
        vendor = named(pack.vendors, name)
        assert vendor is not None
        assert vendor.id == "hikvision"
    assert any("Infovision" in remark.text for remark in pack.vendors["hikvision"].remarks)


@pytest.mark.parametrize(
    ("prefix", "vendor", "relevance"),
    [
        ("00BC99", "hikvision", "camera"),
        ("0CA64C", "ezviz", "mostly"),
        ("FCB69D", "dahua", "camera"),
        ("48EA63", "uniview", "camera"),
        ("00E0FC", "huawei", "generic"),
        ("6433B54", "eagle_eye", "mostly"),
        ("8C1F64B2B", "rhombus", "mostly"),
        ("D03110", "ingenic", "generic"),
    ],
)
def test_prefixes_of_all_lengths(pack: MatchTables, prefix: str, vendor: str, relevance: str) -> None:
    """24, 28 and 36 bits."""
    found = pack.oui(int(prefix.ljust(12, "0"), 16))
    assert found is not None
    assert (found.vendor, found.relevance) == (vendor, relevance)


def test_prefixes_make_a_camera_only_of_who_sells_them(pack: MatchTables) -> None:
    """The chip maker's or licensor's prefix stands on anything."""
    for _, table in pack.ouis:
        for oui in table.values():
            if oui.relevance != "generic":
                assert pack.vendors[oui.vendor].sells, oui


@pytest.mark.parametrize(
    ("kind", "value", "vendor", "role"),
    [
        ("http_title", "NETSurveillance WEB", "xiongmai", "camera"),
        ("http_title", "UniFi NVR: Software Portal", "ubiquiti", "recorder"),
        ("http_favicon", "89b932fcc47cf4ca3faadb0cfdef89cf", "hikvision", "recorder"),
        ("http_server", "Linux/2.6.29-axis5.10, UPnP/1.0, Portable SDK/1.6.6", "axis", "camera"),
        ("http_server", "Wireless Dome Camera", "", "camera"),
        ("http_realm", "IP Camera", "", "camera"),
        ("http_path", "/nphMotionJpeg", "panasonic", "camera"),
        ("http_push", "isapi-event", "hikvision", "camera"),
        ("telnet_banner", "\\r\\nGrandstream GXV3601 Shell Command", "grandstream", "camera"),
        ("snmp_sysdescr", "Canon Network Camera VB-S30D", "canon", "camera"),
        ("tls_cert_subject", "CN=TCAM,OU=Security,O=Truen,L=Seoul,ST=Seoul,C=KR", "truen", "camera"),
        ("rtsp_request", "rtsp://192.0.2.4/user=_password=_channel=2_stream=1.sdp", "xiongmai", "camera"),
        ("sadp", "DS-2CD2083G2-I", "hikvision", "camera"),
        ("dhdiscover", "DH-IPC-HFW1230S", "dahua", "camera"),
        ("xmdiscover", "LocalHost", "xiongmai", "camera"),
        ("upnp_manufacturer", "Ubiquiti Networks", "ubiquiti", "other"),
        ("isapi_device_name", "Embedded Net DVR", "hikvision", "recorder"),
        ("dhcp_hostname", "chuangmi_camera_021a04", "imilab", "camera"),
        ("dhcp_hostname", "DCS-8000LH", "dlink", "camera"),
        ("mdns", "D-Link HNAP Service._dhnap._tcp.local", "dlink", "other"),
        ("ssdp", "uuid:1::urn:schemas-upnp-org:device:DCS-930L:1", "dlink", "camera"),
    ],
)  # fmt: skip
def test_what_gives_a_device_away(pack: MatchTables, kind: str, value: str, vendor: str, role: str) -> None:
    """One value of each kind, as devices show it."""
    first = pack.fingerprints(kind, value)[0]
    assert (first.vendor, first.role) == (vendor, role)


@pytest.mark.parametrize(
    ("kind", "value", "model", "firmware"),
    [
        ("dhcp_vendor_class", "AXIS,Network Camera,M3045-V,9.80.1", "M3045-V", "9.80.1"),
        ("ftp_banner", "AXIS M1054 Network Camera 5.50 (Jan 2014) ready.", "M1054", "5.50"),
        ("ftp_banner", "AXIS Q7401 Video Encoder 5.51 ready.", "Q7401", "5.51"),
        ("http_title", "WV-NS954 Network Camera", "WV-NS954", ""),
        ("sip_user_agent", "AXIS A8207-VE Network Video Door Station", "A8207-VE", ""),
    ],
)
def test_model_and_firmware(pack: MatchTables, kind: str, value: str, model: str, firmware: str) -> None:
    """What a value says beside the make."""
    first = pack.fingerprints(kind, value)[0]
    assert (first.model, first.firmware) == (model, firmware)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("http_server", "nginx"),
        ("http_server", "Apache/2.4.57 (Debian)"),
        ("http_server", "Linux/5.10, UPnP/1.0, Portable SDK for UPnP devices/1.14"),
        ("http_realm", "Restricted"),
        ("http_realm", "Camera shop"),
        ("http_title", "Login"),
        ("http_title", "Axis Bank"),
        ("http_path", "/index.html"),
        ("rtsp_server", "GStreamer RTSP server"),
        ("rtsp_request", "rtsp://192.0.2.4/user=_password="),
        ("ftp_banner", "220 (vsFTPd 3.0.5)"),
        ("telnet_banner", "login:"),
        ("tls_cert_subject", "CN=localhost"),
        ("http_push", "json-event"),
        ("served_port", "tcp/80"),
        ("served_port", "tcp/554"),
        ("contacted_port", "tcp/443"),
        ("dns_query", "example.com"),
    ],
)
def test_what_everybody_shows(pack: MatchTables, kind: str, value: str) -> None:
    """Common software, pages, ports and names say nothing by themselves."""
    assert [found for found in pack.fingerprints(kind, value) if found.parts == 1] == []


@pytest.mark.parametrize(
    ("start", "rest"),
    [
        (("served_port", "tcp/8000"), [("served_port", "tcp/554"), ("served_port", "tcp/9020")]),
        (("served_port", "tcp/37777"), [("served_port", "tcp/554")]),
        (("served_port", "tcp/34567"), [("served_port", "tcp/9530")]),
        (("served_port", "tcp/9000"), [("served_port", "tcp/554")]),
        (("dns_query", "litedev.ezvizlife.com"), [("contacted_port", "tcp/8666")]),
        (("dns_query", "litedev.hik-connect.com"), [("contacted_port", "tcp/8666")]),
        (("dns_query", "time.ys7.com"), [("contacted_port", "udp/123")]),
        (("dns_query", "pub-cfg.secu100.net"), [("contacted_port", "tcp/8086")]),
        (("rtsp_realm", "device"), [("rtsp_server", "Dahua Rtsp Server")]),
        (("http_path", "/upnp_eth0.xml"), [("served_port", "tcp/49153")]),
    ],
)
def test_conduct_counts_only_as_a_whole(
    pack: MatchTables, start: tuple[str, str], rest: list[tuple[str, str]]
) -> None:
    """All parts together are the fingerprint, each of them alone is not."""
    (first,) = (found for found in pack.fingerprints(*start) if found.part == 0 and found.parts > 1)
    met = {0} | {found.part for seen in rest for found in pack.fingerprints(*seen) if found.id == first.id}
    assert met == set(range(first.parts))


def test_names_asked_for_are_weak(pack: MatchTables) -> None:
    """A resolver asks for everybody: such a name needs more, or makes nobody a camera."""
    for part in firsts(pack):
        found = part.rule.fingerprint
        if found.kind in ASKED_KINDS:
            assert found.parts > 1 or found.role == "other", found.id


def test_fingerprints_are_whole(pack: MatchTables) -> None:
    """Every one has words, sources, a role and a kind that exists, and says at least who or what it is."""
    for part in firsts(pack):
        found = part.rule.fingerprint
        assert found.kind in FINGERPRINT_KINDS
        assert found.role in ROLES
        assert found.vendor or found.role != "other", found.id
        assert found.text[0].isalpha() or found.text[0].isdigit()
        assert not found.text.endswith("."), found.id
        assert all(len(text) > 11 for text in part.rule.references), found.id
        assert "public-code" not in part.rule.references


def test_no_two_fingerprints_are_the_same(pack: MatchTables) -> None:
    """The same conditions stand once."""
    seen: dict[object, str] = {}
    for part in firsts(pack):
        first = seen.setdefault(part.rule.conditions, part.rule.fingerprint.id)
        assert first == part.rule.fingerprint.id
