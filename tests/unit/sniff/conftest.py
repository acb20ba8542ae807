# SPDX-License-Identifier: Apache-2.0
"""Messages for parsers: what the packet path would hand up around some payload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from egresswatch.records import Message

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
