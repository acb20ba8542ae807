# SPDX-License-Identifier: Apache-2.0
"""Classic pcap: microsecond, nanosecond and modified files in both byte orders.

Layout: draft-ietf-opsawg-pcap; the modified form (magic 0xa1b2cd34, A. Kuznetzov's libpcap, also
what FRITZ!Box writes) has 8 more bytes in each record header. Files before version 2.3 (and
version 543, old Digital UNIX) hold the two lengths in the other order, 2.3 in either.
"""

from __future__ import annotations

import struct

from egresswatch.source.arena import Arena
from egresswatch.source.interfaces import Counters, InterfaceTable
from egresswatch.source.kernels import STOP_LENGTH, STOP_MORE, index_pcap
from egresswatch.source.walk import HeaderError, Rows, Step, frame_limit
from egresswatch.source.words import size

HEADER = 24
_MAGICS = {
    0xA1B2C3D4: ("us", 16, 1000),
    0xA1B23C4D: ("ns", 16, 1),
    0xA1B2CD34: ("us modified", 24, 1000),
}
MAGICS = {
    struct.pack(order + "I", magic): (order, *facts)
    for order in "<>"
    for magic, facts in _MAGICS.items()
}


class PcapWalker:
    """Walks the records behind one pcap header."""

    def __init__(self, arena: Arena, table: InterfaceTable, rows: Rows):
        head = arena.peek(HEADER)
        if len(head) < HEADER:
            raise HeaderError(f"its pcap header is cut: {HEADER} bytes are needed, {len(head)} are there")
        order, unit, self._header, self._tick = MAGICS[head[:4]]
        major, minor, _zone, _accuracy, snaplen, network = struct.unpack(order + "HHiIII", head[4:])
        if major not in (2, 543):
            raise HeaderError(f"its header says pcap version {major}.{minor}; only version 2 is known")
        self._big = order == ">"
        self._order = 1 if major == 543 or minor < 3 else 2 if minor == 3 else 0
        # upper bits: reserved and frame check sequence length, as libpcap splits the field
        link = network & 0xFFFF
        self.format = f"pcap, {unit}, {'big' if self._big else 'little'}-endian"
        self._limit = frame_limit(link)
        self._table = table
        self._index = table.index("", link, snaplen or None)
        rows.link[:] = link
        rows.iface[:] = self._index
        arena.pos += HEADER

    def walk(self, arena: Arena, rows: Rows, limit: int, max_bytes: int) -> Step:
        """Take as many whole records as there are, up to the limits."""
        n, arena.pos, stop = index_pcap(
            arena.data, arena.pos, arena.end, self._big, self._header, self._tick, self._order,
            self._limit, limit, max_bytes, rows.off, rows.cap, rows.wire, rows.ts,
        )  # fmt: skip
        self._table.add_packets(self._index, n)
        if stop == STOP_LENGTH:
            return Step(n, damage="" if n else self._absurd(arena))
        return Step(n, more=stop == STOP_MORE)

    def finish(self) -> None:
        """A pcap file tells no counters."""
        self._table.end_section(self._index, Counters())

    def _absurd(self, arena: Arena) -> str:
        order = ">" if self._big else "<"
        lengths = struct.unpack(order + "II", arena.peek(16)[8:])
        said = lengths[1] if self._order == 1 else min(lengths) if self._order == 2 else lengths[0]
        return f"says {size(said)}"
