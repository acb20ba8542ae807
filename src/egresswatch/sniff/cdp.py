# SPDX-License-Identifier: Apache-2.0
"""CDP: how a Cisco-speaking device names itself to its neighbours (LLC/SNAP 00000C, type 0x2000).

Gives cdp: one item per field, the detail names the field. No standard describes it; the fields read are
those that several open decoders agree on. The checksum is not checked: senders disagree on how an odd
length is summed, and a captured frame may be cut.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from egresswatch.records import Item
from egresswatch.sniff.dnswire import ipv4, ipv6
from egresswatch.sniff.text import NAME_LIMIT, TEXT_LIMIT, printable

_SNAP: Final = b"\xaa\xaa\x03\x00\x00\x0c\x20\x00"
_HEADER = 4
_VERSIONS: Final = (1, 2)
_DEVICE, _ADDRESSES, _MANAGEMENT, _NATIVE_VLAN = 0x01, 0x02, 0x16, 0x0A
_TEXTS: Final = {
    _DEVICE: ("device id", NAME_LIMIT),
    0x03: ("port", NAME_LIMIT),
    0x05: ("software", TEXT_LIMIT),
    0x06: ("platform", NAME_LIMIT),
    0x14: ("system name", NAME_LIMIT),
}
# protocol of an address: NLPID of IP, or the EtherType behind an 802.2 SNAP header
_IPV4_PROTOCOL: Final = b"\xcc"
_IPV6_PROTOCOL: Final = b"\xaa\xaa\x03\x00\x00\x00\x86\xdd"
_MAX_FIELDS, _MAX_ADDRESSES = 64, 8


def parse(payload: bytes) -> tuple[Item, ...]:
    """What the frame tells; ``payload`` begins at the LLC header or behind it.

    Each item's data is (field, device id): who says it. A frame without a device id is not CDP.
    """
    payload = payload.removeprefix(_SNAP)
    if len(payload) < _HEADER or payload[0] not in _VERSIONS:
        return ()
    told: dict[tuple[str, str], None] = {}
    for kind, value in _fields(payload):
        if kind in _TEXTS:
            name, limit = _TEXTS[kind]
            told[name, printable(value.rstrip(b"\x00"), limit)] = None
        elif kind in (_ADDRESSES, _MANAGEMENT):
            name = "address" if kind == _ADDRESSES else "management address"
            told |= {(name, address): None for address in _addresses(value)}
        elif kind == _NATIVE_VLAN and len(value) == 2:
            told["native vlan", str(int.from_bytes(value, "big"))] = None
    device = next((value for field, value in told if field == "device id"), "")
    if not device:
        return ()
    return tuple(Item("cdp", value, field, (field, device)) for field, value in told if value)


def _fields(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and value of each field up to the first that is not whole; the length counts its 4 bytes."""
    at = _HEADER
    for _ in range(_MAX_FIELDS):
        if at + 4 > len(payload):
            return
        kind, size = struct.unpack_from(">HH", payload, at)
        if size < 4 or at + size > len(payload):
            return
        yield kind, payload[at + 4 : at + size]
        at += size


def _addresses(value: bytes) -> list[str]:
    """The IPv4 and IPv6 addresses of a list: a count, then each behind its protocol and their lengths."""
    found: list[str] = []
    at = 4
    for _ in range(min(int.from_bytes(value[:4], "big"), _MAX_ADDRESSES)):
        if at + 2 > len(value):
            break
        begin = at + 2 + value[at + 1]
        protocol = value[at + 2 : begin]
        size = int.from_bytes(value[begin : begin + 2], "big")
        raw = value[begin + 2 : begin + 2 + size]
        at = begin + 2 + size
        if len(raw) < size or at > len(value):
            break
        if protocol == _IPV4_PROTOCOL and size == 4:
            found.append(ipv4(raw))
        elif protocol == _IPV6_PROTOCOL and size == 16:
            found.append(ipv6(raw))
    return found
