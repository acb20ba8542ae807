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

from egresswatch.detect.verdict import SERVICE_PORTS, TCP, UDP
from egresswatch.pipeline.groups import distinct
from egresswatch.pipeline.notes import Addresses
from egresswatch.pipeline.owned import Owned
from egresswatch.records import AddressClass, Array, Direction

_PROTOCOLS = (6, 17, 132)
_INSIDE = int(AddressClass.inside)


class BlindFlows:
    """Counts by (address, MAC) of the inside end; MAC 0: the host is told by its address."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._counts: dict[tuple[str, int], list[int]] = {}

    def count(self, rows: Array, direction: Array, named: Sequence[bool], codes: Array, owned: Owned) -> None:
        """A block of rows, with their direction and what was judged of them (``named[codes[k]]``)."""
        mine = np.flatnonzero((rows["seq"] == 0) & (direction == Direction.outbound) & owned.watched)
        if not len(mine):
            return
        rows, outward = rows.take(mine), rows["orig_class"][mine] == _INSIDE

        def end(name: str, *, near: bool = True) -> Array:
            """A field of the inside end of each row, or of the other."""
            return np.where(outward == near, rows[f"orig_{name}"], rows[f"resp_{name}"])

        owner = np.where(outward, owned.orig[mine], owned.resp[mine])
        counted = owned.monitored[owner] & (end("pkts") > 0) & np.isin(rows["proto"], _PROTOCOLS)
        counted &= ~services(rows["proto"], end("p", near=False))
        hi, lo, v6, mac = (
            column[counted] for column in (end("hi"), end("lo"), rows["ver"] == 6, end("mac"))
        )
        # of another MAC with the host's address there may be any number
        mac[mac != owned.macs[owner[counted]]] = 0
        hosts = distinct(hi, lo, v6, mac)
        flows = np.bincount(hosts.of, minlength=len(hosts.first))
        unnamed = ~np.array(named, bool)[codes[mine[counted]]]
        blind = np.bincount(hosts.of[unnamed], minlength=len(hosts.first))
        told = (column[hosts.first].tolist() for column in (hi, lo, v6, mac))
        for *words, own, more, unknown in zip(*told, flows.tolist(), blind.tolist(), strict=True):
            counts = self._counts.setdefault((self._addresses.text(*words), own), [0, 0])
            counts[0] += more
            counts[1] += unknown

    def of_hosts(self) -> Iterator[tuple[str, int, int, int]]:
        """(address, MAC, flows to the outside, those without a name), in the order of address and MAC."""
        for (addr, mac), (flows, blind) in sorted(self._counts.items()):
            yield addr, mac, flows, blind


def services(proto: Array, port: Array) -> Array:
    """``verdict.is_service`` of columns."""
    mask: Array = np.isin(port, SERVICE_PORTS) & (proto == UDP)
    mask |= (port == SERVICE_PORTS[0]) & (proto == TCP)
    return mask
