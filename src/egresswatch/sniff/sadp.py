# SPDX-License-Identifier: Apache-2.0
"""SADP, by which tools find Hikvision devices and those made by it: XML over UDP 37020.

Gives sadp: the model, with firmware, address and whether a password was set. The same port carries orders
to a device, some with a password: of those nothing is read.
"""

from __future__ import annotations

from egresswatch.records import Item, Message
from egresswatch.sniff import discovered, xmltext
from egresswatch.sniff.discovered import Device

PORT = 37020
_SEARCH, _ANSWER = b"probe", b"probematch"
_TOPIC = "inquiry"
"""What a search is about; the other topics carry secrets or the outcome of orders."""
_STATE = {"true": True, "false": False}


def parse(m: Message) -> tuple[Item, ...] | None:
    """A search or an answer."""
    root = xmltext.root(m.payload).lower()
    if PORT not in (m.sport, m.dport) or root not in (_SEARCH, _ANSWER):
        return None
    if not (_text(m.payload, "Types").lower() or _TOPIC).startswith(_TOPIC):
        return ()
    if root == _SEARCH:
        return (discovered.search("sadp"),)
    device = Device(
        model=_text(m.payload, "DeviceDescription"),
        firmware=discovered.firmware(_text(m.payload, "SoftwareVersion")),
        mac=discovered.mac(_text(m.payload, "MAC")),
        ip=discovered.address(_text(m.payload, "IPv4Address")),
        activated=_STATE.get(_text(m.payload, "Activated").lower()),
    )
    return (discovered.answer("sadp", device),) if device.model or device.mac else ()


def _text(payload: bytes, name: str) -> str:
    return discovered.text(xmltext.text(payload, name).decode("utf-8", "replace"))
