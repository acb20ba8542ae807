# SPDX-License-Identifier: Apache-2.0
"""A MUD file (RFC 8520) -> a zone of ``site.toml``: what the device may reach, and nothing else.

Owns which parts of an access list our policy can say. Policy is about whom a device may reach, so
only what it begins is taken; a MUD file does not say where the device stands, so networks or VLANs
come from the operator. Every entry of the result says which ACE it came from, and the whole is a
site file that loads, or nothing is handed out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from egresswatch.errors import EgresswatchError
from egresswatch.exchange.claims import Note, Refused
from egresswatch.exchange.plain import name, network, words
from egresswatch.exchange.yamltext import quoted
from egresswatch.rules.site_model import DEFAULT_INSIDE, PROTOCOLS, WITH_PORTS

MAX_ACES = 10_000
ACL_ROOTS = ("ietf-access-control-list:acls", "ietf-access-control-list:access-lists")
"""As RFC 8519 has it, and as the drafts before it had."""
LOCAL = "written as all private address space: narrow it down"
REPLIES = "only answers: what others begin is not what the device reaches"
BELOW = "what is below the name is allowed as well"
TYPES = "every type of ICMP is allowed"
MY_CONTROLLER = "my-controller"
_WORDS = {number: word for word, number in PROTOCOLS.items()}
_PEERS = {
    4: ("destination-ipv4-network", "ietf-acldns:dst-dnsname"),
    6: ("destination-ipv6-network", "ietf-acldns:dst-dnsname"),
}


_MATCHES = {"ipv4", "ipv6", "tcp", "udp", "icmp", "ietf-mud:mud", "ietf-mud:direction-initiated"}
_PORTS = {"destination-port", "source-port", "ietf-mud:direction-initiated"}
Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of ``reach``."""

    to: str
    proto: int | None = None
    ports: tuple[tuple[int, int], ...] = ()
    place: str = ""


@dataclass(slots=True)
class Mud:
    """What a MUD file says of a device."""

    url: str = ""
    info: str = ""
    updated: str = ""
    entries: list[Entry] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def read(text: str, controllers: Mapping[str, Sequence[str]] | None = None) -> Mud:
    """``controllers`` says which networks a class of RFC 8520 (a URI, or my-controller) stands for here."""
    document = _json(text)
    head = document.get("ietf-mud:mud")
    if not isinstance(head, dict):
        raise EgresswatchError('is not a MUD file: it has no "ietf-mud:mud"')
    keys = ("mud-url", "systeminfo", "last-update")
    url, info, updated = (words(str(head.get(key, "")), 200) for key in keys)
    mud = Mud(url, info, updated)
    lists = _lists(document)
    given = 0
    for listed in _names(head, "from-device-policy"):
        acl = lists.get(listed)
        if acl is None:
            mud.notes.append(Note(words(listed, 60), "the access list", "is not in the file"))
            continue
        for ace in _dicts(_dict(acl.get("aces")).get("ace")):
            given += 1
            if given > MAX_ACES:
                mud.notes.append(Note(words(listed, 60), "this entry and the rest", f"more than {MAX_ACES}"))
                return mud
            _take(mud, ace, controllers or {})
    for listed in _names(head, "to-device-policy"):
        for ace in _dicts(_dict(_dict(lists.get(listed)).get("aces")).get("ace")):
            if _initiated(ace) != "from-device":
                mud.notes.append(Note(_called(ace), "to the device", REPLIES))
    return mud


def site_text(
    mud: Mud, zone: str, networks: Sequence[str], vlans: Sequence[int], source: str, digest: str
) -> str:
    """A ``[[zone]]`` for site.toml, in the same words whatever the order of the file."""
    lines = [
        f"# From the MUD file {words(source)} (sha256 {digest}).",
        f"# It names itself {mud.url or 'nothing'}, last update {mud.updated or 'unknown'}:",
        f"# {mud.info or 'it has no info'}.",
        "[[zone]]",
        f"name = {quoted(zone)}",
        'role = "camera"',
    ]
    if networks:
        lines.append(f"networks = [{', '.join(quoted(network(text)) for text in networks)}]")
    if vlans:
        lines.append(f"vlans = [{', '.join(map(str, vlans))}]")
    lines.append("reach = [")
    lines += [f"  {_reach(entry)},  # {words(entry.place)}" for entry in merged(mud.entries)]
    return "\n".join([*lines, "]"]) + "\n"


def merged(entries: Sequence[Entry]) -> list[Entry]:
    """Entries that differ in the port only are one; the same entry for IPv4 and IPv6 is one."""
    found: dict[tuple[str, int | None, bool], Entry] = {}
    for entry in entries:
        key = (entry.to, entry.proto, bool(entry.ports))
        before = found.get(key)
        if before is None:
            found[key] = entry
        else:
            ports = tuple(sorted({*before.ports, *entry.ports}))
            found[key] = Entry(entry.to, entry.proto, ports, before.place)
    return list(found.values())


def _reach(entry: Entry) -> str:
    fields = [f"to = {quoted(entry.to)}"]
    if entry.proto is not None:
        fields.append(f"proto = {quoted(_WORDS[entry.proto]) if entry.proto in _WORDS else entry.proto}")
    if entry.ports:
        ports = [str(low) if low == high else quoted(f"{low}-{high}") for low, high in entry.ports]
        fields.append(f"ports = [{', '.join(ports)}]")
    return "{ " + ", ".join(fields) + " }"


def _take(mud: Mud, ace: dict[str, Any], controllers: Mapping[str, Sequence[str]]) -> None:
    called = _called(ace)
    try:
        if _dict(ace.get("actions")).get("forwarding") != "accept":
            raise Refused("what is not accepted is denied anyway")
        if _initiated(ace) == "to-device":
            raise Refused(REPLIES)
        mud.entries += _entries(ace, called, controllers, mud.notes)
    except Refused as refused:
        mud.notes.append(Note(called, "from the device", str(refused)))


def _entries(
    ace: dict[str, Any], called: str, controllers: Mapping[str, Sequence[str]], notes: list[Note]
) -> Iterator[Entry]:
    matches = _dict(ace.get("matches"))
    layers = [key for key in matches if key in ("ipv4", "ipv6")]
    rest = set(matches) - _MATCHES
    if rest or len(layers) > 1:
        raise Refused(f"matches on {words(', '.join(sorted(rest)) or 'two IP versions', 60)}")
    layer = _dict(matches.get(layers[0])) if layers else {}
    version = 6 if layers == ["ipv6"] else 4
    proto, ports = _service(matches, layer)
    targets = list(_targets(matches, layer, version, controllers))
    if any(kind == "local" for kind, _ in targets):
        notes.append(Note(called, "local networks", LOCAL, taken=True))
    if any(kind == "name" for kind, _ in targets):
        notes.append(Note(called, targets[0][1], BELOW, taken=True))
    if matches.get("icmp"):
        notes.append(Note(called, "ICMP", TYPES, taken=True))
    for _, to in targets:
        yield Entry(to, proto, ports, f"ACE {called}")


def _targets(
    matches: dict[str, Any], layer: dict[str, Any], version: int, controllers: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str]]:
    """(kind, network or name) of everything an ACE lets the device reach."""
    known = {*_PEERS[version], "protocol"}
    odd = [key for key in layer if key not in known]
    if odd:
        raise Refused(f"matches on {words(', '.join(odd), 60)}")
    given, named = (layer.get(key) for key in _PEERS[version])
    classes = _dict(matches.get("ietf-mud:mud"))
    if named is not None:
        yield "name", name(str(named))
    if given is not None:
        yield "network", network(str(given))
    for key, value in classes.items():
        if key == "local-networks":
            yield from (("local", str(net)) for net in DEFAULT_INSIDE if net.version == version)
            continue
        stands = key if key == MY_CONTROLLER else str(value)
        if key not in ("controller", MY_CONTROLLER) or stands not in controllers:
            raise Refused(f"who {words(f'{key} {value or str()}', 80).strip()} is, the file does not say")
        yield from (("network", network(text)) for text in controllers[stands])
    if named is None and given is None and not classes:
        raise Refused("it names no destination: that would allow everything")


def _service(matches: dict[str, Any], layer: dict[str, Any]) -> tuple[int | None, Spans]:
    """Protocol and service ports; a port of the device's own side is a service it offers."""
    proto = layer.get("protocol")
    transport = next((key for key in ("tcp", "udp") if key in matches), "")
    if transport:
        proto = PROTOCOLS[transport]
    if proto is not None and (isinstance(proto, bool) or not isinstance(proto, int) or not 0 <= proto <= 255):
        raise Refused("its protocol is not a number")
    inner = _dict(matches.get(transport))
    odd = [key for key in inner if key not in _PORTS]
    if odd:
        raise Refused(f"matches on {words(', '.join(odd), 60)}")
    if "source-port" in inner:
        raise Refused("a port of the device itself: a service that it offers")
    if "destination-port" not in inner:
        return proto, ()
    if proto not in WITH_PORTS:
        raise Refused("a port without a protocol that has ports")
    return proto, (_range(_dict(inner["destination-port"])),)


def _range(port: dict[str, Any]) -> tuple[int, int]:
    low, high = port.get("lower-port"), port.get("upper-port")
    if low is None and high is None:
        low = high = port.get("port")
        sign = port.get("operator", "eq")
        if sign == "lte":
            low = 0
        elif sign == "gte":
            high = 65535
        elif sign != "eq":
            raise Refused(f'port operator "{words(str(sign), 20)}"')
    if type(low) is not int or type(high) is not int or not 0 <= low <= high <= 65535:
        raise Refused("its port is not a port")
    return low, high


def _initiated(ace: dict[str, Any]) -> str:
    matches = _dict(ace.get("matches"))
    inner = _dict(matches.get("tcp"))
    return str(inner.get("ietf-mud:direction-initiated") or matches.get("ietf-mud:direction-initiated") or "")


def _called(ace: dict[str, Any]) -> str:
    return words(str(ace.get("name") or "without a name"), 60)


def _lists(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    root = next((_dict(document[key]) for key in ACL_ROOTS if key in document), {})
    return {str(acl.get("name")): acl for acl in _dicts(root.get("acl"))}


def _names(head: dict[str, Any], side: str) -> list[str]:
    inner = _dict(_dict(head.get(side)).get("access-lists"))
    return [str(item.get("name")) for item in _dicts(inner.get("access-list"))]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _json(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EgresswatchError(f"is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise EgresswatchError("is not a MUD file: it is not a JSON object")
    return document
