# SPDX-License-Identifier: Apache-2.0
"""SNMP versions 1 and 2c: what a device says it is when a manager asks (RFC 1157 §4, RFC 3416, RFC 3418 §2).

Gives snmp_sysdescr, snmp_sysname and snmp_object_id (whose beginning is the maker's enterprise number).
The community is a password and is stepped over; version 3 is encrypted and left.
"""

from __future__ import annotations

from typing import Final

from egresswatch.records import Item, Message
from egresswatch.sniff.text import NAME_LIMIT, TEXT_LIMIT, printable

PORTS: Final = (161, 162)
_INTEGER, _TEXT, _OBJECT, _SEQUENCE = 0x02, 0x04, 0x06, 0x30
_VERSIONS: Final = (b"\x00", b"\x01")
_ANSWER = 0xA2
_MAX_BINDINGS = 64
_SYSTEM: Final = bytes.fromhex("2b0601020101")  # 1.3.6.1.2.1.1
# last numbers of an object of the system group: kind, type, characters kept
_TOLD: Final = {
    b"\x01\x00": ("snmp_sysdescr", _TEXT, TEXT_LIMIT),
    b"\x02\x00": ("snmp_object_id", _OBJECT, NAME_LIMIT),
    b"\x05\x00": ("snmp_sysname", _TEXT, NAME_LIMIT),
}


def parse(m: Message) -> tuple[Item, ...] | None:
    """A message; only answers tell something."""
    if not {m.sport, m.dport} & set(PORTS):
        return None
    kind, body, _ = _element(m.payload, 0)
    version_kind, version, at = _element(body, 0)
    community_kind, _, at = _element(body, at)
    if (kind, version_kind, community_kind) != (_SEQUENCE, _INTEGER, _TEXT) or version not in _VERSIONS:
        return None
    pdu, inner, _ = _element(body, at)
    if pdu & 0xE0 != 0xA0:
        return None
    if pdu != _ANSWER:
        return ()
    at = 0
    for _ in range(3):  # request, error status and error index
        part, _, at = _element(inner, at)
        if part != _INTEGER:
            return None
    part, bindings, _ = _element(inner, at)
    return _bindings(bindings) if part == _SEQUENCE else None


def _bindings(data: bytes) -> tuple[Item, ...]:
    items: list[Item] = []
    at = 0
    for _ in range(_MAX_BINDINGS):
        kind, binding, at = _element(data, at)
        if kind != _SEQUENCE:
            break
        name_kind, name, behind = _element(binding, 0)
        value_kind, value, _ = _element(binding, behind)
        told = _TOLD.get(name.removeprefix(_SYSTEM)) if name.startswith(_SYSTEM) else None
        if name_kind != _OBJECT or told is None or value_kind != told[1] or not value:
            continue
        text = _dotted(value) if value_kind == _OBJECT else printable(value.rstrip(b"\x00"), told[2])
        if text:
            items.append(Item(told[0], text, "answer"))
    return tuple(items)


def _element(data: bytes, at: int) -> tuple[int, bytes, int]:
    """(tag, content, place behind) of a BER element, content as far as it was captured; tag 0 at the end."""
    if at + 2 > len(data):
        return 0, b"", len(data)
    size, begin = data[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4 or begin + count > len(data):
            return 0, b"", len(data)
        size, begin = int.from_bytes(data[begin : begin + count], "big"), begin + count
    return data[at], data[begin : begin + size], min(begin + size, len(data))


def _dotted(raw: bytes) -> str:
    """An object identifier in numbers (X.690 §8.19)."""
    numbers = [min(raw[0] // 40, 2)]
    numbers.append(raw[0] - 40 * numbers[0])
    value = 0
    for byte in raw[1:NAME_LIMIT]:
        value = (value << 7 | byte & 0x7F) & 0xFFFFFFFF
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    return ".".join(map(str, numbers))[:NAME_LIMIT]
