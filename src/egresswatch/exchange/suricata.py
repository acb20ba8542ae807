# SPDX-License-Identifier: Apache-2.0
"""A rule pack as Suricata rules (Suricata 6 and later).

Owns headers, names, networks and the frame of a rule; payload conditions are ``suricata_payload``.
A name becomes one rule for each place it is spoken in the clear: DNS, TLS, HTTP. The sid is made from
the rule id and the claim, so it stays the same however the pack grows, and outside the ranges that
others have been given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from egresswatch.exchange import suricata_payload as payloads
from egresswatch.exchange.claims import (
    WEAK_PORT,
    Exported,
    Indicator,
    Note,
    Refused,
    active,
    deprecated,
    indicators,
    told,
)
from egresswatch.exchange.plain import label_pattern, number, wildcard, words
from egresswatch.rules.compile import digest
from egresswatch.rules.model import Pack, Rule
from egresswatch.rules.shape import Seen

FIRST_SID, SIDS = 1_000_000_000, 1_000_000_000
PRIORITY = {"critical": 1, "high": 1, "medium": 2, "low": 3, "informational": 4}
# place: protocol, direction, sticky buffer, does the buffer keep capitals
PLACES = (
    ("dns", "alert dns $HOME_NET any -> any any", "dns.query", True),
    ("tls", "alert tls $HOME_NET any -> any any", "tls.sni", True),
    ("http", "alert http $HOME_NET any -> any any", "http.host", False),
)
NETS = "alert ip $HOME_NET any <> {net} any"
ONCE = "threshold:type limit, track by_src, seconds 3600, count 1"
"""Rules on packets would else alert on each packet of a stream."""
# kind of sighting: header, buffer, does it keep capitals
SEEN = {
    "http_path": ("alert http any any -> any any", "http.uri", True),
    "http_user_agent": ("alert http any any -> any any", "http.user_agent", True),
    "http_host": ("alert http any any -> any any", "http.host", False),
    "http_server": ("alert http any any -> any any", "http.server", True),
    "tls_sni": ("alert tls any any -> any any", "tls.sni", True),
    "dns_query": ("alert dns any any -> any any", "dns.query", True),
}
HEAD = """# egresswatch rule pack {version} as Suricata rules: {count} rules. Made by a program: do not edit.
# Digest of the pack: {digest}.
# A name is looked for in DNS, TLS and HTTP; rules on addresses and payloads alert once an hour and host.
"""


def export(pack: Pack) -> Exported:
    """The whole pack as one rules file."""
    notes = list(deprecated(pack))
    used: set[int] = set()
    blocks = []
    count = 0
    for rule in active(pack):
        lines = []
        for indicator in indicators(rule):
            try:
                for place, header, options in _signatures(indicator):
                    sid = _sid(used, rule.id, place, indicator.value or "; ".join(options))
                    lines.append(_line(rule, header, options, sid))
            except Refused as refused:
                notes.append(Note(rule.id, told(indicator), str(refused)))
            else:
                why = payloads.widened(indicator.payload) if indicator.payload else ""
                if why:
                    notes.append(Note(rule.id, told(indicator), why, taken=True))
        if lines:
            blocks.append("\n".join([*_comments(rule), *lines]))
            count += len(lines)
    head = HEAD.format(version=words(pack.version), count=count, digest=digest(pack))
    return Exported({"": "\n".join([head, *(block + "\n" for block in blocks)])}, count, tuple(notes))


def _signatures(indicator: Indicator) -> Iterator[tuple[str, str, list[str]]]:
    """(what tells its sid from the others', header, options) of every rule one indicator needs."""
    if indicator.kind in ("domain", "full_domain"):
        for place, header, buffer, capitals in PLACES:
            yield place, header, [buffer, *_name(indicator, "nocase" if capitals else "")]
    elif indicator.kind == "net":
        yield "ip", NETS.format(net=indicator.value), [ONCE]
    elif indicator.payload is not None:
        for variant, (header, options) in enumerate(payloads.signatures(indicator.payload)):
            yield f"payload {variant}", header, [*options, ONCE]
    elif indicator.seen is not None:
        yield from _seen(indicator.seen)
    else:
        raise Refused(WEAK_PORT)


def _name(indicator: Indicator, nocase: str) -> list[str]:
    """Options that hold for this name in a buffer: with all below it, exactly, or with a ``*``."""
    value = indicator.value
    if indicator.kind == "domain":
        return [option for option in ("dotprefix", content("." + value), nocase, "endswith") if option]
    if "*" not in value:
        return [option for option in (content(value), nocase, f"bsize:{len(value)}") if option]
    before, after = wildcard(value)
    parts = [content(after), nocase, "endswith"]
    if before:
        parts += [content(before), nocase, "startswith"]
    return [*(part for part in parts if part), f'pcre:"/{label_pattern(value)}/i"']


def _seen(seen: Seen) -> Iterator[tuple[str, str, list[str]]]:
    if seen.kind not in SEEN:
        raise Refused("Suricata 6 has no buffer for what was seen")
    header, buffer, capitals = SEEN[seen.kind]
    nocase = ["nocase"] if capitals else []
    if not seen.way:
        raise Refused("any value of a kind would match everything of that protocol")
    ways = {"prefix": "startswith", "suffix": "endswith"}
    for position, value in enumerate(seen.values):
        options = [buffer, content(value), *nocase]
        if seen.way == "equals" and seen.kind == "http_path":
            # the buffer holds the query as well: the path ends where that begins
            quoted = "".join(f"\\x{byte:02x}" for byte in value.encode())
            options += ["startswith", f'pcre:"/^{quoted}(?:\\?|$)/i"']
        elif seen.way == "equals":
            options.append(f"bsize:{len(value.encode())}")
        elif seen.way == "suffix" and seen.kind == "http_path":
            raise Refused("the end of a path is not the end of Suricata's URI")
        elif seen.way in ways:
            options.append(ways[seen.way])
        yield f"seen {position}", header, options


def content(value: str | bytes) -> str:
    """A ``content`` option: what is not a letter, digit, dot or dash is written in hex."""
    data = value.encode() if isinstance(value, str) else value
    plain = re.sub(
        rb"[^A-Za-z0-9._/-]+", lambda found: b"|" + found[0].hex(" ").upper().encode() + b"|", data
    )
    return f'content:"{plain.decode("ascii")}"'


def _line(rule: Rule, header: str, options: list[str], sid: int) -> str:
    message = words(f"{rule.id} {rule.title}").replace("(", "[").replace(")", "]")
    urls = [found for reference in rule.references if (found := _url(reference))]
    meta = [
        f"ew_rule {rule.id}", f"confidence {rule.confidence}", f"status {rule.status}",
        f"platform {rule.platform}", f"class {rule.dest_class}", f"severity {rule.severity}",
        f"created_at {rule.first_published.replace('-', '_')}",
        f"ew_reference {_value(rule.references[0])}",
    ]  # fmt: skip
    parts = [
        f'msg:"{message.replace(":", " ")}"', *options, *(f"reference:url,{url}" for url in urls[:4]),
        "classtype:policy-violation", f"priority:{PRIORITY[rule.severity]}", f"sid:{sid}", f"rev:{rule.rev}",
        f"metadata:{', '.join(meta)}",
    ]  # fmt: skip
    return f"{header} ({'; '.join(parts)};)"


def _comments(rule: Rule) -> Iterator[str]:
    """What a person wants to know about the rules below; never text that reads as a rule."""
    lines = [rule.title, *(f"source {reference}" for reference in rule.references),
             *(f"false positive {line}" for line in rule.false_positives)]  # fmt: skip
    for line in lines:
        yield "# -- " + words(line, 200).replace("(", "[").replace(")", "]")


def _value(text: str) -> str:
    """A value inside ``metadata``: no comma, semicolon, quote."""
    return re.sub(r"[^A-Za-z0-9._:/@+=# -]", "", words(text)).strip() or "none"


def _url(reference: str) -> str:
    """The address without its scheme, as ``reference:url`` wants it."""
    found = re.match(r"https?://([A-Za-z0-9._~:/?#@!$&*+=%-]+)", reference)
    return found[1] if found else ""


def _sid(used: set[int], rule_id: str, place: str, claim: str) -> int:
    sid = FIRST_SID + number(rule_id, place, claim) % SIDS
    while sid in used:
        sid = FIRST_SID + (sid + 1 - FIRST_SID) % SIDS
    used.add(sid)
    return sid
