# SPDX-License-Identifier: Apache-2.0
"""From one thing that a host showed to the marks it gives: what it says of maker, model, role.

Pure functions; knows no host. What names a maker is the rule pack's (fingerprints, OUI groups, makers);
here stands only what a protocol itself says, whoever made the device: that it announces itself by ONVIF,
that a field is its model or its firmware.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from egresswatch.enrich.asset import VIDEO_ROLES, Mark
from egresswatch.rules.makers import ASKED_KINDS, Fingerprint, Oui, Vendor

_BY_CONFIDENCE = {"high": 60, "medium": 40, "low": 25}
_OUI_POINTS = {"camera": 60, "mostly": 40}
_OUI_VENDOR = {"camera": 5, "mostly": 4}
_OUI_WORDS = {"camera": "which makes cameras", "mostly": "which makes mostly cameras"}
BEHIND_POINTS = 25
"""A host reached through a camera maker's MAC: a camera behind a recorder, or the recorder itself."""
_KIND_WORDS = {
    "dhcp_hostname": "DHCP host name", "dhcp_vendor_class": "DHCP vendor class", "http_server": "HTTP server",
    "http_user_agent": "HTTP user agent", "http_realm": "HTTP realm", "http_path": "HTTP path",
    "http_title": "title of its page", "http_favicon": "icon of its page", "http_host": "HTTP host",
    "rtsp_server": "RTSP server", "rtsp_realm": "RTSP realm", "rtsp_request": "RTSP request",
    "rtsp_served": "RTSP address asked of it", "rtsp_user_agent": "RTSP user agent",
    "sip_user_agent": "SIP user agent", "tls_cert_subject": "certificate", "mdns": "mDNS name",
    "ssdp": "SSDP", "upnp_manufacturer": "UPnP manufacturer", "onvif_scope": "ONVIF scope",
    "mqtt_client_id": "MQTT client id", "ftp_banner": "FTP banner", "telnet_banner": "Telnet banner",
    "smtp_banner": "SMTP banner", "snmp_sysdescr": "SNMP description", "sadp": "SADP answer",
    "dhdiscover": "DHDiscover answer", "xmdiscover": "XM discovery answer", "nbns": "NetBIOS name",
    "lldp": "LLDP", "cdp": "CDP", "dns_query": "DNS question", "served_port": "answers on port",
    "contacted_port": "contacts port", "p2p": "protocol",
}  # fmt: skip
_HOSTNAME_ROLES = dict.fromkeys(
    ("camera", "cam", "ipcam", "ipcamera", "netcam", "webcam", "ipc", "cctv", "doorbell"), "camera"
) | dict.fromkeys(("nvr", "dvr", "xvr"), "recorder")
_WORD = re.compile(r"[a-z]+")
_ONVIF = "onvif://www.onvif.org/"
_SHOWN, _MODEL = 80, 64


class Reading(NamedTuple):
    """What a sighting says: marks, and fingerprints that need further sightings to say anything."""

    marks: tuple[Mark, ...] = ()
    parts: tuple[Fingerprint, ...] = ()

    @property
    def mute(self) -> bool:
        return not (self.marks or self.parts)


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


def platform_mark(vendor: str, platform: str, rule_id: str) -> Mark:
    """A host contacted a maker's platform."""
    return Mark("platform", f"contacts {platform} ({rule_id})", 40, vendor=vendor, vendor_points=3)


def spoken_mark(vendor: str, protocol: str, rule_id: str) -> Mark:
    """A host spoke a protocol that a rule recognises; ``vendor``: the only maker whose devices do."""
    text = f"speaks {protocol} ({rule_id})"
    return Mark("p2p", text, 40, vendor=vendor, vendor_points=3 if vendor else 0)


def read_sighting(kind: str, value: str, detail: str, fingerprints: Iterable[Fingerprint]) -> Reading:
    """What a sighting that a host itself made says about it; mute when it says nothing."""
    prints = tuple(fingerprints)
    marks = [fingerprint_mark(found, shown(kind, value)) for found in prints if found.parts <= 1]
    reader = _READERS.get(kind)
    mark = reader(value, detail, prints) if reader is not None else None
    if mark is not None:
        marks.append(mark)
    return Reading(tuple(marks), tuple(found for found in prints if found.parts > 1))


def fingerprint_mark(found: Fingerprint, by: str) -> Mark:
    """The mark of a fingerprint; ``by``: what matched it, in words."""
    points = _BY_CONFIDENCE[found.confidence]
    text = by + (f": {found.text}" if found.text else "")
    if found.role == "client":
        return Mark(found.kind, text, against=points, role="client")
    video = found.role in VIDEO_ROLES
    hearsay = found.kind in ASKED_KINDS and found.parts == 1  # a resolver asks for everybody's names
    return Mark(
        found.kind, text, points if video and not hearsay else 0, vendor=found.vendor,
        vendor_points=1 if hearsay else points // 10,
        role=found.role if video else "", model=found.model, firmware=found.firmware,
    )  # fmt: skip


def shown(kind: str, value: str) -> str:
    """``RTSP server "Dahua Rtsp Server"``."""
    words = _KIND_WORDS.get(kind, kind)
    return f"{words} {value[:_SHOWN]}" if kind.endswith("_port") else f'{words} "{value[:_SHOWN]}"'


def _protocol(value: str, _detail: str, _prints: tuple[Fingerprint, ...]) -> Mark:
    return Mark("p2p", f"speaks {value}, a peer-to-peer protocol", 40)


def _rtsp_server(_value: str, _detail: str, prints: tuple[Fingerprint, ...]) -> Mark | None:
    if all(found.role in VIDEO_ROLES for found in prints):
        return Mark("rtsp", "answers RTSP requests", 40)
    return None


def _rtsp_client(_value: str, _detail: str, _prints: tuple[Fingerprint, ...]) -> Mark:
    # alone it says nothing (a phone does it too); of a video device it says "recorder"
    return Mark("rtsp_request", "asks others for RTSP streams", role="recorder")


def _onvif(value: str, _detail: str, _prints: tuple[Fingerprint, ...]) -> Mark | None:
    if not value.lower().startswith(_ONVIF):
        return None
    name, _, rest = value[len(_ONVIF) :].partition("/")
    model = _clean(rest.strip("/ ")) if name.lower() == "hardware" else ""
    text = f"announces ONVIF hardware {model}" if model else "announces itself by ONVIF"
    return Mark("onvif_scope", text, 50, model=model)


def _hostname(value: str, _detail: str, _prints: tuple[Fingerprint, ...]) -> Mark | None:
    if not value:
        return None
    roles = [_HOSTNAME_ROLES[word] for word in _WORD.findall(value.lower()) if word in _HOSTNAME_ROLES]
    text = f'calls itself "{value}" by DHCP'
    return Mark("hostname", text, 40 if roles else 0, role=min(roles, default=""), hostname=value)


def _clean(text: str) -> str:
    text = text[:_MODEL].strip()
    return text if text.isprintable() else ""


_READERS: dict[str, Callable[[str, str, tuple[Fingerprint, ...]], Mark | None]] = {
    "p2p": _protocol,
    "rtsp_server": _rtsp_server,
    "rtsp_realm": _rtsp_server,
    "rtsp_request": _rtsp_client,
    "onvif_scope": _onvif,
    "dhcp_hostname": _hostname,
}
"""What a kind of sighting says by itself, without a fingerprint."""
