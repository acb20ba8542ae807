# SPDX-License-Identifier: Apache-2.0
"""A rule file is its own test: runs every rule's and every fingerprint's examples on the tables.

An example of ``match`` must find its rule through the same look-up the pipeline uses; one of
``no_match`` must not. Payload examples are tried against the compiled rows and against the plain
reading of the grammar; both must agree.
"""

from __future__ import annotations

from collections.abc import Iterator

from egresswatch.patterns import RECOGNISER_BASE
from egresswatch.records import Array
from egresswatch.rules import payload as payloads
from egresswatch.rules import prints, recogniser
from egresswatch.rules.model import Example, Issue, Rule
from egresswatch.rules.shape import SENDERS
from egresswatch.rules.tables import MatchTables

EPHEMERAL = 49152
"""Source port of a payload example, which names the service's port only."""


def run_examples(tables: MatchTables) -> list[Issue]:
    """One error for each example that does not do what it says, in order of rule id."""
    issues = []
    for rule in tables.rules.values():
        if rule.status == "deprecated":
            continue
        for wanted, examples in ((True, rule.match_examples), (False, rule.no_match_examples)):
            for example in examples:
                problem = _problem(tables, rule, example, wanted=wanted)
                if problem:
                    issues.append(Issue("error", rule.id, rule.path, example.line, problem))
    for part in _firsts(tables):
        issues += _fingerprint_problems(part)
    return sorted(issues, key=lambda issue: (issue.subject, issue.line, issue.message))


def count(tables: MatchTables) -> int:
    """How many examples there are to run."""
    rules = sum(len(rule.match_examples) + len(rule.no_match_examples) for rule in tables.rules.values())
    return rules + sum(
        len(part.rule.match_examples) + len(part.rule.no_match_examples) for part in _firsts(tables)
    )


def _problem(tables: MatchTables, rule: Rule, example: Example, *, wanted: bool) -> str:
    found = found_by(tables, example)
    if example.kind == "payload":
        if _plain(rule, example) != (rule in found):
            return f"example {shown(example)}: the compiled rows and the plain reading disagree"
    if (rule in found) == wanted:
        return ""
    if not wanted:
        return f"example {shown(example)} should not match"
    others = ", ".join(other.id for other in found) or "nothing"
    return f"example {shown(example)} should match (found: {others})"


def found_by(tables: MatchTables, example: Example) -> tuple[Rule, ...]:
    """The rules that the tables find for one observation."""
    if example.kind == "name":
        return tables.domain(example.name)
    if example.kind == "address":
        return tables.address(example.name)
    if example.kind == "port":
        return tables.port(example.proto, example.port)
    if example.kind == "seen":
        return tuple(tables.recogniser(index) for index in tables.seen(example.seen, example.name))
    hits = matching(
        tables.patterns, example.proto, *_ports(example), example.payload, example.length,
        example.sender, example.packet,
    )  # fmt: skip
    rules = (tables.recogniser(parser - RECOGNISER_BASE) for parser in hits)
    return tuple(rule for rule in rules if not recogniser.judged(rule) or _plain(rule, example))


def _plain(rule: Rule, example: Example) -> bool:
    """Does the payload of the example, sent so many times, look as the rule says?"""
    return any(
        (not example.times or example.times >= item.repeat)
        and payloads.holds(
            item, example.proto, *_ports(example), example.payload, example.length,
            example.sender, example.packet,
        )
        for item in rule.match.payload
    )  # fmt: skip


def _ports(example: Example) -> tuple[int, int]:
    """Source and destination: the port of an example is the responder's."""
    ports = (EPHEMERAL, example.port)
    return ports if example.sender == SENDERS["originator"] else ports[::-1]


def matching(
    patterns: Array, proto: int, sport: int, dport: int, data: bytes, length: int,
    sender: int = 0, packet: int = 0,
) -> tuple[int, ...]:  # fmt: skip
    """Parsers whose PATTERN rows this payload fits, each once, in order: slow and obvious."""
    found: dict[int, None] = {}
    for row in patterns:
        if _fits(row, proto, sport, dport, data, length) and (
            row["sender"] in (0, sender) and (not row["last"] or row["first"] <= packet <= row["last"])
        ):
            found[int(row["parser"])] = None
    return tuple(found)


def _fits(row: Array, proto: int, sport: int, dport: int, data: bytes, length: int) -> bool:
    if row["proto"] != proto or (row["port"] and row["port"] not in (sport, dport)):
        return False
    if length < row["min_len"] or (row["max_len"] and length > row["max_len"]):
        return False
    for k in "12":
        at, size = int(row["off" + k]), int(row["n" + k])
        seen = data[at : at + size]
        if len(seen) < size:
            return False
        word = int.from_bytes(seen.ljust(payloads.WORD, b"\0"), "big")
        if word & int(row["mask" + k]) != int(row["value" + k]):
            return False
    if not row["rel"]:
        return True
    size, order = next((s, o) for form, s, o in payloads.FORMS.values() if form == row["rel"])
    raw = data[int(row["rel_off"]) : int(row["rel_off"]) + size]
    return len(raw) == size and int.from_bytes(raw, order) + int(row["rel_add"]) == length


def shown(example: Example) -> str:
    """The example as a person would write it."""
    if example.kind in ("name", "address"):
        return f'"{example.name}"'
    if example.kind == "seen":
        return f'{example.seen} "{example.name}"'
    proto = "tcp" if example.proto == 6 else "udp"
    port = f"{proto}/{example.port}"
    return port if example.kind == "port" else f"{example.payload.hex(' ', 1)} on {port}"


def _firsts(tables: MatchTables) -> Iterator[prints.Part]:
    """Every fingerprint once, by its first condition: the one that examples speak of."""
    return (part for parts in tables.fingerprint_parts.values() for part in parts if part.number == 0)


def _fingerprint_problems(part: prints.Part) -> Iterator[Issue]:
    rule = part.rule
    for wanted, examples in ((True, rule.match_examples), (False, rule.no_match_examples)):
        for number, text in enumerate(examples):
            found = prints.recognise(part, text, text.lower())
            problem = ""
            if (found is not None) != wanted:
                problem = f'should {"" if wanted else "not "}match'
            elif found is not None and number == 0 and wanted:
                if found.model != rule.model_example or found.firmware != rule.firmware_example:
                    problem = f'gives model "{found.model}" and firmware "{found.firmware}"'
            if problem:
                yield Issue("error", rule.fingerprint.id, rule.path, rule.line, f'example "{text}" {problem}')
