# SPDX-License-Identifier: Apache-2.0
"""NAT-PMP and PCP: a device asks its router to open a port to the outside (RFC 6886, RFC 6887).

Gives natpmp and pcp: the value says what is asked or answered, the detail ports, lifetime and result.
"""

from __future__ import annotations

import struct
from typing import Final

from egresswatch.records import Item, Message
from egresswatch.sniff.dnswire import ipv4, ipv6

_PORTS: Final = (5350, 5351)
"""Announcements to clients, and requests to the router."""
_ANSWER = 0x80
_NAT_PMP, _PCP = 0, 2
# NAT-PMP: opcode to size of request and answer
_SIZES: Final = {0: (2, 12), 1: (12, 16), 2: (12, 16)}
_MAPS: Final = {1: "udp", 2: "tcp"}
_RESULTS: Final = (
    "success", "unsupported version", "not authorised", "network failure", "out of resources",
    "unsupported opcode",
)  # fmt: skip
_PCP_RESULTS: Final = (
    "success", "unsupported version", "not authorised", "malformed request", "unsupported opcode",
    "unsupported option", "malformed option", "network failure", "no resources", "unsupported protocol",
    "user exceeded quota", "cannot provide external", "address mismatch", "excessive remote peers",
)  # fmt: skip
_OPCODES: Final = {0: "announce", 1: "map", 2: "peer"}
_PROTOCOLS: Final = {0: "all protocols", 6: "tcp", 17: "udp"}
_PCP_HEADER, _PCP_MAP, _PCP_MOST = 24, 60, 1100
_MAPPED: Final = bytes(10) + b"\xff\xff"


def parse(m: Message) -> tuple[Item, ...] | None:
    """A request to the router, or its answer."""
    if not {m.sport, m.dport} & set(_PORTS) or len(m.payload) < 2 or len(m.payload) != m.length:
        return None
    return {_NAT_PMP: _nat_pmp, _PCP: _pcp}.get(m.payload[0], _other)(m.payload)


def _other(_: bytes) -> None:
    return None


def _nat_pmp(payload: bytes) -> tuple[Item, ...] | None:
    opcode, answer = payload[1] & ~_ANSWER, bool(payload[1] & _ANSWER)
    size = _SIZES.get(opcode, (0, 0))[answer]
    # a router may answer an error with less (RFC 6886 §3.5)
    if len(payload) != size and not (answer and opcode in _SIZES and len(payload) >= 8):
        return None
    result = f"{_named(_RESULTS, int.from_bytes(payload[2:4], 'big'))}" if answer else ""
    if opcode == 0:
        address = f"address {ipv4(payload[8:12])}" if answer and len(payload) == size else ""
        return (_item("natpmp", "external address", answer, address, result),)
    value = f"map {_MAPS[opcode]}"
    if not answer:
        return (_item("natpmp", value, answer, _ports(*struct.unpack(">4xHHI", payload))),)
    if len(payload) != size:
        return (_item("natpmp", value, answer, result),)
    return (_item("natpmp", value, answer, _ports(*struct.unpack(">8xHHI", payload)), result),)


def _pcp(payload: bytes) -> tuple[Item, ...] | None:
    opcode, answer = payload[1] & ~_ANSWER, bool(payload[1] & _ANSWER)
    if opcode not in _OPCODES or not _PCP_HEADER <= len(payload) <= _PCP_MOST or len(payload) % 4:
        return None
    result = _named(_PCP_RESULTS, payload[3]) if answer else ""
    if opcode == 0 or len(payload) < _PCP_MAP:
        return (_item("pcp", _OPCODES[opcode], answer, result),) if opcode == 0 or answer else None
    lifetime = int.from_bytes(payload[4:8], "big")
    protocol = payload[36]
    if any(payload[37:40]):
        return None
    inner, outer = struct.unpack_from(">HH", payload, 40)
    value = f"{_OPCODES[opcode]} {_PROTOCOLS.get(protocol, f'protocol {protocol}')}"
    address = f"address {_address(payload[44:60])}" if any(payload[44:60].removeprefix(_MAPPED)) else ""
    return (_item("pcp", value, answer, _ports(inner, outer, lifetime), address, result),)


def _ports(inner: int, outer: int, lifetime: int) -> str:
    if lifetime == 0:
        return f"port {inner or 'all'} no longer"
    return f"port {inner} to outside port {outer or 'any'} for {lifetime} s"


def _item(kind: str, value: str, answer: bool, *parts: str) -> Item:
    return Item(kind, value, ", ".join(part for part in ("answer" if answer else "request", *parts) if part))


def _named(names: tuple[str, ...], number: int) -> str:
    return names[number] if number < len(names) else f"result {number}"


def _address(raw: bytes) -> str:
    return ipv4(raw[12:]) if raw.startswith(_MAPPED) else ipv6(raw)
