# SPDX-License-Identifier: Apache-2.0
"""SOAP calls in HTTP: which action was asked for, and the ports of a port mapping (UPnP IGD:2 §2.5).

Gives soap_action: the action's bare name; the detail says the service, or what is opened to whom.
Arguments other than those of a port mapping are not read.
"""

from __future__ import annotations

import re

from egresswatch.records import Item
from egresswatch.sniff import headers, xmltext
from egresswatch.sniff.text import NAME_LIMIT, path_only, printable

_ACTION = re.compile(rb'action\s{0,8}=\s{0,8}"?([^";]{1,512})', re.IGNORECASE)
_SPLIT = re.compile(rb"[#/:]")
_MAPPING = ("AddPortMapping", "AddAnyPortMapping", "DeletePortMapping", "AddPinhole")


def announced(head: headers.Head, path: str) -> tuple[Item, ...]:
    """The action that a request's head names."""
    uri = action(head).partition(b"?")[0]
    name = _SPLIT.split(uri)[-1]
    if not name:
        return ()
    service = uri[: -len(name)].rstrip(b"#/") or path.encode()
    return (Item("soap_action", printable(name, NAME_LIMIT), path_only(service, NAME_LIMIT)),)


def action(head: headers.Head) -> bytes:
    """SOAPAction of SOAP 1.1, the parameter ``action`` of SOAP 1.2; empty when there is none."""
    uri = head.get(b"soapaction").strip(b"\"' ")
    if not uri:
        kind = head.get(b"content-type")
        found = _ACTION.search(kind) if b"soap" in kind.lower() else None
        uri = found[1].strip() if found else b""
    return uri.rstrip(b"#/")


def called(data: bytes, detail: str, *, known: bool) -> tuple[Item, ...]:
    """What a request's body adds: the action when the head named none, and the ports of a mapping."""
    name = printable(xmltext.call(data), NAME_LIMIT)
    if name in _MAPPING:
        return (Item("soap_action", name, _mapping(data)),)
    return () if known or not name else (Item("soap_action", name, detail),)


def _mapping(data: bytes) -> str:
    """``tcp 8000 to 192.168.1.64:8000, lease 0 s, from 203.0.113.5``: what is there of it."""

    def value(*fields: str) -> str:
        return next((printable(text, 64) for field in fields if (text := xmltext.text(data, field))), "")

    outside, inside = value("NewExternalPort"), value("NewInternalPort", "InternalPort")
    client, remote = value("NewInternalClient", "InternalClient"), value("NewRemoteHost", "RemoteHost")
    lease = value("NewLeaseDuration", "LeaseTime")
    words = [value("NewProtocol", "Protocol").lower(), outside]
    if client:
        words += ["to", f"[{client}]:{inside}" if ":" in client else f"{client}:{inside}"]
    parts = [" ".join(filter(None, words)), lease and f"lease {lease} s", remote and f"from {remote}"]
    return ", ".join(filter(None, parts))
