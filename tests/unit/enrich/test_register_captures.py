# SPDX-License-Identifier: Apache-2.0
"""Every real camera with egress is recognised as one without any site file, from what its capture shows.

Fed from the captures' answers (computed by tshark), so that only the register and the rule pack are
under test: senders with MAC, DHCP and HTTP values, names per destination; PPPP by its port, as the
answers hold no payload.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from egresswatch.enrich.inventory import Inventory
from egresswatch.enrich.register import Register
from egresswatch.rules import load_tables
from egresswatch.rules.site import load_site

HERE = Path(__file__).resolve().parents[3]
CAPTURES = Path(os.environ.get("EGRESSWATCH_CAPTURES", HERE.parent / "shared" / "captures"))
TRUTH = CAPTURES / "camera_truth.json"
CAMERAS = [
    camera
    for camera in (json.loads(TRUTH.read_text(encoding="utf-8")) if TRUTH.is_file() else [])
    if camera["kind"] in ("camera", "camera-hub")
]
T = 1_700_000_000_000_000_000
PPPP_PORTS = (32100, 32108)

pytestmark = pytest.mark.skipif(
    not CAMERAS, reason=f"REAL CAPTURES ARE MISSING: no {TRUTH}; set EGRESSWATCH_CAPTURES"
)


@pytest.fixture(scope="module")
def pack():
    return load_tables()


def number(mac):
    return int(mac.replace(":", ""), 16) if mac else 0


def leaves(remote):
    return remote["proto"] in (6, 17) and remote["rport"] not in (53, 123) and remote["up_pkts"] > 0


def register_of(camera, pack):
    answers = json.loads((CAPTURES / "oracle" / f"{camera['name']}.json").read_text(encoding="utf-8"))
    site = load_site(None)
    register = Register(pack, site, Inventory(), 65536)
    flows = {flow["i"]: flow for flow in answers["flows"]}
    for flow in answers["flows"]:
        vlan = flow["vlan"][0] if flow["vlan"] else None
        for end, sent in (("a", flow["pkts_ab"]), ("b", flow["pkts_ba"])):
            if sent:
                register.observe(number(flow.get(f"{end}_mac")), flow[f"{end}_ip"], vlan, T)
    for kind, field, found in (
        ("dhcp_hostname", "hostname", answers.get("dhcp", ())),
        ("dhcp_vendor_class", "vendor_class", answers.get("dhcp", ())),
        ("http_server", "server", answers.get("http_resp", ())),
        ("http_user_agent", "ua", answers.get("http", ())),
    ):
        for value in found:
            if value.get(field) and value["flow"] in flows:
                end = value["dir"][0]
                flow = flows[value["flow"]]
                register.evidence(flow[f"{end}_ip"], number(flow.get(f"{end}_mac")), kind, value[field], T)
    mac = number(camera["device_mac"])
    for remote in camera["egress"]:
        for addr in camera["device_ips"]:
            for rule in (rule for name in remote["dns"] + remote["sni"] for rule in pack.domain(name)):
                if rule.dest_class == "vendor_cloud" and rule.side != "client":
                    register.platform(addr, mac, rule.vendor, rule.platform, rule.id, T)
            if remote["rport"] in PPPP_PORTS:
                register.evidence(addr, mac, "p2p", "pppp", T)
    return register


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera["name"])
def test_a_real_camera_is_recognised(camera, pack):
    """One asset by its own MAC, monitored when it has egress to be judged."""
    register = register_of(camera, pack)
    addr = camera["device_ips"][0]
    asset = register.asset(addr, number(camera["device_mac"]))
    assert asset is not None
    if asset.macs:
        assert asset.mac == number(camera["device_mac"])
    if any(leaves(remote) for remote in camera["egress"]):
        assert asset.monitored, asset.evidence
    ids = [row["asset_id"] for row in register.rows()]
    assert len(ids) == len(set(ids))
