# SPDX-License-Identifier: Apache-2.0
"""What a host is, from the marks it has shown: video device or not, which role, whose make.

Pure functions over marks: the same marks in any order give the same answer. Rules:

- *Plain* marks come from what only such a device shows: MAC prefix of a camera maker, a fingerprint,
  ONVIF scopes, serving RTSP, a telling host name. Each kind counts once, with its strongest mark.
- *Ambiguous* marks come from what a camera and its owner's phone both do: contact a maker's platform,
  ask for its names, speak its protocol. Alone they are enough, because many cameras show nothing else,
  but never for high confidence; a locally administered MAC, as phones have, lowers it further.
- Marks *against* (a phone, a desktop browser) outweigh ambiguous marks at once, and plain ones when
  they are stronger. Such a host is a client that is not monitored, and its row says why.
- A client of video devices, and an embedded device of a company that sells video devices among other
  things, are not video devices, but a census shows them: as bystanders.
- Makers of one house (a brand, its owner, who makes what it sells) vote together, each kind of mark once;
  a house that something plain speaks for comes before one that only ambiguous marks speak for. Within
  the house the brand is whose camera it is, when something plain says so: a label is stuck on what
  another one made, never the other way round.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from egresswatch.enrich.asset import AMBIGUOUS, VIDEO_ROLES, Mark
from egresswatch.rules.makers import Vendor, chain

ENOUGH = 25
_MEDIUM, _HIGH = 40, 60
_LOCAL_MAC_COST = 20
_AMBIGUOUS_MOST = 55
_FIRM = 3
"""Points from which a plain mark says the brand, not only the house."""
_SURE = 4
"""Points from which two marks of different houses are a conflict."""

_CACHE = 4096


class Identity(NamedTuple):
    """The answer."""

    video: bool
    role: str
    """Empty when no mark tells."""
    vendor: str
    model: str
    firmware: str
    hostname: str
    confidence: str
    conflicts: tuple[str, ...]
    bystander: str = ""
    """Not taken for a video device, but of the census: ``client`` of video devices, or ``maybe`` one."""
    brand: str = ""
    """What it calls its maker, where nothing tells the maker."""


def identify(marks: Iterable[Mark], vendors: Mapping[str, Vendor], *, local_mac: bool = False) -> Identity:
    """Judge all marks of one host."""
    marks = list(marks)
    plain: dict[str, int] = {}
    ambiguous: dict[str, int] = {}
    for mark in marks:
        side = ambiguous if mark.kind in AMBIGUOUS else plain
        side[mark.kind] = max(side.get(mark.kind, 0), mark.points)
    sure, unsure = sum(plain.values()), min(sum(ambiguous.values()), _AMBIGUOUS_MOST)
    against = max((mark.against for mark in marks), default=0)
    if local_mac and unsure:
        unsure = max(unsure - _LOCAL_MAC_COST, ENOUGH)
    total = sure + (0 if against else unsure)
    video = total >= ENOUGH and sure >= against
    weight = total if video else against
    vendor = _vendor(marks, vendors)
    client = against > 0 and sure + unsure >= ENOUGH
    conflicts = _conflicts(marks, vendor, vendors, client=client)
    return Identity(
        video,
        _role(marks, video=video) or ("client" if against and not video else ""),
        vendor,
        _strongest(marks, "model"),
        _strongest(marks, "firmware"),
        next((mark.hostname for mark in reversed(marks) if mark.hostname), ""),
        "high" if weight >= _HIGH else "medium" if weight >= _MEDIUM else "low",
        conflicts,
        "" if video else "client" if client else "maybe" if not against and _maybe(marks, vendors) else "",
        "" if vendor else _strongest(marks, "brand"),
    )


class Identities:
    """``identify``, remembering what the same marks in the same order gave: most hosts of a site show what
    others showed before."""

    def __init__(self, vendors: Mapping[str, Vendor]) -> None:
        self._vendors = vendors
        self._known: dict[tuple[tuple[Mark, ...], bool], Identity] = {}

    def of(self, marks: tuple[Mark, ...], local_mac: bool) -> Identity:
        """Judge all marks of one host."""
        key = (marks, local_mac)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _CACHE:
                self._known.clear()
            known = self._known[key] = identify(marks, self._vendors, local_mac=local_mac)
        return known


def _maybe(marks: list[Mark], vendors: Mapping[str, Vendor]) -> bool:
    """An embedded device whose MAC prefix is of a company that sells video devices among others."""
    makers = (vendors.get(mark.vendor) for mark in marks if mark.kind == "oui" and not mark.points)
    return any(mark.kind == "embedded" for mark in marks) and any(maker and maker.sells for maker in makers)


def related(one: str, other: str, vendors: Mapping[str, Vendor]) -> bool:
    """Are two makers the same house: of one owner, or one of them makes what the other sells?"""
    own, its = _owners(one, vendors), _owners(other, vendors)
    return bool(own & its or own & _makers(other, vendors) or its & _makers(one, vendors))


def _owners(vendor_id: str, vendors: Mapping[str, Vendor]) -> set[str]:
    return {vendor_id, *(vendor.id for vendor in chain(vendors, vendor_id))}


def _makers(vendor_id: str, vendors: Mapping[str, Vendor]) -> set[str]:
    """Who makes what it sells, with their owners."""
    made = vendors[vendor_id].made_by if vendor_id in vendors else ()
    return {owner for by in made for owner in _owners(by.vendor, vendors)}


def _role(marks: list[Mark], *, video: bool) -> str:
    if not video:
        return ""
    votes: dict[str, int] = {}
    for mark in marks:
        if mark.role in VIDEO_ROLES and mark.points:
            votes[mark.role] = max(votes.get(mark.role, 0), mark.points)
    if votes:
        # a recorder does what cameras do as well, so of equal signs the larger role's count
        return max(votes, key=lambda role: (votes[role], VIDEO_ROLES.index(role)))
    asks = any(mark.kind == "rtsp_request" for mark in marks)
    plain = any(mark.points and mark.kind not in AMBIGUOUS for mark in marks)
    return "recorder" if asks and plain else ""


def _vendor(marks: list[Mark], vendors: Mapping[str, Vendor]) -> str:
    by_kind: dict[tuple[str, str], int] = {}
    firm: set[str] = set()
    for mark in marks:
        vendor = vendors.get(mark.vendor)
        if mark.vendor and (vendor is None or vendor.sells):
            key = (mark.vendor, mark.kind)
            by_kind[key] = max(by_kind.get(key, 0), mark.vendor_points)
            if mark.kind not in AMBIGUOUS and mark.vendor_points >= _FIRM:
                firm.add(mark.vendor)
    votes: dict[str, int] = {}
    for (name, _), points in by_kind.items():
        votes[name] = votes.get(name, 0) + points

    def house(vendor: str) -> tuple[bool, int, int]:
        members = [other for other in votes if related(vendor, other, vendors)]
        return not firm.isdisjoint(members), sum(votes[other] for other in members), votes[vendor]

    def label(vendor: str) -> tuple[bool, int, int]:
        behind = _owners(vendor, vendors) | _makers(vendor, vendors)
        return vendor in firm, len(behind) if vendor in firm else 0, votes[vendor]

    if not votes:
        return ""
    first = max(sorted(votes), key=house)
    return max((vendor for vendor in sorted(votes) if related(vendor, first, vendors)), key=label)


def _strongest(marks: list[Mark], name: str) -> str:
    best = max((mark for mark in marks if getattr(mark, name)), key=lambda mark: mark.points, default=None)
    return str(getattr(best, name)) if best else ""


def _conflicts(
    marks: list[Mark], vendor: str, vendors: Mapping[str, Vendor], *, client: bool
) -> tuple[str, ...]:
    found = []
    makers: dict[str, Mark] = {}
    for mark in marks:
        if mark.vendor and mark.vendor_points >= _SURE:
            makers.setdefault(mark.vendor, mark)
    for one, other in itertools.combinations(makers.values(), 2):
        if not related(one.vendor, other.vendor, vendors):
            found.append(f"two makers: {one.text}; but {other.text}")
            break
    uses = {relation.vendor for relation in vendors[vendor].uses} if vendor in vendors else set()
    for mark in marks:
        maker = vendors.get(mark.vendor) if mark.kind == "p2p" and mark.vendor not in uses else None
        if maker is not None and not related(mark.vendor, vendor, vendors):
            found.append(f"{mark.text}, as devices of {maker.name} do: perhaps made by {maker.name}")
    names = sorted({mark.hostname for mark in marks if mark.hostname})
    if len({name.lower().partition(".")[0] for name in names}) > 1:  # a full name and its first label are one
        found.append(f"several host names: {', '.join(names[:4])}")
    if client:
        found.extend(f"speaks against a camera: {mark.text}" for mark in marks if mark.against)
    return tuple(found)
