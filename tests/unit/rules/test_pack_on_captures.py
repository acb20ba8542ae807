# SPDX-License-Identifier: Apache-2.0
"""The built-in pack against real cameras: every name a camera's vendor traffic showed is claimed."""

from __future__ import annotations

import json
from pathlib import Path

from egresswatch.rules import MatchTables

NOBODYS = (".pool.ntp.org",)
"""Names of everybody, which a camera asked for as well."""


def test_names_of_cameras_are_claimed(captures: Path, pack: MatchTables) -> None:
    """Each outside name of a camera or its hub (DNS, SNI, HTTP host) has a rule."""
    devices = json.loads((captures / "camera_truth.json").read_text())
    names = {
        name.removeprefix("*.")
        for device in devices
        if device["kind"] in ("camera", "camera-hub")
        for remote in device["egress"]
        for name in remote["dns"] + remote["sni"] + remote["http_host"]
    }
    assert len(names) > 10
    assert [name for name in sorted(names) if not pack.domain(name) and not name.endswith(NOBODYS)] == []


def test_makers_of_cameras_with_a_known_prefix(captures: Path, pack: MatchTables) -> None:
    """Where a camera's MAC prefix is known, it names the camera's maker or the maker's group."""
    devices = json.loads((captures / "camera_truth.json").read_text())
    for device in devices:
        oui = pack.oui(int(device["device_mac"].replace(":", ""), 16))
        if device["kind"] == "camera" and oui is not None:
            vendor = pack.vendor(oui.vendor)
            assert vendor is not None
            words = [vendor.name, *vendor.aliases]
            assert any(word.split()[0].lower() in device["model"].lower() for word in words), device["model"]
