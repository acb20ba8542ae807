# SPDX-License-Identifier: Apache-2.0
"""How the source speaks to people: paths and names made printable, counts and sizes in words.

Owns nothing but text. Gives lines fit for standard error and the ledger; never a control character
and never more of a name than 255 characters.
"""

from __future__ import annotations

import os

READS = "egresswatch reads pcap, pcapng and snoop, plain or inside .gz, .zst, .xz and .bz2"
_NAME_LIMIT = 255
_UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def shown(path: str) -> str:
    """A path for people: bytes that are no UTF-8 replaced, control characters escaped."""
    text = os.fsencode(path).decode("utf-8", "replace")
    return _printable(text)


def name(raw: bytes) -> str:
    """A name out of a capture file (interface names), printable and bounded."""
    return _printable(raw[:_NAME_LIMIT].split(b"\0", 1)[0].decode("utf-8", "replace"))[:_NAME_LIMIT]


def count(number: int) -> str:
    """1204311 as ``1 204 311``."""
    return f"{number:,}".replace(",", " ")


def size(number: int) -> str:
    """A number of bytes as a person says it: ``60 bytes``, ``12.4 MB``."""
    for unit, suffix in _UNITS:
        if number >= unit:
            return f"{number / unit:.1f} {suffix}"
    return f"{number} byte" + ("" if number == 1 else "s")


def percent(share: float) -> str:
    """A share of 100 that is never told as nothing: ``1.5 %``, ``0.04 %``, ``under 0.01 %``."""
    if 0 < share < 0.01:
        return "under 0.01 %"
    return f"{share:.2f} %" if share < 0.1 else f"{share:.1f} %"


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
