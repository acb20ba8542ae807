# SPDX-License-Identifier: Apache-2.0
"""RTSP in HTTP: the requests in the body of the POST, which are base64 (Apple's "Tunnelling RTSP and RTP
over HTTP", as QuickTime and many cameras do it). The answers come in clear in the body of the GET.

Gives what ``rtsp`` reads.
"""

from __future__ import annotations

import base64
import re

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import rtsp

TYPE = b"application/x-rtsp-tunnelled"
MAX_HELD = 8 << 10
"""Decoded bytes that wait for the end of a request."""
_UNIT = re.compile(rb"[\r\n]*((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)")
_NOBODY = Message(
    ts=0, frame=0, flow=0, side=0, proto=6, src="", dst="", sport=0, dport=0, parser=0, start=False, seq=0,
    tcp_flags=0, payload=b"", length=0, src_mac=0, dst_mac=0, vlan=None,
)  # fmt: skip


class Requests:
    """The body of a POST of a tunnel."""

    def __init__(self) -> None:
        self.begun = False
        self._held = b""

    @property
    def held(self) -> int:
        """Decoded bytes of a request that is not whole."""
        return len(self._held)

    def read(self, data: bytes, *, final: bool) -> tuple[tuple[Item, ...], int, bool]:  # noqa: ARG002 - as Body
        """What the groups of four that are there decode to."""
        at = 0
        parts = [self._held]
        while at < len(data):
            unit = _UNIT.match(data, at)
            if unit is None or unit.end() == at:
                break
            at = unit.end()
            parts.append(base64.b64decode(unit[1]))
        self.begun = self.begun or at > 0
        buf = b"".join(parts)
        items: list[Item] = []
        while buf:
            verdict, found, used = rtsp.parse(buf, _NOBODY)
            items += found
            if verdict is not Verdict.MATCH or used <= 0:
                lost = verdict is not Verdict.NEED_MORE or len(buf) > MAX_HELD
                self._held = b"" if lost else buf
                return tuple(items), at, lost or (at == 0 and len(data) > 4)
            buf = buf[used:]
        self._held = b""
        return tuple(items), at, at == 0 and len(data) > 4
