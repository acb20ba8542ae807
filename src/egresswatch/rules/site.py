# SPDX-License-Identifier: Apache-2.0
"""The site: what is inside, which zone a host is in, what policy says about a flow.

Gives ``load_site(path)`` and the immutable ``Site`` it returns. Without a file the private,
link-local and unique-local space is inside, there are no zones, and policy is silent on everything.

Rules of membership: the most specific network of any zone decides; where no network does, a zone's
VLAN decides, for inside addresses only (frames that a router delivers onto a VLAN keep the address
of their real sender). A zone always reaches itself: a mirror does not police one broadcast domain.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_pton

import numpy as np

from egresswatch.errors import ConfigError
from egresswatch.records import Array
from egresswatch.rules.site_model import ALWAYS_INSIDE, DEFAULT_INSIDE, SILENT, Network, Policy, Reach, Zone
from egresswatch.rules.site_reader import SiteText, read_site

__all__ = ["Policy", "Reach", "Site", "Zone", "load_site"]

_LOW = (1 << 64) - 1
_MAPPED, _BROADCAST = 0xFFFF << 32, 0xFFFFFFFF
_CACHE = 65536
"""Addresses whose answer is remembered; full, it starts anew (answers do not depend on it)."""


def load_site(path: Path | None) -> Site:
    """The site of a file, or the default one; ConfigError lists every mistake of the file."""
    if path is None:
        return Site(SiteText("", None, ()))
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}. Nothing was read.", path) from None
    return Site(read_site(path, raw), path.name, hashlib.sha256(raw).hexdigest())


class Site:
    """Answers about addresses and flows; the same question always gets the same answer."""

    def __init__(self, text: SiteText, file: str = "", digest: str = "") -> None:
        self.given = bool(file)
        self.name = text.name
        self.digest = digest
        self.zones = text.zones
        self._file = file
        own = [network for zone in text.zones for network in zone.networks]
        listed = DEFAULT_INSIDE if text.inside is None else text.inside
        self._inside = _Prefixes((network, None) for network in (*ALWAYS_INSIDE, *listed, *own))
        self._networks = _collapse((*ALWAYS_INSIDE, *listed, *own))
        self._by_network = _Prefixes((network, zone) for zone in text.zones for network in zone.networks)
        self._by_vlan = {vlan: zone for zone in text.zones for vlan in zone.vlans}
        self._broadcast = {_BROADCAST} | {
            int(network.broadcast_address)
            for network in own
            if network.version == 4 and network.prefixlen <= 30
        }
        self.zone_vlans = np.zeros(4096, bool)
        """By VLAN id: is it a zone's?"""
        self.zone_vlans[[vlan for vlan in self._by_vlan if vlan < 4096]] = True
        self._spans = [_span(network) for zone in text.zones for network in zone.networks]
        self._known: dict[str, tuple[str, Zone | None]] = {}

    def inside_networks(self) -> list[Network]:
        """Everything inside the perimeter, disjoint and sorted, IPv4 first."""
        return list(self._networks)

    def kind(self, addr: str) -> str:
        """``inside``, ``outside``, ``multicast`` or ``broadcast``."""
        return self._facts(addr)[0]

    def inside(self, addr: str) -> bool:
        """Is it a host of the site?"""
        return self._facts(addr)[0] == "inside"

    def zone_of(self, addr: str, vlan: int | None = None) -> Zone | None:
        """The zone a host is in: by its network, else by the VLAN it was seen on."""
        kind, zone = self._facts(addr)
        if zone is None and vlan is not None and kind == "inside":
            return self._by_vlan.get(vlan)
        return zone

    def zoned(self, hi: Array, lo: Array) -> Array:
        """Mask of addresses (in words, IPv4 mapped into the low one) that a zone's network may hold."""
        hit = np.zeros(len(lo), bool)
        for first, last in self._spans:
            hit |= ((hi > first[0]) | ((hi == first[0]) & (lo >= first[1]))) & (
                (hi < last[0]) | ((hi == last[0]) & (lo <= last[1]))
            )
        return hit

    def monitored(self, addr: str, vlan: int | None = None) -> bool | None:
        """Does the site want this host watched? None: the site says nothing about it."""
        zone = self.zone_of(addr, vlan)
        return None if zone is None else zone.monitored

    def policy(
        self,
        src_zone: Zone | None,
        dst: str,
        dst_vlan: int | None,
        proto: int,
        port: int,
        names: Sequence[str] = (),
    ) -> Policy:
        """May a host of ``src_zone`` send to ``dst``? ``dst_vlan`` is the VLAN the destination itself is
        on, not the flow's. ``names`` are what the destination is called: one that policy names is enough."""
        if src_zone is None or src_zone.reach is None:
            return SILENT
        kind = self.kind(dst)
        if kind in ("multicast", "broadcast"):
            return SILENT
        place = f"{self._file}:{src_zone.line}"
        dst_zone = self.zone_of(dst, dst_vlan)
        if dst_zone is src_zone:
            return Policy("allowed", f'both are in zone "{src_zone.name}"', place)
        for entry in src_zone.reach:
            if entry.covers(proto, port) and _matches(entry, dst, kind, dst_zone, names):
                return Policy("allowed", f'zone "{src_zone.name}" may reach {entry.text()}', place)
        return Policy("violation", f'zone "{src_zone.name}" may reach {src_zone.may_reach()}', place)

    def policy_text(self) -> str:
        """For the header line: ``site.toml (policy: cameras isolated)``."""
        if not self.given:
            return "no site file (no policy given)"
        spoken = [zone for zone in self.zones if zone.monitored and zone.reach is not None]
        if not spoken:
            return f"{self._file} (no policy for monitored zones)"
        phrases = [
            f"{zone.name} isolated"
            if not zone.reach
            else f"{zone.name} may reach {zone.reach[0].to}"
            + (f" and {len(zone.reach) - 1} more" if len(zone.reach) > 1 else "")
            for zone in spoken[:2]
        ]
        more = f"; {len(spoken) - 2} more zones" if len(spoken) > 2 else ""
        return f"{self._file} (policy: {'; '.join(phrases)}{more})"

    def _facts(self, addr: str) -> tuple[str, Zone | None]:
        known = self._known.get(addr)
        if known is None:
            if len(self._known) >= _CACHE:
                self._known.clear()
            known = self._known[addr] = self._find(addr)
        return known

    def _find(self, addr: str) -> tuple[str, Zone | None]:
        version, number = _number(addr)
        if version == 0:
            return "outside", None
        if number >> 28 == 0xE if version == 4 else number >> 120 == 0xFF:
            return "multicast", None
        if version == 4 and number in self._broadcast:
            return "broadcast", None
        zone = self._by_network.longest(version, number)
        if zone is not None:
            return "inside", zone[0]
        return ("inside" if self._inside.longest(version, number) is not None else "outside"), None


def _number(addr: str) -> tuple[int, int]:
    """(version, number) of an address, (0, 0) of anything else; IPv4 in IPv6 (RFC 4291 §2.5.5.2) is IPv4."""
    try:
        if ":" not in addr:
            return 4, int.from_bytes(inet_pton(AF_INET, addr), "big")
        number = int.from_bytes(inet_pton(AF_INET6, addr), "big")
    except (OSError, ValueError):
        return 0, 0
    return (4, number & _BROADCAST) if number >> 32 == 0xFFFF else (6, number)


def _span(network: Network) -> tuple[tuple[np.uint64, np.uint64], tuple[np.uint64, np.uint64]]:
    """First and last address of a network, in words."""
    base = _MAPPED if network.version == 4 else 0
    first, last = (base + int(end) for end in (network.network_address, network.broadcast_address))
    return (np.uint64(first >> 64), np.uint64(first & _LOW)), (np.uint64(last >> 64), np.uint64(last & _LOW))


class _Prefixes:
    """Longest-prefix match over a few networks: one dict per prefix length, longest first."""

    def __init__(self, entries: Iterable[tuple[Network, Zone | None]]) -> None:
        tables: dict[tuple[int, int], dict[int, Zone | None]] = {}
        for network, zone in entries:
            shift = network.max_prefixlen - network.prefixlen
            number = int(network.network_address) >> shift
            tables.setdefault((shift, network.version), {})[number] = zone
        # the smaller the shift, the longer the prefix
        self._tables = [(*key, tables[key]) for key in sorted(tables)]

    def longest(self, version: int, number: int) -> tuple[Zone | None] | None:
        """The owner of the longest network that holds an address, in a tuple; None when none does."""
        for shift, of_version, table in self._tables:
            if version == of_version and number >> shift in table:
                return (table[number >> shift],)
        return None


def _collapse(networks: Sequence[Network]) -> tuple[Network, ...]:
    four = [network for network in networks if isinstance(network, ipaddress.IPv4Network)]
    six = [network for network in networks if isinstance(network, ipaddress.IPv6Network)]
    return (*ipaddress.collapse_addresses(four), *ipaddress.collapse_addresses(six))


def _matches(entry: Reach, dst: str, kind: str, dst_zone: Zone | None, names: Sequence[str]) -> bool:
    if entry.kind == "zone":
        return dst_zone is not None and dst_zone.name == entry.to
    if entry.kind == "outside":
        return kind == "outside"
    if entry.kind == "network":
        return entry.network is not None and ipaddress.ip_address(dst) in entry.network
    suffix = entry.to.lower().rstrip(".").removeprefix("*").lstrip(".")
    return any(name == suffix or name.endswith("." + suffix) for name in map(str.lower, names))
