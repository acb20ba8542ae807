# SPDX-License-Identifier: Apache-2.0
"""Frames outside flows that say who is where: ARP, IPv6 neighbour messages, LLDP and CDP.

``read_asides`` copies them out of a batch; ``Neighbours`` reads each different one once and tells the
register and the sightings. They come in floods and repeat themselves: what was said before is not read
again, and what does not fit into the memory of it is counted in ``refused`` and only goes unread.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

from egresswatch.enrich.asset import Asset
from egresswatch.enrich.register import Register
from egresswatch.packets import ASIDE_ARP, ASIDE_CDP, ASIDE_LLDP, ASIDE_NDP
from egresswatch.pipeline.notes import address_text
from egresswatch.records import Array, FrameBatch, Item
from egresswatch.rules.site import Site
from egresswatch.sniff import cdp, lldp, neighbours

_BY_MAC = "0.0.0.0"
"""The register's way to ask for a host by its MAC alone."""
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


class Neighbours:
    """What was said by such frames so far. ``max_said`` bounds it."""

    def __init__(
        self, register: Register, site: Site, sight: Callable[[Aside, Item, str], None],
        watch: Callable[[Asset], None], max_said: int,
    ) -> None:
        self._register, self._site, self._sight, self._watch = register, site, sight, watch
        self._max = max_said
        self._said: set[tuple[int, bytes, str, int | None]] = set()
        self._bindings: set[tuple[int, str, int | None]] = set()
        self.refused = 0

    def read(self, aside: Aside) -> None:
        """Take one frame."""
        key = (aside.src_mac, blake2b(aside.payload, digest_size=16).digest(), aside.src, aside.vlan)
        if key in self._said:
            return
        if len(self._said) >= self._max:
            self.refused += 1
            return
        self._said.add(key)
        reader = _READERS.get(aside.code)
        if reader is not None:
            self._announced(aside, reader(aside.payload))
            return
        if aside.code == ASIDE_ARP:
            bound = neighbours.arp(aside.payload)
        else:
            bound = neighbours.ndp(aside.payload, aside.src, aside.dst)
        if bound is not None and self._site.kind(bound.addr) == "inside":
            self._bound(aside, bound)

    def _announced(self, aside: Aside, items: tuple[Item, ...]) -> None:
        """LLDP and CDP: a host or a switch speaks of itself."""
        for item in items:
            self._sight(aside, item, _BY_MAC)
            if self._register.evidence(_BY_MAC, aside.src_mac, item.kind, item.value, aside.ts, item.detail):
                asset = self._register.asset(_BY_MAC, aside.src_mac)
                if asset is not None:
                    self._watch(asset)

    def _bound(self, aside: Aside, bound: neighbours.Binding) -> None:
        key = (bound.mac, bound.addr, aside.vlan)
        if key in self._bindings:
            return
        self._bindings.add(key)
        self._register.binding(bound.mac, bound.addr, aside.vlan, aside.ts)
        self._sight(aside, bound.item, bound.addr)
        asset = self._register.asset(bound.addr, bound.mac)
        if asset is not None:
            self._watch(asset)
