# SPDX-License-Identifier: Apache-2.0
"""cameras.json: one row a monitored host, sorted by id; what is not known is null.

Owns the row's columns and the comparison of hosts with each other; changes no asset. Hosts that the
inventory lists and nobody saw have a row too, which says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from egresswatch.enrich.asset import Asset, mac_text
from egresswatch.enrich.inventory import Entry, Inventory


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
