# SPDX-License-Identifier: Apache-2.0
"""What a flow of STUN messages has shown so far: told once, and relayed data in bound channels.

Data in a channel has four bytes of header that anything could begin with (RFC 8656 §12.4): it counts only
on a flow that has bound this channel, or on TCP behind another message. Checks of a path repeat many times
a second: turn and ice are told once a flow and kind (on TCP once a side), addresses each time as they are.
State per flow is bounded.
"""

from __future__ import annotations

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import stun

_MAX_CHANNELS = 32
_MAX_TOLD = 32
_ONCE = ("turn", "ice")
_HEADER = 4

Parsed = tuple[Verdict, tuple[Item, ...], int]


class _Told:
    """What was told already of that which is told once."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], None] = {}

    def new(self, items: tuple[Item, ...]) -> tuple[Item, ...]:
        """The items without those."""
        out = []
        for item in items:
            key = (item.kind, item.value)
            if item.kind in _ONCE:
                if key in self._told or len(self._told) >= _MAX_TOLD:
                    continue
                self._told[key] = None
            out.append(item)
        return tuple(out)


class Reader:
    """One side of a connection."""

    __slots__ = ("_begun", "_told")

    def __init__(self) -> None:
        self._begun = False
        self._told = _Told()

    def __call__(self, buf: bytes, m: Message) -> Parsed:
        """One message, or one piece of relayed data padded to four bytes (RFC 8656 §12.5)."""
        if self._begun and len(buf) >= _HEADER and int.from_bytes(buf[:2], "big") in stun.CHANNELS:
            size = _HEADER + (int.from_bytes(buf[2:4], "big") + 3 & ~3)
            return Verdict.MATCH, self._told.new((stun.channel_data(buf),)), min(len(buf), size)
        verdict, items, used = stun.parse_stream(buf, m)
        self._begun = self._begun or verdict is Verdict.MATCH
        return verdict, self._told.new(items), used


class Connection:
    """Channels bound on one flow of datagrams, and what was told of it."""

    __slots__ = ("_channels", "_told")

    def __init__(self) -> None:
        self._channels: dict[int, None] = {}
        self._told = _Told()

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
            size = _HEADER + int.from_bytes(m.payload[2:4], "big")
            bound = head in self._channels and len(m.payload) >= _HEADER and size <= m.length
            return self._told.new((stun.channel_data(m.payload),)) if bound else None
        found = stun.parse(m)
        if found is None:
            return None
        for item in found:
            if item.kind == "turn" and item.data is not None and len(self._channels) < _MAX_CHANNELS:
                self._channels[item.data] = None
        return self._told.new(found)
