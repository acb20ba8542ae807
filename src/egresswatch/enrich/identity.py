# SPDX-License-Identifier: Apache-2.0
"""What a host is, from the marks it has shown: video device or not, which role, whose make.

Pure functions over marks: the same marks in any order give the same answer. Rules:

- *Plain* marks come from what only such a device shows: MAC prefix of a camera maker, a fingerprint,
  ONVIF scopes, serving RTSP, a telling host name. Each kind counts once, with its strongest mark.
- *Ambiguous* marks come from what a camera and its owner's phone both do: contact a maker's platform,
  speak a peer-to-peer protocol. Alone they are enough, because many cameras show nothing else, but
  never for high confidence; a locally administered MAC, as phones have, lowers it further.
- Marks *against* (a phone, a desktop browser) outweigh ambiguous marks at once, and plain ones when
  they are stronger. Such a host is a client that is not monitored, and its row says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from egresswatch.enrich.asset import Mark
from egresswatch.rules.makers import Fingerprint, Oui, Vendor

ENOUGH = 25
_MEDIUM, _HIGH = 40, 60
_LOCAL_MAC_COST = 20
_AMBIGUOUS_MOST = 55
AMBIGUOUS = frozenset({"platform", "p2p"})
_BY_CONFIDENCE = {"high": 60, "medium": 40, "low": 25}
_OUI_POINTS = {"camera": 60, "mostly": 40}
_OUI_VENDOR = {"camera": 5, "mostly": 4}
_OUI_WORDS = {"camera": "which makes cameras", "mostly": "which makes mostly cameras"}
BEHIND_POINTS = 25
"""A host reached through a camera maker's MAC: a camera behind a recorder, or the recorder itself."""
_VIDEO_ROLES = ("camera", "recorder", "vms")
_KIND_WORDS = {
    "dhcp_hostname": "DHCP host name", "dhcp_vendor_class": "DHCP vendor class", "http_server": "HTTP server",
    "http_user_agent": "HTTP user agent", "http_realm": "HTTP realm", "http_path": "HTTP path",
    "rtsp_server": "RTSP server", "rtsp_realm": "RTSP realm", "rtsp_request": "RTSP request",
    "sip_user_agent": "SIP user agent", "tls_cert_subject": "certificate", "mdns": "mDNS name",
    "rtsp_served": "RTSP address asked of it", "ssdp": "SSDP", "onvif_scope": "ONVIF scope",
    "mqtt_client_id": "MQTT client id",
}  # fmt: skip
_HOSTNAME_ROLES = dict.fromkeys(
    ("camera", "cam", "ipcam", "ipcamera", "netcam", "webcam", "ipc", "cctv", "doorbell"), "camera"
) | dict.fromkeys(("nvr", "dvr", "xvr"), "recorder")
_WORD = re.compile(r"[a-z]+")
_ONVIF = "onvif://www.onvif.org/"


class Identity(NamedTuple):
    """The answer."""

    video: bool
    role: str
    """Empty when no mark tells."""
    vendor: str
    model: str
    hostname: str
    confidence: str
    conflicts: tuple[str, ...]


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
    conflicts = _conflicts(marks, vendors, client=against > 0 and sure + unsure >= ENOUGH)
    return Identity(
        video,
        _role(marks, video=video) or ("client" if against and not video else ""),
        _vendor(marks),
        _strongest(marks, "model"),
        next((mark.hostname for mark in reversed(marks) if mark.hostname), ""),
        "high" if weight >= _HIGH else "medium" if weight >= _MEDIUM else "low",
        conflicts,
    )


def oui_mark(oui: Oui, vendors: Mapping[str, Vendor], *, behind: bool = False) -> Mark:
    """What a MAC prefix says; ``behind``: of a host whose frames came through that MAC."""
    words = _OUI_WORDS.get(oui.relevance, "")
    vendor = vendors.get(oui.vendor)
    owner = oui.registrant or (vendor.name if vendor else oui.vendor)
    if behind:
        text = f"reached through a MAC of {owner}, {words}"
        return Mark("oui", text, BEHIND_POINTS, vendor=oui.vendor, vendor_points=2)
    text = f"MAC prefix of {owner}" + (f", {words}" if words else "")
    points = _OUI_POINTS.get(oui.relevance, 0)
    return Mark("oui", text, points, vendor=oui.vendor, vendor_points=_OUI_VENDOR.get(oui.relevance, 1))


def sighting_marks(kind: str, value: str, fingerprints: Iterable[Fingerprint]) -> tuple[Mark, ...]:
    """What a sighting that a host itself made says about it; empty when it says nothing."""
    prints = tuple(fingerprints)
    marks = [_fingerprint_mark(kind, value, found) for found in prints]
    if kind == "p2p":
        marks.append(Mark("p2p", f"speaks {value}, a peer-to-peer protocol", 40))
    elif kind in ("rtsp_server", "rtsp_realm") and all(found.role in _VIDEO_ROLES for found in prints):
        marks.append(Mark("rtsp", "answers RTSP requests", 40))
    elif kind == "rtsp_request":
        # alone it says nothing (a phone does it too); of a video device it says "recorder"
        marks.append(Mark("rtsp_request", "asks others for RTSP streams", role="recorder"))
    elif kind == "onvif_scope" and value.lower().startswith(_ONVIF):
        name, _, rest = value[len(_ONVIF) :].partition("/")
        model = rest.strip("/ ")[:64] if name.lower() == "hardware" else ""
        model = model if model.isprintable() else ""
        text = f"announces ONVIF hardware {model}" if model else "announces itself by ONVIF"
        marks.append(Mark("onvif_scope", text, 50, model=model))
    elif kind == "dhcp_hostname" and value:
        roles = [_HOSTNAME_ROLES[word] for word in _WORD.findall(value.lower()) if word in _HOSTNAME_ROLES]
        text = f'calls itself "{value}" by DHCP'
        marks.append(Mark("hostname", text, 40 if roles else 0, role=min(roles, default=""), hostname=value))
    return tuple(marks)


def platform_mark(vendor: str, platform: str, rule_id: str) -> Mark:
    """A host contacted a maker's platform."""
    return Mark("platform", f"contacts {platform} ({rule_id})", 40, vendor=vendor, vendor_points=3)


def related(one: str, other: str, vendors: Mapping[str, Vendor]) -> bool:
    """Are two makers the same house (brand and parent, or brands of one parent)?"""
    return bool(_house(one, vendors) & _house(other, vendors))


def _house(vendor_id: str, vendors: Mapping[str, Vendor]) -> set[str]:
    vendor = vendors.get(vendor_id)
    return {vendor_id, vendor.parent} - {""} if vendor else {vendor_id}


def _fingerprint_mark(kind: str, value: str, found: Fingerprint) -> Mark:
    points = _BY_CONFIDENCE[found.confidence]
    shown = f'{_KIND_WORDS.get(kind, kind)} "{value[:80]}"' + (f": {found.text}" if found.text else "")
    if found.role == "client":
        return Mark(kind, shown, against=points, role="client")
    return Mark(
        kind, shown, points if found.role in _VIDEO_ROLES else 0, vendor=found.vendor,
        vendor_points=points // 10, role=found.role if found.role in _VIDEO_ROLES else "", model=found.model,
    )  # fmt: skip


def _role(marks: list[Mark], *, video: bool) -> str:
    if not video:
        return ""
    votes: dict[str, int] = {}
    for mark in marks:
        if mark.role in _VIDEO_ROLES and mark.points:
            votes[mark.role] = max(votes.get(mark.role, 0), mark.points)
    if votes:
        return max(sorted(votes), key=lambda role: votes[role])
    asks = any(mark.kind == "rtsp_request" for mark in marks)
    plain = any(mark.points and mark.kind not in AMBIGUOUS for mark in marks)
    return "recorder" if asks and plain else ""


def _vendor(marks: list[Mark]) -> str:
    votes: dict[str, int] = {}
    for mark in marks:
        if mark.vendor:
            votes[mark.vendor] = votes.get(mark.vendor, 0) + mark.vendor_points
    return max(sorted(votes), key=lambda vendor: votes[vendor]) if votes else ""


def _strongest(marks: list[Mark], name: str) -> str:
    best = max((mark for mark in marks if getattr(mark, name)), key=lambda mark: mark.points, default=None)
    return str(getattr(best, name)) if best else ""


def _conflicts(marks: list[Mark], vendors: Mapping[str, Vendor], *, client: bool) -> tuple[str, ...]:
    found = []
    makers = [mark for mark in marks if mark.vendor and mark.vendor_points >= 4]
    for mark in makers[1:]:
        if not related(makers[0].vendor, mark.vendor, vendors):
            found.append(f"two makers: {makers[0].text}; but {mark.text}")
            break
    names = sorted({mark.hostname for mark in marks if mark.hostname})
    if len({name.lower().partition(".")[0] for name in names}) > 1:  # a full name and its first label are one
        found.append(f"several host names: {', '.join(names[:4])}")
    if client:
        found.extend(f"speaks against a camera: {mark.text}" for mark in marks if mark.against)
    return tuple(found)
