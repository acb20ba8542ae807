# SPDX-License-Identifier: Apache-2.0
"""Snoop files, version 2 (RFC 1761): what Solaris and some appliances write."""

from __future__ import annotations

import struct

from egresswatch.source.arena import Arena
from egresswatch.source.interfaces import Counters, InterfaceTable
from egresswatch.source.kernels import STOP_LENGTH, STOP_MORE, index_snoop
from egresswatch.source.walk import FRAME_LIMIT, HeaderError, Rows, Step

MAGIC = b"snoop\0\0\0"
HEADER = 16
LINKS = {0: 1, 2: 6, 4: 1, 5: 104, 8: 10, 18: 123, 26: 226}
"""RFC 1761 §2 datalink type (and Solaris' later ones) to LINKTYPE number: 802.3 and Ethernet,
token ring, HDLC, FDDI, SunATM, IPNET."""
UNKNOWN_LINK = 0xFFFF
"""Link type given for any other: it lands in the ledger's bucket for unsupported ones."""


class SnoopWalker:
    """Walks the records behind one snoop header."""

    format = "snoop"

    def __init__(self, arena: Arena, table: InterfaceTable, rows: Rows):
        head = arena.peek(HEADER)
        if len(head) < HEADER:
            raise HeaderError(f"its snoop header is cut: {HEADER} bytes are needed, {len(head)} are there")
        version, datalink = struct.unpack(">II", head[8:])
        if version != 2:
            raise HeaderError(f"its header says snoop version {version}; only version 2 is known")
        link = LINKS.get(datalink, UNKNOWN_LINK)
        self._table = table
        self._index = table.index("", link, None)
        self._drops = 0
        self._frames = 0
        rows.link[:] = link
        rows.iface[:] = self._index
        arena.pos += HEADER

    def walk(self, arena: Arena, rows: Rows, limit: int, max_bytes: int) -> Step:
        """Take as many whole records as there are, up to the limits."""
        n, arena.pos, stop, self._drops = index_snoop(
            arena.data, arena.pos, arena.end, FRAME_LIMIT, self._drops,
            limit, max_bytes, rows.off, rows.cap, rows.wire, rows.ts,
        )  # fmt: skip
        self._frames += n
        self._table.add_packets(self._index, n)
        if stop == STOP_LENGTH and not n:
            _length, caplen, total = struct.unpack(">III", arena.peek(12))
            return Step(n, damage=f"says {caplen} captured bytes in a record of {total}")
        return Step(n, more=stop == STOP_MORE)

    def finish(self) -> None:
        """The last record's cumulative drop count stands for the file."""
        self._table.end_section(self._index, Counters(dropped=int(self._drops) if self._frames else None))
