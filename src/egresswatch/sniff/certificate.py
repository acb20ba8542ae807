# SPDX-License-Identifier: Apache-2.0
"""Who a server's X.509 certificate says it is: a DER walk to subject, issuer and alternative names.

Own and small on purpose: camera certificates break rules that strict libraries enforce, and what is
wanted is only what they claim. Nothing is verified; a claim is evidence, not proof. Never raises; what
is not DER gives nothing. (RFC 5280 §4.1; strings as RFC 4514.)
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from egresswatch.records import Item
from egresswatch.sniff.text import NAME_LIMIT, TEXT_LIMIT, escaped

_SEQUENCE, _SET, _OID, _OCTETS, _BOOLEAN = 0x30, 0x31, 0x06, 0x04, 0x01
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87
_SAN = b"\x55\x1d\x11"
_COMMON_NAME = "CN"
_ATTRIBUTES = {
    b"\x55\x04\x03": _COMMON_NAME, b"\x55\x04\x06": "C", b"\x55\x04\x07": "L", b"\x55\x04\x08": "ST",
    b"\x55\x04\x09": "STREET", b"\x55\x04\x0a": "O", b"\x55\x04\x0b": "OU", b"\x55\x04\x05": "serialNumber",
    b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19": "DC", b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01": "UID",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01": "emailAddress",
}  # fmt: skip
_HIDDEN: dict[str, Callable[[str], str]] = {
    "serialNumber": lambda _: "*", "emailAddress": lambda value: "*@" + value.rpartition("@")[2]
}  # fmt: skip
"""What names one device or person."""
_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}
_SPECIAL = frozenset('"+,;<>\\')
_MAX_NAMES = 64
_SHOWN_NAMES = 8
_REMEMBERED = 4096
"""Bytes of a certificate that is worth remembering."""

Element = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate claims, as text."""

    common_name: str
    subject: str
    issuer: str
    names: tuple[str, ...]


def items(message: bytes) -> tuple[Item, ...]:
    """The first certificate of a TLS Certificate message (RFC 5246 §7.4.2): the server's own."""
    size = int.from_bytes(message[3:6], "big")
    der = message[6 : 6 + size]
    if not size or len(der) < size:
        return ()
    return _known(der) if size <= _REMEMBERED else _told(der)


def _told(der: bytes) -> tuple[Item, ...]:
    found = parse(der)
    if found is None:
        return ()
    value = found.common_name or found.subject
    return (Item("tls_cert_subject", escaped(value, NAME_LIMIT), _detail(found), found),) if value else ()


_known = lru_cache(maxsize=256)(_told)
"""Servers show the same certificate all day."""


def _detail(found: Certificate) -> str:
    parts = [f"subject={found.subject}", f"issuer={found.issuer}"]
    if found.names:
        more = len(found.names) - _SHOWN_NAMES
        names = ", ".join(found.names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
        parts.append(f"names={names}")
    return escaped("; ".join(parts), TEXT_LIMIT)


def parse(der: bytes) -> Certificate | None:
    """Subject, issuer and alternative names; None when the outer structure is not a certificate's."""
    outer = next(_elements(der), None)
    tbs = next(_elements(outer[1]), None) if outer and outer[0] == _SEQUENCE else None
    if tbs is None or tbs[0] != _SEQUENCE:
        return None
    fields = list(_elements(tbs[1]))
    if fields and fields[0][0] == _VERSION:
        del fields[0]
    # serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, ...
    if len(fields) < 5 or fields[2][0] != _SEQUENCE or fields[4][0] != _SEQUENCE:
        return None
    subject = list(_attributes(fields[4][1]))
    common = [value for name, value in subject if name == _COMMON_NAME]
    return Certificate(
        escaped(common[-1], NAME_LIMIT) if common else "",
        _rfc4514(subject),
        _rfc4514(list(_attributes(fields[2][1]))),
        tuple(islice(_alternative_names(fields[5:]), _MAX_NAMES)),
    )


def _elements(der: bytes) -> Iterator[Element]:
    """Tag and content of the elements that follow each other; ends at the first that is not sound."""
    pos = 0
    while pos + 2 <= len(der):
        tag, length = der[pos], der[pos + 1]
        pos += 2
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= 4:
                return
            length = int.from_bytes(der[pos : pos + size], "big")
            pos += size
        content = der[pos : pos + length]
        if len(content) < length:
            return
        yield tag, content
        pos += length


def _attributes(name: bytes) -> Iterator[tuple[str, str]]:
    """Type and value of each attribute of a Name, in the order of the certificate."""
    for tag, relative in _elements(name):
        if tag != _SET:
            continue
        for _, pair in _elements(relative):
            parts = list(_elements(pair))
            if len(parts) >= 2 and parts[0][0] == _OID:
                kind = _ATTRIBUTES.get(parts[0][1]) or _dotted(parts[0][1])
                text, hide = _text(*parts[1]), _HIDDEN.get(kind)
                yield kind, text if hide is None else hide(text)


def _text(tag: int, content: bytes) -> str:
    return content.decode(_ENCODINGS.get(tag, "latin-1"), "replace")


def _dotted(oid: bytes) -> str:
    numbers: list[int] = []
    value = 0
    for byte in oid[:32]:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    if not numbers:
        return "0.0"
    first = min(numbers[0] // 40, 2)
    return ".".join(str(number) for number in (first, numbers[0] - 40 * first, *numbers[1:]))


def _rfc4514(attributes: list[tuple[str, str]]) -> str:
    """Last attribute first; the characters that separate are escaped."""
    pairs = []
    for name, value in reversed(attributes[:_MAX_NAMES]):
        text = "".join("\\" + c if c in _SPECIAL else c for c in value)
        if text[:1] in ("#", " "):
            text = "\\" + text
        pairs.append(f"{name}={text}")
    return escaped(",".join(pairs), TEXT_LIMIT)


def _alternative_names(fields: list[Element]) -> Iterator[str]:
    """dNSName and iPAddress of the subjectAltName extension (RFC 5280 §4.2.1.6)."""
    for value in _extension(fields, _SAN):
        for general_names in _elements(value):
            for tag, content in _elements(general_names[1]):
                if tag == _DNS_NAME:
                    yield escaped(content.decode("latin-1"), NAME_LIMIT)
                elif tag == _IP_ADDRESS and len(content) in (4, 16):
                    yield str(ipaddress.ip_address(content))


def _extension(fields: list[Element], wanted: bytes) -> Iterator[bytes]:
    for tag, wrapped in fields:
        if tag != _EXTENSIONS:
            continue
        for _, extensions in _elements(wrapped):
            for _, extension in _elements(extensions):
                parts = [part for part in _elements(extension) if part[0] != _BOOLEAN]
                if len(parts) == 2 and parts[0] == (_OID, wanted) and parts[1][0] == _OCTETS:
                    yield parts[1][1]
