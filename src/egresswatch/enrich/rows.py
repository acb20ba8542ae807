# SPDX-License-Identifier: Apache-2.0
"""cameras.json: one row a monitored host, sorted by id, with what speaks against each other in words.

Owns the row's columns (design contract §3) and the comparison of hosts with the inventory and with each
other; changes no asset. What is not known is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from egresswatch.enrich.asset import Asset, mac_text
from egresswatch.enrich.identity import related
from egresswatch.enrich.inventory import Entry, Inventory
from egresswatch.rules.model import Vendor


def asset_rows(assets: Iterable[Asset], inventory: Inventory) -> list[dict[str, Any]]:
    """All monitored hosts, and the inventory's rows that no host was found for."""
    assets = list(assets)
    users: dict[str, list[Asset]] = {}
    for asset in assets:
        for ip in asset.ips:
            users.setdefault(ip, []).append(asset)
    rows = [_row(asset, users) for asset in assets if asset.monitored]
    seen = {asset.inventory for asset in assets}
    taken = {row["asset_id"] for row in rows}
    for entry in inventory.entries:
        if entry.place not in seen and entry.name not in taken:
            rows.append(_unseen(entry))
    return sorted(rows, key=lambda row: str(row["asset_id"]))


def vendor_id(text: str, vendors: Mapping[str, Vendor]) -> str:
    """The rule pack's id of a maker as the inventory calls it; the text as an id when nobody knows it."""
    word = text.strip().lower()
    if not word or word in vendors:
        return word
    for vendor in vendors.values():
        if word == vendor.name.lower() or word in (alias.lower() for alias in vendor.aliases):
            return vendor.id
    return "".join(char if char.isascii() and char.isalnum() else "-" for char in word).strip("-")


def inventory_conflicts(
    asset: Asset, entry: Entry | None, seen_vendor: str, vendors: Mapping[str, Vendor]
) -> tuple[str, ...]:
    """Where the inventory says one thing and the wire another."""
    if entry is None:
        return ()
    found = []
    listed = vendor_id(entry.vendor, vendors)
    if listed and seen_vendor and not related(listed, seen_vendor, vendors):
        shown = vendors[seen_vendor].name if seen_vendor in vendors else seen_vendor
        found.append(f"{entry.place} says {entry.vendor}, what it shows says {shown}")
    if entry.ip and asset.ips and entry.ip not in asset.ips:
        found.append(f"{entry.place} says address {entry.ip}, seen with {', '.join(sorted(asset.ips))}")
    if entry.vlan is not None and asset.vlan is not None and entry.vlan != asset.vlan:
        found.append(f"{entry.place} says VLAN {entry.vlan}, seen in VLAN {asset.vlan}")
    return tuple(found)


def _row(asset: Asset, users: Mapping[str, list[Asset]]) -> dict[str, Any]:
    shared = [
        f"address {ip} is also used by {other.asset_id}"
        for ip in sorted(asset.ips)
        for other in users[ip]
        if other is not asset
    ]
    return {
        "asset_id": asset.asset_id,
        "name": asset.name or None,
        "mac": mac_text(asset.mac) if asset.macs else None,
        "ips": sorted(asset.ips, key=lambda ip: (":" in ip, ip)),
        "vlan": asset.vlan,
        "role": asset.role,
        "vendor": asset.vendor or None,
        "brand": asset.brand or None,
        "model": asset.model or None,
        "firmware": asset.firmware or None,
        "hostname": asset.hostname or None,
        "confidence": asset.confidence,
        "evidence": list(asset.evidence),
        "conflicts": [*asset.conflicts, *shared],
    }


def _unseen(entry: Entry) -> dict[str, Any]:
    return {
        "asset_id": entry.name,
        "name": entry.name,
        "mac": mac_text(entry.mac) if entry.mac else None,
        "ips": [entry.ip] if entry.ip else [],
        "vlan": entry.vlan,
        "role": entry.role,
        "vendor": None,
        "brand": entry.vendor or None,
        "model": entry.model or None,
        "firmware": None,
        "hostname": None,
        "confidence": "high",
        "evidence": [f"listed in {entry.place}", "not seen sending anything"],
        "conflicts": [],
    }
