# SPDX-License-Identifier: Apache-2.0
"""Sigma rules -> indicators: simple lists of names, networks and texts, any of which is enough.

Owns which fields mean a name or an address. What joins conditions by "and", negates, counts or uses
a wildcard is more than one claim says: such a rule is left out and told. YAML is read as strictly as
our own rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from egresswatch.exchange.claims import Found, Indicator, Reading, Refused, joined
from egresswatch.exchange.plain import from_label_pattern, name, network, own_class, own_id, words
from egresswatch.exchange.sigma import SEEN, WAYS
from egresswatch.records import SEVERITIES
from egresswatch.rules.loader import read_document
from egresswatch.rules.model import CONFIDENCES
from egresswatch.rules.nodes import Node, Notes
from egresswatch.rules.shape import Seen

MAX_DOCUMENTS = 20_000
MAX_DOCUMENT = 256 << 10
"""Characters of one rule: real ones have a few thousand."""
NAMES = frozenset((
    "query", "queryname", "record", "dns.question.name", "cs-host", "c-uri-host", "r-dns", "host",
    "destinationhostname", "dsthostname", "dst_host", "tls.server_name", "server_name",
))  # fmt: skip
ADDRESSES = frozenset((
    "dst_ip", "destinationip", "dst", "destination.ip", "dest_ip", "c-ip-dst", "record_ip", "remote_ip",
))  # fmt: skip
TEXTS = {field: kind for kind, (_, field) in SEEN.items() if field not in NAMES}
WAY = {suffix.removeprefix("|"): way for way, suffix in WAYS.items()}
_ANY = re.compile(r"(?:1 of (?:them|\w+\*?)|\w+(?:\s+or\s+\w+)*)", re.IGNORECASE | re.ASCII)


def read(text: str, label: str = "sigma") -> Reading:
    """Every document of a text; the parts of one of our own rules become one again."""
    reading = Reading()
    together: dict[str, Found] = {}
    for number, (line, document) in enumerate(_documents(text)):
        subject = f"{label}:{line}"
        if number >= MAX_DOCUMENTS:
            reading.left(subject, "this rule and all after it", f"more than {MAX_DOCUMENTS} rules")
            break
        if len(document) > MAX_DOCUMENT:
            reading.left(subject, "a document", f"is longer than {MAX_DOCUMENT} characters")
            continue
        notes = Notes()
        node = read_document(document, label, notes)
        if node is None or notes.errors or not isinstance(node.value, dict):
            why = notes.errors[0].message if notes.errors else "is not a mapping"
            reading.left(subject, "a document", f"is not strict YAML: {words(why)}")
            continue
        table = node.value
        title = words(_text(table, "title") or "no title", 60)
        subject = words(_text(table, "id"), 60) or subject
        if "correlation" in table or "detection" not in table:
            reading.left(subject, title, "has no detection of its own")
            continue
        try:
            indicators = _indicators(table, reading, subject)
        except Refused as refused:
            reading.left(subject, title, str(refused))
            continue
        found = _found(table, indicators, subject, title, line)
        before = together.get(found.key)
        together[found.key] = found if before is None else _with(before, found)
    reading.found = list(together.values())
    return reading


def _documents(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each YAML document; ``---`` alone on a line parts them."""
    held: list[str] = []
    first = 1
    for number, line in enumerate(text.splitlines(), 1):
        if re.fullmatch(r"---\s*", line):
            if "".join(held).strip():
                yield first, "\n".join(held)
            first, held = number + 1, []
        else:
            held.append(line)
    if "".join(held).strip():
        yield first, "\n".join(held)


def _text(table: dict[str, Node], key: str) -> str:
    node = table.get(key)
    return node.value if node is not None and isinstance(node.value, str) else ""


def _indicators(table: dict[str, Node], reading: Reading, subject: str) -> tuple[Indicator, ...]:
    detection = table["detection"].value
    if not isinstance(detection, dict):
        raise Refused("its detection is not a mapping")
    condition = _text(detection, "condition").strip()
    if not condition or not _ANY.fullmatch(condition):
        raise Refused(f'condition "{words(condition, 60)}" is more than "one of these"')
    chosen = _chosen(condition, [key for key in detection if key not in ("condition", "timeframe")])
    if "timeframe" in detection or not chosen:
        raise Refused("it counts over time" if chosen else "its condition names no selection")
    found: dict[Indicator, None] = {}
    for key in chosen:
        for indicator in _selection(detection[key]):
            found[indicator] = None
    return tuple(joined(list(found), reading, subject))


def _chosen(condition: str, keys: list[str]) -> list[str]:
    lowered = condition.lower()
    if lowered == "1 of them":
        return [key for key in keys if not key.startswith("_")]
    if lowered.startswith("1 of "):
        wanted = condition[5:]
        start = wanted.removesuffix("*")
        return [key for key in keys if key == wanted or (start != wanted and key.startswith(start))]
    wanted_all = re.split(r"\s+or\s+", condition, flags=re.IGNORECASE)
    if any(word not in keys for word in wanted_all):
        raise Refused("its condition names a selection that is not there")
    return wanted_all


def _selection(node: Node) -> Iterator[Indicator]:
    """A mapping with one field, or a list of such mappings: fields of one mapping are joined by "and"."""
    if isinstance(node.value, list):
        for item in node.value:
            if not isinstance(item.value, dict):
                raise Refused("a keyword without a field")
            yield from _selection(item)
        return
    if not isinstance(node.value, dict) or len(node.value) != 1:
        raise Refused("several fields that must hold together")
    ((field, values),) = node.value.items()
    items = values.value if isinstance(values.value, list) else [values]
    for item in items:
        if not isinstance(item.value, str):
            raise Refused(f'field "{words(field, 40)}" with a value that is no text')
        yield _claim(field, item.value)


def _claim(field: str, value: str) -> Indicator:
    plain, *modifiers = field.split("|")
    lowered = plain.lower()
    if lowered in ADDRESSES and modifiers in ([], ["cidr"]):
        return Indicator("net", network(value))
    if lowered in NAMES:
        return _name(modifiers, value)
    if plain in TEXTS and len(modifiers) <= 1 and "".join(modifiers) in WAY:
        way = WAY["".join(modifiers)]
        return Indicator("seen", seen=Seen(TEXTS[plain], way, (_unescaped(value).lower(),)))
    raise Refused(f'field "{words(field, 40)}" is not one we read')


def _name(modifiers: list[str], value: str) -> Indicator:
    if modifiers == ["re"]:
        return Indicator("full_domain", from_label_pattern(value))
    if modifiers == ["endswith"] or (not modifiers and value.startswith("*.")):
        text = value.removeprefix("*")
        if not text.startswith("."):
            raise Refused("names that end so, with no dot before")
        return Indicator("below", name(text[1:]))
    if modifiers:
        raise Refused(f'a name compared by "{words("|".join(modifiers), 40)}"')
    return Indicator("full_domain", name(value, whole=True))


def _unescaped(value: str) -> str:
    if re.search(r"(?<!\\)(?:\\\\)*[*?]", value):
        raise Refused("a wildcard inside a text")
    return re.sub(r"\\([\\*?])", r"\1", value)


def _found(
    table: dict[str, Node], indicators: tuple[Indicator, ...], subject: str, title: str, line: int
) -> Found:
    own = table.get("egresswatch")
    extra = own.value if own is not None and isinstance(own.value, dict) else {}
    rule, confidence = own_id(_text(extra, "rule")), _text(extra, "confidence")
    level, date = _text(table, "level"), _text(table, "date").replace("/", "-")
    references = table.get("references")
    items = references.value if references is not None and isinstance(references.value, list) else []
    texts = [item.value for item in items if isinstance(item.value, str) and item.value.strip()]
    return Found(
        key=rule or subject,
        title=re.sub(r" \((?:dns|proxy|firewall)\)$", "", title) if rule else title,
        indicators=indicators,
        severity=level if level in SEVERITIES else "medium",
        confidence=confidence if confidence in CONFIDENCES else "low",
        references=tuple(words(text, 200) for text in texts),
        published=date,
        dest_class=own_class(_text(extra, "class")) if rule else "",
        line=line,
    )


def _with(one: Found, other: Found) -> Found:
    return replace(one, indicators=tuple(dict.fromkeys((*one.indicators, *other.indicators))))
