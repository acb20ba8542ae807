# SPDX-License-Identifier: Apache-2.0
"""Recognisers over every real capture: each hit is explained, each explanation is hit.

Nearly all of these captures are of other protocols (tunnels, games, office software, malware), so a hit
that nobody can explain is a false positive of the rule pack. What was read (``match.seen``) is explained
by its sighting; what was recognised by its bytes is listed here, capture by capture, with the reason.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import pytest

from egresswatch.rules import MatchTables, load_tables

YI = "a Yi camera: PPPP in clear to its rendezvous servers"
IMILAB = "an IMILAB (Xiaomi) camera: PPPP in clear"
TAPO = "an app looks for TP-Link devices beside a Tapo camera, and a plug answers"
EXPLAINED = {
    "intliot__yi_camera_sample.pcap": {"pppp": YI, "pppp-yi": YI},
    "iotls__amcrest-cam-wired6.pcap": {"dahua-p2p": "an Amcrest (Dahua) camera: DHGET and DHPOST in clear"},
    "iotls__fp-yi-camera.pcap": {"pppp": YI, "pppp-yi": YI},
    "iotls__yi-camera0.pcap": {"pppp": YI, "pppp-yi": YI},
    "iotls__yi-camera2.pcap": {"pppp": YI, "pppp-yi": YI},
    "iotls__yi-camera5.pcap": {"pppp": YI, "pppp-yi": YI},
    "iotls__yi-camera7.pcap": {"pppp": YI, "pppp-yi": YI},
    "iotls__yi-camera8.pcap": {"pppp": YI, "pppp-yi": YI},
    "neolink__EncryptionProtocol02_login.pcapng": {"reolink-bc": "a Reolink camera: a Baichuan login"},
    "nku__xiaobai_Y2camera_idle_local.pcap": {"pppp": IMILAB, "miio": "the same camera: miIO to its cloud"},
    "nku__xiaobai_Y2camera_setup.pcap": {"pppp": IMILAB},
    "ucl__TapoCamera-stream-pruned-1732663707.pcap": {"tplink-shp": TAPO},
    "ucl__TapoCamera-stream-root-1732642546.pcap": {"tplink-shp": TAPO},
    "ucl__TapoCamera-stream-root-1732642626.pcap": {"tplink-shp": TAPO},
    "ucl__TapoCamera-stream-root-1732642719.pcap": {"tplink-shp": TAPO},
}


@cache
def tables() -> MatchTables:
    """The built-in pack."""
    return load_tables()


@pytest.fixture(scope="module")
def hits(replays) -> dict[str, list[tuple[str, str, str]]]:
    """Capture -> (flow, protocol, rule) of every recogniser that counted."""
    return {
        name: [(row["uid"], row["value"], row["detail"]) for row in run.sightings if row["kind"] == "p2p"]
        for name, run in replays("usual").items()
        if run.status == 0 or (run.out / "sightings.parquet").exists()
    }


def by_payload(rule_id: str) -> bool:
    """Was the rule's protocol recognised by its bytes alone?"""
    match = tables().rules[rule_id].match
    return bool(match.payload) and not match.seen


def test_hits_by_their_bytes_are_explained_one_by_one(hits, capsys):
    """No false positive, and nothing that was there is missed; the counts are told."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name, told in hits.items():
        for flow, protocol, rule_id in told:
            if by_payload(rule_id):
                found[name][protocol].add(flow)
    with capsys.disabled():
        flows = sum(len(uids) for protocols in found.values() for uids in protocols.values())
        print(f"\nrecognisers: {flows} flows in {len(found)} of {len(hits)} captures")
        for name in sorted(found):
            print(f"  {name}: " + ", ".join(f"{p} {len(uids)}" for p, uids in sorted(found[name].items())))
    assert {name: set(protocols) for name, protocols in found.items()} == {
        name: set(protocols) for name, protocols in EXPLAINED.items()
    }


def test_hits_by_what_was_read_have_their_sighting(hits, replays):
    """Every rule about a sighting counts on a flow that shows just that, and on every such flow."""
    for name, told in hits.items():
        wanted: dict[str, set[str]] = defaultdict(set)
        for row in replays("usual")[name].sightings:
            if row["kind"] != "p2p":
                numbers = tables().seen(row["kind"], row["value"])
                wanted[row["uid"]] |= {tables().recogniser(number).id for number in numbers}
        for flow, _, rule_id in told:
            assert by_payload(rule_id) or rule_id in wanted[flow], (name, flow, rule_id)
