# SPDX-License-Identifier: Apache-2.0
"""Frames outside flows that say who is where: ARP, IPv6 neighbour messages, LLDP and CDP.

``read_asides`` copies them out of a batch; ``Neighbours`` reads each different one once, tells the register
and writes neighbours.parquet. They come in floods and repeat themselves: what was said before is not read
again, and what does not fit into the memory of it is counted in ``refused`` and only goes unread.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from egresswatch.enrich.asset import Asset, mac_text
from egresswatch.enrich.register import Register
from egresswatch.packets import ASIDE_ARP, ASIDE_CDP, ASIDE_LLDP, ASIDE_NDP
from egresswatch.pipeline.notes import address_text
from egresswatch.records import Array, FrameBatch, Item
from egresswatch.rules.site import Site
from egresswatch.sinks.parquet import NeighbourWriter
from egresswatch.sniff import cdp, lldp, neighbours

_BY_MAC = "0.0.0.0"
"""The register's way to ask for a host by its MAC alone."""
_ROWS = 8192
_MOST = 1500
"""Bytes read of one frame."""
_ARP_SIZE = 28
"""An ARP packet for Ethernet and IPv4 (RFC 826); what pads the frame after it says nothing."""
_READERS = {ASIDE_LLDP: lldp.parse, ASIDE_CDP: cdp.parse}


class Aside(NamedTuple):
    """One such frame."""

    place: int
    """In its batch."""
    frame: int
    ts: int
    code: int
    payload: bytes
    src: str
    """Address of the sender where the frame has an IPv6 header, else empty."""
    dst: str
    src_mac: int
    vlan: int | None


def read_asides(batch: FrameBatch, packets: Array, rows: Array) -> list[Aside]:
    """ASIDE rows of a batch with their payloads."""
    memory = memoryview(batch.data)  # type: ignore[arg-type]
    out = []
    for row in rows.tolist():
        at, mac, index, size, vlan, code = row
        most = _ARP_SIZE if code == ASIDE_ARP else _MOST
        src = dst = ""
        if code == ASIDE_NDP:
            src, dst = _ends(packets[index])
        payload = memory[at : at + min(size, most)].tobytes()
        sender = int.from_bytes(memory[mac : mac + 6], "big") if mac >= 0 else 0
        tag = vlan >> 12 & 0xFFF if vlan >> 28 else None
        out.append(
            Aside(index, batch.first + index, int(batch.ts[index]), code, payload, src, dst, sender, tag)
        )
    return out


def _ends(packet: Array) -> tuple[str, str]:
    """(source, destination) of an IPv6 packet's row."""
    a, b = (address_text(int(packet[f"{end}_hi"]), int(packet[f"{end}_lo"]), 1) for end in "ab")
    return (b, a) if packet["side"] else (a, b)


class Told(NamedTuple):
    """A row of neighbours.parquet whose host may still get its name."""

    ts: int
    item: Item
    host: str
    mac: int
    vlan: int | None


class Neighbours:
    """What was said by such frames so far. ``max_said`` bounds it; rows are written ``_ROWS`` at a time."""

    def __init__(self, register: Register, site: Site, max_said: int, out: NeighbourWriter | None) -> None:
        self._register, self._site, self._max, self._out = register, site, max_said, out
        self._said: set[tuple[int, bytes, str, int | None]] = set()
        self._bindings: set[tuple[int, str, int | None]] = set()
        self._told: list[Told] = []
        self.refused = 0

    def read(self, aside: Aside) -> Asset | None:
        """Take one frame; gives the host that it speaks of, if that is known better now."""
        key = (aside.src_mac, blake2b(aside.payload, digest_size=16).digest(), aside.src, aside.vlan)
        if key in self._said:
            return None
        if len(self._said) >= self._max:
            self.refused += 1
            return None
        self._said.add(key)
        reader = _READERS.get(aside.code)
        if reader is not None:
            return self._announced(aside, reader(aside.payload))
        if aside.code == ASIDE_ARP:
            bound = neighbours.arp(aside.payload)
        else:
            bound = neighbours.ndp(aside.payload, aside.src, aside.dst)
        if bound is None or self._site.kind(bound.addr) != "inside":
            return None
        return self._bound(aside, bound)

    def flush(self) -> None:
        """Write what is held."""
        if self._told and self._out is not None:
            hosts = [self._register.asset(told.host, told.mac) for told in self._told]
            self._out.write({
                "ts": [told.ts for told in self._told],
                "kind": [told.item.kind for told in self._told],
                "value": [told.item.value for told in self._told],
                "detail": [told.item.detail for told in self._told],
                "mac": [mac_text(told.mac) if told.mac else "" for told in self._told],
                "vlan": [told.vlan for told in self._told],
                "asset": [host.asset_id if host is not None else "" for host in hosts],
            })  # fmt: skip
        self._told = []

    def _tell(self, aside: Aside, item: Item, host: str, mac: int) -> None:
        self._told.append(Told(aside.ts, item, host, mac, aside.vlan))
        if len(self._told) >= _ROWS:
            self.flush()

    def _announced(self, aside: Aside, items: tuple[Item, ...]) -> Asset | None:
        """LLDP and CDP: a host or a switch speaks of itself."""
        for item in items:
            self._tell(aside, item, _BY_MAC, aside.src_mac)
            self._register.evidence(_BY_MAC, aside.src_mac, item.kind, item.value, aside.ts, item.detail)
        return self._register.asset(_BY_MAC, aside.src_mac) if items else None

    def _bound(self, aside: Aside, bound: neighbours.Binding) -> Asset | None:
        key = (bound.mac, bound.addr, aside.vlan)
        if key in self._bindings:
            return None
        self._bindings.add(key)
        self._register.binding(bound.mac, bound.addr, aside.vlan, aside.ts)
        self._tell(aside, bound.item, bound.addr, bound.mac)
        return self._register.asset(bound.addr, bound.mac)
