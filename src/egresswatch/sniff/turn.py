# SPDX-License-Identifier: Apache-2.0
"""What a flow of STUN datagrams has shown so far: told once, and relayed data in bound channels.

Data in a channel has four bytes of header that anything could begin with (RFC 8656 §12.4): it counts only
on a flow that has bound this channel. Checks of a path repeat many times a second: turn and ice are told
once a flow and kind, addresses each time as they are. State per flow is bounded.
"""

from __future__ import annotations

from egresswatch.records import Item, Message
from egresswatch.sniff import stun

_MAX_CHANNELS = 32
_MAX_TOLD = 32
_ONCE = ("turn", "ice")


class Connection:
    """Channels bound on one flow, and what was told of it."""

    __slots__ = ("_channels", "_told")

    def __init__(self) -> None:
        self._channels: dict[int, None] = {}
        self._told: dict[tuple[str, str], None] = {}

    @property
    def done(self) -> bool:
        """Never: a relay may be asked for at any time."""
        return False

    @property
    def held(self) -> int:
        """Bytes of payload kept: none."""
        return 0

    def feed(self, m: Message) -> tuple[Item, ...] | None:
        """One datagram; None when it is neither STUN nor data of a bound channel."""
        head = int.from_bytes(m.payload[:2], "big")
        if head in stun.CHANNELS:
            whole = len(m.payload) >= 4 and int.from_bytes(m.payload[2:4], "big") + 4 <= m.length
            if head not in self._channels or not whole:
                return None
            return self._new((stun.channel_data(m.payload),))
        found = stun.parse(m)
        if found is None:
            return None
        for item in found:
            if item.kind == "turn" and item.data is not None and len(self._channels) < _MAX_CHANNELS:
                self._channels[item.data] = None
        return self._new(found)

    def _new(self, items: tuple[Item, ...]) -> tuple[Item, ...]:
        out = []
        for item in items:
            key = (item.kind, item.value)
            if item.kind in _ONCE:
                if key in self._told or len(self._told) >= _MAX_TOLD:
                    continue
                self._told[key] = None
            out.append(item)
        return tuple(out)
