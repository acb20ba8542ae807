# SPDX-License-Identifier: Apache-2.0
"""LLDP: how a device names itself to its neighbours (IEEE 802.1AB-2016 §8; LLDP-MED, ANSI/TIA-1057 §10.2).

Gives lldp: one item per field, the detail names the field. Serial and asset numbers are not read. A frame
is an announcement only when it begins with chassis, port and time to live, in this order (§8.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from egresswatch.records import Item
from egresswatch.sniff.dnswire import ipv4, ipv6
from egresswatch.sniff.text import NAME_LIMIT, TEXT_LIMIT, printable

_END, _CHASSIS, _PORT, _TTL, _CAPABILITIES, _MANAGEMENT, _PRIVATE = 0, 1, 2, 3, 7, 8, 127
_TEXTS: Final = {
    4: ("port description", NAME_LIMIT),
    5: ("system name", NAME_LIMIT),
    6: ("system description", TEXT_LIMIT),
}
# subtypes of chassis and port that hold an address; the others are text
_MAC_SUBTYPE: Final = {_CHASSIS: 4, _PORT: 3}
_NETWORK_SUBTYPE: Final = {_CHASSIS: 5, _PORT: 4}
_NAMES: Final = {_CHASSIS: "chassis", _PORT: "port"}
_TIA: Final = b"\x00\x12\xbb"
_INVENTORY: Final = {5: "hardware", 6: "firmware", 7: "software", 9: "manufacturer", 10: "model"}
_CAPABILITY_NAMES: Final = (
    "other", "repeater", "bridge", "access point", "router", "telephone", "docsis", "station",
)  # fmt: skip
_IPV4, _IPV6 = 1, 2
_MAX_FIELDS = 64


def parse(payload: bytes) -> tuple[Item, ...]:
    """What the frame behind EtherType 0x88CC tells; nothing when it is no LLDP announcement.

    Each item's data is (field, chassis): who says it.
    """
    fields = list(_fields(payload))
    if [kind for kind, _ in fields[:3]] != [_CHASSIS, _PORT, _TTL] or len(fields[2][1]) < 2:
        return ()
    told: dict[tuple[str, str], None] = {}
    for kind, value in fields:
        found = _read(kind, value)
        if found is not None and found[1]:
            told[found] = None
    chassis = next((value for field, value in told if field == "chassis"), "")
    return tuple(Item("lldp", value, field, (field, chassis)) for field, value in told)


def _fields(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and value of each field up to the end mark or the first that is not whole (§8.4)."""
    at = 0
    for _ in range(_MAX_FIELDS):
        if at + 2 > len(payload):
            return
        head = payload[at] << 8 | payload[at + 1]
        kind, size = head >> 9, head & 0x1FF
        at += 2 + size
        if kind == _END or at > len(payload):
            return
        yield kind, payload[at - size : at]


def _read(kind: int, value: bytes) -> tuple[str, str] | None:
    if kind in _NAMES:
        return _NAMES[kind], _identity(kind, value)
    if kind in _TEXTS:
        name, limit = _TEXTS[kind]
        return name, printable(value.rstrip(b"\x00"), limit)
    if kind == _CAPABILITIES and len(value) >= 4:
        enabled = value[2] << 8 | value[3]
        names = (name for bit, name in enumerate(_CAPABILITY_NAMES) if enabled >> bit & 1)
        return "capabilities", ", ".join(names)
    if kind == _MANAGEMENT and value:
        return "management address", _network(value[1 : 1 + value[0]])
    if kind == _PRIVATE and value[:3] == _TIA and value[3:4] and value[3] in _INVENTORY:
        return _INVENTORY[value[3]], printable(value[4:].rstrip(b"\x00 "), NAME_LIMIT)
    return None


def _identity(kind: int, value: bytes) -> str:
    """Chassis or port: a subtype, then text or an address (§8.5.2, §8.5.3)."""
    subtype, rest = value[:1], value[1:]
    if subtype == bytes([_MAC_SUBTYPE[kind]]) and len(rest) == 6:
        return rest.hex(":")
    if subtype == bytes([_NETWORK_SUBTYPE[kind]]):
        return _network(rest)
    return printable(rest.rstrip(b"\x00"), NAME_LIMIT)


def _network(value: bytes) -> str:
    """An address behind its family (IANA address family numbers)."""
    if len(value) == 5 and value[0] == _IPV4:
        return ipv4(value[1:])
    if len(value) == 17 and value[0] == _IPV6:
        return ipv6(value[1:])
    return ""
