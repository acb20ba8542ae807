# SPDX-License-Identifier: Apache-2.0
"""Fact files -> the questions of docs/facts.csv. Used by ``facts.py --intel`` only.

Makes a probe out of each fact: a name below a suffix, the bytes of a header, a text that a matcher
must know. A pattern of a source is never written down; only a short text that fits it is, one for
each of its alternatives. What has no form that a program can derive is in docs/facts.yaml by hand.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from re import _constants as codes
from re import _parser
from typing import Any

import yaml
from facts import ROOT, Fact

from egresswatch.rules import MatchTables

BY_HAND = ROOT / "docs" / "facts.yaml"
MAX_SAMPLES = 24
FINGERPRINT_KINDS = {
    "dhcp_option60": "dhcp_vendor_class", "favicon_md5": "http_favicon", "html_title": "http_title",
    "http_www_authenticate": "http_realm", "x509_subject": "tls_cert_subject", "rtsp_uri": "rtsp_request",
    "mdns_service": "mdns", "upnp_manufacturer": "ssdp", "ssdp_st": "ssdp", "ssdp_location": "ssdp",
}  # fmt: skip
"""The kind of a sighting under which the program shows what the source names otherwise."""


def facts_of(folder: Path, tables: MatchTables) -> list[Fact]:
    """Every question, in the order of the files; entries that are left out by hand are not asked."""
    hand = yaml.safe_load(BY_HAND.read_text(encoding="utf-8"))
    makers = _makers(tables, hand["makers"])
    found = [
        *_endpoints(_load(folder, "endpoints")["endpoints"], makers, hand["purposes"]),
        *_protocols(_load(folder, "p2p_protocols")["protocols"]),
        *_vendors(_load(folder, "vendors")["vendors"], makers),
        *_ouis(_load(folder, "ouis")["ouis"], makers),
        *_fingerprints(_load(folder, "device_fingerprints")["fingerprints"], makers),
    ]
    out = {(item["file"], item["entry"]) for item in hand["left_out"]}
    written = {(file, entry): told for file, table in hand["probes"].items() for entry, told in table.items()}
    unknown = sorted((out | written.keys()) - {(fact.file, fact.entry) for fact in found})
    if unknown:
        raise SystemExit(f"docs/facts.yaml names entries that do not exist: {unknown}")
    facts: dict[Fact, None] = {}
    for fact in found:
        lines = written.get((fact.file, fact.entry))
        if (fact.file, fact.entry) not in out:
            facts.update(dict.fromkeys([fact] if lines is None else [_asked(fact, line) for line in lines]))
    return list(facts)


def _load(folder: Path, name: str) -> Any:
    return yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))


def _plain(label: object) -> str:
    return re.sub(r"\W|_", "", str(label)).lower()


def _makers(tables: MatchTables, by_hand: Mapping[str, str]) -> dict[str, str]:
    """How a source writes a maker -> its id in the pack."""
    known = {"generic": "", **{_plain(label): maker for label, maker in by_hand.items()}}
    for vendor in tables.vendors.values():
        for label in (vendor.id, vendor.name, *vendor.aliases):
            known.setdefault(_plain(label), vendor.id)
    return known


def _endpoints(
    entries: list[dict[str, Any]], makers: Mapping[str, str], purposes: Mapping[str, str]
) -> Iterator[Fact]:
    for item in entries:
        ports = [port.split(" ")[0].split(",")[0] for port in map(str, item.get("ports") or [])]
        host = item["host"] or ",".join(ports)
        purpose = purposes.get(item["purpose"].split(" (")[0], "")
        asked = [("port", port) for port in ports if "/" in port] if item["match"] == "port-only" else []
        if item["match"] in ("exact", "suffix"):
            asked = [("name", host), *([("name", f"x.{host}")] if item["match"] == "suffix" else [])]
        elif item["match"] == "regex":
            asked = [("name", sample) for sample in samples(host)]
        elif item["match"] in ("ip", "cidr"):
            asked = [("address", host.partition("/")[0])]
        elif item["match"] == "http-path":
            asked = [("seen", f"http_path {host}api")]
        want = makers.get(_plain(item["vendor"]), item["vendor"])
        side = item["side"] if item["side"] in ("device", "client") and item["match"] != "regex" else ""
        shown = f"like {asked[0][1]}" if item["match"] == "regex" else host
        entry = f"{item['vendor']} {shown}"
        for ask, probe in asked:
            yield Fact("endpoints", entry, item["confidence"], ask, probe, want, purpose, side)


def _asked(fact: Fact, line: str) -> Fact:
    """One line of the probes written by hand: ``ask probe``, perhaps with the maker before a colon."""
    want, colon, question = line.partition(": ")
    if not colon or " " in want:
        want, question = "", line
    ask, _, probe = question.partition(" ")
    return fact._replace(ask=ask, probe=probe, want=want, purpose="", side="")


def _protocols(entries: list[dict[str, Any]]) -> Iterator[Fact]:
    """Forms of packets: their probes are written by hand, because a header is told in many ways."""
    for item in entries:
        yield Fact("p2p_protocols", item["id"], item["confidence"], "payload", "udp/1", "")


def _vendors(entries: list[dict[str, Any]], makers: Mapping[str, str]) -> Iterator[Fact]:
    for item in entries:
        maker = makers.get(_plain(item["id"]), item["id"])
        sure = item["confidence"]
        yield Fact("vendors", item["id"], sure, "maker", maker, maker)
        if item["jurisdiction"]:
            yield Fact("vendors", item["id"], sure, "jurisdiction", f"{maker} {item['jurisdiction']}", maker)
        if item.get("lists"):
            yield Fact("vendors", item["id"], sure, "lists", f"{maker} {len(item['lists'])}", maker)
        for relation in item.get("relations", []):
            entry = f"{item['id']}: {relation['type']} {_short(relation['of'])}"
            confidence = relation.get("confidence", sure)
            if relation["type"] == "parent":
                yield Fact("vendors", entry, confidence, "parent", f"{maker} {relation['of']}", maker)
            elif relation["type"] == "group brand":
                of = makers.get(_plain(relation["of"]), relation["of"])
                yield Fact("vendors", entry, confidence, "parent", f"{of} {maker}", of)
            elif relation["type"] == "OEM of":
                yield Fact("vendors", entry, confidence, "brand", maker, relation["of"])
            else:
                yield Fact("vendors", entry, confidence, "brand", relation["of"], maker)
        for relation in item.get("white_label", []):
            entry = f"{item['id']}: makes {_short(relation['brand'])}"
            yield Fact("vendors", entry, relation["confidence"], "brand", relation["brand"], maker)


def _short(text: str) -> str:
    """The names that a relation is about, without the remarks of the source."""
    return re.split(r"[(:;]| prefixes ", text)[0].strip()


def _ouis(entries: list[dict[str, Any]], makers: Mapping[str, str]) -> Iterator[Fact]:
    """The first and the last prefix of each width; ``missing_prefixes`` asks for all."""
    for item in entries:
        maker = makers.get(_plain(item["vendor"]), item["vendor"])
        for prefixes in item["prefixes"].values():
            for prefix in sorted({prefixes[0], prefixes[-1]}):
                yield Fact("ouis", item["vendor"], item["confidence"], "oui", str(prefix), maker)


def missing_prefixes(folder: Path, tables: MatchTables) -> list[str]:
    """Prefixes of the fact files that the pack does not know, of all of them."""
    return [
        f"{item['vendor']} {prefix}"
        for item in _load(folder, "ouis")["ouis"]
        for prefixes in item["prefixes"].values()
        for prefix in prefixes
        if tables.oui(int(str(prefix).ljust(12, "0"), 16)) is None
    ]


def _fingerprints(entries: list[dict[str, Any]], makers: Mapping[str, str]) -> Iterator[Fact]:
    for item in entries:
        pattern = str(item["pattern"])
        code = hashlib.sha256(f"{item['kind']} {item['match']} {pattern}".encode()).hexdigest()[:6]
        entry = f"{item['kind']} {item.get('vendor') or 'any'} {code}"
        want = makers.get(_plain(item.get("vendor")), "")
        kind = FINGERPRINT_KINDS.get(item["kind"], item["kind"])
        for sample in _texts(item["kind"], item["match"], pattern):
            ask, probe = ("oui", sample) if kind == "mac_prefix" else ("fingerprint", f"{kind} {sample}")
            yield Fact("device_fingerprints", entry, item["confidence"], ask, probe, want)


def _texts(kind: str, match: str, pattern: str) -> list[str]:
    """Texts that a fact is about, as the program would see them."""
    if match == "list":
        first, *_, last = pattern.split()
        return [first, last]
    if match == "glob":
        return [pattern.replace("*", "-1")]
    if match != "regex":
        return [pattern]
    found = samples(pattern)
    if kind == "http_www_authenticate":
        found = [re.search(r'realm="([^"]*)', text + '"')[1] for text in found]  # type: ignore[index]
    if kind == "http_path":  # the program shows a path without its query
        found = [text.partition("?")[0] for text in found]
    elif kind == "telnet_banner":  # ... and a banner in one line
        found = [" ".join(text.split()) for text in found]
    return list(dict.fromkeys(found))


def samples(pattern: str) -> list[str]:
    """Short texts that fit ``pattern``: each alternative once, the rest as short as it may be."""
    pattern = pattern.replace("x\\.x\\.x\\.x", "192\\.0\\.2\\.9")
    tree = _parser.parse(pattern)
    found = list(dict.fromkeys("".join(text) for text in _sequence(tree)))[:MAX_SAMPLES]
    for text in found:
        if not re.search(pattern, text):
            raise SystemExit(f"no sample fits a pattern: {text!r}")
    return found


def _sequence(tree: Any) -> Iterator[str]:
    """The first choice everywhere, then every other choice of one place at a time."""
    parts = [list(_part(code, value)) for code, value in tree]
    first = [part[0] for part in parts]
    yield "".join(first)
    for at, part in enumerate(parts):
        for other in part[1:]:
            yield "".join([*first[:at], other, *first[at + 1 :]])


def _part(code: Any, value: Any) -> Iterator[str]:
    if code == codes.LITERAL:
        yield chr(value)
    elif code == codes.NOT_LITERAL:
        yield "a" if value != ord("a") else "b"
    elif code == codes.ANY:
        yield "."
    elif code == codes.AT:
        yield ""
    elif code == codes.IN:
        yield _of_set(value)
    elif code == codes.BRANCH:
        for branch in value[1]:
            yield from _sequence(branch)
    elif code == codes.SUBPATTERN:
        yield from _sequence(value[3])
    elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
        low, _, inner = value
        texts = list(_sequence(inner))
        if low:
            yield from (text * low for text in texts)
        elif len(inner) > 1 or inner[0][0] == codes.SUBPATTERN:  # words that may be missing: both ways
            yield from ("", *texts)
        else:
            yield "." if inner[0][0] == codes.ANY else ""
    else:
        raise SystemExit(f"a pattern uses {code}")


def _of_set(items: Any) -> str:
    wanted = [(code, value) for code, value in items if code != codes.NEGATE]
    if len(wanted) < len(items):  # a negated set
        return "z"
    code, value = wanted[0]
    if code == codes.LITERAL:
        return chr(value)
    if code == codes.RANGE:
        return chr(value[0])
    return {codes.CATEGORY_DIGIT: "1", codes.CATEGORY_SPACE: " ", codes.CATEGORY_WORD: "a"}.get(value, "a")
