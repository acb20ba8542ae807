# SPDX-License-Identifier: Apache-2.0
"""The grammar of makers, MAC prefixes and fingerprints: which fields exist and the values they make.

Owns their field names (rules/README.md). Like ``schema`` it never stops at the first mistake: it notes
them all and returns what it could read.
"""

from __future__ import annotations

import re

from egresswatch.records import ROLES
from egresswatch.rules.makers import (
    FINGERPRINT_KINDS,
    PORT_KINDS,
    RELEVANCES,
    REMARK_TOPICS,
    VENDOR_KINDS,
    Condition,
    Fingerprint,
    FingerprintRule,
    Listing,
    Oui,
    OuiGroup,
    Reading,
    Relation,
    Remark,
    Vendor,
)
from egresswatch.rules.nodes import Fields, Node, Notes
from egresswatch.rules.prints import WAYS

CONFIDENCES = ("low", "medium", "high")
VENDOR_FIELDS = (
    "id", "name", "kind", "jurisdiction", "parent", "aliases", "lists", "made_by", "uses", "remarks",
    "references",
)  # fmt: skip
OUI_FIELDS = ("vendor", "registrant", "relevance", "prefixes", "references")
FINGERPRINT_FIELDS = (
    "id", "kind", "match", "with", "model", "model_from", "model_until", "firmware", "firmware_from",
    "firmware_until", "vendor", "role", "confidence", "text", "references", "examples",
)  # fmt: skip
EXAMPLE_FIELDS = ("match", "no_match", "model", "firmware")
MAX_CONDITIONS = 8
SLUG = r"[a-z0-9][a-z0-9_-]*"
_A_VENDOR = "a vendor id"
_PORT = re.compile(r"(tcp|udp)/[1-9][0-9]{0,4}")


def read_vendor(node: Node, path: str, notes: Notes) -> Vendor:
    """One item of ``vendors:``."""
    fields = Fields(node, path, notes, _subject(node), VENDOR_FIELDS)
    return Vendor(
        id=fields.text("id", pattern=SLUG, form=_A_VENDOR),
        name=fields.text("name"),
        jurisdiction=fields.text(
            "jurisdiction", required=False, pattern="[A-Z]{2}", form="two capital letters"
        ),
        parent=fields.text("parent", required=False, pattern=SLUG, form=_A_VENDOR),
        aliases=fields.texts("aliases", required=False),
        lists=fields.each("lists", lambda item: _listing(fields, item)),
        references=fields.texts("references"),
        kind=fields.choice("kind", VENDOR_KINDS, required=False) or VENDOR_KINDS[0],
        made_by=fields.each("made_by", lambda item: _relation(fields, item)),
        uses=fields.each("uses", lambda item: _relation(fields, item)),
        remarks=fields.each("remarks", lambda item: _remark(fields, item)),
        path=path,
        line=node.line,
    )


def _subject(node: Node) -> str:
    table = node.value if isinstance(node.value, dict) else {}
    value = table["id"].value if "id" in table else ""
    return value if isinstance(value, str) else ""


def _listing(vendor: Fields, node: Node) -> Listing | None:
    fields = _below(vendor, node, ("name", "reference"))
    return Listing(fields.text("name"), fields.text("reference"))


def _relation(vendor: Fields, node: Node) -> Relation | None:
    fields = _below(vendor, node, ("vendor", "confidence", "lines", "references"))
    return Relation(
        vendor=fields.text("vendor", pattern=SLUG, form=_A_VENDOR),
        confidence=fields.choice("confidence", CONFIDENCES),
        references=fields.texts("references"),
        lines=fields.text("lines", required=False),
    )


def _remark(vendor: Fields, node: Node) -> Remark | None:
    fields = _below(vendor, node, ("topic", "text", "confidence", "references"))
    return Remark(
        topic=fields.choice("topic", REMARK_TOPICS),
        text=fields.text("text"),
        confidence=fields.choice("confidence", CONFIDENCES),
        references=fields.texts("references"),
    )


def _below(above: Fields, node: Node, known: tuple[str, ...]) -> Fields:
    return Fields(node, above.path, above.notes, above.subject, known)


def read_ouis(node: Node, path: str, notes: Notes) -> OuiGroup:
    """One item of ``ouis:``: ``prefixes`` is a text of 6, 7 or 9 hex digits each (24, 28, 36 bits)."""
    fields = Fields(node, path, notes, "", OUI_FIELDS)
    vendor = fields.text("vendor", pattern=SLUG, form=_A_VENDOR)
    fields.subject = vendor
    prefixes = []
    for word in fields.text("prefixes").split():
        if len(word) not in (6, 7, 9) or not re.fullmatch("[0-9A-F]+", word):
            line = fields.table["prefixes"].line
            fields.error(line, f'"prefixes": "{word}" is not 6, 7 or 9 capital hex digits')
            break
        prefixes.append((4 * len(word), int(word, 16)))
    return OuiGroup(
        oui=Oui(vendor, fields.text("registrant"), fields.choice("relevance", RELEVANCES)),
        prefixes=tuple(prefixes),
        references=fields.texts("references"),
        path=path,
        line=node.line,
    )


def read_fingerprint(node: Node, path: str, notes: Notes) -> FingerprintRule:
    """One item of ``fingerprints:``."""
    fields = Fields(node, path, notes, _subject(node), FINGERPRINT_FIELDS)
    first = _condition(fields)
    others = fields.each("with", lambda item: _condition(_below(fields, item, ("kind", "match"))))
    if len(others) >= MAX_CONDITIONS:
        fields.error(fields.line, f'"with" has more than {MAX_CONDITIONS - 1} conditions')
    examples = _below(fields, fields.node("examples", required=True) or Node({}, node.line), EXAMPLE_FIELDS)
    return FingerprintRule(
        fingerprint=Fingerprint(
            id=fields.text("id", pattern=r"FP-[A-Z0-9]{2,4}-\d{4}", form="FP-FAM-0001"),
            kind=first.kind,
            vendor=fields.text("vendor", required=False, pattern=SLUG, form=_A_VENDOR),
            role=fields.choice("role", ROLES),
            model="",
            confidence=fields.choice("confidence", CONFIDENCES),
            text=fields.text("text"),
            parts=1 + len(others),
        ),
        conditions=(first, *others),
        model=_reading(fields, "model", first),
        firmware=_reading(fields, "firmware", first),
        references=fields.texts("references"),
        match_examples=examples.texts("match"),
        no_match_examples=examples.texts("no_match", required=first.ways[0][0] != "any"),
        model_example=examples.text("model", required=False),
        firmware_example=examples.text("firmware", required=False),
        path=path,
        line=node.line,
    )


def _condition(fields: Fields) -> Condition:
    """``kind`` and ``match`` of a fingerprint or of an item of its ``with``."""
    found = Condition(fields.choice("kind", FINGERPRINT_KINDS), _ways(fields))
    plain = all(way == "equals" and all(map(_PORT.fullmatch, texts)) for way, texts in found.ways)
    if found.kind in PORT_KINDS and not plain:
        fields.error(fields.line, f'"{found.kind}" needs "equals" with ports such as tcp/8000')
    return found


def _ways(rule: Fields) -> tuple[tuple[str, tuple[str, ...]], ...]:
    node = rule.node("match", required=True)
    if node is None:
        return (("any", ()),)
    fields = _below(rule, node, WAYS)
    found: list[tuple[str, tuple[str, ...]]] = []
    for way in WAYS:
        if way not in fields.table:
            continue
        if way == "any":
            if not fields.flag(way):
                fields.error(fields.line, '"any" can only be true')
            found.append((way, ()))
        else:
            found.append((way, tuple(text.lower() for text in _texts(fields, way))))
    if fields.sound and not found:
        fields.error(fields.line, f'"match" needs one or more of {", ".join(WAYS)}')
    if "any" in fields.table and len(found) > 1:
        fields.error(fields.line, '"any" stands alone')
    return tuple(found) or (("any", ()),)


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    """One text or a list of them."""
    node = fields.table[name]
    return fields.texts(name) if isinstance(node.value, list) else (fields.as_text(node, name),)


def _mark(rule: Fields, name: str) -> str:
    """A text that separates: a blank alone is one, too."""
    node = rule.node(name, required=False)
    return " " if node is not None and node.value == " " else rule.text(name, required=False)


def _reading(rule: Fields, name: str, first: Condition) -> Reading | None:
    take = rule.choice(name, ("rest", "whole"), required=False)
    after = _texts(rule, f"{name}_from") if f"{name}_from" in rule.table else ()
    until = _mark(rule, f"{name}_until")
    if take == "rest" and not {"prefix", "suffix"} & {way for way, _ in first.ways}:
        rule.error(rule.line, f'"{name}: rest" needs a match by prefix or suffix')
    if not take and (after or until):
        rule.error(rule.line, f'"{name}_from" and "{name}_until" need "{name}: rest" or "{name}: whole"')
    return Reading(take, tuple(text.lower() for text in after), until) if take else None
