# SPDX-License-Identifier: Apache-2.0
"""The shapes of a site: its zones, what each may reach, and an answer about one flow.

Owns what the words of ``site.toml`` mean once they are read; reads no file, decides nothing. A zone
without a ``reach`` key leaves policy silent about it; ``reach = []`` says that it may reach nothing
but itself.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ZONE_ROLES = ("camera", "recorder", "management", "core", "other")
WATCHED_ROLES = ("camera", "recorder")
"""Roles that are monitored unless the zone says otherwise."""

OUTSIDE = "outside"
"""The word that stands for every address outside the perimeter in ``reach``."""

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "sctp": 132}
"""Protocols that ``reach`` knows by name (IANA protocol numbers)."""
WITH_PORTS = (6, 17, 132)

# RFC 1918, RFC 3927, RFC 4193, RFC 4291 §2.5.6. Shared address space (100.64.0.0/10, RFC 6598) is
# not here: it is the carrier's side of a customer's router, so a frame sent there has left the site;
# a site that uses it inside lists it in ``inside``.
DEFAULT_INSIDE: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
# Never routed beyond the link or the host, whatever a site says (RFC 1122 §3.2.1.3, RFC 3927, RFC 4291).
ALWAYS_INSIDE: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in ("0.0.0.0/32", "127.0.0.0/8", "169.254.0.0/16", "::/128", "::1/128", "fe80::/10")
)


@dataclass(frozen=True, slots=True)
class Reach:
    """One destination that a zone may reach."""

    to: str
    """As written: a zone, a network, a domain (with everything below it) or ``outside``."""
    kind: str
    """``zone``, ``network``, ``domain`` or ``outside``."""
    network: Network | None = None
    proto: int | None = None
    """IP protocol; None = any."""
    ports: tuple[tuple[int, int], ...] = ()
    """Port ranges, both ends included; empty = any."""

    def text(self) -> str:
        """For messages: ``nvr-main``, ``time.example.org (udp 123)``."""
        spans = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in self.ports)
        names = {number: name for name, number in PROTOCOLS.items()}
        proto = "" if self.proto is None else names.get(self.proto, f"protocol {self.proto}")
        limits = " ".join(part for part in (proto, spans) if part)
        return f"{self.to} ({limits})" if limits else self.to

    def covers(self, proto: int, port: int) -> bool:
        """Does the entry's protocol and port restriction let this one through?"""
        if self.proto is not None and self.proto != proto:
            return False
        if not self.ports:
            return True
        return proto in WITH_PORTS and any(low <= port <= high for low, high in self.ports)


@dataclass(frozen=True, slots=True)
class Zone:
    """Some networks and VLANs that the site treats alike."""

    name: str
    role: str
    networks: tuple[Network, ...]
    vlans: tuple[int, ...]
    monitored: bool
    reach: tuple[Reach, ...] | None
    """None: the site says nothing about what this zone may reach."""
    line: int
    """Line of ``reach``, or of the zone, in the site file."""

    def may_reach(self) -> str:
        """What policy lets this zone reach, as the end of a sentence."""
        if self.reach is None:
            return "anything (no reach is given)"
        if not self.reach:
            return "nothing outside its own zone"
        shown = ", ".join(entry.text() for entry in self.reach[:4])
        return "only " + shown + (f" and {len(self.reach) - 4} more" if len(self.reach) > 4 else "")


@dataclass(frozen=True, slots=True)
class Policy:
    """What the site's policy says about one flow."""

    answer: str
    """``allowed``, ``violation`` or ``silent``."""
    reason: str = ""
    """In words, for an alert."""
    place: str = ""
    """``site.toml:14``: where the policy says so."""


SILENT = Policy("silent")
