# SPDX-License-Identifier: Apache-2.0
"""The shapes of the register: a mark (one thing that speaks for or against what a host is) and an
asset (one host). Owns what they carry and how a MAC is written; judges nothing (``identity`` does).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from socket import AF_INET6, inet_ntop
from typing import NamedTuple, Protocol

from egresswatch.records import Array
from egresswatch.rules.makers import ASKED_KINDS, Fingerprint, Oui, Vendor

GROUP_BIT = 1 << 40
"""Group address (IEEE 802-2014 §8.2): never a sender."""
LOCAL_BIT = 1 << 41
"""Locally administered: phones make such addresses up, so they say nothing about a maker."""


VIDEO_ROLES = ("camera", "recorder", "vms")
"""Roles that make a host a video device."""


BEHIND_POINTS = 25
"""A host reached through a camera maker's MAC: a camera behind a recorder, or the recorder itself."""
AMBIGUOUS = frozenset(("platform", "p2p", *ASKED_KINDS, "contacted_port"))
"""Kinds of marks that a camera gives, and its owner's phone as well."""


class Tables(Protocol):
    """What of the rule pack's ``MatchTables`` tells who a host is."""

    @property
    def vendors(self) -> Mapping[str, Vendor]: ...

    def oui(self, mac: int) -> Oui | None: ...

    def vendor(self, vendor_id: str) -> Vendor | None: ...

    def fingerprints(self, kind: str, value: str) -> tuple[Fingerprint, ...]: ...


class Mark(NamedTuple):
    """One thing seen about one host."""

    kind: str
    """``oui``, ``platform``, ``p2p``, ``rtsp``, ``hostname``, or the kind of a sighting."""
    text: str
    """In words, as it stands in cameras.json."""
    points: int = 0
    """How strongly it says "video device"; see ``identity``."""
    against: int = 0
    """How strongly it says "not a video device"."""
    vendor: str = ""
    vendor_points: int = 0
    role: str = ""
    model: str = ""
    hostname: str = ""
    firmware: str = ""
    brand: str = ""
    """The maker as it calls itself, where the rule pack does not know it."""


@dataclass(slots=True)
class Asset:
    """One host of the site. Fields that are not known are empty (``vlan``: None)."""

    key: str
    """``mac d4:b7:61:6f:c4:99`` or ``address 10.20.0.13``: what tells it from others."""
    asset_id: str = ""
    monitored: bool = False
    bystander: str = ""
    """Not monitored, but of the census: ``client`` of video devices, or ``maybe`` one; else empty."""
    name: str = ""
    """Its name in the inventory."""
    macs: tuple[int, ...] = ()
    ips: list[str] = field(default_factory=list)
    vlan: int | None = None
    role: str = "other"
    vendor: str = ""
    """Id of the maker in the rule pack."""
    brand: str = ""
    """The maker as people call it."""
    maker: str = ""
    """Brand with its jurisdiction, for a person: ``Hikvision (CN)``."""
    shown_vendor: str = ""
    """The maker by its marks alone, whatever the inventory says."""
    model: str = ""
    firmware: str = ""
    hostname: str = ""
    site: str = ""
    confidence: str = "low"
    """How sure it is that this is what ``role`` says: low, medium, high."""
    evidence: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    first_seen: int = 0
    last_seen: int = 0
    """Packet times of its first and newest frame."""
    sends: bool = False
    """It sent IP packets; without them it is known by what it says of itself on the link (ARP, LLDP)."""
    outside_flows: int = 0
    """Flows with the outside, as counted at the end of a run, and how many of them nobody could name."""
    unnamed_flows: int = 0
    last_v4: str = ""
    turns: int = 0
    """How often it went from one IPv4 address to another: many mean that a router sends for several."""
    settled: bool = False
    """The asset_id was given out (the host is or was monitored), so it stays as it is."""
    row: int = -1
    """Its row in the crowd: hosts are in the order in which they were seen first."""
    inventory: str = ""
    """``cameras.csv:12`` when the inventory lists it."""
    marks: dict[tuple[str, str], tuple[str, Mark]] = field(default_factory=dict)
    """(kind, text) -> (address that showed it, mark), in order of arrival."""
    parts: dict[str, dict[int, tuple[Fingerprint, str]]] = field(default_factory=dict)
    """Fingerprint id -> its parts seen so far, each with what showed it; of those that need several."""

    @property
    def mac(self) -> int:
        """Its MAC as 48 bits; 0 when it is known by address."""
        return self.macs[0] if self.macs else 0


class Owners(NamedTuple):
    """Whose some addresses are, in columns: of many rows of flows, without an object a host."""

    codes: Array
    """int32 per (address, MAC) asked about: place in the lists below; -1: nobody's."""
    ids: Sequence[str]
    """asset_id of each host, as ``Asset.asset_id``; each host stands here once."""
    monitored: Array
    """bool per host."""
    vlans: Array
    """int32 per host; -1: none known."""
    macs: Array
    """uint64 per host; 0: known by its address."""


def address_text(hi: int, lo: int, v6: bool) -> str:
    """Canonical text of an address: its two 64-bit words, IPv4 in the low 32 bits (RFC 5952 for IPv6)."""
    if not v6:
        return f"{lo >> 24 & 255}.{lo >> 16 & 255}.{lo >> 8 & 255}.{lo & 255}"
    return inet_ntop(AF_INET6, (hi << 64 | lo).to_bytes(16, "big"))


def host_key(mac: int, addr: str) -> str:
    """What tells a host from others: its MAC, where that is known, else its address."""
    return f"mac {mac_text(mac)}" if mac else f"address {addr}"


def mac_text(mac: int) -> str:
    """``d4:b7:61:6f:c4:99``."""
    return mac.to_bytes(6, "big").hex(":")
