# SPDX-License-Identifier: Apache-2.0
"""Who has which address on the link: ARP and IPv6 neighbour discovery (RFC 826, RFC 5227, RFC 4861).

Gives what a sender says of itself, also for hosts that never send an IP packet past the mirror. A claim
about somebody else (the target of a question, a redirect) is not read, nor the address that a host only
tries out. Pure functions of the bytes behind the Ethernet or IP header; whether a claim is true (proxies
answer for others) is for the register to weigh.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from egresswatch.records import Item
from egresswatch.sniff.dnswire import ipv4, ipv6

_ARP: Final = struct.Struct(">HHBBH6s4s6s4s")
_LINKS: Final = (1, 6)
"""Ethernet, and IEEE 802 as some bridges write it."""
_IPV4, _MAC_BYTES, _IPV4_BYTES = 0x0800, 6, 4
_ARP_KINDS: Final = {1: "request", 2: "reply"}
_GROUP = 0x01_00_00_00_00_00
"""The bit of an address that more than one host answers to."""

_ROUTER_SOLICITATION, _ROUTER_ADVERTISEMENT, _SOLICITATION, _ADVERTISEMENT = 133, 134, 135, 136
_SOURCE_LINK, _TARGET_LINK = 1, 2
# ICMPv6 type: (bytes before the options, the option that holds the speaker's own link address)
_NDP: Final = {
    _ROUTER_SOLICITATION: (8, _SOURCE_LINK),
    _ROUTER_ADVERTISEMENT: (16, _SOURCE_LINK),
    _SOLICITATION: (24, _SOURCE_LINK),
    _ADVERTISEMENT: (24, _TARGET_LINK),
}
_SOLICITED = 0x40
_MAX_OPTIONS = 32


class Binding(NamedTuple):
    """A host's own word that it has this address."""

    mac: int
    addr: str
    kind: str
    """request, reply or gratuitous; router for the advertisement of one."""
    protocol: str
    """arp or ndp: also the kind of the sighting."""

    @property
    def item(self) -> Item:
        """The binding as a sighting: the address, and who has it."""
        return Item(self.protocol, self.addr, f"{self.kind} by {mac_text(self.mac)}", self)


def mac_text(mac: int) -> str:
    """``02:00:00:00:00:0a``."""
    return mac.to_bytes(6, "big").hex(":")


def arp(payload: bytes) -> Binding | None:
    """The sender of an ARP packet (behind EtherType 0x0806); None when it claims nothing."""
    if len(payload) < _ARP.size:
        return None
    link, network, mac_size, size, operation, sender, own, _, target = _ARP.unpack_from(payload)
    kind = _ARP_KINDS.get(operation)
    if kind is None or link not in _LINKS or (network, mac_size, size) != (_IPV4, _MAC_BYTES, _IPV4_BYTES):
        return None
    mac = int.from_bytes(sender, "big")
    if not _one_host(mac) or not _unicast4(own):
        return None  # also a probe for an address that is not held yet (RFC 5227 §2.1.1)
    return Binding(mac, ipv4(own), "gratuitous" if own == target else kind, "arp")


def ndp(message: bytes, src: str, dst: str) -> Binding | None:
    """The speaker of a neighbour or router message; ``message`` begins at the ICMPv6 header.

    ``dst`` tells an answer to one host from an announcement to all. The caller checks that the hop limit
    is 255 (RFC 4861 §6.1, §7.1): others cannot come from this link.
    """
    if len(message) < 8 or message[0] not in _NDP or message[1] != 0:
        return None
    kind = message[0]
    begin, wanted = _NDP[kind]
    mac = _link_address(message, begin, wanted)
    if not _one_host(mac):
        return None
    if kind == _ADVERTISEMENT:
        target = message[8:24]
        if target[0] == 0xFF or not any(target):
            return None
        solicited = message[4] & _SOLICITED and not dst.lower().startswith("ff")
        return Binding(mac, ipv6(target), "reply" if solicited else "gratuitous", "ndp")
    if src in ("", "::"):
        return None  # it has no address yet (RFC 4862 §5.4.2)
    return Binding(mac, src, "router" if kind == _ROUTER_ADVERTISEMENT else "request", "ndp")


def _link_address(message: bytes, at: int, wanted: int) -> int:
    """The Ethernet address in option ``wanted``; 0 without one.

    An option of length 0 spoils the whole message (RFC 4861 §4.6).
    """
    found = 0
    if at > len(message):
        return 0
    for _ in range(_MAX_OPTIONS):
        if at + 2 > len(message):
            break
        size = 8 * message[at + 1]
        if size == 0:
            return 0
        if message[at] == wanted and size == 8 and at + 8 <= len(message) and not found:
            found = int.from_bytes(message[at + 2 : at + 8], "big")
        at += size
    return found


def _one_host(mac: int) -> bool:
    return mac != 0 and not mac & _GROUP


def _unicast4(raw: bytes) -> bool:
    """Can a host have this address? Not 0/8, loopback, multicast or above."""
    return raw[0] not in (0, 127) and raw[0] < 224
