# SPDX-License-Identifier: Apache-2.0
"""What some hosts may reach, free of any firewall's words; and how a site's policy says it.

``AllowList`` is the one shape that every export (nftables, iptables, CSV, MUD) is written from,
whether it came from ``site.toml`` or from what was seen. Everything not in it is denied for the hosts
it names, and only for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from egresswatch.exchange.claims import Note
from egresswatch.rules.site import Site, Zone
from egresswatch.rules.site_model import Network, Reach

NO_POLICY = "the site says nothing about what it may reach"
ONLY_VLANS = "has VLANs only: a firewall needs networks"
NO_NETWORK = "has no network that a firewall could name"


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end: networks, or a name with the addresses it is known to have, or all outside."""

    kind: str
    """``network``, ``name`` or ``outside``."""
    networks: tuple[str, ...] = ()
    name: str = ""
    below: bool = False
    """Everything below the name as well."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """One thing that is allowed: to ``peer`` (or from it, when ``inbound``)."""

    peer: Peer
    proto: int | None = None
    """None: any."""
    ports: tuple[tuple[int, int], ...] = ()
    """Of the service; empty: any."""
    inbound: bool = False
    place: str = ""
    """Why, for a comment: ``site.toml:14``."""


@dataclass(frozen=True, slots=True)
class Group:
    """Hosts that are treated alike."""

    name: str
    networks: tuple[str, ...]
    allowed: tuple[Allowed, ...]
    role: str = "other"
    among: bool = True
    """They may reach each other."""
    closed: bool = False
    """What begins a conversation with them is limited too."""


@dataclass(frozen=True, slots=True)
class AllowList:
    """Groups, and what inside means (for ``outside``)."""

    source: str
    groups: tuple[Group, ...]
    inside: tuple[str, ...]
    notes: tuple[Note, ...] = ()
    date: str = ""
    """Of the newest fact, RFC 3339; empty when there is none."""

    def only(self, names: Iterable[str]) -> AllowList:
        """The groups of these names; all when none is given."""
        wanted = set(names)
        if not wanted:
            return self
        return replace(
            self,
            groups=tuple(group for group in self.groups if group.name in wanted),
            notes=tuple(note for note in self.notes if note.subject in wanted),
        )


def from_site(site: Site, file: str) -> AllowList:
    """The zones of a site that policy speaks about."""
    notes: list[Note] = []
    zones = {zone.name: effective(zone, site.zones) for zone in site.zones}
    groups = []
    for zone in site.zones:
        subject = zone.name
        if zone.reach is None:
            notes.append(Note(subject, "the zone", NO_POLICY))
        elif not zone.networks:
            notes.append(Note(subject, "the zone", ONLY_VLANS))
        else:
            if zone.vlans:
                notes.append(Note(subject, "its VLANs", "only its networks are told", taken=True))
            allowed = [_allowed(entry, zone, zones, file, notes) for entry in zone.reach]
            groups.append(
                Group(
                    subject,
                    zones[subject],
                    tuple(item for item in allowed if item is not None),
                    zone.role,
                )
            )
    return AllowList(file, tuple(groups), _texts(site.inside_networks()), tuple(notes))


def _allowed(
    entry: Reach, zone: Zone, zones: dict[str, tuple[str, ...]], file: str, notes: list[Note]
) -> Allowed | None:
    place = f"{file}:{zone.line} {entry.text()}"
    if entry.kind == "zone":
        if not zones[entry.to]:
            notes.append(Note(zone.name, entry.text(), NO_NETWORK))
            return None
        peer = Peer("network", zones[entry.to])
    elif entry.kind == "network":
        peer = Peer("network", (str(entry.network),))
    elif entry.kind == "outside":
        peer = Peer("outside")
    else:
        name = entry.to.lower().rstrip(".").removeprefix("*").lstrip(".")
        peer = Peer("name", name=name, below=True)
    return Allowed(peer, entry.proto, entry.ports, place=place)


def effective(zone: Zone, zones: Iterable[Zone]) -> tuple[str, ...]:
    """The networks of a zone without those that a smaller network gives to another zone."""
    others = [net for other in zones if other is not zone for net in other.networks]
    pieces: list[Network] = []
    for network in zone.networks:
        left: list[Network] = [network]
        for other in others:
            if other.version == network.version and other != network and other.subnet_of(network):  # type: ignore[arg-type]
                left = [part for piece in left for part in _without(piece, other)]
        pieces += left
    return tuple(map(str, sorted(pieces, key=lambda net: (net.version, int(net.network_address)))))


def _without(piece: Network, other: Network) -> list[Network]:
    if other.subnet_of(piece):  # type: ignore[arg-type]
        return list(piece.address_exclude(other))  # type: ignore[arg-type]
    return [] if piece.subnet_of(other) else [piece]  # type: ignore[arg-type]


def _texts(networks: Iterable[Network]) -> tuple[str, ...]:
    return tuple(map(str, networks))


def family(networks: Iterable[str], version: int) -> tuple[str, ...]:
    """The networks of one IP version."""
    return tuple(text for text in networks if (":" in text) == (version == 6))
