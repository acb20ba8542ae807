# SPDX-License-Identifier: Apache-2.0
"""What cameras were seen doing, as an allow-list that a person then reads.

Owns which conversations are fit to become a permission. What was seen is not what should be: talk
with a maker's cloud, with peers and against policy is left out unless asked for, and so is whatever
nobody answered. Each permission says how often it was seen.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from egresswatch.exchange.allow import Allowed, AllowList, Group, Peer
from egresswatch.exchange.claims import Note, Refused
from egresswatch.exchange.plain import name

ANSWERED = ("answered", "one_sided")
SUSPECT = ("violation", "p2p", "vendor_cloud")
"""Verdicts that need to be asked for."""
MAX_ALLOWED = 500
"""Permissions for one camera: who talks to more is no longer described by a list."""
NUMBERS = {
    "icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "udp": 17, "dccp": 33, "ipv6": 41, "gre": 47, "esp": 50,
    "ah": 51, "ipv6-icmp": 58, "ospf": 89, "pim": 103, "vrrp": 112, "sctp": 132, "udplite": 136,
}  # fmt: skip
"""IANA numbers of the words of flows.parquet."""
Row = Mapping[str, Any]


def from_rows(rows: Sequence[Row], source: str, inside: Iterable[str], also: Iterable[str] = ()) -> AllowList:
    """``rows`` as ``analysis.observed.conversations`` gives them; ``also`` names suspect verdicts to take."""
    notes: dict[tuple[str, str, str], int] = {}
    wanted = set(also)
    cameras: dict[str, dict[tuple[str, str, int, int, bool], list[Row]]] = {}
    for row in rows:
        camera = cameras.setdefault(str(row["camera"]), {})
        why = _unfit(row, wanted)
        key = (str(row["peer"]), _named(row), _number(row), int(row["port"]), not row["by_camera"])
        if not why and key not in camera and len(camera) >= MAX_ALLOWED:
            why = f"more than {MAX_ALLOWED} permissions"
        if why:
            what = f"{'to' if row['by_camera'] else 'from'} {_told(row)}"
            told = (str(row["camera"]), what, why)
            notes[told] = notes.get(told, 0) + int(row["flows"])
        else:
            camera.setdefault(key, []).append(row)
    groups = tuple(_group(camera, found) for camera, found in sorted(cameras.items()) if found)
    last = max((int(row["last"]) for row in rows), default=0)
    left = [
        Note(camera, f"{what}, {count} flows", why) for (camera, what, why), count in sorted(notes.items())
    ]
    return AllowList(
        source,
        groups,
        tuple(inside),
        tuple(left),
        datetime.fromtimestamp(last // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _unfit(row: Row, wanted: set[str]) -> str:
    """Why a conversation is no permission; nothing when it is one."""
    if row["direction"] == "multicast":
        return "multicast stays on the link"
    if row["outcome"] not in ANSWERED:
        return "nobody answered"
    if row["verdict"] in SUSPECT and row["verdict"] not in wanted:
        return f"its verdict is {row['verdict']}: not allowed because it was seen"
    return ""


def _named(row: Row) -> str:
    """The peer's name, when it is one that can be written down."""
    try:
        return name(str(row["name"])) if row["name"] else ""
    except Refused:
        return ""


def _number(row: Row) -> int:
    word = str(row["proto"])
    return int(word) if word.isdigit() else NUMBERS.get(word, 0)


def _told(row: Row) -> str:
    port = f"/{row['port']}" if row["port"] else ""
    return f"{_named(row) or row['peer']} {row['proto']}{port}"


def _group(camera: str, found: Mapping[tuple[str, str, int, int, bool], list[Row]]) -> Group:
    """One camera: a named peer is one permission with all the addresses it was seen at."""
    merged: dict[tuple[str, int, int, bool], tuple[set[str], int, int]] = {}
    addresses: set[str] = set()
    for (peer, named, proto, port, inbound), rows in found.items():
        key = (named or peer, proto, port, inbound)
        peers, flows, size = merged.get(key, (set(), 0, 0))
        peers.add(_network(peer))
        addresses |= {_network(str(row["address"])) for row in rows}
        flows += sum(int(row["flows"]) for row in rows)
        size += sum(int(row["bytes"]) for row in rows)
        merged[key] = (peers, flows, size)
    names = {named for _, named, _, _, _ in found if named}
    allowed = []
    for (to, proto, port, inbound), (peers, flows, size) in sorted(merged.items()):
        networks = tuple(sorted(peers, key=_order))
        peer_ = Peer("name", networks, to) if to in names else Peer("network", networks)
        ports = ((port, port),) if port else ()
        allowed.append(Allowed(peer_, proto, ports, inbound, f"seen in {flows} flows, {size} bytes"))
    own = tuple(sorted(addresses, key=_order))
    return Group(camera, own, tuple(allowed), "camera", among=False, closed=True)


def _network(address: str) -> str:
    return str(ipaddress.ip_network(address))


def _order(text: str) -> tuple[int, int]:
    net = ipaddress.ip_network(text)
    return net.version, int(net.network_address)
