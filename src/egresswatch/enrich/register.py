# SPDX-License-Identifier: Apache-2.0
"""The register: every inside host that was seen sending, and what it turned out to be.

A host is told by its MAC. A MAC that also sends for outside addresses, or for more inside addresses than
one host has, is a router: hosts behind it are told by address, and what was read on them so far goes
with the address that showed it. A host whose own MAC is seen as well is one asset, whichever way its
frames came.

Monitored: what the site file says about the host's zone; where it says nothing, the inventory, else the
marks (``identity``). ``asset_id`` is the inventory's name, else maker and short hash; from the moment a
host is monitored its id stays as it is, because alerts and rows carry it. Bounded by ``max_hosts``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from egresswatch.enrich.asset import GROUP_BIT, Asset, Mark, Tables, mac_text
from egresswatch.enrich.describe import describe
from egresswatch.enrich.identity import BEHIND_POINTS, oui_mark, platform_mark, sighting_marks
from egresswatch.enrich.inventory import Entry, Inventory
from egresswatch.enrich.rows import asset_rows
from egresswatch.rules.site import Site

_UNSPECIFIED = ("0.0.0.0", "::")
_MOST_V4, _MOST_V6 = 8, 32
"""Inside addresses one host has at most; IPv6 hosts take many temporary ones (RFC 8981)."""
_MOST_TURNS = 16
"""Changes from one IPv4 address to another; a new lease is one, two hosts behind a router make many."""
_ADDRESSES_PER_HOST = 4
_MAX_MARKS = 64
_SEEN_CACHE = 262_144
_MARK_CACHE = 8192


class Register:
    """Assets by MAC and by address."""

    def __init__(self, tables: Tables, site: Site, inventory: Inventory, max_hosts: int) -> None:
        self.refused = 0
        """Hosts and marks turned away because a table was full."""
        self._tables = tables
        self._site = site
        self._inventory = inventory
        self._max = max(1, max_hosts)
        self._macs: dict[int, Asset] = {}
        self._addrs: dict[str, Asset] = {}
        self._holders: dict[str, dict[int, None]] = {}  # MACs with an address, first comer first
        self._routers: set[int] = set()
        self._loose = 0  # hosts known by address only
        self._ids: dict[str, str] = {}
        self._seen: dict[tuple[int, str], Asset | None] = {}
        self._read: dict[tuple[str, str], tuple[Mark, ...]] = {}

    def observe(self, mac: int, addr: str, vlan: int | None, ts: int, kind: str = "") -> Asset | None:
        """``addr`` was seen as a sender. None: not an inside host, or the register is full.

        ``kind``: inside or outside, where the caller knows (the packet path does).
        """
        key = (mac, addr)
        known = key in self._seen
        asset = self._seen[key] if known else self._place(0 if mac & GROUP_BIT else mac, addr, kind)
        if asset is not None and addr != asset.last_v4 and asset.macs:
            asset = self._turn(asset, addr)
        if asset is not None:
            asset.first_seen = asset.first_seen or ts
            asset.last_seen = max(asset.last_seen, ts)
            if asset.vlan is None and vlan is not None:
                asset.vlan = vlan
                self._judge(asset)
        if not known:
            if len(self._seen) >= _SEEN_CACHE:
                self._seen.clear()
            self._seen[key] = asset
        return asset

    def evidence(self, addr: str, mac: int, kind: str, value: str, ts: int) -> bool:
        """This host itself showed ``value``. True: it became monitored, or its identity changed.

        ``rtsp_served``: somebody asked it for this RTSP address (a path tells the maker of the server,
        not of the client that asks).
        """
        marks = self._read.get((kind, value))
        if marks is None:
            if len(self._read) >= _MARK_CACHE:
                self._read.clear()
            source = "rtsp_request" if kind == "rtsp_served" else kind
            marks = sighting_marks(kind, value, self._tables.fingerprints(source, value))
            self._read[(kind, value)] = marks
        return bool(marks) and self._mark(addr, mac, marks, ts)

    def platform(self, addr: str, mac: int, vendor: str, platform: str, rule_id: str, ts: int) -> bool:
        """This host contacted a maker's platform. Answer as ``evidence``."""
        return self._mark(addr, mac, (platform_mark(vendor, platform, rule_id),), ts)

    def asset(self, addr: str, mac: int = 0) -> Asset | None:
        """The host with this address (and MAC, where two VLANs use the same address)."""
        asset = self._macs.get(mac)
        if asset is not None and (addr in asset.ips or addr in _UNSPECIFIED):
            return asset
        return self._addrs.get(addr)

    def rows(self) -> list[dict[str, Any]]:
        """cameras.json: all monitored hosts, and what the inventory lists but nobody saw."""
        return asset_rows(self._all(), self._inventory)

    def monitored(self) -> list[Asset]:
        """All monitored hosts, by id."""
        return sorted((asset for asset in self._all() if asset.monitored), key=lambda asset: asset.asset_id)

    def __len__(self) -> int:
        return len(self._all())

    # --- where a sender belongs ------------------------------------------------------------------
    def _place(self, mac: int, addr: str, kind: str) -> Asset | None:
        if addr in _UNSPECIFIED:
            return self._by_mac(mac) if mac and mac not in self._routers else None
        kind = kind or self._site.kind(addr)
        if kind != "inside":
            if kind == "outside" and mac and mac not in self._routers:
                self._route(mac)
            return None
        if not mac or mac in self._routers:
            return self._by_addr(addr, mac)
        asset = self._by_mac(mac)
        if asset is None or addr in asset.ips:
            return asset
        if len(self._addrs) >= _ADDRESSES_PER_HOST * self._max:
            self.refused += 1
            return asset
        asset.ips.append(addr)
        version = [":" in ip for ip in asset.ips]
        if version.count(False) > _MOST_V4 or version.count(True) > _MOST_V6:
            if not self._route(mac):
                asset.ips.pop()
                return asset
            return self._addrs.get(addr)
        self._holders.setdefault(addr, {})[mac] = None
        former = self._addrs.get(addr)
        if former is not None and not former.macs:
            self._absorb(former, asset)
        self._addrs[addr] = asset
        self._seen.clear()
        self._judge(asset)
        return asset

    def _by_mac(self, mac: int) -> Asset | None:
        asset = self._macs.get(mac)
        if asset is None:
            if self._full():
                return None
            asset = self._macs[mac] = Asset(f"mac {mac_text(mac)}", macs=(mac,))
            oui = self._tables.oui(mac)
            if oui is not None:
                self._keep(asset, "", oui_mark(oui, self._tables.vendors))
            self._judge(asset)
        return asset

    def _by_addr(self, addr: str, mac: int, *, judge: bool = True) -> Asset | None:
        asset = self._addrs.get(addr)
        if asset is None:
            if self._full():
                return None
            asset = self._addrs[addr] = Asset(f"address {addr}", ips=[addr])
            self._loose += 1
        if mac and not asset.macs:
            oui = self._tables.oui(mac)
            if oui is not None and oui.relevance != "generic":
                self._keep(asset, addr, oui_mark(oui, self._tables.vendors, behind=True))
        if judge:
            self._judge(asset)
        return asset

    def _full(self) -> bool:
        full = len(self._macs) + self._loose >= self._max
        self.refused += full
        return full

    def _turn(self, asset: Asset, addr: str) -> Asset | None:
        """The host with this MAC sends from another address than before."""
        if ":" in addr or addr.startswith("169.254.") or addr in _UNSPECIFIED:
            return asset
        asset.turns += bool(asset.last_v4)
        asset.last_v4 = addr
        oui = self._tables.oui(asset.mac) if asset.turns > _MOST_TURNS else None
        if asset.turns <= _MOST_TURNS or (oui is not None and oui.relevance != "generic"):
            return asset  # a camera with a second address; recorders that forward show more than two
        self._route(asset.mac)
        return self._addrs.get(addr)

    def _route(self, mac: int) -> bool:
        """``mac`` is a router: hand what was taken for one host to its addresses. False: no room."""
        if len(self._routers) >= self._max:
            self.refused += 1
            return False
        self._routers.add(mac)
        self._seen.clear()
        whole = self._macs.pop(mac, None)
        if whole is None:
            return True
        if not whole.settled:
            self._ids.pop(whole.asset_id, None)
        for addr in whole.ips:
            holders = self._holders.get(addr, {})
            holders.pop(mac, None)
            own = self._macs[next(iter(holders))] if holders else None
            if self._addrs.get(addr) is whole:
                del self._addrs[addr]
            part = own or self._by_addr(addr, mac, judge=False)
            if part is None:
                continue
            self._addrs[addr] = part
            part.vlan = whole.vlan if part.vlan is None else part.vlan
            part.first_seen = part.first_seen or whole.first_seen
            part.last_seen = part.last_seen or whole.last_seen
            for shown_by, mark in whole.marks.values():
                if shown_by == addr:
                    self._keep(part, addr, mark)
            self._judge(part, settle=False)
            if whole.settled and part.monitored and not part.settled:
                # the id that was given out goes on with the first address that explains it
                self._take_id(part, whole)
                whole.settled = False
            self._judge(part)
        return True

    def _take_id(self, asset: Asset, former: Asset) -> None:
        self._ids.pop(asset.asset_id, None)
        asset.asset_id, asset.name, asset.settled = former.asset_id, former.name, True
        self._ids[asset.asset_id] = asset.key

    def _absorb(self, former: Asset, asset: Asset) -> None:
        """The host known by address turns out to have this MAC."""
        self._loose -= 1
        for addr, mark in former.marks.values():
            if not (mark.kind == "oui" and mark.points == BEHIND_POINTS):
                self._keep(asset, addr, mark)
        asset.vlan = former.vlan if asset.vlan is None else asset.vlan
        asset.first_seen = former.first_seen
        if not former.settled:
            self._ids.pop(former.asset_id, None)
        elif not asset.settled:
            self._take_id(asset, former)

    # --- what a host is --------------------------------------------------------------------------
    def _mark(self, addr: str, mac: int, marks: Iterable[Mark], ts: int) -> bool:
        asset = self.observe(mac, addr, None, ts)
        if asset is None:
            return False
        before = (asset.monitored, asset.asset_id, asset.role, asset.vendor, asset.model, asset.hostname)
        if sum(self._keep(asset, addr, mark) for mark in marks):
            self._judge(asset)
        return before != (
            asset.monitored, asset.asset_id, asset.role, asset.vendor, asset.model, asset.hostname
        )  # fmt: skip

    def _keep(self, asset: Asset, addr: str, mark: Mark) -> bool:
        key = (mark.kind, mark.text)
        if key in asset.marks:
            return False
        if len(asset.marks) >= _MAX_MARKS:
            self.refused += 1
            return False
        asset.marks[key] = (addr, mark)
        return True

    def _judge(self, asset: Asset, *, settle: bool = True) -> None:
        entry = self._entry(asset)
        describe(asset, entry, self._site, self._tables.vendors)
        if not asset.settled:
            self._name(asset, entry)
            asset.settled = settle and asset.monitored

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

    def _name(self, asset: Asset, entry: Entry | None) -> None:
        self._ids.pop(asset.asset_id, None)
        asset.name = entry.name if entry else ""
        wanted = asset.name
        digest = hashlib.sha256(asset.key.partition(" ")[2].encode()).hexdigest()
        length = 6
        while not wanted or self._ids.get(wanted, asset.key) != asset.key:
            wanted = f"{asset.vendor or 'host'}-{digest[:length]}"
            length += 2
        asset.asset_id = wanted
        self._ids[wanted] = asset.key

    def _all(self) -> list[Asset]:
        return [*self._macs.values(), *(asset for asset in self._addrs.values() if not asset.macs)]
