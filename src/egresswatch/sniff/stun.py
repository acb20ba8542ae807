# SPDX-License-Identifier: Apache-2.0
"""STUN, TURN and ICE: which public address a device learns of itself, which relay it gets, whom it wants
to reach (RFC 8489, RFC 8656, RFC 8445; RFC 3489 without the cookie when everything else fits exactly).

Gives stun_mapped_address, stun_relayed_address, stun_peer_address, stun_software, stun_realm; turn (a
relay is asked for, given or used) and ice (a check between two ends of a call). Of user names only that
one is given is told; integrity values are not read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff.dnswire import ipv4, ipv6
from egresswatch.sniff.text import NAME_LIMIT, printable

HEADER = 20
MAX_ATTRIBUTES = 64
_COOKIE = 0x2112A442
_COOKIE_BYTES = b"\x21\x12\xa4\x42"
_METHODS = {
    1: "binding", 2: "shared secret", 3: "allocate", 4: "refresh", 6: "send", 7: "data",
    8: "create permission", 9: "channel bind", 10: "connect", 11: "connection bind", 12: "connection attempt",
}
_CLASSES = ("request", "indication", "success", "error")
_MAPPED, _XOR_MAPPED, _XOR_MAPPED_OLD = 0x0001, 0x0020, 0x8020
# attribute: (kind, xor-ed)
_ADDRESSES = {
    _MAPPED: ("stun_mapped_address", False),
    _XOR_MAPPED: ("stun_mapped_address", True),
    _XOR_MAPPED_OLD: ("stun_mapped_address", True),
    0x0016: ("stun_relayed_address", True),
    0x0012: ("stun_peer_address", True),
}
_TEXTS = {0x8022: "stun_software", 0x0014: "stun_realm"}
_BINDING, _SEND, _DATA, _CHANNEL_BIND = 1, 6, 7, 9
_USER_NAME, _CHANNEL, _TRANSPORT = 0x0006, 0x000C, 0x0019
_PRIORITY, _NOMINATED, _CONTROLLED, _CONTROLLING = 0x0024, 0x0025, 0x8029, 0x802A
_TRANSPORTS = {6: "tcp", 17: "udp"}
CHANNELS = range(0x4000, 0x5000)
"""Numbers of the channels that relayed data goes through (RFC 8656 §12)."""
# RFC 3489 §11.1 and §11.2: the only messages and attributes there were.
_CLASSIC_TYPES = (0x0001, 0x0101, 0x0111, 0x0002, 0x0102, 0x0112)
_CLASSIC_ATTRIBUTES = range(0x0001, 0x000C)


def parse(m: Message) -> tuple[Item, ...] | None:
    """A STUN message that fills its datagram."""
    if len(m.payload) < HEADER or _size(m.payload) != m.length:
        return None
    return _message(m.payload)


def parse_stream(buf: bytes, m: Message) -> tuple[Verdict, tuple[Item, ...], int]:
    """One STUN message over TCP (RFC 8489 §6.2.2), also behind the length of RFC 4571."""
    final = len(m.payload) < m.length
    framed = 2 if buf[4:8] != _COOKIE_BYTES and buf[6:10] == _COOKIE_BYTES else 0
    if len(buf) < framed + HEADER:
        early = len(buf) < 10 or framed or buf[4:8] == _COOKIE_BYTES
        return (Verdict.NEED_MORE if early and not final else Verdict.NOT_MINE), (), 0
    body = buf[framed:]
    size = _size(body)
    if body[4:8] != _COOKIE_BYTES or size == 0:
        return Verdict.NOT_MINE, (), 0
    if len(body) < size and not final:
        return Verdict.NEED_MORE, (), 0
    items = _message(body[:size])
    if items is None:
        return Verdict.NOT_MINE, (), 0
    return Verdict.MATCH, items, min(len(buf), framed + size)


def _size(payload: bytes) -> int:
    """Bytes the message says it has; 0 when it cannot be one."""
    kind, length = struct.unpack_from(">HH", payload)
    return 0 if kind > 0x3FFF or length & 3 else HEADER + int(length)


def _message(payload: bytes) -> tuple[Item, ...] | None:
    kind, _, cookie = struct.unpack_from(">HHI", payload)
    attributes = list(_attributes(payload))
    if cookie != _COOKIE and not _classic(payload, kind, attributes):
        return None
    # Type bits interleave class and method (RFC 8489 §5).
    method = kind & 0xF | kind >> 1 & 0x70 | kind >> 2 & 0xF80
    what = f"{_METHODS.get(method, f'method {method}')} {_CLASSES[kind >> 7 & 2 | kind >> 4 & 1]}"
    items: dict[Item, None] = {}
    for number, value in attributes:
        if number in _ADDRESSES:
            name, masked = _ADDRESSES[number]
            found = _address(value, payload[4:20] if masked else bytes(16))
            if found is not None:
                items[Item(name, found[0], f"port {found[1]} {what}", found)] = None
        elif number in _TEXTS and value:
            items[Item(_TEXTS[number], printable(value.rstrip(b"\x00"), NAME_LIMIT), what)] = None
    return *items, *_call(method, what, dict(attributes))


def _call(method: int, what: str, given: dict[int, bytes]) -> tuple[Item, ...]:
    """Is this a step towards a relay, or a check of a path between two ends?"""
    user = ["user name given"] if _USER_NAME in given else []
    if method in _METHODS and method >= 3:
        relayed = _TRANSPORTS.get(given.get(_TRANSPORT, b"\0")[0:1].ljust(1, b"\0")[0])
        parts = ([f"over {relayed}"] if relayed else []) + user
        channel = int.from_bytes(given.get(_CHANNEL, b"")[:2], "big")
        data = channel if method == _CHANNEL_BIND and channel in CHANNELS else None
        return (Item("turn", what, ", ".join(parts), data),)
    if method == _BINDING and _PRIORITY in given and (_CONTROLLED in given or _CONTROLLING in given):
        role = "controlling" if _CONTROLLING in given else "controlled"
        parts = [f"priority {int.from_bytes(given[_PRIORITY], 'big') & 0xFFFFFFFF}", *user]
        return (Item("ice", role, ", ".join(parts + ["nominated"] * (_NOMINATED in given))),)
    return ()


def channel_data(payload: bytes) -> Item:
    """Something relayed through a channel; the caller has looked at the number."""
    return Item("turn", "channel data", f"channel 0x{int.from_bytes(payload[:2], 'big'):04x}")


def _attributes(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Attributes as far as they are whole."""
    at = HEADER
    for _ in range(MAX_ATTRIBUTES):
        if at + 4 > len(payload):
            return
        number, length = struct.unpack_from(">HH", payload, at)
        if at + 4 + length > len(payload):
            return
        yield number, payload[at + 4 : at + 4 + length]
        at += 4 + (length + 3 & ~3)


def _classic(payload: bytes, kind: int, attributes: list[tuple[int, bytes]]) -> bool:
    """Without the cookie only a message that is consistent to the last byte counts."""
    if kind not in _CLASSIC_TYPES or len(payload) != _size(payload):
        return False
    used = HEADER + sum(4 + (len(value) + 3 & ~3) for _, value in attributes)
    known = all(number in _CLASSIC_ATTRIBUTES or number >= 0x8000 for number, _ in attributes)
    return used == len(payload) and known


def _address(value: bytes, mask: bytes) -> tuple[str, int] | None:
    """Address and port (RFC 8489 §14.1, §14.2); the port is masked with the cookie's first half."""
    if len(value) < 8:
        return None
    port = int.from_bytes(value[2:4], "big") ^ int.from_bytes(mask[:2], "big")
    raw = bytes(byte ^ key for byte, key in zip(value[4:20], mask, strict=False))
    if value[1] == 1:
        return ipv4(raw[:4]), port  # what stands behind is padding that the length counts
    if value[1] == 2 and len(raw) == 16:
        return ipv6(raw), port
    return None
