# SPDX-License-Identifier: Apache-2.0
"""DHDiscover, by which tools find Dahua devices and those made by it: JSON behind a DHIP header over UDP
37810, and its binary predecessor over UDP 5050.

Gives dhdiscover: the model, with brand, firmware, address and whether a password was set.
"""

from __future__ import annotations

import struct
from typing import Final

from egresswatch.records import Item, Message
from egresswatch.sniff import discovered
from egresswatch.sniff.discovered import Device
from egresswatch.sniff.dnswire import ipv4

PORT, OLD_PORT = 37810, 5050
_MAGIC: Final = b"\x20\x00\x00\x00DHIP"
_HEADER = 32
_SEARCH, _FOUND = "DHDiscover.search", "client.notifyDevInfo"
_NOBODY: Final = ("", "private", "general")
"""What the brand says where the device is sold under no name."""
_INITIALISED: Final = {1: False, 2: True}
_OLD_SEARCH, _OLD_ANSWER = b"\xa3\x01", b"\xb3\x00"
# of the old answer: sizes of the second and third part, model and address in the first
_OLD_SIZES: Final = struct.Struct("<2xH16xH")
_OLD_FIRST, _OLD_MODEL, _OLD_ADDRESS, _MAC_TEXT = 120, slice(40, 56), slice(56, 60), 17


def parse(m: Message) -> tuple[Item, ...] | None:
    """A search or an answer, of either kind."""
    payload = m.payload
    if payload.startswith(_MAGIC):
        return _json(payload[_HEADER:])
    if OLD_PORT not in (m.sport, m.dport) or len(payload) < _HEADER:
        return None
    if payload.startswith(_OLD_SEARCH):
        return (discovered.search("dhdiscover"),)
    return _old(payload) if payload.startswith(_OLD_ANSWER) and len(payload) >= _OLD_FIRST else None


def _json(body: bytes) -> tuple[Item, ...] | None:
    message = discovered.json_object(body)
    method = message.get("method")
    if method == _SEARCH:
        return (discovered.search("dhdiscover"),)
    info = discovered.member(message.get("params"), "deviceInfo")
    if method != _FOUND or not isinstance(info, dict):
        return () if message else None
    brand = discovered.text(info.get("Vendor"))
    state = info.get("Init")
    device = Device(
        model=discovered.text(info.get("DeviceType")) or discovered.text(info.get("DeviceClass")),
        brand="" if brand.lower() in _NOBODY else brand,
        firmware=discovered.firmware(info.get("Version")),
        mac=discovered.mac(message.get("mac")),
        ip=discovered.address(discovered.member(info.get("IPv4Address"), "IPAddress")),
        activated=_INITIALISED.get(state & 3) if isinstance(state, int) else None,
    )
    return (discovered.answer("dhdiscover", device),)


def _old(payload: bytes) -> tuple[Item, ...] | None:
    """A fixed part, then the MAC as text and the model, then lines; only the first two are read."""
    size, _ = _OLD_SIZES.unpack_from(payload)
    second = payload[_OLD_FIRST : _OLD_FIRST + size]
    mac = discovered.mac(second[:_MAC_TEXT].decode("ascii", "replace"))
    if not mac:
        return None
    raw = second[_MAC_TEXT:].rstrip(b"\x00") or payload[_OLD_MODEL].rstrip(b"\x00")
    ip = discovered.address(ipv4(payload[_OLD_ADDRESS]))
    device = Device(model=discovered.text(raw.decode("utf-8", "replace")), mac=mac, ip=ip)
    return (discovered.answer("dhdiscover", device),)
