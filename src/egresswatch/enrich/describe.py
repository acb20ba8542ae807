# SPDX-License-Identifier: Apache-2.0
"""Fill in an asset from everything that speaks about it, in the order of who knows best.

Monitored: the zone of the site file, else the inventory, else the marks. What it is (role, make, model):
the inventory, else the marks, else the zone's role. Where these disagree, the asset's conflicts say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from egresswatch.enrich.asset import LOCAL_BIT, Asset, Mark
from egresswatch.enrich.identity import Identities, related
from egresswatch.enrich.inventory import Entry
from egresswatch.rules.makers import Vendor, chain, named
from egresswatch.rules.site import Site
from egresswatch.rules.site_model import WATCHED_ROLES


def describe(
    asset: Asset, entry: Entry | None, site: Site, vendors: Mapping[str, Vendor], identities: Identities
) -> None:
    """Everything of ``asset`` that follows from its marks, addresses and inventory row, but its id."""
    marks = tuple([mark for _, mark in asset.marks.values()])
    found = identities.of(marks, bool(asset.mac & LOCAL_BIT))
    zones = [zone for ip in asset.ips if (zone := site.zone_of(ip, asset.vlan)) is not None]
    listed = entry is not None and entry.role != "client"
    asset.monitored = any(zone.monitored for zone in zones) if zones else listed or found.video
    asset.bystander = "" if asset.monitored or zones else found.bystander
    zone_role = next((zone.role for zone in zones if zone.monitored and zone.role in WATCHED_ROLES), "")
    asset.role = (
        (entry.role if entry else "") or found.role or zone_role or ("camera" if found.video else "other")
    )
    asset.vendor = (vendor_id(entry.vendor, vendors) if entry else "") or found.vendor
    vendor = vendors.get(asset.vendor)
    asset.brand = vendor.name if vendor else (entry.vendor if entry else "") or found.brand
    country = jurisdiction(chain(vendors, asset.vendor))
    asset.maker = f"{asset.brand} ({country})" if country else asset.brand
    asset.model = (entry.model if entry else "") or found.model
    asset.firmware = found.firmware
    asset.hostname = found.hostname
    asset.site = (entry.site if entry else "") or site.name
    asset.inventory = entry.place if entry else ""
    asset.confidence = "high" if entry else found.confidence
    said = [f"listed in {entry.place}"] if entry else []
    said += sorted({f'in zone "{zone.name}" of the site file ({zone.role})' for zone in zones})
    asset.evidence = (*said, *(mark.text for _, mark in asset.marks.values()))
    asset.shown_vendor = found.vendor
    asset.conflicts = (*found.conflicts, *inventory_conflicts(asset, entry, found.vendor, vendors))


def told_evidence(asset: Asset, vendors: Mapping[str, Vendor]) -> list[str]:
    """The lines of evidence, each with the facts that rest on it."""
    before = asset.evidence[: len(asset.evidence) - len(asset.marks)]
    return [*before, *(mark.text + _says(mark, asset, vendors) for _, mark in asset.marks.values())]


def jurisdiction(companies: Sequence[Vendor]) -> str:
    """Country of a company, else of its nearest owner that has one."""
    return next((company.jurisdiction for company in companies if company.jurisdiction), "")


def vendor_id(text: str, vendors: Mapping[str, Vendor]) -> str:
    """The rule pack's id of a maker as the inventory calls it; the text as an id when nobody knows it."""
    vendor = named(vendors, text)
    if vendor is not None:
        return vendor.id
    word = text.strip().lower()
    return "".join(char if char.isascii() and char.isalnum() else "-" for char in word).strip("-")


def _says(mark: Mark, asset: Asset, vendors: Mapping[str, Vendor]) -> str:
    """Which of the facts shown rest on this mark: `` (says: maker, model)``."""
    facts = []
    if mark.vendor and related(mark.vendor, asset.shown_vendor, vendors):
        facts.append("maker")
    elif mark.vendor and mark.vendor_points:
        other = vendors.get(mark.vendor)
        facts.append(f"another maker, {other.name if other else mark.vendor}")
    if mark.role and mark.role == asset.role:
        facts.append(mark.role)
    elif mark.points:
        facts.append("video device")
    elif mark.against:
        facts.append("no video device")
    for name, words in (("model", "model"), ("firmware", "firmware"), ("hostname", "host name")):
        value = getattr(mark, name)
        if value and value == getattr(asset, name):
            facts.append(words)
    if mark.brand and mark.brand == asset.brand:
        facts.append("brand")
    return f" (says: {', '.join(facts)})" if facts else ""


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
