# SPDX-License-Identifier: Apache-2.0
"""What cameras answer to the search of their makers' tools: the facts that are kept, in one form.

The value of such an item is the model (or what comes closest), the detail says ``answer`` and the rest in
words, ``data`` holds it for the register. Serial numbers, device ids and names (which often are serial
numbers) are not kept, passwords that some of these protocols carry are never looked at. A search of a tool
says ``search`` and nothing about its sender.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from egresswatch.records import Item
from egresswatch.sniff.text import NAME_LIMIT, escaped

_MAC = re.compile(r"[0-9A-Fa-f]{2}([:\-]?)(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}")
_ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}")
_FIRMWARE_LIMIT = 80


class Device(NamedTuple):
    """A device by its own word; empty and 0 where it says nothing."""

    model: str = ""
    brand: str = ""
    """The name it is sold under, where the protocol has a field for it."""
    firmware: str = ""
    mac: int = 0
    ip: str = ""
    activated: bool | None = None
    """False: nobody has set a password yet."""


def answer(kind: str, device: Device) -> Item:
    """The item of an answer."""
    state = {True: "activated", False: "not activated", None: ""}[device.activated]
    parts = (
        "answer",
        device.brand and f"brand {device.brand}",
        device.firmware and f"firmware {device.firmware}",
        device.ip and f"address {device.ip}",
        state,
    )
    value = device.model or device.brand or "device"
    return Item(kind, value, ", ".join(part for part in parts if part), device)


def search(kind: str) -> Item:
    """The item of a search."""
    return Item(kind, "search", "search")


def text(value: object, limit: int = NAME_LIMIT) -> str:
    """A text of JSON or XML as one line; anything but text is nothing."""
    return escaped(value.strip(), limit) if isinstance(value, str) else ""


def firmware(value: object) -> str:
    """The same, short."""
    return text(value, _FIRMWARE_LIMIT)


def mac(value: object) -> int:
    """A MAC written with colons, hyphens or nothing; 0 when it is none or a group's."""
    if not isinstance(value, str) or not _MAC.fullmatch(value.strip()):
        return 0
    number = int(value.strip().replace(":", "").replace("-", ""), 16)
    return 0 if number >> 40 & 1 else number


def address(value: object) -> str:
    """A dotted IPv4 address in its canonical form; empty for others and 0.0.0.0."""
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value.strip()):
        return ""
    octets = [int(part) for part in value.strip().split(".")]
    return ".".join(map(str, octets)) if any(octets) and max(octets) < 256 else ""


def json_object(raw: bytes) -> dict[str, Any]:
    """A JSON object; empty when it is none, or nested without end."""
    try:
        found = json.loads(raw.rstrip(b"\x00\r\n\t ").decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def member(container: object, name: str) -> Any:
    """A member of an object; None of anything else."""
    return container.get(name) if isinstance(container, dict) else None
