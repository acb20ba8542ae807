# SPDX-License-Identifier: Apache-2.0
"""Suricata rules -> indicators: those that our grammar can say, and a note for each that it cannot.

Owns what a header, a buffer and its modifiers mean. Every option of a rule must be understood or be
one that changes no match (``SILENT``); with one unknown the whole rule is left out, since what it
takes away is not known. Packet conditions are ``suricata_conditions``. Reads text, never a file.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from egresswatch.errors import EgresswatchError
from egresswatch.exchange import suricata_conditions as conditions
from egresswatch.exchange.claims import Found, Indicator, Reading, Refused, told
from egresswatch.exchange.plain import from_label_pattern, name, network, own_class, own_id, words
from egresswatch.rules.model import CONFIDENCES
from egresswatch.rules.shape import Seen

MAX_LINE = 16_384
MAX_RULES = 100_000
SILENT = frozenset((
    "msg", "sid", "rev", "gid", "metadata", "reference", "classtype", "priority", "target", "threshold",
    "fast_pattern", "nocase",
))  # fmt: skip
"""Options without a say in what matches. We compare names and texts in lower case, payloads exactly."""
BUFFERS = {
    "dns.query": "dns_query", "dns_query": "dns_query", "tls.sni": "tls_sni", "tls_sni": "tls_sni",
    "http.host": "http_host", "http_host": "http_host", "http.uri": "http_path", "http_uri": "http_path",
    "http.user_agent": "http_user_agent", "http_user_agent": "http_user_agent", "http.server": "http_server",
}  # fmt: skip
NAMES = ("dns_query", "tls_sni", "http_host")
SEVERITIES = {1: "high", 2: "medium", 3: "low", 4: "informational"}
FREE = ("any", "$HOME_NET", "$EXTERNAL_NET", "!$HOME_NET")
APPLICATIONS = ("dns", "tls", "http", "http1", "http2", "ssl")
_SIDE = r"(\[[^\]]*\]|\S+)"
_HEADER = re.compile(rf"(\S+)\s+{_SIDE}\s+{_SIDE}\s+(->|<>|=>)\s+{_SIDE}\s+{_SIDE}")


def read(text: str) -> Reading:
    """Everything in a rules file. Rules of one of our own ids become one again."""
    try:
        import suricataparser
    except ImportError:
        raise EgresswatchError(
            'reading Suricata rules needs suricataparser: pip install "egresswatch[exchange]"'
        ) from None
    reading = Reading()
    joined: dict[str, Found] = {}
    for line, raw in _lines(text, reading):
        if len(joined) >= MAX_RULES:
            reading.left(f"line {line}", "this rule and all after it", f"more than {MAX_RULES} rules")
            break
        try:
            rule = suricataparser.parse_rule(raw)
        except Exception:  # noqa: BLE001 - the library raises whatever its slicing meets
            rule = None
        if rule is None:
            reading.left(f"line {line}", words(raw, 40), "is not a Suricata rule")
            continue
        subject = f"sid {rule.sid}" if rule.sid else f"line {line}"
        title = words(str(rule.msg or subject), 60)
        try:
            indicators = _indicators(rule, reading, subject)
        except Refused as refused:
            reading.left(subject, title, str(refused))
            continue
        found = _found(rule, indicators, subject, line)
        before = joined.get(found.key)
        joined[found.key] = found if before is None else _with(before, found)
    reading.found = list(joined.values())
    return reading


def _lines(text: str, reading: Reading) -> list[tuple[int, str]]:
    """Rules with the line they begin on; a backslash at the end of a line continues it."""
    found: list[tuple[int, str]] = []
    held, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        piece = line.strip()
        first = first if held else number
        if piece.endswith("\\") and len(held) < MAX_LINE:
            held += piece[:-1]
            continue
        whole, held = held + piece, ""
        if whole.startswith("#"):
            if re.match(r"#\s*(?:alert|drop|pass|reject)\s", whole):
                reading.left(f"line {first}", words(whole, 40), "is commented out")
        elif len(whole) > MAX_LINE:
            reading.left(f"line {first}", words(whole, 40), f"is longer than {MAX_LINE} characters")
        elif whole:
            found.append((first, whole))
    if held:
        reading.left(f"line {first}", words(held, 40), "ends in the middle of a rule")
    return found


def _indicators(rule: Any, reading: Reading, subject: str) -> tuple[Indicator, ...]:
    """What one rule looks for; Refused says why it is not for us."""
    header = _HEADER.fullmatch(rule.header)
    if header is None or rule.action == "pass":
        raise Refused("a pass rule looks for nothing" if header else "its header is not understood")
    proto, source, _, _, target, _ = header.groups()
    options = [
        (option.name, None if option.value is None else str(option.value).strip())
        for option in rule.options
        if option.name not in SILENT
    ]
    buffered = [BUFFERS[option] for option, _ in options if option in BUFFERS]
    if proto in APPLICATIONS or buffered:
        if source not in FREE or target not in FREE:
            raise Refused("an address together with a name or text")
        return _application(options, buffered, reading, subject)
    if any(option in ("content", "byte_test", "byte_jump", "dsize") for option, _ in options):
        if source not in FREE or target not in FREE:
            raise Refused("an address together with a payload")
        if any(option.name == "nocase" for option in rule.options):
            raise Refused("a payload compared without regard to case")
        return (conditions.payload(proto, (header[3], header[6]), options),)
    return _addresses(header, options)


def _addresses(header: re.Match[str], options: list[tuple[str, str | None]]) -> tuple[Indicator, ...]:
    if any(option not in ("flow", "flags") for option, _ in options):
        raise Refused(f'option "{next(o for o, _ in options if o not in ("flow", "flags"))}" is not known')
    _, source, source_port, _, target, target_port = header.groups()
    if (source_port, target_port) != ("any", "any"):
        raise Refused("an address together with a port")
    sides = [side for side in (source, target) if side not in FREE]
    if len(sides) != 1:
        raise Refused("names no address" if not sides else "two addresses at once")
    texts = sides[0].strip("[]").split(",")
    if any(text.strip().startswith(("!", "$")) for text in texts):
        raise Refused("an address that is a variable or negated")
    return tuple(Indicator("net", network(text)) for text in texts)


def _application(
    options: list[tuple[str, str | None]], buffered: list[str], reading: Reading, subject: str
) -> tuple[Indicator, ...]:
    """One buffer, compared with one text."""
    if len(buffered) != 1:
        raise Refused("looks at several buffers at once" if buffered else "looks at no buffer that is known")
    kind = buffered[0]
    left = [(option, value) for option, value in options if option not in BUFFERS and option != "flow"]
    known = {
        "content", "dotprefix", "startswith", "endswith", "bsize", "depth", "offset", "isdataat", "pcre",
        "distance",
    }  # fmt: skip
    for option, _ in left:
        if option not in known:
            raise Refused(f'option "{option}" is not known')
    patterns = [value for option, value in left if option == "pcre" and value]
    texts = [conditions.text(value or "") for option, value in left if option == "content"]
    if patterns:
        return (_pattern(kind, patterns, texts),)
    if len(texts) != 1:
        raise Refused("compares several texts" if texts else "compares no text")
    has = dict(left)
    size = str(len(texts[0].encode()))
    starts = "startswith" in has or has.get("depth") == size
    ends = "endswith" in has or has.get("isdataat") == "!1,relative"
    exact = has.get("bsize") == size or (starts and ends)
    plain = {"content", "dotprefix", "startswith", "endswith"} | ({"bsize"} if exact else set())
    plain |= {"depth"} if starts else set()
    plain |= {"isdataat"} if ends else set()
    odd = [option for option in has if option not in plain]
    if odd:
        raise Refused(f'a text compared by "{odd[0]}"')
    if kind in NAMES:
        return (_name(texts[0], exact=exact, ends=ends, dotted="dotprefix" in has, reading=reading,
                      subject=subject),)  # fmt: skip
    way = "equals" if exact else "prefix" if starts else "suffix" if ends else "contains"
    if kind == "http_path" and way in ("equals", "suffix", "contains"):
        raise Refused("compares the URI with its query, and we keep the path only")
    return (Indicator("seen", seen=Seen(kind, way, (texts[0].lower(),))),)


def _name(text: str, *, exact: bool, ends: bool, dotted: bool, reading: Reading, subject: str) -> Indicator:
    """A domain with everything below it, or one exact name."""
    if exact and not dotted:
        return Indicator("full_domain", name(text, whole=True))
    if not ends:
        raise Refused("a piece of a name, wherever it stands")
    found = Indicator("domain", name(text.removeprefix(".")))
    if not text.startswith("."):
        reading.left(subject, told(found), "names that merely end so are not taken", taken=True)
    elif not dotted:
        reading.left(subject, told(found), "the name itself is taken as well", taken=True)
    return found


def _pattern(kind: str, patterns: list[str], texts: list[str]) -> Indicator:
    """The two forms of regular expression that our own export writes."""
    pattern = patterns[0].strip('"')
    path = re.fullmatch(r"/\^((?:\\x[0-9a-f]{2})+)\(\?:\\\?\|\$\)/i", pattern)
    if len(patterns) == 1 and kind == "http_path" and path and len(texts) == 1:
        value = bytes.fromhex(path[1].replace("\\x", "")).decode("utf-8", "replace")
        if value.lower() == texts[0].lower():
            return Indicator("seen", seen=Seen(kind, "equals", (value.lower(),)))
    if len(patterns) == 1 and kind in NAMES and pattern.startswith("/") and pattern.endswith("/i"):
        return Indicator("full_domain", from_label_pattern(pattern[1:-2]))
    raise Refused("a regular expression is not taken")


def _found(rule: Any, indicators: tuple[Indicator, ...], subject: str, line: int) -> Found:
    meta = dict(item.split(" ", 1) for item in rule.metadata if " " in item)
    own = own_id(meta.get("ew_rule", ""))
    priority = next((option.value for option in rule.options if option.name == "priority"), "2")
    confidence = meta.get("confidence", "low").lower()
    urls = [str(option.value) for option in rule.options if option.name == "reference"]
    title = words(str(rule.msg or subject), 70)
    return Found(
        key=own or subject,
        title=title.removeprefix(own).strip() or subject,
        indicators=indicators,
        severity=SEVERITIES.get(int(priority) if str(priority).isdigit() else 2, "medium"),
        confidence=confidence if confidence in CONFIDENCES else "low",
        references=tuple(words(url, 200) for url in urls),
        dest_class=own_class(meta.get("class", "")) if own else "",
        published=meta.get("created_at", "").replace("_", "-"),
        line=line,
    )


def _with(one: Found, other: Found) -> Found:
    """Both as one: the indicators of the first, then what the second adds."""
    together = tuple(dict.fromkeys((*one.indicators, *other.indicators)))
    return replace(one, indicators=together)
