# SPDX-License-Identifier: Apache-2.0
"""The compiled rule pack: what the pipeline asks, per name, address, port, payload, MAC and text.

Immutable once built; swapped as a whole. Owns the look-ups and their order (most specific first);
never reads a file (``loader``) and never judges (``detect``). Names are compared in lower case.
"""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from egresswatch.records import Array
from egresswatch.rules import prints
from egresswatch.rules.makers import Fingerprint, Oui, Vendor
from egresswatch.rules.model import Rule

Rules = tuple[Rule, ...]
_COMPARE: Mapping[str, Callable[[str, str], bool]] = {
    "prefix": str.startswith,
    "suffix": str.endswith,
    "contains": operator.contains,
}
LOCAL_BIT = 1 << 41  # second least significant bit of the first octet (IEEE 802-2014 §8.2)
GROUP_BIT = 1 << 40


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A full domain whose first label holds ``*``: the label's two ends."""

    prefix: str
    suffix: str
    rules: Rules


@dataclass(frozen=True, slots=True)
class Sightings:
    """Of one kind of sighting: recognisers that any value satisfies, that want this value, or a part."""

    any_value: tuple[int, ...]
    equals: Mapping[str, tuple[int, ...]]
    others: tuple[tuple[str, str, int], ...]
    """(way, text in lower case, recogniser)"""


@dataclass(frozen=True, slots=True)
class MatchTables:
    """Look-ups over one rule pack. Build with ``compile.compile_pack`` or ``load_tables``."""

    version: str
    digest: str
    """sha256 of the pack's content: the same facts give the same digest, whatever the layout."""
    rules: Mapping[str, Rule]
    patterns: Array
    """PATTERN rows; ``parser`` is RECOGNISER_BASE + index (see ``recogniser``)."""
    full_names: Mapping[str, Rules]
    wildcards: Mapping[str, tuple[Wildcard, ...]]
    suffixes: Mapping[str, Rules]
    nets: Mapping[int, tuple[tuple[int, Mapping[int, Rules]], ...]]
    """IP version -> (prefix length, {network number: rules}), longest first."""
    ports: Mapping[tuple[int, int], Rules]
    recognisers: Rules
    """Active rules with a payload or a sighting, by rule id."""
    sightings: Mapping[str, Sightings]
    vendors: Mapping[str, Vendor]
    ouis: tuple[tuple[int, Mapping[int, Oui]], ...]
    """(48 - bits, {prefix: Oui}), longest prefix first."""
    fingerprint_parts: Mapping[str, tuple[prints.Part, ...]]
    fingerprint_gates: Mapping[str, prints.Gate]

    def domain(self, name: str) -> Rules:
        """Rules that claim this name, most specific first."""
        name = name.lower().rstrip(".")
        found: Rules = self.full_names.get(name, ())
        dot = name.find(".")
        if dot > 0:
            for wildcard in self.wildcards.get(name[dot + 1 :], ()):
                label = name[:dot]
                if (
                    len(label) > len(wildcard.prefix) + len(wildcard.suffix)
                    and label.startswith(wildcard.prefix)
                    and label.endswith(wildcard.suffix)
                ):
                    found += wildcard.rules
        suffixes = self.suffixes
        rest = name
        while rest:
            hit = suffixes.get(rest)
            if hit is not None:
                found += hit
            dot = rest.find(".")
            if dot < 0:
                break
            rest = rest[dot + 1 :]
        return found if len(found) < 2 else tuple(dict.fromkeys(found))

    def address(self, addr: str) -> Rules:
        """Rules that name this address or a network around it, smallest network first."""
        if not self.nets:
            return ()
        try:
            ip = ipaddress.ip_address(addr)
        except ValueError:
            return ()
        number, width = int(ip), ip.max_prefixlen
        found: Rules = ()
        for length, table in self.nets.get(ip.version, ()):
            found += table.get(number >> (width - length), ())
        return found

    def port(self, proto: int, port: int) -> Rules:
        """Rules that know this port of this transport: weak, a hint beside other evidence."""
        return self.ports.get((proto, port), ())

    def recogniser(self, index: int) -> Rule:
        """The rule whose payload pattern carries ``RECOGNISER_BASE + index``."""
        return self.recognisers[index]

    def seen(self, kind: str, value: str) -> tuple[int, ...]:
        """Recognisers (see ``recogniser``) that this sighting satisfies, by number."""
        wanted = self.sightings.get(kind)
        if wanted is None:
            return ()
        lowered = value.lower()
        found = wanted.any_value + wanted.equals.get(lowered, ())
        for way, text, index in wanted.others:
            if _COMPARE[way](lowered, text):
                found += (index,)
        return found if len(found) < 2 else tuple(sorted(set(found)))

    def oui(self, mac: int) -> Oui | None:
        """Who registered this MAC; None when nobody known or a locally administered or group address."""
        if mac & (LOCAL_BIT | GROUP_BIT):
            return None
        for shift, table in self.ouis:
            hit = table.get(mac >> shift)
            if hit is not None:
                return hit
        return None

    def vendor(self, vendor_id: str) -> Vendor | None:
        """The maker with this id."""
        return self.vendors.get(vendor_id)

    def fingerprints(self, kind: str, value: str) -> tuple[Fingerprint, ...]:
        """What this value, seen as this kind of sighting, says about its host; surest first."""
        gate = self.fingerprint_gates.get(kind)
        if gate is None or not gate.lets_through(value.lower()):
            return ()
        return prints.found(self.fingerprint_parts[kind], value)
