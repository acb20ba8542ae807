# SPDX-License-Identifier: Apache-2.0
"""Flows to the outside that nobody can name, counted per inside host.

A flow counts once, with its first record: opened by a monitored inside host towards an outside address,
something sent, TCP, UDP or SCTP, but not DNS or NTP (their servers are configured, not looked up). It is
*blind* when no DNS answer, no TLS or QUIC server name (other than an outer name beside ECH), no Host
header and no certificate named the destination by the time its hour was judged. Bounded by the register.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from egresswatch.detect.verdict import is_service
from egresswatch.enrich.asset import Asset
from egresswatch.pipeline.columns import Ends
from egresswatch.records import AddressClass, Array, Direction

_PROTOCOLS = (6, 17, 132)
_INSIDE = int(AddressClass.inside)

Owners = tuple[Sequence[Asset], Array]
"""Distinct assets of one end, and a code per row (-1 = none)."""


class BlindFlows:
    """Counts by (address, MAC) of the inside end; MAC 0: the host is told by its address."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], list[int]] = {}

    def count(
        self, rows: Array, direction: Array, ends: Ends, named: Sequence[bool], codes: Array, orig: Owners,
        resp: Owners,
    ) -> None:
        """A block of rows, with their direction and what was judged of them (``named[codes[k]]``)."""
        first = (rows["seq"] == 0) & (direction == Direction.outbound) & np.isin(rows["proto"], _PROTOCOLS)
        for k in np.flatnonzero(first).tolist():
            row = rows[k]
            outward = row["orig_class"] == _INSIDE
            one, other, (assets, owner) = ("orig", "resp", orig) if outward else ("resp", "orig", resp)
            asset = assets[int(owner[k])] if owner[k] >= 0 else None
            if asset is None or not asset.monitored or not row[f"{one}_pkts"]:
                continue
            if is_service(int(row["proto"]), int(row[f"{other}_p"])):
                continue
            text = ends.texts[int((ends.orig if outward else ends.resp)[k])]
            mac = int(row[f"{one}_mac"])  # of another MAC with the host's address there may be any number
            counts = self._counts.setdefault((text, mac if mac == asset.mac else 0), [0, 0])
            counts[0] += 1
            counts[1] += not named[int(codes[k])]

    def of_hosts(self) -> Iterator[tuple[str, int, int, int]]:
        """(address, MAC, flows to the outside, those without a name), in the order of address and MAC."""
        for (addr, mac), (flows, blind) in sorted(self._counts.items()):
            yield addr, mac, flows, blind
