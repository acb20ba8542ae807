# SPDX-License-Identifier: Apache-2.0
"""What ``rules show`` says: a rule, a maker or a fingerprint in full, with the source of each claim.

Owns the words only. Lines are made to be read aloud: what it looks for, how sure it is and why, who
else does the same, what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from egresswatch.detect.families import DetectorRule
from egresswatch.rules import MatchTables, Rule
from egresswatch.rules.makers import FingerprintRule, Reading, Relation, Vendor, brands_of, chain
from egresswatch.rules.model import PROTOS
from egresswatch.rules.shape import SENDERS, Bytes, Payload, Seen, Step

PROTO_NAMES = {number: name for name, number in PROTOS.items()}
SENDER_NAMES = {number: name for name, number in SENDERS.items()}
WAYS = {"equals": "is", "prefix": "begins with", "suffix": "ends with", "contains": "contains",
        "all": "contains all of", "words": "has only the words", "any": "is anything"}  # fmt: skip
STEPS = {"xor": "xor with {}", "invert": "all bits turned", "nibbles": "halves of each byte swapped",
         "autokey": "xor with the byte before, beginning with {}", "rotl32": "words rotated left by {}",
         "permute": "bytes of a block in the order {}"}  # fmt: skip


def behaviour(rule: DetectorRule) -> Iterator[str]:
    """A rule that no pack holds: it looks at what a host does, not at whose the destination is."""
    yield f"{rule.id} rev {rule.rev}: {rule.title}"
    yield f"  {rule.status}, severity {rule.severity}, confidence {rule.confidence}"
    yield "  about behaviour: part of the program, not of a rule file"
    yield from _listed("known false positives", rule.false_positives)


def rule(item: Rule, tables: MatchTables) -> Iterator[str]:
    """A rule of the pack."""
    maker = tables.vendor(item.vendor)
    yield f"{item.id} rev {item.rev}: {item.title}"
    yield f"  {item.status}, severity {item.severity}, confidence {item.confidence}"
    yield f"  first published {item.first_published}"
    name = item.vendor if maker is None else _company(maker)
    yield f"  maker {name}, platform {item.platform}, class {item.dest_class}, purpose {item.purpose}"
    others = ", also by other devices than cameras" if item.shared else ""
    yield f"  spoken to by: {item.side}{others}; defined at {item.path}:{item.line}"
    yield "  looks for:"
    yield from (f"    {line}" for line in looks_for(item))
    yield from _listed("known false positives", item.false_positives)
    yield from _listed("what to do", (item.remediation,) if item.remediation else ())
    yield from _listed("sources", item.references)


def looks_for(item: Rule) -> Iterator[str]:
    """One line for each way the rule can match."""
    yield from (f"name {name} and everything below" for name in item.match.domains)
    yield from (f"name {name}" for name in item.match.full_domains)
    yield from (f"address in {net}" for net in item.match.nets)
    for span in item.match.ports:
        last = "" if span.last == span.first else f"-{span.last}"
        yield f"port {PROTO_NAMES[span.proto]}/{span.first}{last} (weak alone)"
    yield from (_payload(part, item.protocol) for part in item.match.payload)
    yield from (_seen(part) for part in item.match.seen)


def _payload(part: Payload, protocol: str) -> str:
    """One way a payload can look, in one sentence."""
    said = [f"{PROTO_NAMES[part.proto]} payload of protocol {protocol}"]
    if part.ports:
        said.append("port " + " or ".join(map(str, part.ports)))
    if part.sender:
        said.append(f"sent by the {SENDER_NAMES[part.sender]}")
    if any(part.packets):
        said.append("payload {}-{} of its side".format(*part.packets))
    said += [f"as sent {_bytes(piece)}" for piece in part.wire]
    if part.decode:
        said.append("decoded (" + ", then ".join(map(_step, part.decode)) + ")")
    said += [_bytes(piece) for piece in part.bytes]
    said += [f"{one.form} at {one.at} from {one.low} to {one.high}" for one in part.numbers]
    if part.length is not None:
        said.append(f"length = {part.length.form} at {part.length.at} + {part.length.add}")
    if part.min_len or part.max_len:
        said.append(f"{part.min_len} to {part.max_len or 'any number of'} bytes")
    if part.repeat > 1:
        said.append(f"in {part.repeat} packets of the flow")
    return said[0] + ": " + ", ".join(said[1:])


def _bytes(piece: Bytes) -> str:
    values = " or ".join(value.hex() for value in (piece.value, *piece.others))
    masked = "" if set(piece.mask) <= {0xFF} else f" under mask {piece.mask.hex()}"
    return f"{values} at {piece.at}{masked}"


def _step(step: Step) -> str:
    key = bytes(step.key).hex() if step.kind in ("xor", "autokey") else " ".join(map(str, step.key))
    return STEPS[step.kind].format(key) + (f" from byte {step.start}" if step.start else "")


def _seen(part: Seen) -> str:
    return f"sighting {part.kind} " + (_compared(part.way, part.values) if part.way else "of any value")


def _compared(way: str, values: Iterable[str]) -> str:
    texts = " or ".join(f'"{value}"' for value in values)
    return f"that {WAYS[way]} {texts}".rstrip()


def maker(item: Vendor, tables: MatchTables) -> Iterator[str]:
    """A company: who owns it, who makes what it sells, which lists name it, what the pack knows."""
    yield f"{item.id}: {item.name}"
    place = f", jurisdiction {item.jurisdiction}" if item.jurisdiction else ", jurisdiction not known"
    yield f"  {item.kind}{place}; defined at {item.path}:{item.line}"
    if item.aliases:
        yield f"  also called: {', '.join(item.aliases)}"
    owners = chain(tables.vendors, item.id)[1:]
    if owners:
        yield "  belongs to: " + ", then ".join(_company(owner) for owner in owners)
    yield from _listed("made by, in whole or in part", _related(item.made_by, tables))
    yield from _listed("uses chips, protocols or a platform of", _related(item.uses, tables))
    yield from _listed("makes, in whole or in part, what these sell", _of_others(item, tables, "made_by"))
    yield from _listed("its chips, protocols or platform are used by", _of_others(item, tables, "uses"))
    yield from _listed("named by", (f"{one.name} [{one.reference}]" for one in item.lists))
    for remark in item.remarks:
        yield f"  {remark.topic} ({remark.confidence}): {remark.text}"
        yield from (f"    - {source}" for source in remark.references)
    rules = [one for one in tables.rules.values() if one.vendor == item.id]
    yield from _listed("rules", (f"{one.id} {one.title}" for one in rules))
    prints = [one for one in fingerprints(tables) if one.fingerprint.vendor == item.id]
    yield from _listed("fingerprints", (f"{one.fingerprint.id} {one.fingerprint.text}" for one in prints))
    prefixes = sum(oui.vendor == item.id for _, table in tables.ouis for oui in table.values())
    yield f"  MAC prefixes: {prefixes}"
    yield from _listed("sources", item.references)


def _related(relations: Iterable[Relation], tables: MatchTables) -> Iterator[str]:
    """The other end of each relation, how sure it is, for which part, and its sources."""
    for one in relations:
        other = tables.vendor(one.vendor)
        name = one.vendor if other is None else _company(other)
        yield f"{name} ({_strength(one)}) [{'; '.join(one.references)}]"


def _of_others(item: Vendor, tables: MatchTables, kind: str) -> Iterator[str]:
    """Companies that name ``item`` in a relation of this kind; its sources stand with them."""
    for other, one in brands_of(tables.vendors, item.id, kind):
        yield f"{_company(other)} ({_strength(one)})"


def _strength(one: Relation) -> str:
    return one.confidence + (f", {one.lines}" if one.lines else "")


def _company(item: Vendor) -> str:
    return item.name + (f" ({item.jurisdiction})" if item.jurisdiction else "")


def fingerprints(tables: MatchTables) -> list[FingerprintRule]:
    """Every fingerprint of the pack once, by id."""
    parts = [part for parts in tables.fingerprint_parts.values() for part in parts if part.number == 0]
    return sorted((part.rule for part in parts), key=lambda item: item.fingerprint.id)


def fingerprint(item: FingerprintRule, tables: MatchTables) -> Iterator[str]:
    """What a value on the wire says about its host."""
    told = item.fingerprint
    company = tables.vendor(told.vendor)
    yield f"{told.id}: {told.text}"
    yield f"  confidence {told.confidence}, role {told.role}; defined at {item.path}:{item.line}"
    yield f"  maker {'any' if company is None else _company(company)}"
    yield "  looks for:" if len(item.conditions) == 1 else "  looks for all of these on one host:"
    yield from (f"    {line}" for line in conditions(item))
    for name, reading in (("model", item.model), ("firmware", item.firmware)):
        if reading is not None:
            yield f"  {name}: {_reading(reading)}"
    yield from _listed("sources", item.references)


def conditions(item: FingerprintRule) -> Iterator[str]:
    """One line for each condition."""
    for condition in item.conditions:
        ways = " and ".join(_compared(way, texts) for way, texts in condition.ways)
        yield f"{condition.kind} {ways}"


def _reading(reading: Reading) -> str:
    after = f' after "{" or ".join(reading.after)}"' if reading.after else ""
    until = f' up to "{reading.until}"' if reading.until else ""
    return ("the value" if reading.take == "whole" else "what is left of the value") + after + until


def _listed(title: str, lines: Iterable[str]) -> Iterator[str]:
    lines = list(lines)
    if lines:
        yield f"  {title}:"
        yield from (f"    - {line}" for line in lines)
