# SPDX-License-Identifier: Apache-2.0
"""Messages for parsers: what the packet path would hand up around some payload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from egresswatch.records import Item, Message, Verdict

EMPTY = Message(
    ts=1_700_000_000_000_000_000, frame=0, flow=1, side=0, proto=17, src="192.0.2.10", dst="192.0.2.1",
    sport=40000, dport=9, parser=0, start=True, seq=0, tcp_flags=0, payload=b"", length=0,
    src_mac=0x020000000010, dst_mac=0x020000000001, vlan=None,
)  # fmt: skip


@pytest.fixture(scope="session")
def datagram() -> Callable[..., Message]:
    """Builds a UDP message; ``length`` follows the payload unless it is given."""

    def build(payload: bytes, **fields: Any) -> Message:
        return EMPTY._replace(**{"payload": payload, "length": len(payload), **fields})

    return build


@pytest.fixture(scope="session")
def segment(datagram: Callable[..., Message]) -> Callable[..., Message]:
    """The same for TCP."""

    def build(payload: bytes, **fields: Any) -> Message:
        return datagram(payload, **{"proto": 6, **fields})

    return build


@pytest.fixture(scope="session")
def read(segment: Callable[..., Message]) -> Callable[..., list[Item]]:
    """Drives a reader as the engine does: pieces of one side in order, what it takes is gone.

    ``cut``: the capture ends within the last piece. Every answer is held to the rules of stream parsers.
    """

    def drive(reader: Callable[..., Any], *pieces: bytes, cut: bool = False, **fields: Any) -> list[Item]:
        items: list[Item] = []
        buf = b""
        for number, piece in enumerate(pieces):
            buf += piece
            last = cut and number == len(pieces) - 1
            m = segment(piece, **{"length": len(piece) + last, **fields})
            while buf:
                verdict, found, used = reader(buf, m)
                assert 0 <= used <= len(buf)
                assert (used > 0) == (verdict is Verdict.MATCH)
                assert verdict is Verdict.MATCH or not found
                items += found
                if verdict is Verdict.NOT_MINE:
                    return items
                if verdict is Verdict.NEED_MORE:
                    break
                buf = buf[used:]
        return items

    return drive


def pieces(data: bytes, size: int) -> list[bytes]:
    """``data`` in segments."""
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.fixture(scope="session")
def whole_or_not(read: Callable[..., list[Item]]) -> Callable[..., list[Item]]:
    """Reads the same in one piece, in bytes and in odd pieces; gives what was told each time."""

    def drive(make: Callable[[], Callable[..., Any]], data: bytes, **fields: Any) -> list[Item]:
        told = read(make(), data, **fields)
        for size in (1, 7, 100):
            assert read(make(), *pieces(data, size), **fields) == told, size
        return told

    return drive
