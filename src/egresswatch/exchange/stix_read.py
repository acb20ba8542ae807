# SPDX-License-Identifier: Apache-2.0
"""STIX 2.1 bundles -> indicators: domain names, addresses and network traffic.

Owns what a pattern means to us. The tree comes from the ``stix2`` library; comparisons joined by OR
are taken one by one, with a note for each that is not ours. AND, FOLLOWEDBY, NOT and qualifiers say
more than one claim can, so what stands inside is left out; the one AND that is taken is network
traffic with nothing but a destination address, or nothing but a protocol and a port.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from egresswatch.errors import EgresswatchError
from egresswatch.exchange.claims import Found, Indicator, Reading, Refused, joined
from egresswatch.exchange.plain import from_label_pattern, name, network, own_class, own_id, words
from egresswatch.exchange.stix import NEEDS, SOURCE
from egresswatch.records import SEVERITIES
from egresswatch.rules.model import PROTOS

MAX_OBJECTS = 100_000
MAX_PATTERN = 32_768
MAX_DEPTH = 64
ADDRESSES = ("ipv4-addr:value", "ipv6-addr:value")
NAME = "domain-name:value"
TO_TYPE, TO, PORT = (f"network-traffic:{part}" for part in ("dst_ref.type", "dst_ref.value", "dst_port"))
PROTOCOL = "network-traffic:protocols[*]"
LAYERS = ("ipv4", "ipv6", "ethernet")
CLAUSES = {"EqualityComparisonExpression", "LikeComparisonExpression", "MatchesComparisonExpression",
           "IsSubsetComparisonExpression", "InComparisonExpression"}  # fmt: skip


def read(text: str) -> Reading:
    """Every indicator of a bundle, a list or a single object."""
    try:
        from stix2.pattern_visitor import create_pattern_object
    except ImportError:
        raise EgresswatchError(NEEDS) from None
    reading = Reading()
    for number, item in enumerate(_objects(text)):
        if number >= MAX_OBJECTS:
            reading.left(f"object {number + 1}", "this object and all after it", f"more than {MAX_OBJECTS}")
            break
        kind = item.get("type") if isinstance(item, dict) else None
        if kind != "indicator":
            if kind not in ("identity", "marking-definition", "extension-definition"):
                reading.left(f"object {number + 1}", words(str(kind), 40), "only indicators are read")
            continue
        subject = words(str(item.get("id", f"object {number + 1}")), 80)
        title = words(str(item.get("name") or subject), 60)
        try:
            pattern = _pattern(item)
            try:
                tree = create_pattern_object(pattern, version="2.1")
            except Exception:  # noqa: BLE001 - the parser raises kinds of its own and the library's
                raise Refused("its pattern cannot be read") from None
            found = tuple(dict.fromkeys(_walk(tree, reading, subject, 0)))
        except Refused as refused:
            reading.left(subject, title, str(refused))
            continue
        if found:
            reading.found.append(_found(item, tuple(joined(list(found), reading, subject)), subject, title))
    return reading


def _objects(text: str) -> list[Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EgresswatchError(f"not JSON: {error}") from None
    if isinstance(document, dict) and isinstance(document.get("objects"), list):
        document = document["objects"]
    return document if isinstance(document, list) else [document]


def _pattern(item: dict[str, Any]) -> str:
    pattern = item.get("pattern")
    if item.get("revoked") is True:
        raise Refused("it is revoked")
    if item.get("pattern_type", "stix") != "stix" or not isinstance(pattern, str):
        raise Refused(f'pattern type "{words(str(item.get("pattern_type")), 20)}" is not STIX')
    if len(pattern) > MAX_PATTERN or pattern.count("(") > MAX_DEPTH:
        raise Refused("its pattern is too long or too deep")
    return pattern


def _walk(tree: Any, reading: Reading, subject: str, depth: int) -> Iterator[Indicator]:
    """The claims of a tree, joined by OR all the way down."""
    kind = type(tree).__name__
    if depth > MAX_DEPTH:
        raise Refused("its pattern is too deep")
    try:
        if kind == "ObservationExpression":
            yield from _walk(tree.operand, reading, subject, depth + 1)
        elif kind == "ParentheticalExpression":
            yield from _walk(tree.expression, reading, subject, depth + 1)
        elif kind in ("OrObservationExpression", "OrBooleanExpression"):
            for part in tree.operands:
                yield from _walk(part, reading, subject, depth + 1)
        elif kind == "AndBooleanExpression":
            yield from _traffic(tree)
        elif kind in CLAUSES:
            yield from _comparison(tree)
        else:
            raise Refused(f"{words(kind.removesuffix('Expression'), 40)} is more than one claim says")
    except Refused as refused:
        reading.left(subject, words(str(tree), 80), str(refused))


def _comparison(tree: Any) -> Iterator[Indicator]:
    """One comparison; IN is several."""
    if tree.negated:
        raise Refused("what must not be seen")
    path, way = str(tree.lhs), tree.operator
    if path not in (NAME, *ADDRESSES, TO, PORT):
        raise Refused(f"{words(path, 60)} is not read")
    if path == PORT:
        raise Refused("a port without its protocol")
    for value in _values(tree.rhs):
        if path != NAME:
            if way not in ("=", "IN", "ISSUBSET"):
                raise Refused(f"an address compared by {words(way, 20)}")
            yield Indicator("net", network(value))
        else:
            yield _name(way, value)


def _name(way: str, value: str) -> Indicator:
    if way in ("=", "IN"):
        return Indicator("full_domain", name(value, whole=True))
    if way == "LIKE" and value.startswith("%.") and "%" not in value[1:] and "_" not in value:
        return Indicator("below", name(value[2:]))
    if way == "MATCHES":
        below = re.fullmatch(r"\^\.\+\\\.([a-z0-9_\\.-]+)\$", value)
        if below:
            return Indicator("below", name(below[1].replace("\\.", ".")))
        return Indicator("full_domain", from_label_pattern(value))
    raise Refused(f"a name compared by {words(way, 20)} with wildcards elsewhere")


def _traffic(tree: Any) -> Iterator[Indicator]:
    """Network traffic whose parts are one claim of ours: a destination, or protocol and port."""
    given: dict[str, list[str]] = {}
    for part in tree.operands:
        if type(part).__name__ != "EqualityComparisonExpression" or part.negated or part.operator != "=":
            raise Refused("conditions that must hold together")
        given.setdefault(str(part.lhs), []).append(_values(part.rhs)[0])
    kinds = set(given)
    protocols = [word.lower() for word in given.get(PROTOCOL, []) if word.lower() not in LAYERS]
    if TO in kinds and kinds <= {TO, TO_TYPE, PROTOCOL} and not protocols and len(given[TO]) == 1:
        if given.get(TO_TYPE, ["ipv4-addr"])[0] == NAME.partition(":")[0]:
            yield Indicator("full_domain", name(given[TO][0]))
        else:
            yield Indicator("net", network(given[TO][0]))
        return
    port = given.get(PORT, [""])[0]
    if kinds == {PORT, PROTOCOL} and len(protocols) == 1 and protocols[0] in PROTOS and port.isdigit():
        if not 0 < int(port[:6]) < 65536:
            raise Refused("is not a port")
        yield Indicator("port", f"{protocols[0]}/{int(port)}")
        return
    raise Refused("conditions that must hold together")


def _values(constant: Any) -> list[str]:
    inner = getattr(constant, "value", constant)
    items = inner if isinstance(inner, (list, tuple)) else [constant]
    return [re.sub(r"\\(.)", r"\1", str(getattr(item, "value", item))) for item in items]


def _found(item: dict[str, Any], found: tuple[Indicator, ...], subject: str, title: str) -> Found:
    references = [each for each in _list(item, "external_references") if isinstance(each, dict)]
    ids = [str(each.get("external_id")) for each in references if each.get("source_name") == SOURCE]
    labels = dict(str(label).partition(":")[::2] for label in _list(item, "labels"))
    level, sure = labels.get("severity", ""), item.get("confidence")
    grade = sure if isinstance(sure, int) and not isinstance(sure, bool) else 0
    texts = [words(str(each.get("url") or each.get("description") or ""), 200) for each in references]
    return Found(
        key=own_id(ids[0] if ids else "") or subject,
        title=title,
        indicators=found,
        severity=level if level in SEVERITIES else "medium",
        confidence="high" if grade >= 70 else "medium" if grade >= 30 else "low",
        references=tuple(text for text in texts if text),
        dest_class=own_class(labels.get("class", "")) if ids else "",
        published=str(item.get("valid_from", ""))[:10],
    )


def _list(item: dict[str, Any], key: str) -> list[Any]:
    value = item.get(key)
    return value if isinstance(value, list) else []
