# SPDX-License-Identifier: Apache-2.0
"""What passes between a rule pack and a foreign format: single indicators, and notes on what did not.

An ``Indicator`` is one claim of a rule: a name, a network, a port, a payload or a thing seen. A rule
is a list of them of which one is enough, so each can be exported and imported by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from egresswatch.rules.model import PROTOS, Pack, Rule
from egresswatch.rules.shape import Payload, Seen

DEPRECATED = "deprecated: the id is kept, the rule matches nothing"
WEAK_PORT = "a port alone is a hint, not an indicator"
FULL, PART, NOT = "", "taken, but wider or narrower than written", "left out"
PROTO_NAMES = {number: name for name, number in PROTOS.items()}


class Refused(ValueError):  # noqa: N818 - an answer, not a fault
    """One thing cannot be said; the text is the reason that the user reads."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """One claim. ``kind`` is domain, full_domain, net, port, payload or seen."""

    kind: str
    value: str = ""
    payload: Payload | None = None
    seen: Seen | None = None
    protocol: str = ""
    """Name of the protocol that ``payload`` recognises."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something a format could not say (or not exactly), whose it is and why."""

    subject: str
    what: str
    why: str
    taken: bool = False
    """True: it was taken, but means a little more or less than before."""

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}: {self.why}"


@dataclass(frozen=True, slots=True)
class Exported:
    """Texts by file name (a single text has the name ``""``), how many items, and what is missing."""

    files: Mapping[str, str]
    count: int
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """One foreign rule: what it looks for, in our terms."""

    key: str
    """The rule it came from: our own id when the file says so, else the foreign one."""
    title: str
    indicators: tuple[Indicator, ...]
    severity: str = "medium"
    confidence: str = "low"
    references: tuple[str, ...] = ()
    published: str = ""
    dest_class: str = ""
    """What the destination is, when the file is one of our own exports and says so."""
    line: int = 0


@dataclass(slots=True)
class Reading:
    """What an import has found so far."""

    found: list[Found] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def left(self, subject: str, what: str, why: str, *, taken: bool = False) -> None:
        self.notes.append(Note(subject, what, why, taken))


def active(pack: Pack) -> Iterator[Rule]:
    """Rules that match something, by id: the order of every export."""
    return iter(sorted((rule for rule in pack.rules if rule.status != "deprecated"), key=lambda r: r.id))


def deprecated(pack: Pack) -> Iterator[Note]:
    """One note for each rule that is kept for its id only."""
    for rule in sorted(pack.rules, key=lambda r: r.id):
        if rule.status == "deprecated":
            yield Note(rule.id, rule.title, DEPRECATED)


def indicators(rule: Rule) -> Iterator[Indicator]:
    """Everything a rule claims, one by one, in the order of its fields."""
    match = rule.match
    yield from (Indicator("domain", name) for name in match.domains)
    yield from (Indicator("full_domain", name) for name in match.full_domains)
    yield from (Indicator("net", net) for net in match.nets)
    for span in match.ports:
        last = "" if span.last == span.first else f"-{span.last}"
        yield Indicator("port", f"{PROTO_NAMES[span.proto]}/{span.first}{last}")
    yield from (Indicator("payload", payload=item, protocol=rule.protocol) for item in match.payload)
    yield from (Indicator("seen", seen=item) for item in match.seen)


def told(indicator: Indicator) -> str:
    """The indicator in a few words, for notes and comments."""
    if indicator.payload is not None:
        return f"{PROTO_NAMES[indicator.payload.proto]} payload of {indicator.protocol or 'a protocol'}"
    if indicator.seen is not None:
        return f"{indicator.seen.kind} seen"
    return f"{indicator.kind.replace('_', ' ')} {indicator.value}"


def joined(found: list[Indicator], reading: Reading, subject: str) -> Iterator[Indicator]:
    """``x`` and everything below ``x`` (kind "below") together are our domain; the latter alone is taken
    as that, and told."""
    below = {item.value for item in found if item.kind == "below"}
    exact = {item.value for item in found if item.kind == "full_domain"}
    for item in found:
        if item.kind == "below":
            domain = Indicator("domain", item.value)
            if item.value not in exact:
                reading.left(subject, told(domain), "the name itself is taken as well", taken=True)
            yield domain
        elif item.kind != "full_domain" or item.value not in below:
            yield item


def summary(notes: Iterable[Note]) -> Iterator[str]:
    """Every note, one line for each reason: how often, why, and whose."""
    groups: dict[tuple[bool, str], list[str]] = {}
    for note in notes:
        groups.setdefault((note.taken, note.why), []).append(f"{note.subject} ({note.what})")
    for (taken, why), subjects in sorted(groups.items(), key=lambda item: item[0]):
        yield f"{PART if taken else NOT}: {len(subjects)}: {why}: {'; '.join(subjects)}"
