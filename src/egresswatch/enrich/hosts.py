# SPDX-License-Identifier: Apache-2.0
"""Which host a frame's sender is: by its MAC, or by address behind a router.

Owns the tables of hosts and their bounds; what a host turns out to be is the register's. A MAC that also
sends for outside addresses, or for more inside addresses than one host has, is a router: hosts behind it
are told by address, and what was read on them so far goes with the address that showed it. A host whose
own MAC is seen as well is one asset, whichever way its frames came. Of the ``crowd`` only those are an
asset here whom somebody asked about, or who did more than send from one address.
"""

from __future__ import annotations

from collections.abc import Callable

from egresswatch.enrich.asset import BEHIND_POINTS, GROUP_BIT, Asset, Mark, Tables, address_text, host_key
from egresswatch.enrich.crowd import Crowd, address_words
from egresswatch.enrich.ids import Ids
from egresswatch.enrich.marks import oui_mark
from egresswatch.rules.site import Site

UNSPECIFIED = ("0.0.0.0", "::")
"""A sender that has no address yet, or a caller that knows the MAC alone."""
_MOST_V4, _MOST_V6 = 8, 32
"""Inside addresses one host has at most; IPv6 hosts take many temporary ones (RFC 8981)."""
_MOST_TURNS = 16
"""Changes from one IPv4 address to another; a new lease is one, two hosts behind a router make many."""
_ADDRESSES_PER_HOST = 4
_MAX_MARKS = 64


class Hosts:
    """Assets by MAC and by address, at most ``max_hosts`` of them."""

    def __init__(
        self, tables: Tables, site: Site, ids: Ids, describe: Callable[[Asset], object],
        judge: Callable[..., None], max_hosts: int,
    ) -> None:  # fmt: skip
        """``describe``: fill in what follows from marks and addresses; ``judge``: that, and name it."""
        self._turned_away = 0
        self._tables, self._kind, self._ids = tables, site.kind, ids
        self._describe, self._judge = describe, judge
        self._max = max(1, max_hosts)
        self.crowd = Crowd(self._max, site.zone_vlans, self._meet)
        self._macs: dict[int, Asset] = {}
        self._addrs: dict[str, Asset] = {}
        self._met: dict[int, Asset] = {}
        """By row: everybody who is an asset."""
        self._holders: dict[str, dict[int, None]] = {}
        """Addresses of several MACs: these, first comer first."""

    @property
    def refused(self) -> int:
        """Hosts and marks turned away because a table was full."""
        return self._turned_away + self.crowd.refused

    @property
    def places(self) -> int:
        """How many addresses the crowd may have beside those of assets."""
        return _ADDRESSES_PER_HOST * self._max - len(self._addrs)

    def settle(self) -> None:
        """Name everybody in the crowd who came so far; before an id is asked for, given or given back."""
        for row in list(self._ids.settle(self.crowd)):
            self._meet(row)

    def sender(self, mac: int, addr: str, kind: str = "") -> Asset | None:
        """The host whose IP packet this is; None for one that is not inside, or when there is no room."""
        words, own = address_words(addr), 0 if mac & GROUP_BIT else mac
        new = words is None or self.crowd.remember(mac, words)
        turn = self.crowd.turn
        asset = self._place(own, addr, kind) if new else self._placed(own, addr, kind)
        if asset is not None and addr != asset.last_v4 and asset.macs:
            asset = self._turn(asset, addr)
        if new and words is not None and turn != self.crowd.turn:
            self.crowd.remember(mac, words)
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
        asset = self._with_mac(mac) if mac else None
        if asset is not None and (addr in asset.ips or addr in UNSPECIFIED):
            return asset
        return self._with_addr(addr)

    def met(self, addr: str, mac: int = 0) -> Asset | None:
        """``asset``, but None for one of the crowd."""
        asset = self._macs.get(mac)
        if asset is not None and (addr in asset.ips or addr in UNSPECIFIED):
            return asset
        return self._addrs.get(addr)

    def all(self) -> list[Asset]:
        """Every host that is not in the crowd, those with a MAC first, in the order in which they came."""
        return [self._met[row] for row in sorted(self._met, key=lambda row: (not self._met[row].macs, row))]

    def keep(self, asset: Asset, addr: str, mark: Mark) -> bool:
        """Note what a host showed; False when that is known, or when there is no room."""
        key = (mark.kind, mark.text)
        if key in asset.marks:
            return False
        if len(asset.marks) >= _MAX_MARKS:
            self._turned_away += 1
            return False
        asset.marks[key] = (addr, mark)
        return True

    def _place(self, mac: int, addr: str, kind: str) -> Asset | None:
        forwarded = not mac or self.crowd.is_router(mac)
        if addr in UNSPECIFIED:
            return None if forwarded else self._by_mac(mac)
        kind = kind or self._kind(addr)
        if kind != "inside":
            if kind == "outside" and not forwarded:
                self._route(mac)
            return None
        if forwarded:
            return self._by_addr(addr, mac)
        asset = self._by_mac(mac)
        if asset is None or addr in asset.ips:
            return asset
        if len(self._addrs) + self.crowd.places >= _ADDRESSES_PER_HOST * self._max:
            self._turned_away += 1
            return asset
        asset.ips.append(addr)
        version = [":" in ip for ip in asset.ips]
        if version.count(False) > _MOST_V4 or version.count(True) > _MOST_V6:
            if not self._route(mac):
                asset.ips.pop()
                return asset
            return self._with_addr(addr)
        former = self._with_addr(addr)
        if former is not None and former.macs:
            self._holders.setdefault(addr, {former.mac: None})[mac] = None
        elif former is not None:
            self._absorb(former, asset)
        self._addrs[addr] = asset
        self.crowd.note_addr(address_words(addr))
        self.crowd.forget()
        self._judge(asset)
        return asset

    def _placed(self, mac: int, addr: str, kind: str) -> Asset | None:
        """What ``_place`` gave for this sender when it was told before."""
        forwarded = not mac or self.crowd.is_router(mac)
        if addr not in UNSPECIFIED:
            if forwarded:
                return self._with_addr(addr)
            if (kind or self._kind(addr)) != "inside":
                asset = self._with_mac(mac)  # the packet path may have said that it is inside all the same
                return asset if asset is not None and addr in asset.ips else None
        return None if forwarded else self._with_mac(mac)

    def _with_mac(self, mac: int) -> Asset | None:
        asset = self._macs.get(mac)
        if asset is None:
            row = self.crowd.with_mac(mac)
            asset = self._meet(row) if row >= 0 else None
        return asset

    def _with_addr(self, addr: str) -> Asset | None:
        asset = self._addrs.get(addr)
        if asset is None:
            row = self.crowd.with_addr(address_words(addr))
            asset = self._meet(row) if row >= 0 else None
        return asset

    def _meet(self, row: int) -> Asset:
        """An asset of one of the crowd, as it would be if it had never been in it."""
        self.settle()
        if row in self._met:  # it had to be met to be named
            return self._met[row]
        mac, words, vlan, first, last = self.crowd.meet(row)
        addr = address_text(*words)
        asset = Asset(
            host_key(mac, addr), self._ids.of_row(row), macs=(mac,) if mac else (), ips=[addr], vlan=vlan,
            first_seen=first, last_seen=last, sends=True, row=row,
            last_v4=addr if mac and _turns(addr) else "",
        )  # fmt: skip
        self._met[row] = self._addrs[addr] = asset
        if mac:
            self._macs[mac] = asset
        self._describe(asset)
        return asset

    def _by_mac(self, mac: int) -> Asset | None:
        asset = self._with_mac(mac)
        if asset is None:
            if self._full():
                return None
            row = self.crowd.add(mac, None)
            asset = self._macs[mac] = self._met[row] = Asset(host_key(mac, ""), macs=(mac,), row=row)
            oui = self._tables.oui(mac)
            if oui is not None:
                self.keep(asset, "", oui_mark(oui, self._tables.vendors))
            self._judge(asset)
        return asset

    def _by_addr(self, addr: str, mac: int, *, judge: bool = True) -> Asset | None:
        asset = self._with_addr(addr)
        if asset is None:
            if self._full():
                return None
            row = self.crowd.add(0, address_words(addr))
            asset = self._addrs[addr] = self._met[row] = Asset(host_key(0, addr), ips=[addr], row=row)
        if mac and not asset.macs:
            oui = self._tables.oui(mac)
            if oui is not None and oui.relevance != "generic":
                self.keep(asset, addr, oui_mark(oui, self._tables.vendors, behind=True))
        if judge:
            self._judge(asset)
        return asset

    def _full(self) -> bool:
        self._turned_away += self.crowd.full
        return self.crowd.full

    def _turn(self, asset: Asset, addr: str) -> Asset | None:
        """The host with this MAC sends from another address than before."""
        if not _turns(addr):
            return asset
        asset.turns += bool(asset.last_v4)
        asset.last_v4 = addr
        oui = self._tables.oui(asset.mac) if asset.turns > _MOST_TURNS else None
        if asset.turns <= _MOST_TURNS or (oui is not None and oui.relevance != "generic"):
            return asset  # a camera with a second address; recorders that forward show more than two
        self._route(asset.mac)
        return self._with_addr(addr)

    def _route(self, mac: int) -> bool:
        """``mac`` is a router: hand what was taken for one host to its addresses. False: no room."""
        if self.crowd.enough_routers:
            self._turned_away += 1
            return False
        whole = self._with_mac(mac)
        oui = self._tables.oui(mac)
        self.crowd.route(mac, oui is not None and oui.relevance != "generic")
        self.crowd.forget()
        if whole is None:
            return True
        del self._macs[mac], self._met[whole.row]
        self.crowd.drop()
        self.settle()
        if not whole.settled:
            self._ids.free(whole)
        for addr in whole.ips:
            holders = self._holders.get(addr, {})
            holders.pop(mac, None)
            if not holders:
                self._holders.pop(addr, None)
            own = self._macs[next(iter(holders))] if holders else None
            if self._addrs.get(addr) is whole:
                del self._addrs[addr]
            part = own or self._by_addr(addr, mac, judge=False)
            if part is None:
                continue
            self._addrs[addr] = part
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
        self.crowd.drop()
        del self._met[former.row]
        self.settle()
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


def _turns(addr: str) -> bool:
    """May an address tell that another host sends with the same MAC? Every host has one of the others too."""
    return not (":" in addr or addr.startswith("169.254.") or addr in UNSPECIFIED)
