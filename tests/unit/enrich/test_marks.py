# SPDX-License-Identifier: Apache-2.0
"""What one sighting says about the host that made it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.enrich.marks import (
    EVIDENCE_KINDS,
    MakerNames,
    fingerprint_mark,
    read_sighting,
    shown,
    spoken_mark,
)
from egresswatch.rules.makers import FINGERPRINT_KINDS, Fingerprint, Vendor

SADP = "answer, firmware V5.5.0 build 170725, address 10.0.0.5, activated"
READINGS = {
    "ONVIF hardware": (
        ("onvif_scope", "onvif://www.onvif.org/hardware/P1", ""),
        {"model": "P1", "points": 50},
    ),
    "ONVIF name": (
        ("onvif_scope", "onvif://www.onvif.org/name/HIKVISION DS-1", ""),
        {"vendor": "hikvision", "points": 50},
    ),
    "ONVIF name of nobody": (
        ("onvif_scope", "onvif://www.onvif.org/name/IPC", ""),
        {"vendor": "", "points": 50},
    ),
    "ONVIF manufacturer": (
        ("onvif_manufacturer", "Axis AB", ""),
        {"vendor": "axis", "points": 50, "brand": ""},
    ),
    "ONVIF maker unknown": (
        ("onvif_manufacturer", "Acme", ""),
        {"vendor": "", "brand": "Acme", "points": 50},
    ),
    "ONVIF firmware": (("onvif_firmware", "9.80.1", ""), {"firmware": "9.80.1"}),
    "ISAPI model": (("isapi_model", "DS-2CD2143", ""), {"model": "DS-2CD2143", "points": 50}),
    "UPnP says nothing of video": (("upnp_model", "TV 55", ""), {"model": "TV 55", "points": 0}),
    "SADP": (
        ("sadp", "DS-2CD2143", SADP),
        {"model": "DS-2CD2143", "firmware": "V5.5.0 build 170725", "points": 60},
    ),
    "SADP without a model": (("sadp", "device", "answer"), {"model": "", "points": 60}),
    "Dahua's discovery": (
        ("dhdiscover", "IPC-HDW1", "answer, brand Dahua, firmware 2.8"),
        {"model": "IPC-HDW1", "vendor": "dahua", "firmware": "2.8"},
    ),
    "brand in place of a model": (
        ("dhdiscover", "Acme", "answer, brand Acme"),
        {"model": "", "brand": "Acme"},
    ),
    "XM's discovery": (("xmdiscover", "door", "answer, firmware 1.2"), {"hostname": "door", "model": ""}),
    "XM unnamed": (("xmdiscover", "LocalHost", "answer"), {"hostname": "", "points": 60}),
    "GB 28181 camera": (("gb28181", "ipc", "REGISTER, region 34020000"), {"role": "camera", "points": 50}),
    "GB 28181 recorder": (("gb28181", "nvr", ""), {"role": "recorder"}),
    "GB 28181 platform": (("gb28181", "platform", ""), {"role": "vms"}),
    "event push": (("http_push", "isapi-event", "POST"), {"points": 40}),
    "LLDP model": (("lldp", "P3245", "model"), {"model": "P3245", "points": 0}),
    "LLDP maker": (
        ("lldp", "Axis Communications AB", "manufacturer"),
        {"vendor": "axis", "vendor_points": 6},
    ),
    "CDP name": (("cdp", "sw-1", "device id"), {"hostname": "sw-1"}),
    "embedded": (("dhcp_vendor_class", "udhcp 1.12.1", ""), {"kind": "embedded", "points": 0}),
    "serves RTSP": (("rtsp_server", "x", ""), {"points": 40}),
}
SILENT = [
    ("sadp", "search", "search"),
    ("http_push", "json-event", "POST"),
    ("gb28181", "user", ""),
    ("lldp", "fa:ce", "chassis"),
    ("dns_query", "camera.example.com", ""),
    ("dhcp_vendor_class", "MSFT 5.0", ""),
    ("onvif_scope", "http://example.com/printer", ""),
    ("upnp_model", " ", ""),
    ("onvif_model", "\x1b[red", ""),
]


@pytest.mark.parametrize("case", READINGS)
def test_a_protocols_own_words(case, tables):
    """Without any fingerprint of the rule pack."""
    (kind, value, detail), expected = READINGS[case]
    (mark,) = read_sighting(kind, value, detail, (), MakerNames(tables.vendors)).marks
    assert {name: getattr(mark, name) for name in expected} == expected


@pytest.mark.parametrize("sighting", SILENT)
def test_what_says_nothing(sighting, tables):
    """Searches of tools, other devices' fields, and text that cannot be shown."""
    assert read_sighting(*sighting, (), MakerNames(tables.vendors)).mute


def test_every_kind_of_fingerprint_is_evidence():
    """And what a reader of its own takes."""
    assert set(FINGERPRINT_KINDS) <= EVIDENCE_KINDS
    assert {"rtsp_served", "http_served", "onvif_model", "gb28181"} <= EVIDENCE_KINDS


def test_a_fingerprint_with_parts_waits_for_the_others(tables):
    """One of its conditions alone is no mark."""
    found = Fingerprint("FP-1", "served_port", "dahua", "camera", "", "high", "known", part=1, parts=2)
    reading = read_sighting("served_port", "tcp/37777", "", (found,), MakerNames(tables.vendors))
    assert (reading.marks, reading.parts, reading.mute) == ((), (found,), False)


def test_a_name_asked_for_is_hearsay():
    """A resolver asks for everybody: no video device, and hardly a vote for a maker."""
    alone = Fingerprint("FP-1", "dns_query", "ezviz", "camera", "", "high", "known")
    assert fingerprint_mark(alone, "x")[2:6] == (0, 0, "ezviz", 1)
    both = Fingerprint("FP-1", "dns_query", "ezviz", "camera", "", "high", "known", parts=2)
    assert fingerprint_mark(both, "x")[2:6] == (60, 0, "ezviz", 6)


def test_a_protocol_that_plugs_speak_too_makes_no_camera():
    """Its maker is told all the same."""
    mark = spoken_mark("tp_link", "tplink-shp", "EW-TPL-0006", shared=True)
    assert (mark.points, mark.vendor, mark.vendor_points) == (0, "tp_link", 3)
    assert mark.text == "speaks tplink-shp (EW-TPL-0006)"


def test_a_maker_is_found_by_whole_words(tables):
    """The longest name wins; a name inside a word is none, nor is a hosting company's."""
    vendors = dict(tables.vendors)
    vendors["amazon"] = Vendor("amazon", "Amazon", "US", "", (), (), (), kind="hosting")
    names = MakerNames(vendors)
    assert names.find("HIKVISION Digital") == "hikvision"
    assert names.find("hik") == "hikvision"
    assert names.find("Hikvisionist") == ""
    assert names.find("Amazon") == ""
    assert names.find("") == ""


def test_evidence_names_its_kind():
    """As people call it; ports without quotes."""
    assert shown("sadp", "DS-1") == 'SADP answer "DS-1"'
    assert shown("served_port", "tcp/8000") == "answers on port tcp/8000"
    assert len(shown("http_title", "x" * 1000)) < 120


@given(
    kind=st.sampled_from(sorted(EVIDENCE_KINDS)), value=st.text(max_size=600), detail=st.text(max_size=200)
)
def test_no_value_breaks_a_reader(kind, value, detail):
    """Values come from the network; what becomes a fact can be shown."""
    for mark in read_sighting(kind, value, detail, (), MakerNames({})).marks:
        assert all(part.isprintable() for part in (mark.model, mark.firmware, mark.brand))
        assert len(mark.model) <= 64
