# SPDX-License-Identifier: Apache-2.0
"""An allow-list for nft (nftables 1.0 and later), and the same as plain CSV.

Owns one table of its own, replaced as a whole each time it is loaded, and hooked into forwarding: it
drops what the named hosts send beyond their list and touches nothing else. A firewall knows no names:
each becomes a set that the operator fills (dnsmasq's ``nftset`` does), with the addresses seen so far.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from egresswatch.exchange.allow import Allowed, AllowList, Group, Peer, family
from egresswatch.exchange.claims import Exported, Note
from egresswatch.exchange.plain import words
from egresswatch.rules.site_model import PROTOCOLS, WITH_PORTS

TABLE = "egresswatch_allow"
COMMENT = 120
"""Bytes of a comment: nft takes 128."""
FAMILIES = ((4, "ip", "ipv4_addr", "224.0.0.0/4"), (6, "ip6", "ipv6_addr", "ff00::/8"))
EMPTY_SET = "a firewall cannot match a name: its set has to be filled"
COLUMNS = ("group", "source", "direction", "kind", "peer", "addresses", "protocol", "ports", "place")
HEAD = """# Allow-list made by egresswatch from {source}. Check: nft -c -f FILE. Load: nft -f FILE.
# Hosts that are not named here are not touched. Multicast is not policed.
table inet {table}
delete table inet {table}
table inet {table} {{"""
_NAMES = {number: word for word, number in PROTOCOLS.items()}


def export(allow: AllowList) -> Exported:
    """One nft file."""
    sets: dict[tuple[str, int], str] = {}
    notes = list(allow.notes)
    chains: list[str] = []
    jumps: list[str] = []
    count = 0
    for number, group in enumerate(allow.groups, 1):
        for inbound in (False, True) if group.closed else (False,):
            lines = list(_chain(group, inbound, sets, notes))
            count += len(lines)
            name = f"{'to' if inbound else 'from'}_{number}"
            side = "daddr" if inbound else "saddr"
            chains += [f"  chain {name} {{ # {words(group.name, 60)}", *(f"    {line}" for line in lines),
                       "    counter drop", "  }", ""]  # fmt: skip
            jumps += [
                f"{word} {side} {_braced(family(group.networks, version))} jump {name}"
                for version, word, _, _ in FAMILIES
                if family(group.networks, version)
            ]
    base = [
        "  chain forward {", "    type filter hook forward priority filter; policy accept;",
        "    ct state established,related accept",
        *(f"    {line}" for line in [f"{word} daddr {multi} accept" for _, word, _, multi in FAMILIES]),
        *(f"    {line}" for line in jumps), "  }", "}",
    ]  # fmt: skip
    head = HEAD.format(source=words(allow.source), table=TABLE)
    lines = [head, *_inside(allow), *_sets(sets, allow), *chains, *base]
    return Exported({"": "\n".join(lines) + "\n"}, count, tuple(notes))


def _chain(group: Group, inbound: bool, sets: dict[tuple[str, int], str], notes: list[Note]) -> Iterator[str]:
    if group.among and not inbound:
        for version, word, _, _ in FAMILIES:
            own = family(group.networks, version)
            if own:
                yield f'{word} daddr {_braced(own)} accept comment "among themselves"'
    for allowed in group.allowed:
        if allowed.inbound == inbound:
            comment = words(allowed.place, COMMENT)
            if allowed.peer.kind == "name" and not allowed.peer.networks:
                notes.append(Note(group.name, allowed.peer.name, EMPTY_SET, taken=True))
            for line in _matches(allowed, sets):
                yield f'{line} accept comment "{comment}"'


def _matches(allowed: Allowed, sets: dict[tuple[str, int], str]) -> Iterator[str]:
    service = _service(allowed)
    side = "saddr" if allowed.inbound else "daddr"
    for version, word, _, _ in FAMILIES:
        target = _target(allowed.peer, version, sets)
        if target:
            yield " ".join(part for part in (f"{word} {side} {target}", service) if part)


def _target(peer: Peer, version: int, sets: dict[tuple[str, int], str]) -> str:
    if peer.kind == "outside":
        return f"!= @inside_{version}"
    if peer.kind == "name":
        known = sets.setdefault((peer.name, version), f"name_{len(sets) // 2 + 1}_{version}")
        return f"@{known}"
    networks = family(peer.networks, version)
    return _braced(networks) if networks else ""


def _service(allowed: Allowed) -> str:
    """Protocol and ports."""
    ports = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in allowed.ports)
    if allowed.proto is None:
        both = ", ".join(_NAMES[number] for number in WITH_PORTS)
        return f"meta l4proto {{ {both} }} th dport {{ {ports} }}" if ports else ""
    word = _NAMES[allowed.proto] if allowed.proto in WITH_PORTS else str(allowed.proto)
    return f"{word} dport {{ {ports} }}" if ports else f"meta l4proto {word}"


def _braced(networks: tuple[str, ...]) -> str:
    return "{ " + ", ".join(networks) + " }"


def _inside(allow: AllowList) -> Iterator[str]:
    for version, _, kind, _ in FAMILIES:
        elements = family(allow.inside, version)
        yield f"  set inside_{version} {{ type {kind}; flags interval; auto-merge;"
        if elements:
            yield f"    elements = {_braced(elements)};"
        yield "  }"
    yield ""


def _sets(sets: dict[tuple[str, int], str], allow: AllowList) -> Iterator[str]:
    """The set of each name, with the addresses it was seen at."""
    seen: dict[str, set[str]] = {}
    below = set()
    for group in allow.groups:
        for allowed in group.allowed:
            if allowed.peer.kind == "name":
                seen.setdefault(allowed.peer.name, set()).update(allowed.peer.networks)
                below |= {allowed.peer.name} if allowed.peer.below else set()
    for (name, version), word in sets.items():
        kind = next(kind for number, _, kind, _ in FAMILIES if number == version)
        more = " and everything below" if name in below else ""
        yield f"  set {word} {{ # {words(name, 253)}{more}"
        yield f"    type {kind}; flags interval; auto-merge;"
        elements = family(sorted(seen.get(name, ())), version)
        if elements:
            yield f"    elements = {_braced(elements)};"
        yield "  }"
    if sets:
        yield ""


def table(allow: AllowList) -> Exported:
    """CSV: one line a permission and source; for any firewall that a script feeds."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for group in allow.groups:
        for allowed in group.allowed:
            peer = allowed.peer
            told = {"name": peer.name, "outside": "outside"}.get(peer.kind, " ".join(peer.networks))
            ports = " ".join(str(low) if low == high else f"{low}-{high}" for low, high in allowed.ports)
            proto = "any" if allowed.proto is None else _NAMES.get(allowed.proto, str(allowed.proto))
            for source in group.networks:
                count += 1
                writer.writerow((
                    _cell(group.name), source, "from peer" if allowed.inbound else "to peer", peer.kind, told,
                    " ".join(peer.networks), proto, ports, _cell(allowed.place),
                ))  # fmt: skip
    return Exported({"": out.getvalue()}, count, allow.notes)


def _cell(text: str) -> str:
    """Free text that no spreadsheet takes for a formula."""
    return words(text).lstrip("=+-@ ")
