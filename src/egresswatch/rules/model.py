# SPDX-License-Identifier: Apache-2.0
"""What a rule pack says, as immutable values: its rules, and all of it together (``Pack``).

Owns the vocabulary of rules (which severities, purposes exist) and nothing else: makers and
fingerprints are ``makers``, reading is ``loader`` and ``schema``, matching is ``tables``. Every value
carries the file and line it came from, so that each message about it can say where to look.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from egresswatch.errors import RuleError
from egresswatch.rules.makers import FingerprintRule, OuiGroup, Vendor
from egresswatch.rules.shape import SENDERS, Payload, Seen

STATUSES = ("experimental", "stable", "deprecated")
"""``deprecated`` rules are kept so that their id is never reused; they match nothing."""
CONFIDENCES = ("low", "medium", "high")
RULE_CLASSES = ("vendor_cloud", "p2p", "infrastructure", "other")
SIDES = ("device", "client", "both")
"""Who is known to talk to it: the camera or recorder, an app or browser, or either."""
PURPOSES = (
    "cloud-api", "bootstrap", "signalling", "relay", "p2p-rendezvous", "p2p-media", "stun",
    "telemetry", "push", "upload", "storage", "firmware", "ddns", "ntp", "portal", "generic-cloud", "other",
)  # fmt: skip
PROTOS = {"tcp": 6, "udp": 17}
DETECTOR_FAMILIES = ("INB", "NAT", "POL", "UNK")
"""Id families of the detectors' own findings; a rule file cannot use them."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Some ports of one transport: ``udp/8800`` or ``tcp/8000-8004``."""

    proto: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Match:
    """What a rule looks for; one hit anywhere is a match."""

    domains: tuple[str, ...] = ()
    """Names, with everything below them."""
    full_domains: tuple[str, ...] = ()
    """Exact names; the first label may hold one ``*``."""
    nets: tuple[str, ...] = ()
    ports: tuple[Ports, ...] = ()
    """A port alone: weak, only a hint."""
    payload: tuple[Payload, ...] = ()
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """One observation: a name, an address, a port, a sighting, or a payload (with its port)."""

    kind: str
    name: str = ""
    proto: int = 0
    port: int = 0
    payload: bytes = b""
    length: int = 0
    sender: int = SENDERS["originator"]
    packet: int = 1
    times: int = 0
    """How many such packets the flow has; 0 = as many as the rule asks for."""
    seen: str = ""
    """Kind of a sighting; its value is ``name``."""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """One claim about a destination or a protocol, with its sources and its own examples."""

    id: str
    rev: int
    title: str
    status: str
    severity: str
    confidence: str
    vendor: str
    platform: str
    dest_class: str
    purpose: str
    side: str
    match: Match
    references: tuple[str, ...]
    false_positives: tuple[str, ...]
    first_published: str
    match_examples: tuple[Example, ...]
    no_match_examples: tuple[Example, ...]
    remediation: str = ""
    shared: bool = False
    """Other devices than cameras and recorders use it too: contact alone makes no host a camera."""
    protocol: str = ""
    """Name of the protocol that ``match.payload`` or ``match.seen`` recognises (value of a p2p sighting)."""
    path: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    @property
    def family(self) -> str:
        return self.id.split("-")[1]


@dataclass(frozen=True, slots=True)
class Pack:
    """Everything read from one or more rule folders, before it is compiled."""

    version: str
    rules: tuple[Rule, ...]
    vendors: tuple[Vendor, ...]
    ouis: tuple[OuiGroup, ...]
    fingerprints: tuple[FingerprintRule, ...]


@dataclass(frozen=True, slots=True)
class Issue:
    """Something lint found: ``error`` must be fixed, ``warning`` deserves a look."""

    severity: str
    subject: str
    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.severity}: {self.subject}: {self.message}"


class RulePackError(RuleError):
    """Several mistakes of one run, told at once: one ``path:line: message`` a line."""

    def __init__(self, errors: tuple[RuleError, ...]):
        first = errors[0]
        super().__init__(first.message, first.path, first.line)
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)
