# SPDX-License-Identifier: Apache-2.0
"""An allow-list for iptables-restore and ip6tables-restore (one file for each IP version).

Owns chains whose names begin with EW-, reached by one jump from FORWARD; load with ``--noflush`` so
that other chains stay. A name can be written only as the addresses it was seen at: without any it is
left out and told.
"""

from __future__ import annotations

from collections.abc import Iterator

from egresswatch.exchange.allow import Allowed, AllowList, Group, family
from egresswatch.exchange.claims import Exported, Note
from egresswatch.exchange.plain import words
from egresswatch.rules.site_model import PROTOCOLS, WITH_PORTS

MULTIPORT = 15
"""Ports of one multiport match; a range counts twice (iptables-extensions(8))."""
COMMENT = 200
NO_ADDRESS = "iptables cannot match a name, and no address of it was seen"
MULTICAST = {4: "224.0.0.0/4", 6: "ff00::/8"}
TOOLS = {4: "iptables-restore", 6: "ip6tables-restore"}
_NAMES = {number: word for word, number in PROTOCOLS.items()}


def export(allow: AllowList, version: int) -> Exported:
    """One file of the given IP version."""
    notes = list(allow.notes)
    chains = ["EW-ALLOW", "EW-OUTSIDE"]
    entry = [f"-A EW-ALLOW -d {MULTICAST[version]} -j RETURN"]
    body = [f"-A EW-OUTSIDE -d {net} -j RETURN" for net in family(allow.inside, version)]
    body.append("-A EW-OUTSIDE -j ACCEPT")
    count = 0
    for number, group in enumerate(allow.groups, 1):
        own = family(group.networks, version)
        for inbound in (False, True) if group.closed else (False,):
            lines = list(_chain(group, inbound, version, notes))
            if not own:
                continue
            chain = f"EW-{'TO' if inbound else 'FROM'}-{number}"
            chains.append(chain)
            entry += [f"-A EW-ALLOW -{'d' if inbound else 's'} {net} -j {chain}" for net in own]
            body += [f"-A {chain} {line}" for line in lines]
            body.append(f"-A {chain} -j DROP")
            count += len(lines)
    text = [
        f"# Allow-list made by egresswatch from {words(allow.source)}. Test it with",
        f"# {TOOLS[version]} --test --noflush, load it without --test, then once: -I FORWARD -j EW-ALLOW",
        "# (not in here, so that loading again adds no second jump). Other hosts are not touched.",
        "*filter",
        *(f":{chain} - [0:0]" for chain in chains),
        "-A EW-ALLOW -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
        *entry,
        *body,
        "COMMIT",
    ]
    return Exported({"": "\n".join(text) + "\n"}, count, tuple(notes))


def _chain(group: Group, inbound: bool, version: int, notes: list[Note]) -> Iterator[str]:
    if group.among and not inbound:
        yield from (f"-d {net} -j ACCEPT" for net in family(group.networks, version))
    for allowed in group.allowed:
        if allowed.inbound != inbound:
            continue
        if allowed.peer.kind == "name" and not allowed.peer.networks:
            notes.append(Note(group.name, allowed.peer.name, NO_ADDRESS))
            continue
        comment = f'-m comment --comment "{words(allowed.place, COMMENT)}"'
        target = "EW-OUTSIDE" if allowed.peer.kind == "outside" else "ACCEPT"
        side = "-s" if inbound else "-d"
        networks = family(allowed.peer.networks, version)
        places = [""] if allowed.peer.kind == "outside" else [f"{side} {net} " for net in networks]
        for place in places:
            for service in _services(allowed):
                yield f"{place}{service}{comment} -j {target}"


def _services(allowed: Allowed) -> Iterator[str]:
    """Protocol and ports, a text for each match that is needed."""
    protos = WITH_PORTS if allowed.proto is None and allowed.ports else (allowed.proto,)
    for proto in protos:
        if proto is None:
            yield ""
            continue
        word = f"-p {_NAMES[proto] if proto in WITH_PORTS else proto} "
        if not allowed.ports:
            yield word
        for ports in _chunks(allowed.ports):
            yield f"{word}-m multiport --dports {ports} "


def _chunks(ports: tuple[tuple[int, int], ...]) -> Iterator[str]:
    held: list[str] = []
    used = 0
    for low, high in ports:
        size = 1 if low == high else 2
        if used + size > MULTIPORT:
            yield ",".join(held)
            held, used = [], 0
        held.append(str(low) if size == 1 else f"{low}:{high}")
        used += size
    if held:
        yield ",".join(held)
