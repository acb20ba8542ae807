# SPDX-License-Identifier: Apache-2.0
"""Whom an item speaks of: the sender that shows what it is, or another host that it asks or names; and what
a sighting says of what was recognised."""

from __future__ import annotations

from egresswatch.records import Item, Message
from egresswatch.rules import Rule
from egresswatch.rules.payload import told

DHCP = ("dhcp_hostname", "dhcp_vendor_class")
_DHCP_CLIENT = 68
_ASKING: dict[str, str | tuple[str, ...]] = {
    "ssdp": "search", "mdns": "query", "nbns": ("query", "group"), "sadp": "search", "dhdiscover": "search",
    "xmdiscover": "search",
}  # fmt: skip
_ANNOUNCING = ("ProbeMatches", "Hello", "ResolveMatches")


def shows_its_sender(m: Message, item: Item) -> bool:
    """Does the item say what its sender is, not what the sender asks others for or passes on?"""
    if item.kind in DHCP:  # a server echoes its clients' names
        return m.sport == _DHCP_CLIENT and item.data is not None
    if item.kind == "onvif_scope":
        return any(action in item.detail for action in _ANNOUNCING)
    return not item.detail.startswith(_ASKING.get(item.kind, "\0"))


def shown(item: Item) -> str:
    """The value that fingerprints are compared with; of a request for a stream only that it was made."""
    if item.kind == "rtsp_request":
        return ""
    if item.kind == "tls_cert_subject":  # the sighting has the common name, the maker stands beside it
        return str(getattr(item.data, "subject", item.value))
    return item.value


def recognised(rule: Rule, m: Message) -> str:
    """The rule, and what the sender of the packet had counted by then: also what was before the capture."""
    counted = told(rule.match.payload, m.proto, m.sport, m.dport, m.payload, m.length, m.sender, m.number)
    return f"{rule.id}: {counted}" if counted else rule.id
