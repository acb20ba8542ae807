# SPDX-License-Identifier: Apache-2.0
"""The register: every inside host that was seen sending, and what it turned out to be.

Owns what is known of a host, from all that it shows: ``observe`` (its packets), ``binding`` (its word on the
link), ``evidence``, ``platform`` and ``spoke`` (what was read of it), ``counts`` (what became of its flows).
Who is one host is ``hosts``.

Monitored: what the site file says about the host's zone; where it says nothing, the inventory, else the
marks (``identity``). ``asset_id`` is the inventory's name, else maker and short hash; from the moment a
host is monitored its id stays as it is. Bounded by ``max_hosts``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from egresswatch.enrich import kernels
from egresswatch.enrich.asset import Asset, Mark, Owners, Tables, address_text
from egresswatch.enrich.crowd import address_words, noted
from egresswatch.enrich.describe import describe
from egresswatch.enrich.hosts import UNSPECIFIED, Hosts
from egresswatch.enrich.identity import Identities
from egresswatch.enrich.ids import Ids
from egresswatch.enrich.inventory import Entry, Inventory
from egresswatch.enrich.marks import (
    MakerNames,
    Reading,
    fingerprint_mark,
    platform_mark,
    read_sighting,
    shown,
    spoken_mark,
)
from egresswatch.enrich.rows import asset_rows
from egresswatch.records import Array
from egresswatch.rules.makers import SERVED_KINDS
from egresswatch.rules.site import Site

_READ_CACHE = 8192
_CHECKED = 8192
"""Notes of which it is found out at once who speaks about their senders; a full register never asks."""
_MAX_PARTS = 64
"""Fingerprints with several parts that one host is halfway to."""
_SERVED = {"rtsp_served": "rtsp_request", "http_served": "http_path"}
"""What was asked of a host -> the kind of sighting that asked it."""


class Register:
    """What is known of the site's hosts."""

    def __init__(self, tables: Tables, site: Site, inventory: Inventory, max_hosts: int) -> None:
        self._tables = tables
        self._site = site
        self._inventory = inventory
        self._ids = Ids()
        self._identities = Identities(tables.vendors)
        self._hosts = Hosts(tables, site, self._ids, self._describe, self._judge, max_hosts)
        self._listed = np.array(
            sorted({words.lo for ip in inventory.by_ip if (words := address_words(ip)) is not None}),
            np.uint64,
        )
        self._names = MakerNames(tables.vendors)
        self._refused_parts = 0
        self._read: dict[tuple[str, str, str], Reading] = {}

    @property
    def refused(self) -> int:
        """Hosts and marks turned away because a table was full."""
        return self._hosts.refused + self._refused_parts

    def observe(self, mac: int, addr: str, vlan: int | None, ts: int, kind: str = "") -> Asset | None:
        """``addr`` was seen as a sender. None: not an inside host, or the register is full.

        ``kind``: inside or outside, where the caller knows (the packet path does).
        """
        asset = self._hosts.sender(mac, addr, kind)
        if asset is not None:
            asset.sends = True
            self._seen(asset, vlan, ts)
        return asset

    def binding(self, mac: int, addr: str, vlan: int | None, ts: int) -> Asset | None:
        """A host said by ARP or neighbour discovery that it has ``addr``: its own MAC and address."""
        asset = self._hosts.speaker(mac, addr)
        if asset is not None:
            self._seen(asset, vlan, ts)
        return asset

    def evidence(self, addr: str, mac: int, kind: str, value: str, ts: int, detail: str = "") -> bool:
        """This host itself showed ``value``. True: it became monitored, or its identity changed.

        ``rtsp_served``, ``http_served``: somebody asked it for this path (which tells the maker of the
        server, not of the client that asks). ``detail`` as in the sighting.
        """
        reading = self._reading(kind, value, detail)
        return not reading.mute and self._mark(addr, mac, reading, shown(kind, value), ts)

    def platform(self, addr: str, mac: int, vendor: str, platform: str, rule_id: str, ts: int) -> bool:
        """This host contacted a maker's platform. Answer as ``evidence``."""
        return self._mark(addr, mac, Reading((platform_mark(vendor, platform, rule_id),)), "", ts)

    def spoke(
        self,
        addr: str,
        mac: int,
        vendor_id: str,
        protocol: str,
        rule_id: str,
        ts: int,
        *,
        shared: bool = False,
    ) -> bool:
        """This host spoke a protocol that a rule recognises. Answer as ``evidence``.

        ``vendor_id``: the rule's maker, whose devices speak it; ``shared``: not only its video devices.
        """
        vendor = self._tables.vendor(vendor_id)
        maker = vendor_id if vendor is not None and vendor.sells else ""
        said = spoken_mark(maker, protocol, rule_id, shared=shared)
        prints = self._tables.fingerprints("p2p", protocol)
        marks = (said, *(fingerprint_mark(found, said.text) for found in prints if found.parts <= 1))
        parts = tuple(found for found in prints if found.parts > 1)
        return self._mark(addr, mac, Reading(marks, parts), said.text, ts)

    def counts(self, addr: str, mac: int, outside_flows: int, blind_flows: int) -> None:
        """At the end of a run: flows of this host with the outside, and those that nobody could name."""
        asset = self.asset(addr, mac)
        if asset is not None:
            asset.outside_flows += outside_flows
            asset.unnamed_flows += blind_flows

    def asset(self, addr: str, mac: int = 0) -> Asset | None:
        """The host with this address (and MAC, where two VLANs use the same address)."""
        return self._hosts.asset(addr, mac)

    def assets_of(self, hi: Array, lo: Array, v6: Array, mac: Array) -> Owners:
        """``asset`` of whole columns: equally long arrays, one place per (address, MAC) that is asked about.

        ``hi``, ``lo``: words of the address as the packet path has them (IPv4 mapped: ``0xffff << 32 | n``,
        ``hi`` 0), ``v6``: is it an IPv6 address, ``mac`` as in ``asset``. Give distinct pairs of inside ends:
        each is looked up. Costs no object for a host that nobody knows more about than that it sends.
        """
        self._hosts.settle()
        crowd, asked = self._hosts.crowd, noted(mac, hi, lo, v6)
        found = crowd.owners(asked)
        met: dict[int, Asset] = {}
        for k in np.flatnonzero(found == kernels.ASK).tolist():
            asset = self.asset(address_text(int(hi[k]), int(lo[k]), bool(v6[k])), int(mac[k]))
            found[k] = kernels.NOBODY if asset is None else asset.row
            if asset is not None:
                met[asset.row] = asset
        rows, places = np.unique(found[found >= 0], return_inverse=True)
        codes = np.full(len(asked), -1, np.int32)
        codes[found >= 0] = places.reshape(-1)
        ids = [*map(self._ids.of_row, rows.tolist())]
        monitored, vlans, macs = np.zeros(len(rows), bool), crowd.rows["vlan"][rows], crowd.rows["mac"][rows]
        for row, asset in met.items():
            at = int(np.searchsorted(rows, row))
            ids[at], monitored[at], macs[at] = asset.asset_id, asset.monitored, asset.mac
            vlans[at] = -1 if asset.vlan is None else asset.vlan
        return Owners(codes, ids, monitored, vlans, macs)

    def monitored_at(self, addr: str, mac: int = 0) -> Asset | None:
        """``asset``, when it is monitored: cheap for hosts that are not."""
        asset = self._hosts.met(addr, mac)
        return asset if asset is not None and asset.monitored else None

    def observe_many(
        self, mac: Array, hi: Array, lo: Array, v6: Array, vlan: Array, ts: Array, inside: Array
    ) -> Iterator[tuple[int, Asset]]:
        """``observe`` of many notes, in order: equally long arrays, one place a note.

        ``mac`` uint64; ``hi``, ``lo``, ``v6`` as in ``assets_of``; ``vlan`` int, -1: none; ``ts`` int64;
        ``inside`` bool: an inside or an outside sender. Gives (place, asset) for each note whose asset is
        monitored after it, before the next note is looked at; run it to its end.
        """
        notes = noted(mac, hi, lo, v6)
        notes["vlan"], notes["ts"], notes["inside"], notes["strange"] = vlan, ts, inside, kernels.UNCHECKED
        k = self._hosts.crowd.take(notes, 0, self._hosts.places)
        while k < len(notes):
            if k < 0:
                k = -1 - k
                self._check(notes[k : k + _CHECKED])
            else:
                sender, high, low, at, tag, six, ours = notes[k].item()[:7]
                addr, kind = address_text(high, low, six), "inside" if ours else "outside"
                asset = self.observe(sender, addr, None if tag < 0 else tag, at, kind)
                if asset is not None and asset.monitored:
                    yield k, asset
                k += 1
            k = self._hosts.crowd.take(notes, k, self._hosts.places)

    def _check(self, notes: Array) -> None:
        """Mark the notes whose MAC or address somebody says something about."""
        macs, places = np.unique(notes["mac"], return_inverse=True)
        by_mac, oui = self._inventory.by_mac, self._tables.oui
        odd = np.array([mac in by_mac or oui(mac) is not None for mac in macs.tolist()], bool)
        notes["strange"] = odd[places.reshape(-1)] * kernels.STRANGE_MAC
        listed = np.isin(notes["lo"], self._listed) | self._site.zoned(notes["hi"], notes["lo"])
        notes["strange"] |= listed * np.uint8(kernels.STRANGE_ADDR)

    def rows(self) -> list[dict[str, Any]]:
        """cameras.json: all monitored hosts, bystanders, and what the inventory lists but nobody saw."""
        return asset_rows(self._hosts.all(), self._inventory, self._site.name, self._tables.vendors)

    def monitored(self) -> list[Asset]:
        """All monitored hosts, by id."""
        watched = (asset for asset in self._hosts.all() if asset.monitored)
        return sorted(watched, key=lambda asset: asset.asset_id)

    def __len__(self) -> int:
        return len(self._hosts.crowd)

    def _seen(self, asset: Asset, vlan: int | None, ts: int) -> None:
        asset.first_seen = asset.first_seen or ts
        asset.last_seen = max(asset.last_seen, ts)
        if asset.vlan is None and vlan is not None:
            asset.vlan = vlan
            self._judge(asset)

    def _reading(self, kind: str, value: str, detail: str) -> Reading:
        key = (kind, value, detail)
        reading = self._read.get(key)
        if reading is None:
            if len(self._read) >= _READ_CACHE:
                self._read.clear()
            # who asks for a maker's path is not of that make
            prints = () if kind in SERVED_KINDS else self._tables.fingerprints(_SERVED.get(kind, kind), value)
            reading = read_sighting(kind, value, detail, prints, self._names)
            self._read[key] = reading
        return reading

    def _mark(self, addr: str, mac: int, reading: Reading, by: str, ts: int) -> bool:
        asset = self._hosts.sender(mac, addr)
        if asset is None:
            return False
        asset.sends = asset.sends or addr not in UNSPECIFIED
        self._seen(asset, None, ts)
        before = _identity(asset)
        marks = (*reading.marks, *self._whole(asset, reading, by))
        if sum(self._hosts.keep(asset, addr, mark) for mark in marks):
            self._judge(asset)
        return before != _identity(asset)

    def _whole(self, asset: Asset, reading: Reading, by: str) -> Iterable[Mark]:
        """Marks of fingerprints that have now shown all their parts."""
        for found in reading.parts:
            held = asset.parts.get(found.id)
            if held is None:
                if len(asset.parts) >= _MAX_PARTS:
                    self._refused_parts += 1
                    continue
                held = asset.parts[found.id] = {}
            held.setdefault(found.part, (found, by))
            if len(held) == found.parts:
                told = [held[part] for part in sorted(held)]
                yield fingerprint_mark(told[0][0], " and ".join(words for _, words in told))

    def _judge(self, asset: Asset, *, settle: bool = True) -> None:
        entry = self._describe(asset)
        if not asset.settled:
            asset.name = entry.name if entry else ""
            self._hosts.settle()
            self._ids.give(asset)
            asset.settled = settle and asset.monitored

    def _describe(self, asset: Asset) -> Entry | None:
        entry = self._entry(asset)
        describe(asset, entry, self._site, self._tables.vendors, self._identities)
        return entry

    def _entry(self, asset: Asset) -> Entry | None:
        entry = self._inventory.by_mac.get(asset.mac) if asset.macs else None
        if entry is not None:
            return entry
        for ip in asset.ips:
            entry = self._inventory.by_ip.get(ip)
            # a row with a MAC is that MAC's; behind a router only the address is left to go by
            if entry is not None and (not entry.mac or not asset.macs):
                return entry
        return None


def _identity(asset: Asset) -> tuple[object, ...]:
    return (
        asset.monitored, asset.asset_id, asset.role, asset.vendor, asset.model, asset.firmware, asset.hostname
    )  # fmt: skip
