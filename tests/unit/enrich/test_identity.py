# SPDX-License-Identifier: Apache-2.0
"""What a host is follows from its marks, in any order."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.enrich import identity
from egresswatch.enrich.identity import identify, related
from egresswatch.enrich.marks import MakerNames, oui_mark, platform_mark, read_sighting
from egresswatch.rules.makers import Oui


def marks_of(tables, *sightings):
    found = []
    for kind, value in sightings:
        if kind == "mac":
            found.append(oui_mark(tables.oui(value << 24), tables.vendors))
        elif kind == "platform":
            found.append(platform_mark(value, f"{value}/cloud", "EW-X-0001"))
        else:
            found.extend(
                read_sighting(
                    kind, value, "", tables.fingerprints(kind, value), MakerNames(tables.vendors)
                ).marks
            )
    return found


CASES = {
    "nothing": ([], (False, "", "", "low")),
    "camera maker's MAC": ([("mac", 0x4419B6)], (True, "", "hikvision", "high")),
    "mostly cameras": ([("mac", 0x00408C)], (True, "", "axis", "medium")),
    "generic MAC": ([("mac", 0x00259E)], (False, "", "huawei", "low")),
    "generic MAC and platform": ([("mac", 0x00259E), ("platform", "ezviz")], (True, "", "ezviz", "medium")),
    "platform alone": ([("platform", "ezviz")], (True, "", "ezviz", "medium")),
    "peer to peer alone": ([("p2p", "pppp")], (True, "", "", "medium")),
    "both are never sure": ([("p2p", "pppp"), ("platform", "ezviz")], (True, "", "ezviz", "medium")),
    "serves RTSP": ([("rtsp_server", "")], (True, "", "", "medium")),
    "RTSP of a known make": ([("rtsp_server", "Dahua Rtsp Server")], (True, "camera", "dahua", "high")),
    "a loudspeaker speaks RTSP": ([("rtsp_server", "AirTunes/1")], (False, "", "", "low")),
    "asks for RTSP": ([("rtsp_request", "rtsp://10.0.0.1/")], (False, "", "", "low")),
    "a recorder asks for RTSP": (
        [("mac", 0x4419B6), ("rtsp_request", "rtsp://10.0.0.1/")], (True, "recorder", "hikvision", "high"),
    ),
    "recorder by its server": ([("http_server", "DNVRS-Webs")], (True, "recorder", "hikvision", "medium")),
    "a recorder also answers as a camera": (
        [("http_server", "DNVRS-Webs"), ("http_server", "App-webs/")],
        (True, "recorder", "hikvision", "medium"),
    ),
    "weak fingerprint": ([("http_server", "maybe")], (True, "camera", "", "low")),
    "ONVIF": ([("onvif_scope", "onvif://www.onvif.org/type/ptz")], (True, "", "", "medium")),
    "host name word": ([("dhcp_hostname", "hall-ipcam01")], (True, "camera", "", "medium")),
    "host name recorder": ([("dhcp_hostname", "NVR2")], (True, "recorder", "", "medium")),
    "host name with cam inside a word": ([("dhcp_hostname", "scamper")], (False, "", "", "low")),
    "phone with the app": (
        [("dhcp_vendor_class", "android-dhcp-14"), ("platform", "ezviz"), ("p2p", "pppp")],
        (False, "client", "ezviz", "medium"),
    ),
    "a camera that somebody browses from": (
        [("mac", 0x4419B6), ("http_user_agent", "Desktop Browser")], (True, "", "hikvision", "high"),
    ),
    "desktop with a weak sign": (
        [("http_server", "maybe"), ("http_user_agent", "Desktop Browser")], (False, "client", "", "high"),
    ),
    "names asked for say nothing": ([("dns_query", "camera.example.com")], (False, "", "", "low")),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_marks_make_of_a_host(case, tables):
    """(video device, role, maker, confidence)"""
    sightings, expected = CASES[case]
    for order in itertools.permutations(marks_of(tables, *sightings)):
        found = identify(order, tables.vendors)
        assert (found.video, found.role, found.vendor, found.confidence) == expected


def test_a_made_up_mac_lowers_what_a_phone_would_do_too(tables):
    """Phones make their MACs up, and run the maker's app."""
    marks = marks_of(tables, ("platform", "ezviz"))
    assert identify(marks, tables.vendors, local_mac=True).confidence == "low"
    assert identify(marks, tables.vendors, local_mac=True).video


def test_the_model_comes_from_onvif_hardware(tables):
    """As the parser gives it (percent-encoding undone); control characters refused."""
    scope = "onvif://www.onvif.org/hardware/DS-2CD2143 G0"
    assert identify(marks_of(tables, ("onvif_scope", scope)), tables.vendors).model == "DS-2CD2143 G0"
    bad = "onvif://www.onvif.org/hardware/\x1b[red"
    assert identify(marks_of(tables, ("onvif_scope", bad)), tables.vendors).model == ""


def test_only_onvif_scopes_count(tables):
    """Other WS-Discovery devices (printers) announce scopes of their own."""
    assert marks_of(tables, ("onvif_scope", "http://example.com/printer")) == []


def test_evidence_is_told_in_words(tables):
    """As cameras.json and alerts show it."""
    texts = [
        mark.text
        for mark in marks_of(
            tables, ("mac", 0x4419B6), ("platform", "ezviz"), ("http_server", "App-webs/"), ("p2p", "pppp"),
            ("dhcp_hostname", "x"), ("rtsp_realm", "LOGIN"),
        )
    ]  # fmt: skip
    assert texts == [
        "MAC prefix of Hangzhou Hikvision, which makes cameras",
        "contacts ezviz/cloud (EW-X-0001)",
        'HTTP server "App-webs/": known',
        "speaks pppp, a peer-to-peer protocol",
        'calls itself "x" by DHCP',
        "answers RTSP requests",
    ]


def test_two_makers_are_a_conflict_unless_of_one_house(tables):
    """A Dahua server behind a Hikvision MAC is odd; EZVIZ behind one is not."""
    odd = identify(marks_of(tables, ("mac", 0x4419B6), ("rtsp_server", "Dahua Rtsp Server")), tables.vendors)
    assert len(odd.conflicts) == 1
    assert odd.conflicts[0].startswith("two makers: MAC prefix of Hangzhou Hikvision")
    assert related("ezviz", "hikvision", tables.vendors)
    assert not related("dahua", "hikvision", tables.vendors)
    ezviz = oui_mark(Oui("ezviz", "Hangzhou Ezviz", "mostly"), tables.vendors)
    marks = [ezviz, *marks_of(tables, ("mac", 0x4419B6))]
    assert identify(marks, tables.vendors).conflicts == ()


def test_what_speaks_against_is_shown(tables):
    """A client that does what cameras do is not monitored, and its row says why."""
    marks = marks_of(tables, ("platform", "ezviz"), ("dhcp_vendor_class", "android-dhcp-14"))
    assert identify(marks, tables.vendors).conflicts == (
        'speaks against a camera: DHCP vendor class "android-dhcp-14": known',
    )


def test_several_host_names_are_a_conflict(tables):
    """One of them may be another device."""
    marks = marks_of(tables, ("dhcp_hostname", "b"), ("dhcp_hostname", "a"))
    assert identify(marks, tables.vendors).conflicts == ("several host names: a, b",)
    same = marks_of(tables, ("dhcp_hostname", "Hall"), ("dhcp_hostname", "hall.example.com"))
    assert identify(same, tables.vendors).conflicts == ()


@given(kind=st.sampled_from(["onvif_scope", "dhcp_hostname", "p2p", "rtsp_server", "x"]), value=st.text())
def test_no_value_breaks_it(kind, value):
    """Values come from the network."""
    found = identify(read_sighting(kind, value, "", (), MakerNames({})).marks, {})
    assert found.model.isprintable()


def test_the_same_marks_are_judged_once(tables, monkeypatch):
    """And whoever shows others is judged by those; what is remembered is bounded."""
    identities, judged = identity.Identities(tables.vendors), []
    judge = identity.identify
    monkeypatch.setattr(
        identity, "identify", lambda marks, *rest, **how: judged.append(marks) or judge(marks, *rest, **how)
    )
    monkeypatch.setattr(identity, "_CACHE", 2)
    camera = tuple(marks_of(tables, ("mac", 0x4419B6)))
    phone = tuple(marks_of(tables, ("platform", "ezviz")))
    for marks, local in [(camera, False), (camera, False), (phone, True), (phone, True), (phone, False)]:
        assert identities.of(marks, local) == judge(marks, tables.vendors, local_mac=local)
    assert judged == [camera, phone, phone]
    assert identities.of(camera, False).vendor == "hikvision"
    assert len(judged) == 4, "the table was full and started anew"
