# SPDX-License-Identifier: Apache-2.0
"""The passive census of real cameras: the register names the maker of nearly all of them."""

import json

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.jit_only]  # replays 200 captures

MAKERS = {
    "EZVIZ (Hikvision)": {"ezviz", "hikvision"},
    "Yi": {"xiaoyi"},
    "Amcrest (Dahua OEM)": {"amcrest"},
    "Blink hub": {"blink"},
    "Blink camera": {"blink"},
    "Reolink": {"reolink"},
    "Xiaomi Xiaobai Y2 (IMILAB/chuangmi)": {"imilab", "xiaomi"},
    "D-Link": {"dlink"},
    "Ednet": {"assmann"},  # the registrant of its MAC prefix, whose brand it is
    "TP-Link Tapo C200": {"tp_link"},
}
"""Model as the captures' owners call it -> ids of its maker in the rule pack."""
_WANTED = 0.95


@pytest.fixture(scope="session")
def cameras(captures):
    """Devices of kind camera and camera-hub."""
    truth = json.loads((captures / "camera_truth.json").read_text())
    return [device for device in truth if device["kind"] in ("camera", "camera-hub")]


def row_of(camera, run):
    """The row of the register that stands for a camera."""
    rows = json.loads((run.out / "cameras.json").read_text())
    mine = [row for row in rows if row["mac"] == camera["device_mac"]]
    mine += [row for row in rows if row["mac"] is None and set(row["ips"]) & set(camera["device_ips"])]
    return mine[0] if mine else None


def test_every_model_has_a_maker_to_look_for(cameras):
    """A new capture needs a line above."""
    assert {camera["model"] for camera in cameras} <= MAKERS.keys()


def test_the_maker_is_named(cameras, replays, capsys):
    """The table of hits and misses is printed; at least 95 % are hits."""
    hits, lines = 0, []
    for camera in cameras:
        row = row_of(camera, replays("usual")[camera["name"]])
        vendor = row["vendor"] if row else None
        hit = vendor in MAKERS[camera["model"]]
        hits += hit
        told = "not in the register"
        if row is not None:
            told = f"{row['brand']} {row['model'] or ''} ({row['confidence']})"
        found = "hit " if hit else "MISS"
        lines.append(f"{found}  {camera['name'][:48]:48}  {camera['model'][:24]:24}  {told}")
    with capsys.disabled():
        print(f"\nmakers named: {hits} of {len(cameras)}", *lines, sep="\n")
    assert hits / len(cameras) >= _WANTED


def test_a_maker_rests_on_evidence(cameras, replays):
    """A line of evidence says so, for every camera whose maker is named."""
    bare = []
    for camera in cameras:
        row = row_of(camera, replays("usual")[camera["name"]])
        if row is not None and row["vendor"] and not any("(says: maker" in line for line in row["evidence"]):
            bare.append(camera["name"])
    assert not bare


def test_what_is_no_camera_is_not_counted_as_one(captures, replays):
    """Plugs and sensors may stand in the census, as hosts that are not monitored."""
    truth = json.loads((captures / "camera_truth.json").read_text())
    others = [device for device in truth if device["kind"] not in ("camera", "camera-hub")]
    rows = {device["name"]: row_of(device, replays("usual")[device["name"]]) for device in others}
    assert others
    assert not {name for name, row in rows.items() if row is not None and row["monitored"]}


def test_the_blind_name_share_is_of_flows_to_the_outside(cameras, replays):
    """Between 0 and 1, and null for a camera that sent nothing outside."""
    for camera in cameras:
        row = row_of(camera, replays("usual")[camera["name"]])
        if row is None:
            continue
        outside, unnamed = row["outside_flows"], row["unnamed_flows"]
        assert 0 <= unnamed <= outside
        assert row["blind_name_share"] == (round(unnamed / outside, 3) if outside else None)
