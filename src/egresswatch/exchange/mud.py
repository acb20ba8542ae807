# SPDX-License-Identifier: Apache-2.0
"""An allow-list as a MUD file (RFC 8520): what a kind of device may do, without saying where it stands.

Owns the access lists: one for each direction and IP version, with names (RFC 8520 §8) and, for TCP,
who begins (§8.1 ``direction-initiated``). The groups of the list become one kind of device; who they
are is the network's business. No clock is asked: the date is that of the newest fact.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from egresswatch.exchange.allow import Allowed, AllowList, Peer, family
from egresswatch.exchange.claims import Exported, Note
from egresswatch.exchange.plain import word, words

VERSION = 1
HOURS = 48
"""cache-validity of RFC 8520 §3.5."""
LONGEST_INFO = 60
"""systeminfo of RFC 8520 §3.6."""
NO_DATE = "1970-01-01T00:00:00Z"
TCP, UDP = 6, 17
PORTED = {TCP: "tcp", UDP: "udp"}
OUTSIDE = "MUD has no word for everything outside a site"
BELOW = "a MUD name is one name: what is below it is not allowed"
AMONG = "devices of one network reach each other without the network's help"
SCTP = "MUD knows ports of TCP and UDP only"
ONE_SIDED = "who begins can be said of TCP only: both may"
ACLS = "ietf-access-control-list:acls"


def export(allow: AllowList, url: str, info: str) -> Exported:
    """One MUD file about everything the groups may do."""
    notes = list(allow.notes)
    stem = word(info, 40)
    aces: dict[tuple[bool, int], list[dict[str, Any]]] = {}
    seen: set[str] = set()
    for group in allow.groups:
        if group.among:
            notes.append(Note(group.name, "its own networks", AMONG))
        for allowed in group.allowed:
            for version in (4, 6):
                for services in _services(allowed):
                    for peer in _peers(allowed.peer, version):
                        key = json.dumps([version, peer, services, allowed.inbound])
                        if key in seen:
                            continue
                        seen.add(key)
                        for from_device in (True, False):
                            found = aces.setdefault((from_device, version), [])
                            name = f"{'from' if from_device else 'to'}-{version}-{len(found) + 1}"
                            found.append(_ace(name, from_device, version, peer, services, allowed.inbound))
            notes += _said(group.name, allowed)
    document = _document(allow, stem, aces, url, words(info, LONGEST_INFO))
    return Exported({"": json.dumps(document, indent=2) + "\n"}, len(seen), tuple(notes))


def _said(group: str, allowed: Allowed) -> Iterator[Note]:
    """What of a permission is lost or changed."""
    what = allowed.peer.name or " ".join(allowed.peer.networks) or allowed.peer.kind
    if allowed.peer.kind == "outside":
        yield Note(group, what, OUTSIDE)
    if allowed.peer.below:
        yield Note(group, what, BELOW, taken=True)
    if allowed.ports and allowed.proto not in (TCP, UDP):
        yield Note(group, what, SCTP, taken=allowed.proto is None)
    if allowed.inbound and allowed.proto != TCP:
        yield Note(group, what, ONE_SIDED, taken=True)


def _peers(peer: Peer, version: int) -> Iterator[tuple[str, str]]:
    if peer.kind == "name":
        yield "name", peer.name
    elif peer.kind == "network":
        yield from (("network", text) for text in family(peer.networks, version))


Service = tuple[int | None, tuple[int, int] | None]


def _services(allowed: Allowed) -> list[Service]:
    """(protocol, port range) of each ACE."""
    if not allowed.ports:
        return [(allowed.proto, None)]
    protos = (TCP, UDP) if allowed.proto is None else (allowed.proto,)
    return [(proto, ports) for proto in protos if proto in PORTED for ports in allowed.ports]


def _ace(
    name: str, from_device: bool, version: int, peer: tuple[str, str], service: Service, inbound: bool
) -> dict[str, Any]:
    proto, ports = service
    end = "dst" if from_device else "src"
    layer: dict[str, Any] = {}
    if peer[0] == "name":
        layer[f"ietf-acldns:{end}-dnsname"] = peer[1]
    else:
        side = "destination" if from_device else "source"
        layer[f"{side}-ipv{version}-network"] = peer[1]
    if proto is not None:
        layer["protocol"] = proto
    matches: dict[str, Any] = {f"ipv{version}": layer}
    transport: dict[str, Any] = {}
    if proto == TCP:
        transport["ietf-mud:direction-initiated"] = "to-device" if inbound else "from-device"
    if ports is not None:
        # the service's port is the destination of whoever asks
        towards = from_device != inbound
        low, high = ports
        transport["destination-port" if towards else "source-port"] = (
            {"operator": "eq", "port": low} if low == high else {"lower-port": low, "upper-port": high}
        )
    if transport and proto is not None:
        matches[PORTED[proto]] = transport
    return {"name": name, "matches": matches, "actions": {"forwarding": "accept"}}


def _document(
    allow: AllowList, stem: str, aces: dict[tuple[bool, int], list[dict[str, Any]]], url: str, info: str
) -> dict[str, Any]:
    policies: dict[str, list[dict[str, str]]] = {"from-device-policy": [], "to-device-policy": []}
    lists = []
    for (from_device, version), found in sorted(aces.items(), key=lambda item: (not item[0][0], item[0][1])):
        side = "from" if from_device else "to"
        name = f"{stem}-v{version}-{side}"
        policies[f"{side}-device-policy"].append({"name": name})
        lists.append({"name": name, "type": f"ipv{version}-acl-type", "aces": {"ace": found}})
    return {
        "ietf-mud:mud": {
            "mud-version": VERSION,
            "mud-url": url,
            "last-update": allow.date or NO_DATE,
            "cache-validity": HOURS,
            "is-supported": True,
            "systeminfo": info,
            **{key: {"access-lists": {"access-list": names}} for key, names in policies.items() if names},
        },
        ACLS: {"acl": lists},
    }
