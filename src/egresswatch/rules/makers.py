# SPDX-License-Identifier: Apache-2.0
"""What a rule pack says about companies and about what gives their devices away, as immutable values.

Owns the vocabulary of makers, MAC prefixes and fingerprints, and the ways to walk from a brand to who
makes it and who owns it. Reading is ``makers_schema``, comparing is ``prints``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

VENDOR_KINDS = ("maker", "brand", "licensor", "hosting", "group")
"""Makes devices; sells under its name what others make; licenses parts, chips or a platform to makers;
rents computers to anybody; owns makers without being one."""
REMARK_TOPICS = ("ownership", "brands", "platforms", "jurisdiction", "products")
RELEVANCES = ("camera", "mostly", "generic")
"""Of an OUI: the registrant makes cameras only, mostly, or all kinds of things."""
SHOWN_KINDS = (
    "dhcp_hostname", "dhcp_vendor_class", "http_server", "http_user_agent", "http_realm", "http_title",
    "http_favicon", "rtsp_server", "rtsp_realm", "sip_user_agent", "tls_cert_subject", "mdns", "ssdp",
    "upnp_manufacturer", "upnp_model", "upnp_name", "onvif_scope", "onvif_manufacturer", "onvif_model",
    "isapi_device_name", "isapi_model", "hnap_manufacturer", "hnap_model", "http_push",
    "mqtt_client_id", "ftp_banner", "telnet_banner", "smtp_banner", "snmp_sysdescr", "nbns",
    "lldp", "cdp", "sadp", "dhdiscover", "xmdiscover",
)  # fmt: skip
"""Sightings that tell what the host is that showed them."""
SERVED_KINDS = ("http_path", "rtsp_request")
"""Sightings that tell what the host is that was asked for them, not the one that asks."""
ASKED_KINDS = ("http_host", "dns_query")
"""Names a host asks for: only a weak sign, as a resolver asks for everybody."""
PORT_KINDS = ("served_port", "contacted_port")
BEHAVIOUR_KINDS = (*PORT_KINDS, "p2p")
"""No sightings but conduct: ``tcp/8000`` answered inside, ``tcp/8666`` asked outside, a protocol spoken."""
FINGERPRINT_KINDS = SHOWN_KINDS + SERVED_KINDS + ASKED_KINDS + BEHAVIOUR_KINDS


@dataclass(frozen=True, slots=True)
class Listing:
    """A public list that names the maker, and where that was read."""

    name: str
    reference: str


@dataclass(frozen=True, slots=True)
class Relation:
    """Another company makes what this one sells, or a part of it: of everything, or of ``lines``."""

    vendor: str
    confidence: str
    references: tuple[str, ...]
    lines: str = ""
    """``some recorders``; empty when the sources make no difference."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One more sourced fact about a company, in words."""

    topic: str
    text: str
    confidence: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vendor:
    """A company: short name as people say it, and what lists say of it. Only who ``sells`` devices can
    be shown as whose camera it is: who speaks a licensed protocol was not made by its licensor."""

    id: str
    name: str
    jurisdiction: str
    """ISO country code of registrant or parent; empty when no source gave it."""
    parent: str
    aliases: tuple[str, ...]
    lists: tuple[Listing, ...]
    references: tuple[str, ...]
    kind: str = "maker"
    made_by: tuple[Relation, ...] = ()
    """Who makes the devices it sells."""
    uses: tuple[Relation, ...] = ()
    """Whose chips, protocols or platform its devices use."""
    remarks: tuple[Remark, ...] = ()
    path: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    @property
    def sells(self) -> bool:
        """Do devices bear its name?"""
        return self.kind in ("maker", "brand")


def chain(vendors: Mapping[str, Vendor], vendor_id: str) -> tuple[Vendor, ...]:
    """The company, then its parent, then that one's, as far as the pack knows."""
    found: dict[str, Vendor] = {}
    while vendor_id in vendors and vendor_id not in found:
        found[vendor_id] = vendors[vendor_id]
        vendor_id = vendors[vendor_id].parent
    return tuple(found.values())


def named(vendors: Mapping[str, Vendor], text: str) -> Vendor | None:
    """The company with this id, name or other name; case does not count."""
    word = text.strip().lower()
    if word in vendors:
        return vendors[word]
    for vendor in vendors.values():
        if word in (vendor.name.lower(), *(alias.lower() for alias in vendor.aliases)):
            return vendor
    return None


def brands_of(
    vendors: Mapping[str, Vendor], vendor_id: str, kind: str = "made_by"
) -> tuple[tuple[Vendor, Relation], ...]:
    """Who names this company in a relation of ``kind`` (``made_by`` or ``uses``), by id, and how."""
    return tuple(
        (vendor, relation)
        for _, vendor in sorted(vendors.items())
        for relation in getattr(vendor, kind)
        if relation.vendor == vendor_id
    )


@dataclass(frozen=True, slots=True)
class Oui:
    """Who registered a MAC prefix."""

    vendor: str
    registrant: str
    relevance: str


@dataclass(frozen=True, slots=True)
class OuiGroup:
    """All prefixes of one registrant group: (bits, value) pairs, bits 24, 28 or 36."""

    oui: Oui
    prefixes: tuple[tuple[int, int], ...]
    references: tuple[str, ...]
    path: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a value seen on the wire says about its host. With several ``parts`` one value alone says
    nothing: the host must have shown them all."""

    id: str
    kind: str
    vendor: str
    role: str
    model: str
    confidence: str
    text: str
    firmware: str = ""
    part: int = 0
    """Which of its conditions the value met; only part 0 reads a model and a firmware."""
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Condition:
    """A kind of sighting and how its value must look: every way must hold (see ``prints``)."""

    kind: str
    ways: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """Which piece of a value is the model or the firmware."""

    take: str
    """``rest`` (what prefix and suffix leave over) or ``whole``."""
    after: tuple[str, ...] = ()
    """Only what follows the first of these texts that occurs; nothing when none does."""
    until: str = ""


@dataclass(frozen=True, slots=True)
class FingerprintRule:
    """How to recognise a ``Fingerprint``: its conditions, the first of which may read something."""

    fingerprint: Fingerprint
    conditions: tuple[Condition, ...]
    model: Reading | None
    firmware: Reading | None
    references: tuple[str, ...]
    match_examples: tuple[str, ...]
    no_match_examples: tuple[str, ...]
    model_example: str = ""
    """What the first example gives as model, when the file says so; ``firmware_example`` likewise."""
    firmware_example: str = ""
    path: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)
