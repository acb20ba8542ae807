# SPDX-License-Identifier: Apache-2.0
"""The ClientHello that is a segment of its own, as nearly all are: read once for each kind of client.

Clients of one kind differ in name, keys and chance. Where the name is, and what decides the rest, a kernel
finds; what that gives is remembered, for a bounded number of kinds. Tells what ``tls`` and ``facts`` would,
or nothing, when they have to look themselves.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from egresswatch.records import FlowInfo, Item
from egresswatch.sniff import hello, kernels, resolvers

_KEPT: Final = 4096
"""Kinds of clients remembered."""
_BODY: Final = 9
"""Bytes of the record header and the message header."""

_Kind = tuple[str, hello.Outer | None, Item]
"""Detail and data of the item that tells the name, and the item with the JA4."""


class Greetings:
    """What is remembered in one run."""

    def __init__(self) -> None:
        self._kinds: dict[bytes, _Kind | None] = {}
        self._out = np.zeros(kernels.ROOM, np.uint8)
        self._written = memoryview(self._out)  # type: ignore[arg-type]

    def read(self, payload: bytes) -> tuple[list[Item], FlowInfo] | None:
        """Items and what is known of a flow that begins so; None: look closer."""
        found = kernels.hello(payload, self._out)
        if found < 0:
            return None
        key = self._written[: found >> 32].tobytes()
        kind = self._kinds.get(key, ())
        if kind == ():
            kind = self._learn(key, payload)
        if not kind:
            return None
        detail, outer, ja4 = kind
        size = found & 0xFF
        if not size:
            return [ja4], FlowInfo("tls", "", "none", ja4[1])
        at = found >> 8 & 0xFFFFFF
        name = payload[at : at + size].decode("ascii").lower()
        return (
            [tuple.__new__(Item, ("tls_sni", name, detail, outer)), ja4],
            FlowInfo("tls", name, "sni", ja4[1], outer is not None),
        )

    def _learn(self, key: bytes, payload: bytes) -> _Kind | None:
        """The slow way, for the first of its kind."""
        offer = hello.parse(payload[_BODY:])
        kind: _Kind | None = None
        if offer is not None and offer.complete and resolvers.DOT not in hello.offers(offer):
            *name, ja4 = hello.items(offer, "t")
            kind = (name[0].detail, name[0].data, ja4) if name else ("", None, ja4)
        if len(self._kinds) >= _KEPT:
            self._kinds.clear()
        self._kinds[key] = kind
        return kind
