# SPDX-License-Identifier: Apache-2.0
"""Real cameras: the bytes they sent to each remote, an alert for those with egress, none for the others."""

import json

import pytest
from tests.oracle.compare import bytes_by_remote, egress_of, verdicts_by_remote

pytestmark = [pytest.mark.slow, pytest.mark.jit_only]  # replays 200 captures
EGRESS_VERDICTS = {"vendor_cloud", "p2p", "unknown"}
MODES = ("plain", "usual")


@pytest.fixture(scope="session")
def truth(captures):
    """What each device is known to have done."""
    return json.loads((captures / "camera_truth.json").read_text())


@pytest.fixture(scope="session")
def cameras(truth):
    """Devices of kind camera and camera-hub."""
    return [device for device in truth if device["kind"] in ("camera", "camera-hub")]


def alerts_of(camera, run):
    return [alert for alert in run.alerts if alert["source"]["ip"] in camera["device_ips"]]


def test_there_are_both_kinds_of_cameras(cameras):
    """With and without egress, of several makers."""
    assert sum(bool(egress_of(camera)) for camera in cameras) > 20
    assert sum(not egress_of(camera) for camera in cameras) > 5


def test_bytes_to_every_remote_are_exact(truth, replays):
    """IP bytes sent, remote by remote, for every device (also those that are no cameras)."""
    for device in truth:
        known, told = bytes_by_remote(device, replays("plain")[device["name"]].flows)
        assert told == known, device["name"]


@pytest.mark.parametrize("mode", MODES)
def test_a_camera_with_egress_has_an_alert(cameras, replays, mode):
    """One at least, in its own name."""
    silent = [c["name"] for c in cameras if egress_of(c) and not alerts_of(c, replays(mode)[c["name"]])]
    assert not silent


@pytest.mark.parametrize("mode", MODES)
def test_every_egress_has_an_outbound_row_with_a_verdict(cameras, replays, mode):
    """Every remote that counts as egress, not just one of them."""
    misses = []
    for camera in cameras:
        verdicts = verdicts_by_remote(camera, replays(mode)[camera["name"]].flows)
        misses += [
            (camera["name"], one["remote"], one["rport"])
            for one in egress_of(camera) if not verdicts.get(one["remote"], set()) & EGRESS_VERDICTS
        ]  # fmt: skip
    assert not misses


@pytest.mark.parametrize("mode", MODES)
def test_a_camera_without_egress_has_no_alert(cameras, replays, mode):
    """Of no severity."""
    false = {
        c["name"]: [alert["rule"]["id"] for alert in alerts_of(c, replays(mode)[c["name"]])]
        for c in cameras if not egress_of(c) and alerts_of(c, replays(mode)[c["name"]])
    }  # fmt: skip
    assert not false


@pytest.mark.parametrize("mode", MODES)
def test_a_device_that_is_no_camera_has_no_alert(truth, replays, mode):
    """Plugs and sensors reach their clouds, and nobody asked about them."""
    others = [device for device in truth if device["kind"] not in ("camera", "camera-hub")]
    assert others
    assert not {d["name"] for d in others if alerts_of(d, replays(mode)[d["name"]])}
