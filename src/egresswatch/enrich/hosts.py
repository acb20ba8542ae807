# SPDX-License-Identifier: Apache-2.0
"""Which host a frame's sender is: by its MAC, or by address behind a router.

Owns the tables of hosts and their bounds; what a host turns out to be is the register's. A MAC that also
sends for outside addresses, or for more inside addresses than one host has, is a router: hosts behind it
are told by address, and what was read on them so far goes with the address that showed it. A host whose
own MAC is seen as well is one asset, whichever way its frames came.
"""

from __future__ import annotations

from collections.abc import Callable

from egresswatch.enrich.asset import BEHIND_POINTS, GROUP_BIT, Asset, Mark, Tables, mac_text
from egresswatch.enrich.ids import Ids
from egresswatch.enrich.marks import oui_mark

UNSPECIFIED = ("0.0.0.0", "::")
"""A sender that has no address yet, or a caller that knows the MAC alone."""
_MOST_V4, _MOST_V6 = 8, 32
"""Inside addresses one host has at most; IPv6 hosts take many temporary ones (RFC 8981)."""
_MOST_TURNS = 16
"""Changes from one IPv4 address to another; a new lease is one, two hosts behind a router make many."""
_ADDRESSES_PER_HOST = 4
_MAX_MARKS = 64
_SEEN_CACHE = 262_144


class Hosts:
    """Assets by MAC and by address, at most ``max_hosts`` of them."""

    def __init__(
        self, tables: Tables, kind: Callable[[str], str], ids: Ids, judge: Callable[..., None], max_hosts: int
    ) -> None:
        self.refused = 0
        """Hosts and marks turned away because a table was full."""
        self._tables, self._kind, self._ids, self._judge = tables, kind, ids, judge
        self._max = max(1, max_hosts)
        self.macs: dict[int, Asset] = {}
        self.addrs: dict[str, Asset] = {}
        self._holders: dict[str, dict[int, None]] = {}  # MACs with an address, first comer first
        self._routers: set[int] = set()
        self._loose = 0  # hosts known by address only
        self._seen: dict[tuple[int, str], Asset | None] = {}

    def sender(self, mac: int, addr: str, kind: str = "") -> Asset | None:
        """The host whose IP packet this is; None for one that is not inside, or when there is no room."""
        key = (mac, addr)
        known = key in self._seen
        asset = self._seen[key] if known else self._place(0 if mac & GROUP_BIT else mac, addr, kind)
        if asset is not None and addr != asset.last_v4 and asset.macs:
            asset = self._turn(asset, addr)
        if not known:
            if len(self._seen) >= _SEEN_CACHE:
                self._seen.clear()
            self._seen[key] = asset
        return asset

    def speaker(self, mac: int, addr: str) -> Asset | None:
        """The host that said itself, by ARP or neighbour discovery, that it has this address."""
        if not mac or mac & GROUP_BIT:
            return None
        # it is the sender whatever the address: none of the site's makes it no router, only nameless
        inside = addr not in UNSPECIFIED and self._kind(addr) == "inside"
        return self._place(mac, addr if inside else UNSPECIFIED[0], "inside")

    def asset(self, addr: str, mac: int = 0) -> Asset | None:
        """The host with this address (and MAC, where two VLANs use the same address)."""
        asset = self.macs.get(mac)
        if asset is not None and (addr in asset.ips or addr in UNSPECIFIED):
            return asset
        return self.addrs.get(addr)

    def all(self) -> list[Asset]:
        """Every host, those with a MAC first."""
        return [*self.macs.values(), *(asset for asset in self.addrs.values() if not asset.macs)]

    def keep(self, asset: Asset, addr: str, mark: Mark) -> bool:
        """Note what a host showed; False when that is known, or when there is no room."""
        key = (mark.kind, mark.text)
        if key in asset.marks:
            return False
        if len(asset.marks) >= _MAX_MARKS:
            self.refused += 1
            return False
        asset.marks[key] = (addr, mark)
        return True

    def _place(self, mac: int, addr: str, kind: str) -> Asset | None:
        if addr in UNSPECIFIED:
            return self._by_mac(mac) if mac and mac not in self._routers else None
        kind = kind or self._kind(addr)
        if kind != "inside":
            if kind == "outside" and mac and mac not in self._routers:
                self._route(mac)
            return None
        if not mac or mac in self._routers:
            return self._by_addr(addr, mac)
        asset = self._by_mac(mac)
        if asset is None or addr in asset.ips:
            return asset
        if len(self.addrs) >= _ADDRESSES_PER_HOST * self._max:
            self.refused += 1
            return asset
        asset.ips.append(addr)
        version = [":" in ip for ip in asset.ips]
        if version.count(False) > _MOST_V4 or version.count(True) > _MOST_V6:
            if not self._route(mac):
                asset.ips.pop()
                return asset
            return self.addrs.get(addr)
        self._holders.setdefault(addr, {})[mac] = None
        former = self.addrs.get(addr)
        if former is not None and not former.macs:
            self._absorb(former, asset)
        self.addrs[addr] = asset
        self._seen.clear()
        self._judge(asset)
        return asset

    def _by_mac(self, mac: int) -> Asset | None:
        asset = self.macs.get(mac)
        if asset is None:
            if self._full():
                return None
            asset = self.macs[mac] = Asset(f"mac {mac_text(mac)}", macs=(mac,))
            oui = self._tables.oui(mac)
            if oui is not None:
                self.keep(asset, "", oui_mark(oui, self._tables.vendors))
            self._judge(asset)
        return asset

    def _by_addr(self, addr: str, mac: int, *, judge: bool = True) -> Asset | None:
        asset = self.addrs.get(addr)
        if asset is None:
            if self._full():
                return None
            asset = self.addrs[addr] = Asset(f"address {addr}", ips=[addr])
            self._loose += 1
        if mac and not asset.macs:
            oui = self._tables.oui(mac)
            if oui is not None and oui.relevance != "generic":
                self.keep(asset, addr, oui_mark(oui, self._tables.vendors, behind=True))
        if judge:
            self._judge(asset)
        return asset

    def _full(self) -> bool:
        full = len(self.macs) + self._loose >= self._max
        self.refused += full
        return full

    def _turn(self, asset: Asset, addr: str) -> Asset | None:
        """The host with this MAC sends from another address than before."""
        if ":" in addr or addr.startswith("169.254.") or addr in UNSPECIFIED:
            return asset
        asset.turns += bool(asset.last_v4)
        asset.last_v4 = addr
        oui = self._tables.oui(asset.mac) if asset.turns > _MOST_TURNS else None
        if asset.turns <= _MOST_TURNS or (oui is not None and oui.relevance != "generic"):
            return asset  # a camera with a second address; recorders that forward show more than two
        self._route(asset.mac)
        return self.addrs.get(addr)

    def _route(self, mac: int) -> bool:
        """``mac`` is a router: hand what was taken for one host to its addresses. False: no room."""
        if len(self._routers) >= self._max:
            self.refused += 1
            return False
        self._routers.add(mac)
        self._seen.clear()
        whole = self.macs.pop(mac, None)
        if whole is None:
            return True
        if not whole.settled:
            self._ids.free(whole)
        for addr in whole.ips:
            holders = self._holders.get(addr, {})
            holders.pop(mac, None)
            own = self.macs[next(iter(holders))] if holders else None
            if self.addrs.get(addr) is whole:
                del self.addrs[addr]
            part = own or self._by_addr(addr, mac, judge=False)
            if part is None:
                continue
            self.addrs[addr] = part
            part.vlan = whole.vlan if part.vlan is None else part.vlan
            part.sends = part.sends or whole.sends
            part.first_seen = part.first_seen or whole.first_seen
            part.last_seen = part.last_seen or whole.last_seen
            for shown_by, mark in whole.marks.values():
                if shown_by == addr:
                    self.keep(part, addr, mark)
            self._judge(part, settle=False)
            if whole.settled and part.monitored and not part.settled:
                # the id that was given out goes on with the first address that explains it
                self._ids.hand_on(whole, part)
                whole.settled = False
            self._judge(part)
        return True

    def _absorb(self, former: Asset, asset: Asset) -> None:
        """The host known by address turns out to have this MAC."""
        self._loose -= 1
        for addr, mark in former.marks.values():
            if not (mark.kind == "oui" and mark.points == BEHIND_POINTS):
                self.keep(asset, addr, mark)
        asset.vlan = former.vlan if asset.vlan is None else asset.vlan
        asset.sends = asset.sends or former.sends
        asset.first_seen = min(filter(None, (former.first_seen, asset.first_seen)), default=0)
        asset.last_seen = max(former.last_seen, asset.last_seen)
        if not former.settled:
            self._ids.free(former)
        elif not asset.settled:
            self._ids.hand_on(former, asset)
