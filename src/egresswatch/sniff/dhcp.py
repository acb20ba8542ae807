# SPDX-License-Identifier: Apache-2.0
"""DHCPv4: how a device names itself and which address it was given (RFC 2131, RFC 2132).

Gives dhcp_hostname, dhcp_vendor_class, dhcp_parameter_list, dhcp_request and dhcp_lease, each with
DhcpFacts: a client has no address of its own yet, so its hardware address says whose message it is.
"""

from __future__ import annotations

from typing import NamedTuple

from egresswatch.records import Item, Message
from egresswatch.sniff.dnswire import ipv4
from egresswatch.sniff.text import NAME_LIMIT, printable

_COOKIE = b"\x63\x82\x53\x63"
_FIXED = 240
"""Header, server name, boot file and cookie."""
_ETHERNET = 1
_TYPES = {
    1: "discover", 2: "offer", 3: "request", 4: "decline", 5: "ack", 6: "nak", 7: "release", 8: "inform",
}
_PAD, _END = 0, 255
_HOSTNAME, _REQUESTED, _OVERLOAD, _TYPE, _PARAMETERS, _VENDOR_CLASS, _FQDN = 12, 50, 52, 53, 55, 60, 81
_SERVER_NAME, _BOOT_FILE = slice(44, 108), slice(108, 236)


class DhcpFacts(NamedTuple):
    """Whose message it is and about which addresses."""

    message: str
    """discover, offer, request, ...; bootp without a message type."""
    mac: int
    """The client's hardware address, 48 bits; 0 when it is not Ethernet."""
    requested: str
    """What the client asks for or already has; empty when nothing."""
    assigned: str
    """What the server gives; empty when nothing."""
    hostname: str


def parse(m: Message) -> tuple[Item, ...] | None:
    """A DHCP or BOOTP message."""
    payload = m.payload
    if len(payload) < _FIXED or payload[0] not in (1, 2) or payload[236:240] != _COOKIE:
        return None
    options = _options(payload)
    facts = _facts(payload, options)
    who = "client" if payload[0] == 1 else "server"
    items: list[Item] = []
    hostname = printable(options.get(_HOSTNAME, b"").rstrip(b"\x00"), NAME_LIMIT)
    if hostname:
        items.append(Item("dhcp_hostname", hostname, facts.message, facts))
    fqdn = _fqdn(options.get(_FQDN, b""))
    if fqdn and fqdn != hostname:
        items.append(Item("dhcp_hostname", fqdn, f"{facts.message} fqdn", facts))
    vendor = printable(options.get(_VENDOR_CLASS, b"").rstrip(b"\x00"), NAME_LIMIT)
    if vendor and who == "client":
        items.append(Item("dhcp_vendor_class", vendor, facts.message, facts))
    wanted = options.get(_PARAMETERS, b"")
    if wanted and who == "client":
        items.append(Item("dhcp_parameter_list", ",".join(map(str, wanted)), facts.message, facts))
    if who == "client" and facts.requested:
        items.append(Item("dhcp_request", facts.requested, facts.message, facts))
    if facts.message == "ack" and facts.assigned:
        items.append(Item("dhcp_lease", facts.assigned, facts.message, facts))
    return tuple(items)


def _options(payload: bytes) -> dict[int, bytes]:
    """Options by number; what is repeated is one long option (RFC 3396)."""
    options: dict[int, bytes] = {}
    _collect(payload[_FIXED:], options)
    # Servers short of room continue in the fields before (option 52, RFC 2132 §9.3).
    overload = options.get(_OVERLOAD, b"\x00")[:1]
    if overload in (b"\x01", b"\x03"):
        _collect(payload[_BOOT_FILE], options)
    if overload in (b"\x02", b"\x03"):
        _collect(payload[_SERVER_NAME], options)
    return options


def _collect(field: bytes, options: dict[int, bytes]) -> None:
    at = 0
    while at < len(field):
        number = field[at]
        if number == _END:
            return
        if number == _PAD:
            at += 1
            continue
        if at + 2 > len(field) or at + 2 + field[at + 1] > len(field):
            return
        stop = at + 2 + field[at + 1]
        options[number] = options.get(number, b"") + field[at + 2 : stop]
        at = stop


def _facts(payload: bytes, options: dict[int, bytes]) -> DhcpFacts:
    kind = options.get(_TYPE, b"")
    mac = int.from_bytes(payload[28:34], "big") if payload[1] == _ETHERNET and payload[2] == 6 else 0
    asked = options.get(_REQUESTED, b"")
    requested = _address(asked if len(asked) == 4 else payload[12:16])
    hostname = printable(options.get(_HOSTNAME, b"").rstrip(b"\x00"), NAME_LIMIT)
    name = _TYPES.get(kind[0], f"type {kind[0]}") if kind else "bootp"
    return DhcpFacts(name, mac, requested, _address(payload[16:20]), hostname)


def _address(raw: bytes) -> str:
    return ipv4(raw) if raw != b"\x00\x00\x00\x00" else ""


def _fqdn(option: bytes) -> str:
    """Client FQDN (RFC 4702 §2): flags, two unused bytes, then text or, with flag E, labels."""
    if len(option) < 4:
        return ""
    raw = option[3:]
    if option[0] & 0x04:
        labels: list[bytes] = []
        while raw and 0 < raw[0] < 0x40:
            labels.append(raw[1 : 1 + raw[0]])
            raw = raw[1 + raw[0] :]
        raw = b".".join(labels)
    return printable(raw.rstrip(b"\x00."), NAME_LIMIT)
