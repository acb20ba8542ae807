# SPDX-License-Identifier: Apache-2.0
"""The one door for text that goes into somebody else's syntax.

Names and networks are checked against what they may be and refused otherwise; free text (titles,
sources, comments) loses every character that could end a string, a line or a comment. Never quotes
by guess: a format that has a real quoting rule (JSON, TOML) uses it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re

from egresswatch.exchange.claims import Refused
from egresswatch.rules.model import RULE_CLASSES

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_WILDCARD = re.compile(rf"([a-z0-9_-]*)\*([a-z0-9_-]*(?:\.{_LABEL}){{2,}})")
_UNSAFE = re.compile(r"[^A-Za-z0-9 ._:/,+@=()#<>\[\]-]")
_SPACE = re.compile(r"\s+")
_OURS = re.compile(r"EW-[A-Z0-9]{2,4}-\d{4}")
_DNS = bytes.fromhex("6ba7b8109dad11d180b400c04fd430c8")
"""Namespace of names (RFC 9562 §6.6)."""


def name(text: str, *, whole: bool = False) -> str:
    """``text`` as a domain name in lower case; Refused when it is none. Only a ``whole`` name, nothing
    below it meant, may be a single label.
    """
    found = text.strip().lower().rstrip(".")
    sound = _NAME.fullmatch(found) or (whole and re.fullmatch(_LABEL, found))
    if len(found) > 253 or not sound or not re.match("[a-z]", found.rsplit(".", 1)[-1]):
        raise Refused("is not a domain name")
    return found


def wildcard(text: str) -> tuple[str, str]:
    """The two ends of a name with one ``*`` in its first label; Refused when it is none."""
    found = _WILDCARD.fullmatch(text.strip().lower())
    if found is None or len(text) > 253:
        raise Refused("is not a domain name with one * in the first label")
    return found[1], found[2]


def label_pattern(text: str) -> str:
    """A wildcard name as the regular expression that other tools understand: ``*`` stays in its label."""
    before, after = wildcard(text)
    return f"^{re.escape(before)}[^.]+{re.escape(after)}$".replace("\\-", "-")


def from_label_pattern(pattern: str) -> str:
    """The wildcard name that ``label_pattern`` made into ``pattern``; Refused for any other."""
    found = re.fullmatch(r"\^([a-z0-9_-]*)\[\^\.\]\+((?:[a-z0-9_-]|\\\.)+)\$", pattern)
    if found is None:
        raise Refused("a regular expression is not taken")
    text = f"{found[1]}*{found[2]}".replace("\\.", ".")
    wildcard(text)
    return text


def network(text: str) -> str:
    """``text`` as a network with its prefix length; Refused when it is none, or everything."""
    try:
        net = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise Refused("is not an address or network") from None
    if net.prefixlen == 0:
        raise Refused("is every address there is")
    return str(net)


def words(text: str, limit: int = 120) -> str:
    """Free text for a comment or message of another syntax: one line, harmless characters, capped."""
    plain = _UNSAFE.sub("?", _SPACE.sub(" ", text.replace('"', "'").replace("'", "")).strip())
    return plain if len(plain) <= limit else plain[: limit - 3] + "..."


def word(text: str, limit: int = 64) -> str:
    """A single word out of free text: letters, digits, dash; never empty."""
    found = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:limit].strip("-")
    return found or "unnamed"


def own_id(text: str) -> str:
    """``text`` when it is an id of one of our rules, else nothing."""
    return text if _OURS.fullmatch(text) else ""


def own_class(text: str) -> str:
    """``text`` when it is a class of destination that a rule may have, else nothing."""
    return text if text in RULE_CLASSES else ""


def number(*parts: str) -> int:
    """A number that depends on nothing but ``parts``."""
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8], "big")


def identifier(*parts: str) -> str:
    """A UUID that depends on nothing but ``parts``."""
    digits = _version_5(_version_5(_DNS, "egresswatch.invalid"), "\0".join(parts)).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _version_5(namespace: bytes, text: str) -> bytes:
    """RFC 9562 §5.5: a SHA-1 with version and variant set. No clock and no chance is in it."""
    digest = bytearray(hashlib.sha1(namespace + text.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)
