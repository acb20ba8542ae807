# SPDX-License-Identifier: Apache-2.0
"""From one thing that a host showed to the marks it gives: what it says of maker, model, role.

Pure functions; knows no host. What names a maker is the rule pack's (fingerprints, OUI groups, makers);
here stands only what a protocol itself says, whoever made the device: that it announces itself by ONVIF,
that a field is its model or its firmware.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from egresswatch.enrich.asset import BEHIND_POINTS, VIDEO_ROLES, Mark
from egresswatch.rules.makers import ASKED_KINDS, FINGERPRINT_KINDS, Fingerprint, Oui, Vendor

_BY_CONFIDENCE = {"high": 60, "medium": 40, "low": 25}
_OUI_POINTS = {"camera": 60, "mostly": 40}
_OUI_VENDOR = {"camera": 5, "mostly": 4}
_OUI_WORDS = {"camera": "which makes cameras", "mostly": "which makes mostly cameras"}
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
    "contacted_port": "contacts port", "p2p": "protocol", "upnp_model": "UPnP model",
    "onvif_manufacturer": "ONVIF manufacturer", "onvif_model": "ONVIF model", "isapi_model": "ISAPI model",
    "onvif_firmware": "ONVIF firmware", "isapi_firmware": "ISAPI firmware",
    "hnap_manufacturer": "HNAP vendor", "hnap_model": "HNAP model", "hnap_firmware": "HNAP firmware",
    "isapi_device_name": "ISAPI device name", "gb28181": "GB/T 28181 role",
}  # fmt: skip
_HOSTNAME_ROLES = dict.fromkeys(
    ("camera", "cam", "ipcam", "ipcamera", "netcam", "webcam", "ipc", "cctv", "doorbell"), "camera"
) | dict.fromkeys(("nvr", "dvr", "xvr"), "recorder")
_WORD = re.compile(r"[a-z]+")
_WORDS = re.compile(r"[^\W_]+")
_TOLD = re.compile(r"\b(brand|firmware) ([^,;]{1,80})")
_UNNAMED = ("", "device", "localhost", "localhost.localdomain")
"""What a discovery answer or a host name has where nobody has named the device."""
_GB_ROLES = dict.fromkeys(("camera", "ipc"), "camera") | dict.fromkeys(
    ("dvr", "nvr", "hvr", "hybrid recorder", "video server", "encoder"), "recorder"
) | dict.fromkeys(("platform", "media server", "management server"), "vms")  # fmt: skip
_EVENTS = ("isapi-event", "onvif-event", "plate", "face")
_EMBEDDED = "udhcp"
"""BusyBox, by its DHCP vendor class."""
_ONVIF_POINTS = 50
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


def spoken_mark(vendor: str, protocol: str, rule_id: str, *, shared: bool = False) -> Mark:
    """A host spoke a protocol that a rule recognises; ``vendor``: the only maker whose devices do;
    ``shared``: its plugs and bulbs do too."""
    text = f"speaks {protocol} ({rule_id})"
    return Mark("p2p", text, 0 if shared else 40, vendor=vendor, vendor_points=3 if vendor else 0)


def read_sighting(
    kind: str, value: str, detail: str, fingerprints: Iterable[Fingerprint], names: MakerNames
) -> Reading:
    """What a sighting that a host itself made says about it; mute when it says nothing."""
    prints = tuple(fingerprints)
    marks = [fingerprint_mark(found, shown(kind, value)) for found in prints if found.parts <= 1]
    reader = _READERS.get(kind)
    mark = reader(Said(kind, value, detail, prints, names)) if reader is not None else None
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


class MakerNames:
    """Finds the maker whose name or other name stands in a text as whole words; the longest one counts."""

    def __init__(self, vendors: Mapping[str, Vendor]) -> None:
        self._by_first: dict[str, list[tuple[list[str], str]]] = {}
        for vendor in vendors.values():
            for name in (vendor.name, *vendor.aliases) if vendor.sells else ():
                words = _WORDS.findall(name.lower())
                if words:
                    self._by_first.setdefault(words[0], []).append((words, vendor.id))

    def find(self, text: str) -> str:
        """Id of the maker; empty when there is none."""
        words = _WORDS.findall(text[:_MODEL].lower())
        best = (0, "")
        for at, word in enumerate(words):
            for name, vendor in self._by_first.get(word, ()):
                if words[at : at + len(name)] == name and sum(map(len, name)) > best[0]:
                    best = sum(map(len, name)), vendor
        return best[1]


class Said(NamedTuple):
    """A sighting as its reader gets it."""

    kind: str
    value: str
    detail: str
    prints: tuple[Fingerprint, ...]
    names: MakerNames


def _protocol(said: Said) -> Mark:
    return Mark("p2p", f"speaks {said.value}, a peer-to-peer protocol", 40)


def _rtsp_server(said: Said) -> Mark | None:
    if all(found.role in VIDEO_ROLES for found in said.prints):
        return Mark("rtsp", "answers RTSP requests", 40)
    return None


def _rtsp_client(_said: Said) -> Mark:
    # alone it says nothing (a phone does it too); of a video device it says "recorder"
    return Mark("rtsp_request", "asks others for RTSP streams", role="recorder")


def _onvif_scope(said: Said) -> Mark | None:
    if not said.value.lower().startswith(_ONVIF):
        return None
    name, _, rest = said.value[len(_ONVIF) :].partition("/")
    told = _clean(rest.strip("/ ")) if name.lower() in ("hardware", "name") else ""
    if not told:
        return Mark("onvif_scope", "announces itself by ONVIF", _ONVIF_POINTS)
    text = f"announces ONVIF {name.lower()} {told}"
    if name.lower() == "hardware":
        return Mark("onvif_scope", text, _ONVIF_POINTS, model=told)
    maker = said.names.find(told)
    return Mark("onvif_scope", text, _ONVIF_POINTS, vendor=maker, vendor_points=4 if maker else 0)


def _hostname(said: Said) -> Mark | None:
    value = said.value
    if not value:
        return None
    roles = [_HOSTNAME_ROLES[word] for word in _WORD.findall(value.lower()) if word in _HOSTNAME_ROLES]
    text = f'calls itself "{value}" by DHCP'
    return Mark("hostname", text, 40 if roles else 0, role=min(roles, default=""), hostname=value)


def _embedded(said: Said) -> Mark | None:
    if not said.value.lower().startswith(_EMBEDDED):
        return None
    return Mark("embedded", f'asks for its address as embedded devices do ("{_clean(said.value)}")')


def _discovery(said: Said) -> Mark | None:
    """The answer to the search of a maker's tool: model, or host name, and what else it says."""
    if said.detail.startswith("search"):
        return None  # the tool
    told = {match[1]: _clean(match[2]) for match in _TOLD.finditer(said.detail)}
    brand, value = told.get("brand", ""), _clean(said.value)
    name = "" if value.lower() in (*_UNNAMED, brand.lower()) else value
    maker = said.names.find(brand)
    named = said.kind == "xmdiscover"  # its answer has no model, but a name
    return Mark(
        said.kind, shown(said.kind, said.value), 60, vendor=maker, vendor_points=6 if maker else 0,
        brand="" if maker else brand, model="" if named else name, hostname=name if named else "",
        firmware=told.get("firmware", ""),
    )  # fmt: skip


def _field(said: Said) -> Mark | None:
    """A field that a device fills in about itself."""
    fact = _FIELDS.get(said.kind) or _FIELDS.get(said.detail)
    value = _clean(said.value)
    if fact is None or not value:
        return None
    points = _ONVIF_POINTS if said.kind.startswith(("onvif_", "isapi_")) else 0
    words = f"{_KIND_WORDS[said.kind]} {said.detail}" if said.detail in _FIELDS else _KIND_WORDS[said.kind]
    text = f'{words} "{value}"'
    if fact != "maker":
        told: dict[str, Any] = {fact: value}
        return Mark(said.kind, text, points, **told)
    maker = said.names.find(value)
    brand = "" if maker else value
    return Mark(said.kind, text, points, vendor=maker, vendor_points=6 if maker else 0, brand=brand)


def _event(said: Said) -> Mark | None:
    if said.value not in _EVENTS:
        return None
    return Mark("http_push", f"reports events by HTTP ({said.value})", 40)


def _gb28181(said: Said) -> Mark | None:
    role = _GB_ROLES.get(said.value)
    return Mark("gb28181", f"calls itself {said.value} in GB/T 28181", 50, role=role) if role else None


def _clean(text: str) -> str:
    text = text[:_MODEL].strip()
    return text if text.isprintable() else ""


_FIELDS = {
    "onvif_manufacturer": "maker", "onvif_model": "model", "onvif_firmware": "firmware",
    "isapi_model": "model", "isapi_firmware": "firmware", "upnp_manufacturer": "maker", "upnp_model": "model",
    "hnap_manufacturer": "maker", "hnap_model": "model", "hnap_firmware": "firmware",
    # of LLDP and CDP, by the sighting's detail
    "manufacturer": "maker", "model": "model", "firmware": "firmware", "system name": "hostname",
    "device id": "hostname",
}  # fmt: skip
_READERS: dict[str, Callable[[Said], Mark | None]] = {
    "p2p": _protocol, "rtsp_server": _rtsp_server, "rtsp_realm": _rtsp_server, "rtsp_request": _rtsp_client,
    "onvif_scope": _onvif_scope, "dhcp_hostname": _hostname, "dhcp_vendor_class": _embedded,
    "sadp": _discovery, "dhdiscover": _discovery, "xmdiscover": _discovery, "http_push": _event,
    "gb28181": _gb28181, "lldp": _field, "cdp": _field,
    **dict.fromkeys((kind for kind in _FIELDS if "_" in kind), _field),
}  # fmt: skip
"""What a kind of sighting says by itself, without a fingerprint."""

EVIDENCE_KINDS = frozenset((*FINGERPRINT_KINDS, *_READERS, "rtsp_served", "http_served"))
"""Kinds of sightings that can say something about the host that made them."""
