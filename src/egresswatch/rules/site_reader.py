# SPDX-License-Identifier: Apache-2.0
"""Read ``site.toml`` strictly: every mistake of the file with its line, all of them at once.

Gives the name, the inside networks and the zones; nothing is taken from a file with a mistake in it.
Unknown sections and fields are mistakes, with the nearest known word. Answers no question about
traffic: that is ``rules.site``. The grammar, every field at once:

    [site]
    name = "depot"                                 # optional
    inside = ["10.0.0.0/8"]                        # optional; else RFC 1918 and unique-local space

    [[zone]]
    name = "cameras"
    role = "camera"                                # camera, recorder, management, core, other (default)
    networks = ["10.20.0.0/24", "2001:db8::/64"]   # networks, vlans or both
    vlans = [20]
    monitored = true                               # default: true for camera and recorder
    reach = [                                      # left out: no policy; []: nothing but its own zone
      "recorders",                                 # a zone, a network, a domain, or "outside"
      { to = "10.1.0.53", proto = "udp", ports = [53, "123-125"] },
    ]
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egresswatch.errors import ConfigError
from egresswatch.rules.site_model import OUTSIDE, WATCHED_ROLES, WITH_PORTS, ZONE_ROLES, Network, Reach, Zone
from egresswatch.rules.site_model import PROTOCOLS as PROTOCOL_NAMES
from egresswatch.rules.toml_lines import TomlLines

_SITE_FIELDS = ("name", "inside")
_ZONE_FIELDS = ("name", "role", "networks", "vlans", "reach", "monitored")
_REACH_FIELDS = ("to", "proto", "ports")
_DOMAIN = re.compile(r"(?:\*?\.)?((?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]{0,62})")
_NUMBERED = re.compile(r"[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*")


@dataclass(frozen=True, slots=True)
class SiteText:
    """A site file that has no mistake."""

    name: str
    inside: tuple[Network, ...] | None
    """None: the default inside applies."""
    zones: tuple[Zone, ...]


def read_site(path: Path, raw: bytes) -> SiteText:
    """The content of a site file; ConfigError names every mistake, one a line."""
    try:
        text = raw.decode("utf-8")
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError("is not UTF-8 text. Nothing was read.", path, line) from None
    except tomllib.TOMLDecodeError as error:
        said, place = str(error), re.search(r" \(at line (\d+), column (\d+)\)", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        said = said[: place.start()] if place else said.replace(" (at end of document)", "")
        raise ConfigError(f"is not TOML: {said}. Nothing was read.", path, line) from None
    except RecursionError:
        raise ConfigError("is nested too deeply. Nothing was read.", path, 1) from None
    reader = _Reader(document, TomlLines(text))
    site = reader.site()
    if reader.mistakes:
        told = sorted(reader.mistakes, key=lambda mistake: mistake[0])
        lines = [
            f"{message}" if n == 0 else f"{path}:{line}: {message}" for n, (line, message) in enumerate(told)
        ]
        raise ConfigError(".\n".join(lines) + ". Nothing was read.", path, told[0][0])
    return site


class _Reader:
    """One pass over a parsed document, collecting mistakes instead of stopping at the first."""

    def __init__(self, document: dict[str, Any], lines: TomlLines) -> None:
        self.mistakes: list[tuple[int, str]] = []
        self._document = document
        self._lines = lines
        self._zone_names: list[str] = []
        self._owners: dict[object, str] = {}

    def site(self) -> SiteText:
        for key in self._document:
            if key not in ("site", "zone"):
                line = self._lines.table(key) or self._lines.key("", 0, key)
                self._wrong(line, f'unknown section "{key}"{_hint(key, ("site", "zone"))}')
        head, zones = self._document.get("site", {}), self._document.get("zone", [])
        if not isinstance(head, dict):
            self._wrong(self._lines.key("", 0, "site"), "site must be a table: write [site]")
            head = {}
        if not isinstance(zones, list) or not all(isinstance(zone, dict) for zone in zones):
            self._wrong(
                self._lines.table("zone") or self._lines.key("", 0, "zone"), "write each zone as [[zone]]"
            )
            zones = []
        self._unknown(head, _SITE_FIELDS, "site", 0, "[site]")
        name = self._text(head, "name", "site", 0, "[site]")
        inside = None
        if "inside" in head:
            inside = self._networks(head, "inside", "site", 0, "[site]", owner=False)
        self._zone_names = [zone["name"] for zone in zones if isinstance(zone.get("name"), str)]
        return SiteText(name, inside, tuple(self._zone(zone, ordinal) for ordinal, zone in enumerate(zones)))

    def _zone(self, table: dict[str, Any], n: int) -> Zone:
        name = table.get("name")
        label = f'zone "{name}"' if isinstance(name, str) and name else f"zone number {n + 1}"
        self._unknown(table, _ZONE_FIELDS, "zone", n, label)
        name = self._text(table, "name", "zone", n, label)
        if not name and table.get("name", "") == "":
            self._wrong(self._lines.table("zone", n), f"{label}: has no name")
        elif name and self._owners.setdefault(("zone", name), str(n)) != str(n):
            self._wrong(self._lines.key("zone", n, "name"), f"{label}: another zone has this name")
        elif name == OUTSIDE:
            self._wrong(
                self._lines.key("zone", n, "name"), f'{label}: "{OUTSIDE}" stands for everything outside'
            )
        role = self._text(table, "role", "zone", n, label) or "other"
        if role not in ZONE_ROLES:
            known = ", ".join(ZONE_ROLES)
            hint = _hint(role, ZONE_ROLES) or f" (one of {known})"
            self._wrong(self._lines.key("zone", n, "role"), f'{label}: unknown role "{role}"{hint}')
        networks = self._networks(table, "networks", "zone", n, label, owner=True)
        vlans = self._vlans(table, n, label)
        if not table.get("networks") and not table.get("vlans"):
            self._wrong(self._lines.table("zone", n), f"{label}: has neither networks nor vlans")
        monitored = table.get("monitored", role in WATCHED_ROLES)
        if not isinstance(monitored, bool):
            self._wrong(self._lines.key("zone", n, "monitored"), f"{label}: monitored must be true or false")
        reach = self._reach(table, n, label) if "reach" in table else None
        line = self._lines.key("zone", n, "reach") if reach is not None else self._lines.table("zone", n)
        return Zone(name, role, networks, vlans, bool(monitored), reach, line or 0)

    def _networks(
        self, table: dict[str, Any], key: str, section: str, n: int, label: str, *, owner: bool
    ) -> tuple[Network, ...]:
        found = []
        for text in self._list(table, key, section, n, label):
            line = self._lines.item(section, n, key, text)
            network = _network(text)
            if isinstance(network, str):
                self._wrong(line, f'{label}: network "{text}": {network}')
                continue
            if owner and self._owners.setdefault(network, label) != label:
                self._wrong(line, f'{label}: network "{text}": {self._owners[network]} has it already')
                continue
            found.append(network)
        return tuple(found)

    def _vlans(self, table: dict[str, Any], n: int, label: str) -> tuple[int, ...]:
        found = []
        for vlan in self._list(table, "vlans", "zone", n, label):
            line = self._lines.item("zone", n, "vlans", vlan)
            if isinstance(vlan, bool) or not isinstance(vlan, int) or not 0 <= vlan <= 4094:
                self._wrong(line, f"{label}: vlan {vlan!r}: must be a number 0–4094")
            elif self._owners.setdefault(vlan, label) != label:
                self._wrong(line, f"{label}: vlan {vlan}: {self._owners[vlan]} has it already")
            else:
                found.append(vlan)
        return tuple(found)

    def _reach(self, table: dict[str, Any], n: int, label: str) -> tuple[Reach, ...]:
        entries = []
        for entry in self._list(table, "reach", "zone", n, label):
            fields = {"to": entry} if isinstance(entry, str) else entry
            to = fields.get("to") if isinstance(fields, dict) else None
            if not isinstance(fields, dict) or not isinstance(to, str) or not to:
                line = self._lines.key("zone", n, "reach")
                self._wrong(
                    line, f'{label}: reach: write a name, a network or {{ to = "...", proto = "tcp" }}'
                )
                continue
            line = self._lines.item("zone", n, "reach", to)
            where = f'{label}: reach "{to}"'
            for key in fields:
                if key not in _REACH_FIELDS:
                    self._wrong(line, f'{where}: unknown field "{key}"{_hint(key, _REACH_FIELDS)}')
            proto = self._proto(fields, line, where)
            ports = self._ports(fields, proto, line, where)
            target = self._target(to)
            if isinstance(target, str):
                self._wrong(line, f"{where}: {target}")
            else:
                entries.append(Reach(to, target[0], target[1], proto, ports))
        return tuple(entries)

    def _target(self, to: str) -> tuple[str, Network | None] | str:
        """Kind and network of a reach target, or what is wrong with it."""
        if to in self._zone_names:
            return "zone", None
        if to == OUTSIDE:
            return OUTSIDE, None
        if "/" in to or _NUMBERED.fullmatch(to.lower()):
            network = _network(to)
            return network if isinstance(network, str) else ("network", network)
        if _DOMAIN.fullmatch(to.lower().rstrip(".")):
            return "domain", None
        return f"no zone has this name, and it is neither a network nor a domain{_hint(to, self._zone_names)}"

    def _proto(self, fields: dict[str, Any], line: int | None, where: str) -> int | None:
        proto = fields.get("proto")
        if proto is None:
            return None
        if isinstance(proto, int) and not isinstance(proto, bool) and 0 <= proto <= 255:
            return proto
        if isinstance(proto, str) and proto in PROTOCOL_NAMES:
            return PROTOCOL_NAMES[proto]
        known = ", ".join(PROTOCOL_NAMES)
        self._wrong(line, f'{where}: proto "{proto}": must be one of {known}, or a number 0–255')
        return None

    def _ports(
        self, fields: dict[str, Any], proto: int | None, line: int | None, where: str
    ) -> tuple[tuple[int, int], ...]:
        ports = fields.get("ports", [])
        if ports and proto is not None and proto not in WITH_PORTS:
            self._wrong(line, f"{where}: this protocol has no ports")
        found = []
        for port in ports if isinstance(ports, list) else [ports]:
            match = (
                re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", str(port)) if not isinstance(port, bool) else None
            )
            low = int(match[1]) if match else -1
            high = int(match[2] or match[1]) if match else -1
            if not 0 <= low <= high <= 65535:
                self._wrong(
                    line, f'{where}: port "{port}": must be a number 0–65535 or a range such as "8000-8010"'
                )
            else:
                found.append((low, high))
        return tuple(found)

    def _list(self, table: dict[str, Any], key: str, section: str, n: int, label: str) -> list[Any]:
        value = table.get(key, [])
        if not isinstance(value, list):
            self._wrong(self._lines.key(section, n, key), f"{label}: {key} must be a list")
            return []
        return value

    def _text(self, table: dict[str, Any], key: str, section: str, n: int, label: str) -> str:
        value = table.get(key, "")
        if not isinstance(value, str) or not value.isprintable():
            self._wrong(self._lines.key(section, n, key), f"{label}: {key} must be a text")
            return ""
        return value

    def _unknown(
        self, table: dict[str, Any], known: tuple[str, ...], section: str, n: int, label: str
    ) -> None:
        for key in table:
            if key not in known:
                line = self._lines.key(section, n, key)
                self._wrong(line, f'{label}: unknown field "{key}"{_hint(key, known)}')

    def _wrong(self, line: int | None, message: str) -> None:
        self.mistakes.append((line or 1, message))


def _network(text: Any) -> Network | str:
    """A network, or what is wrong with the text."""
    if not isinstance(text, str):
        return 'must be a text such as "10.20.0.0/24"'
    address, slash, prefix = text.partition("/")
    try:
        base = ipaddress.ip_address(address)
    except ValueError:
        return f'"{address}" is not an address'
    longest = base.max_prefixlen
    if slash and (not re.fullmatch(r"\d{1,3}", prefix) or int(prefix) > longest):
        return f"prefix length must be 0–{longest}"
    network = ipaddress.ip_network((base, int(prefix) if slash else longest), strict=False)
    if network.network_address != base:
        return f'has bits set beyond its prefix length (did you mean "{network}"?)'
    return network


def _hint(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f' (did you mean "{close[0]}"?)' if close else ""
