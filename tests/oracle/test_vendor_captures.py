# SPDX-License-Identifier: Apache-2.0
"""Every real capture whose owner says that a camera maker or a peer-to-peer protocol is in it shows so."""

import json

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.jit_only]  # replays 200 captures

VENDORS = {
    # what the manifest calls it: (ids of the maker, platforms or protocols of which one is seen)
    "EZVIZ/Hikvision": ({"ezviz", "hikvision"}, {"ezviz/cloud"}),
    "Yi (PPPP)": ({"xiaoyi"}, {"pppp", "pppp-yi", "cs2_ilnk/pppp", "xiaoyi/p2p", "xiaoyi/cloud"}),
    "Amcrest (Dahua OEM)": ({"amcrest"}, {"dahua-p2p", "dahua/easy4ip"}),
    "Blink (Amazon)": ({"blink"}, {"blink/cloud"}),
    "Reolink": ({"reolink"}, {"reolink-bc"}),
    "Xiaomi/IMILAB (chuangmi)": ({"imilab", "xiaomi"}, {"pppp", "xiaomi/camera", "xiaomi/miot"}),
    "D-Link": ({"dlink"}, {"dlink/mydlink"}),
    "Ednet": ({"assmann"}, set()),  # they asked for an address and no more
    "TP-Link Tapo": ({"tp_link"}, {"tp_link/cloud"}),
}
TAGS = {
    "pppp-32100": {"pppp", "pppp-yi"},
    "sig:dahua-p2p(DHGET/DHPOST)": {"dahua-p2p"},
    "sig:baichuan(reolink)": {"reolink-bc"},
    "sig:ezviz": {"ezviz/cloud"},
    "sig:mydlink": {"dlink/mydlink"},
}
"""Tag of a protocol or platform -> what the outputs call it."""
NOT_CAMERAS = ("D-Link (sensor)", "Baidu Xiaodu (plug)")
NOTHING_TO_TELL = {"nku__xiaobai_Y2camera_delete.pcap"}
"""The middle of one TLS session: no name, no certificate, no payload in clear."""
BESIDE = {
    "sig:mydlink": {"iotls__fp-dlink-mov.pcap"},  # a motion sensor: nobody asked about it
}
"""Captures in which a tag is not about a video device."""


@pytest.fixture(scope="session")
def manifest(captures):
    """What the owners say of each capture."""
    entries = json.loads((captures / "manifest.json").read_text())
    return [entry for entry in entries if entry["split"] == "dev"]


def register(run):
    return json.loads((run.out / "cameras.json").read_text())


def seen(run):
    """Platforms of rows and protocols of sightings."""
    platforms = {row["platform"] for row in run.flows if row["platform"]}
    return platforms | {row["value"] for row in run.sightings if row["kind"] == "p2p"}


def test_every_vendor_of_the_manifest_is_looked_for(manifest):
    """A new capture of a new maker needs a line above."""
    named = {vendor for entry in manifest for vendor in entry["vendors"]}
    assert named <= {*VENDORS, *NOT_CAMERAS}


def test_the_maker_is_in_the_register(manifest, replays):
    """Of every capture that is said to be of a camera maker."""
    runs = replays("usual")
    misses = [
        (entry["name"], vendor)
        for entry in manifest for vendor in entry["vendors"]
        if vendor in VENDORS
        and not {row["vendor"] for row in register(runs[entry["name"]])} & VENDORS[vendor][0]
    ]  # fmt: skip
    assert not misses


def test_the_platform_or_the_protocol_is_seen(manifest, replays):
    """Where the capture holds some of it."""
    runs = replays("usual")
    misses = [
        (entry["name"], vendor)
        for entry in manifest for vendor in entry["vendors"]
        if vendor in VENDORS and VENDORS[vendor][1] and entry["name"] not in NOTHING_TO_TELL
        and not seen(runs[entry["name"]]) & VENDORS[vendor][1]
    ]  # fmt: skip
    assert not misses


def test_every_tagged_protocol_is_seen(manifest, replays):
    """By the tags that the captures' tools gave."""
    runs = replays("usual")
    misses = [
        (entry["name"], tag)
        for entry in manifest for tag in entry["tags"]
        if tag in TAGS and entry["name"] not in BESIDE.get(tag, ())
        and not seen(runs[entry["name"]]) & TAGS[tag]
    ]  # fmt: skip
    assert not misses
