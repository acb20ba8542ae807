# SPDX-License-Identifier: Apache-2.0
"""SSDP: what a device says it is, and what others look for (UPnP Device Architecture 2.0 §1).

Gives ssdp: one item per telling field; the detail names the message and the field. LOCATION stands
in the detail of the identity it describes.
"""

from __future__ import annotations

from egresswatch.records import Item, Message
from egresswatch.sniff import headers
from egresswatch.sniff.text import NAME_LIMIT, TEXT_LIMIT, printable, url

_STARTS = {b"NOTIFY": "notify", b"M-SEARCH": "search", b"HTTP/1.": "response"}
# Fields told, per message; of the first group the first one present, as the others repeat it.
_IDENTITY = {"notify": (b"usn", b"nt"), "search": (b"st",), "response": (b"usn", b"st")}
_SOFTWARE = {"notify": b"server", "search": b"user-agent", "response": b"server"}


def parse(m: Message) -> tuple[Item, ...] | None:
    """A NOTIFY, an M-SEARCH or the response to one."""
    message = next((name for start, name in _STARTS.items() if m.payload.startswith(start)), "")
    if not message:
        return None
    head = headers.read(m.payload, final=True)
    if head is None:
        return None
    items: list[Item] = []
    for field in _IDENTITY[message]:
        value = head.get(field)
        if value:
            detail = f"{message} {field.decode('ascii').upper()}{_where(head)}"
            items.append(Item("ssdp", printable(value, TEXT_LIMIT), detail))
            break
    software = _SOFTWARE[message]
    value = head.get(software)
    if value:
        detail = f"{message} {software.decode('ascii').upper()}"
        items.append(Item("ssdp", printable(value, TEXT_LIMIT), detail))
    # other protocols answer with an HTTP status line in a datagram as well: no identity, not SSDP
    return tuple(items) or None


def _where(head: headers.Head) -> str:
    place = head.get(b"location")
    if not place:
        return ""
    return f" at {url(place, NAME_LIMIT)}"
