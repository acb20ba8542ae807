# SPDX-License-Identifier: Apache-2.0
"""GB/T 28181 in SIP: what kind of device speaks to what kind, from where in China, and about what.

An identifier has 20 digits (GB/T 28181-2016 annex D): 8 of the centre (the region, by GB/T 2260), 2 of
the trade, 3 of the kind of device, 1 of the network, 6 of the serial number. Gives gb28181: its value is
the sender's kind; the detail says the method, the region, the kind of the other end and the command of a
MANSCDP body. Serial numbers are not read.
"""

from __future__ import annotations

import re

from egresswatch.records import Item
from egresswatch.sniff import xmltext
from egresswatch.sniff.text import printable

_ID = re.compile(rb"(?<!\d)(\d{20})(?!\d)")
_WORD = re.compile(rb"[A-Za-z]{2,32}")
_KINDS = {
    111: "dvr", 112: "video server", 113: "encoder", 114: "decoder", 115: "video matrix", 116: "audio matrix",
    117: "alarm controller", 118: "nvr", 119: "hybrid recorder", 130: "hvr", 131: "camera",
    132: "ipc", 133: "display", 134: "alarm input", 135: "alarm output", 136: "audio input",
    137: "audio output", 138: "mobile transmitter", 200: "platform", 201: "web server", 202: "media server",
    203: "proxy", 204: "security server", 205: "alarm server", 206: "database server", 207: "gis server",
    208: "management server", 209: "gateway", 210: "storage server", 215: "business group",
    216: "virtual organisation", 300: "user",
}  # fmt: skip
"""Kinds of device by digits 11 to 13 (annex D.1); those of a block without a name are told as its number."""


def identity(value: bytes) -> bytes:
    """The identifier in a URI or a name-addr; empty when there is none of 20 digits."""
    found = _ID.search(value)
    return found[1] if found else b""


def without_serial(value: bytes) -> bytes:
    """An identifier names one device: its last seven digits are not kept."""
    return _ID.sub(lambda found: found[1][:-7] + b"*" * 7, value)


def kind(number: bytes) -> str:
    """What an identifier is of."""
    code = int(number[10:13])
    return _KINDS.get(code, f"type {code:03}")


def told(method: str, who: bytes, whom: bytes, body: bytes) -> tuple[Item, ...]:
    """``who`` speaks to ``whom``: two identifiers, the second may be empty."""
    if not who:
        return ()
    words = [f"{method}, region {who[:8].decode()}"]
    if whom and whom != who:
        words.append(f"to {kind(whom)} of region {whom[:8].decode()}")
    command = xmltext.text(body, "CmdType") if body else b""
    if _WORD.fullmatch(command):
        words.append(f"{printable(xmltext.root(body), 32)} {command.decode()}")
    return (Item("gb28181", kind(who), ", ".join(words)),)
