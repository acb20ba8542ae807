# SPDX-License-Identifier: Apache-2.0
"""cameras.json: one row a monitored host or bystander, sorted by id; what is not known is null.

Owns the row's columns and the comparison of hosts with each other; changes no asset. Hosts that the
inventory lists and nobody saw have a row too, which says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from egresswatch.enrich.asset import Asset, mac_text
from egresswatch.enrich.describe import jurisdiction, told_evidence, vendor_id
from egresswatch.enrich.inventory import Entry, Inventory
from egresswatch.result import iso
from egresswatch.rules.makers import Vendor, chain

SILENT = "known by what it says on the link only (ARP, neighbour discovery, LLDP): sent no IP packet"

_MOST_SHARED = 8
"""Others told of one address: whoever claims it from thousands of MACs must not fill the register."""
_BYSTANDERS = {
    "maybe": "may be a video device: its maker sells some, and nothing else tells; not monitored",
    "client": "uses video devices; not monitored",
}


def asset_rows(
    assets: Iterable[Asset], inventory: Inventory, site: str, vendors: Mapping[str, Vendor]
) -> list[dict[str, Any]]:
    """All monitored hosts and bystanders, and the inventory's rows that no host was found for."""
    assets = list(assets)
    users: dict[str, list[Asset]] = {}
    for asset in assets:
        for ip in asset.ips:
            users.setdefault(ip, []).append(asset)
    rows = [_row(asset, users, vendors) for asset in assets if asset.monitored or asset.bystander]
    seen = {asset.inventory for asset in assets}
    taken = {row["asset_id"] for row in rows}
    for entry in inventory.entries:
        if entry.place not in seen and entry.name not in taken:
            rows.append(_unseen(entry, site, vendors))
    return sorted(rows, key=lambda row: str(row["asset_id"]))


def maker_row(vendor: str, brand: str, vendors: Mapping[str, Vendor]) -> dict[str, Any] | None:
    """Whose device it is: the company, its owner, and the lists that name one of them."""
    if not vendor:
        return None
    companies = chain(vendors, vendor)
    own = companies[0] if companies else None
    return {
        "id": vendor,
        "name": own.name if own else brand or vendor,
        "parent": companies[1].name if len(companies) > 1 else None,
        "jurisdiction": jurisdiction(companies) or None,
        "lists": [
            {"name": listing.name, "reference": listing.reference, "names": company.name}
            for company in companies
            for listing in company.lists
        ],
        "ownership": [
            {
                "text": remark.text,
                "confidence": remark.confidence,
                "references": list(remark.references),
                "names": company.name,
            }
            for company in companies
            for remark in company.remarks
            if remark.topic == "ownership"
        ],
    }


def made_by_rows(vendor: str, makers: Iterable[str], vendors: Mapping[str, Vendor]) -> list[dict[str, Any]]:
    """Who may have made what bears this name, those first that something about the host points to."""
    own = vendors.get(vendor)
    shown = {company.id for maker in makers for company in chain(vendors, maker)}
    rows = [
        {
            **(maker_row(made.vendor, "", vendors) or {}),
            "lines": made.lines or None,
            "confidence": made.confidence,
            "references": list(made.references),
            "seen": made.vendor in shown,
        }
        for made in (own.made_by if own else ())
    ]
    return sorted(rows, key=lambda row: (not row["seen"], str(row["id"])))


def _row(asset: Asset, users: Mapping[str, list[Asset]], vendors: Mapping[str, Vendor]) -> dict[str, Any]:
    shared = [line for ip in sorted(asset.ips) for line in _shared(asset, ip, users[ip])]
    outside, unnamed = asset.outside_flows, asset.unnamed_flows
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
        "evidence": [*told_evidence(asset, vendors), *_remarks(asset)],
        "conflicts": [*asset.conflicts, *shared],
        "monitored": asset.monitored,
        "maker": maker_row(asset.vendor, asset.brand, vendors),
        "made_by": made_by_rows(asset.vendor, [mark.vendor for _, mark in asset.marks.values()], vendors),
        "site": asset.site or None,
        "first_seen": iso(asset.first_seen or None),
        "last_seen": iso(asset.last_seen or None),
        "outside_flows": outside,
        "unnamed_flows": unnamed,
        "blind_name_share": round(unnamed / outside, 3) if outside else None,
    }


def _shared(asset: Asset, ip: str, users: list[Asset]) -> list[str]:
    """Who else uses an address: the first few by name, the others counted."""
    some = [other for other in users[: _MOST_SHARED + 1] if other is not asset][:_MOST_SHARED]
    lines = [f"address {ip} is also used by {other.asset_id}" for other in some]
    more = len(users) - 1 - len(some)
    return [*lines, f"address {ip} is also used by {more} others"] if more else lines


def _remarks(asset: Asset) -> list[str]:
    found = [_BYSTANDERS[asset.bystander]] if asset.bystander else []
    return found if asset.sends else [*found, SILENT]


def _unseen(entry: Entry, site: str, vendors: Mapping[str, Vendor]) -> dict[str, Any]:
    vendor = vendor_id(entry.vendor, vendors)
    return {
        "asset_id": entry.name,
        "name": entry.name,
        "mac": mac_text(entry.mac) if entry.mac else None,
        "ips": [entry.ip] if entry.ip else [],
        "vlan": entry.vlan,
        "role": entry.role,
        "vendor": vendor or None,
        "brand": entry.vendor or None,
        "model": entry.model or None,
        "firmware": None,
        "hostname": None,
        "confidence": "high",
        "evidence": [f"listed in {entry.place}", "not seen sending anything"],
        "conflicts": [],
        "monitored": True,
        "maker": maker_row(vendor, entry.vendor, vendors),
        "made_by": made_by_rows(vendor, (), vendors),
        "site": entry.site or site or None,
        "first_seen": None,
        "last_seen": None,
        "outside_flows": 0,
        "unnamed_flows": 0,
        "blind_name_share": None,
    }
