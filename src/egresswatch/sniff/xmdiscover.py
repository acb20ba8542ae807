# SPDX-License-Identifier: Apache-2.0
"""The search for Xiongmai devices and the many brands made from its parts: JSON behind a DVRIP header over
UDP 34569.

Gives xmdiscover: the name the device gives itself (most say LocalHost), with firmware and address. Orders
to a device on the same port carry a password: of those nothing is read.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from egresswatch.records import Item, Message
from egresswatch.sniff import discovered
from egresswatch.sniff.discovered import Device
from egresswatch.sniff.dnswire import ipv4

PORT = 34569
_HEADER: Final = struct.Struct("<BB2xIIxxHI")
_MARK, _VERSIONS = 0xFF, (0, 1)
_ASK, _ANSWER = 1530, 1531
_FACTS = "NetWork.NetCommon"
_WORD = re.compile(r"0x[0-9A-Fa-f]{8}")


def parse(m: Message) -> tuple[Item, ...] | None:
    """A search (which has no body) or an answer."""
    if PORT not in (m.sport, m.dport) or len(m.payload) < _HEADER.size:
        return None
    mark, version, _, _, number, size = _HEADER.unpack_from(m.payload)
    if mark != _MARK or version not in _VERSIONS or number not in (_ASK, _ANSWER):
        return None
    if size == 0:
        return (discovered.search("xmdiscover"),) if number == _ASK else ()
    facts = discovered.json_object(m.payload[_HEADER.size : _HEADER.size + size]).get(_FACTS)
    if not isinstance(facts, dict):
        return ()
    device = Device(
        model=discovered.text(facts.get("HostName")),
        firmware=discovered.firmware(facts.get("Version")),
        mac=discovered.mac(facts.get("MAC")),
        ip=_address(facts.get("HostIP")),
    )
    return (discovered.answer("xmdiscover", device),)


def _address(value: object) -> str:
    """An address as a hexadecimal number whose lowest byte comes first, or dotted."""
    if isinstance(value, str) and _WORD.fullmatch(value):
        return discovered.address(ipv4(int(value, 16).to_bytes(4, "little")))
    return discovered.address(value)
