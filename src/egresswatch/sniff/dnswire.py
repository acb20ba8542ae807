# SPDX-License-Identifier: Apache-2.0
"""The wire format of DNS messages: bounds-checked, loop-free, one pass (RFC 1035 §4).

Gives the questions and answer records of a message as text; judges nothing. A compression pointer
must point before the name it stands in, so every jump goes back and reading always ends.
"""

from __future__ import annotations

import struct
from ipaddress import IPv6Address
from typing import NamedTuple

from egresswatch.sniff.text import printable

HEADER = 12
MAX_NAME = 255
"""Bytes of a name on the wire (RFC 1035 §2.3.4)."""
MAX_QUESTIONS = 16
MAX_RECORDS = 256
"""Answer records read of one message."""
MAX_JUMPS = 64
"""Compression pointers followed in one name; real names need a handful."""
NAME_TEXT = 4 * MAX_NAME
"""Characters of a name: every byte may need an escape."""
ROOT = "<Root>"

A, NS, CNAME, PTR, TXT, AAAA, SRV, SVCB, HTTPS = 1, 2, 5, 12, 16, 28, 33, 64, 65
_TYPES = {
    A: "A", NS: "NS", CNAME: "CNAME", 6: "SOA", 10: "NULL", PTR: "PTR", 13: "HINFO", 15: "MX", TXT: "TXT",
    AAAA: "AAAA", SRV: "SRV", 35: "NAPTR", 39: "DNAME", 41: "OPT", 43: "DS", 46: "RRSIG", 47: "NSEC",
    48: "DNSKEY", SVCB: "SVCB", HTTPS: "HTTPS", 251: "IXFR", 252: "AXFR", 255: "ANY",
}
_FIXED = struct.Struct(">HHIH")
_IPV4_HINT, _IPV6_HINT = 4, 6


class Question(NamedTuple):
    """What is asked."""

    name: str
    type: int


class Record(NamedTuple):
    """One resource record; ``text`` is empty for types not read here."""

    name: str
    type: int
    ttl: int
    text: str
    addresses: tuple[str, ...]


class Packet(NamedTuple):
    """One message; ``cut`` when it was truncated or broke off before its end."""

    response: bool
    opcode: int
    rcode: int
    cut: bool
    questions: tuple[Question, ...]
    answers: tuple[Record, ...]


class _BrokenError(Exception):
    """The message is not sound from here on; never leaves this module."""


def type_name(number: int) -> str:
    """``A`` for 1; ``TYPE1234`` for what has no name here (RFC 3597 §5)."""
    return _TYPES.get(number, f"TYPE{number}")


def read(payload: bytes, *, local: bool = False) -> Packet | None:
    """The message in ``payload``; None when not even its first question or record is sound.

    ``local`` (mDNS, LLMNR): names are what people called their devices, so their case is kept, and
    authority and additional records are told among the answers. Else names are lower-case.
    """
    if len(payload) < HEADER:
        return None
    _, flags, questions, answers, authority, additional = struct.unpack_from(">6H", payload)
    if local:
        answers += authority + additional
    asked: list[Question] = []
    told: list[Record] = []
    cut = bool(flags & 0x0200)
    at = HEADER
    try:
        for _ in range(min(questions, MAX_QUESTIONS)):
            question, at = _question(payload, at, fold=not local)
            asked.append(question)
        if questions > MAX_QUESTIONS:
            raise _BrokenError
        for _ in range(min(answers, MAX_RECORDS)):
            record, at = _record(payload, at, fold=not local)
            told.append(record)
    except _BrokenError:
        if not asked and not told:
            return None
        cut = True
    return Packet(flags >= 0x8000, flags >> 11 & 0xF, flags & 0xF, cut, tuple(asked), tuple(told))


def _question(payload: bytes, at: int, *, fold: bool) -> tuple[Question, int]:
    name, at = _name(payload, at, fold=fold)
    if at + 4 > len(payload):
        raise _BrokenError
    return Question(name, payload[at] << 8 | payload[at + 1]), at + 4


def _record(payload: bytes, at: int, *, fold: bool) -> tuple[Record, int]:
    name, at = _name(payload, at, fold=fold)
    if at + 10 > len(payload):
        raise _BrokenError
    kind, _, ttl, length = _FIXED.unpack_from(payload, at)
    at += 10
    end = at + length
    if end > len(payload):
        raise _BrokenError
    if ttl >= 1 << 31:  # RFC 2181 §8
        ttl = 0
    try:
        text, addresses = _data(payload, at, end, kind, fold=fold)
    except _BrokenError:
        text, addresses = "", ()
    return Record(name, kind, ttl, text, addresses), end


def _data(payload: bytes, at: int, end: int, kind: int, *, fold: bool) -> tuple[str, tuple[str, ...]]:
    """Text and addresses of a record's data; what is after a name inside it is not looked at."""
    if kind == A and end - at == 4:
        address = ipv4(payload[at:end])
        return address, (address,)
    if kind == AAAA and end - at == 16:
        address = ipv6(payload[at:end])
        return address, (address,)
    if kind in (CNAME, NS, PTR, 39) and end > at:
        return _name(payload, at, fold=fold)[0], ()
    if kind == SRV and end - at > 6:
        return f"{_name(payload, at + 6, fold=fold)[0]}:{payload[at + 4] << 8 | payload[at + 5]}", ()
    if kind in (SVCB, HTTPS) and end - at > 2:
        return _service(payload, at + 2, end)
    if kind == TXT:
        return _strings(payload, at, end), ()
    return "", ()


def _service(payload: bytes, at: int, end: int) -> tuple[str, tuple[str, ...]]:
    """Target and address hints (RFC 9460 §2.2, §7.3)."""
    target, at = _name(payload, at, fold=True)
    addresses: list[str] = []
    while at + 4 <= end:
        key, length = payload[at] << 8 | payload[at + 1], payload[at + 2] << 8 | payload[at + 3]
        value = payload[at + 4 : min(at + 4 + length, end)]
        if key == _IPV4_HINT:
            addresses += [ipv4(value[i : i + 4]) for i in range(0, len(value) - 3, 4)]
        elif key == _IPV6_HINT:
            addresses += [ipv6(value[i : i + 16]) for i in range(0, len(value) - 15, 16)]
        at += 4 + length
    own = "." if target == ROOT else target
    return " ".join([own, *addresses])[:NAME_TEXT], tuple(addresses)


def _strings(payload: bytes, at: int, end: int) -> str:
    parts: list[bytes] = []
    while at < end:
        stop = at + 1 + payload[at]
        parts.append(payload[at + 1 : min(stop, end)])
        at = stop
    return printable(b" ".join(parts))


def _name(payload: bytes, at: int, *, fold: bool) -> tuple[str, int]:
    """The name at ``at`` without its last dot, and where what follows it begins."""
    labels: list[bytes] = []
    size = 1
    jumps = 0
    after = -1
    barrier = at
    end = len(payload)
    while True:
        if at >= end:
            raise _BrokenError
        length = payload[at]
        if length == 0:
            break
        if length < 0x40:
            size += length + 1
            stop = at + 1 + length
            if stop > end or size > MAX_NAME:
                raise _BrokenError
            labels.append(payload[at + 1 : stop])
            at = stop
        elif length >= 0xC0 and at + 1 < end:
            if after < 0:
                after = at + 2
            at = (length & 0x3F) << 8 | payload[at + 1]
            jumps += 1
            if at >= barrier or jumps > MAX_JUMPS:
                raise _BrokenError
            barrier = at
        else:
            raise _BrokenError
    if after < 0:
        after = at + 1
    if not labels:
        return ROOT, after
    raw = b".".join(labels)
    if raw.count(b".") >= len(labels):
        # A dot inside a label is not a separator: told apart as RFC 1035 §5.1 writes it.
        raw = b".".join(label.replace(b".", b"\\.") for label in labels)
    return printable(raw.lower() if fold else raw, NAME_TEXT), after


def ipv4(raw: bytes) -> str:
    """Dotted text of four bytes."""
    return f"{raw[0]}.{raw[1]}.{raw[2]}.{raw[3]}"


def ipv6(raw: bytes) -> str:
    """Canonical text of sixteen bytes (RFC 5952)."""
    return str(IPv6Address(raw))
