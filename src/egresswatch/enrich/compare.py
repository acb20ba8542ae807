# SPDX-License-Identifier: Apache-2.0
"""The register against an inventory: devices nobody listed, listed ones that were not seen, differences.

Gets rows in the shape of cameras.json and the inventory's entries; gives plain values for a screen, JSON
or CSV. A row and an entry are the same device when they have the same MAC; by address only where one of
them has no MAC, by name where the register took its names from this inventory. Absence from the register
is not absence from the site: a mirror shows what passes it, which the words say. Hosts that only may be
video devices are never unknown ones, but they are seen when they are listed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from egresswatch.enrich.asset import mac_text
from egresswatch.enrich.describe import vendor_id
from egresswatch.enrich.identity import related
from egresswatch.enrich.inventory import Entry, Inventory
from egresswatch.rules.makers import Vendor

Row = Mapping[str, Any]
_REASONS = 2
"""Lines of evidence told of an unknown device."""


def compare(
    rows: Sequence[Row], inventory: Inventory, file: str, vendors: Mapping[str, Vendor]
) -> dict[str, Any]:
    """``unknown``, ``missing`` and ``different``, each a list of objects with a ``detail`` in words."""
    seen = [row for row in rows if row.get("first_seen", "") is not None]
    pairs = _pairs(seen, inventory)
    taken = {id(row) for row in pairs.values()}
    different = []
    for entry in inventory.entries:
        match = pairs.get(entry.place)
        detail = _differences(match, entry, vendors) if match is not None else []
        if match is not None and detail:
            different.append(_told(match, entry, detail))
    return {
        "inventory": file,
        "listed": len(inventory.entries),
        "seen": len(pairs),
        "unknown": [
            _unknown(row, inventory) for row in seen if id(row) not in taken and row.get("monitored", True)
        ],
        "missing": [_missing(entry) for entry in inventory.entries if entry.place not in pairs],
        "different": different,
    }


def _pairs(rows: Sequence[Row], inventory: Inventory) -> dict[str, Row]:
    """Place of an entry -> the row of the same device."""
    by_mac = {row["mac"]: row for row in rows if row.get("mac")}
    by_name = {row["name"]: row for row in rows if row.get("name")}
    by_ip: dict[str, Row] = {}
    for row in rows:
        for ip in row.get("ips") or ():
            by_ip.setdefault(ip, row)
    looks: tuple[Callable[[Entry], Row | None], ...] = (
        lambda entry: by_mac.get(mac_text(entry.mac)) if entry.mac else None,
        lambda entry: by_ip.get(entry.ip),
        lambda entry: by_name.get(entry.name),
    )
    pairs: dict[str, Row] = {}
    taken: set[int] = set()
    for look, entry in itertools.product(looks, inventory.entries):
        found = look(entry)
        if found is None or entry.place in pairs or id(found) in taken or _other_mac(found, entry):
            continue
        pairs[entry.place] = found
        taken.add(id(found))
    return pairs


def _other_mac(row: Row, entry: Entry) -> bool:
    return bool(entry.mac and row.get("mac") and row["mac"] != mac_text(entry.mac))


def _differences(row: Row, entry: Entry, vendors: Mapping[str, Vendor]) -> list[str]:
    found = []
    ips = [str(ip) for ip in row.get("ips") or ()]
    if entry.ip and ips and entry.ip not in ips:
        found.append(f"listed with address {entry.ip}, seen with {', '.join(ips)}")
    vlan = row.get("vlan")
    if entry.vlan is not None and vlan is not None and entry.vlan != vlan:
        found.append(f"listed in VLAN {entry.vlan}, seen in VLAN {vlan}")
    listed, vendor = vendor_id(entry.vendor, vendors), str(row.get("vendor") or "")
    if listed and vendor and not related(listed, vendor, vendors):
        found.append(f"listed as {entry.vendor}, taken for {row.get('brand') or vendor}")
    model = str(row.get("model") or "")
    if entry.model and model and not _alike(entry.model, model):
        found.append(f"listed as model {entry.model}, says it is {model}")
    role = row.get("role")
    if role not in (entry.role, "other", None):
        found.append(f"listed as {entry.role}, taken for a {role}")
    # a register that was made with this inventory has its contradictions already
    mine = f"{entry.place} says "
    found += [str(line) for line in row.get("conflicts") or () if str(line).startswith(mine) and not found]
    return found


def _alike(one: str, other: str) -> bool:
    """The same model, written longer or shorter: ``DS-2CD2143G0-I`` and ``ds-2cd2143g0``."""
    first, second = ("".join(char for char in text.lower() if char.isalnum()) for text in (one, other))
    return first in second or second in first


def _told(row: Row, entry: Entry, detail: list[str]) -> dict[str, Any]:
    return {
        "asset_id": row["asset_id"], "name": entry.name, "place": entry.place, "mac": row.get("mac"),
        "ips": list(row.get("ips") or ()), "vlan": row.get("vlan"), "detail": detail,
    }  # fmt: skip


def _unknown(row: Row, inventory: Inventory) -> dict[str, Any]:
    detail = [f"taken for a {row.get('role') or 'video device'}", *list(row.get("evidence") or ())[:_REASONS]]
    for ip in row.get("ips") or ():
        entry = inventory.by_ip.get(ip)
        if entry is not None and _other_mac(row, entry):
            whose = f"{entry.name} ({entry.place})"
            detail.insert(0, f"has the address of {whose}, which is listed with another MAC")
    return {
        "asset_id": row["asset_id"], "name": None, "place": None, "mac": row.get("mac"),
        "ips": list(row.get("ips") or ()), "vlan": row.get("vlan"), "role": row.get("role"),
        "brand": row.get("brand"), "model": row.get("model"), "detail": detail,
    }  # fmt: skip


def _missing(entry: Entry) -> dict[str, Any]:
    return {
        "asset_id": None, "name": entry.name, "place": entry.place,
        "mac": mac_text(entry.mac) if entry.mac else None, "ips": [entry.ip] if entry.ip else [],
        "vlan": entry.vlan, "detail": ["not among the video devices that were seen"],
    }  # fmt: skip
