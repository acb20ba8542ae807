# SPDX-License-Identifier: Apache-2.0
"""The wire format of DNS messages: bounds-checked, loop-free, one pass (RFC 1035 §4).

Gives the questions and answer records of a message as text; judges nothing. A compression pointer
must point before the name it stands in, so every jump goes back and reading always ends.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from ipaddress import IPv6Address
from socket import inet_ntoa
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
_HEAD = struct.Struct(">2x5H").unpack_from
_FIXED = struct.Struct(">HHIH").unpack_from
_DOT = 0x2E
_MAX_LABEL = 0x3F
_POINTER = 0xC000
TO_FIRST = _POINTER | HEADER
"""A pointer to the first name of the message: what most records begin with."""
NO_TTL = 1 << 31
"""RFC 2181 §8: this and more is none."""
_KNOWN_NAMES, _KNOWN_ADDRESSES = 4096, 1024
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
    return _TYPES.get(number) or f"TYPE{number}"


def read(payload: bytes, *, local: bool = False) -> Packet | None:
    """The message in ``payload``; None when not even its first question or record is sound.

    ``local`` (mDNS, LLMNR): names are what people called their devices, so their case is kept, and
    authority and additional records are told among the answers. Else names are lower-case.
    """
    if len(payload) < HEADER:
        return None
    flags, questions, answers, authority, additional = _HEAD(payload)
    if local:
        answers += authority + additional
    fold = not local
    asked: list[Question] = []
    told: list[Record] = []
    cut = bool(flags & 0x0200)
    at = HEADER
    zero = payload.find(0, at, at + MAX_NAME)
    first = plain_name(payload, at, zero + 1, fold) if zero >= 0 else ""
    try:
        for _ in range(min(questions, MAX_QUESTIONS)):
            if first and at == HEADER:
                name, at = first, zero + 1
            else:
                name, at = _name(payload, at, fold)
            if at + 4 > len(payload):
                raise _BrokenError
            asked.append(Question(name, payload[at] << 8 | payload[at + 1]))
            at += 4
        if questions > MAX_QUESTIONS:
            raise _BrokenError
        if answers:
            _records(payload, at, min(answers, MAX_RECORDS), first, fold, told)
    except _BrokenError:
        if not asked and not told:
            return None
        cut = True
    return Packet(flags >= 0x8000, flags >> 11 & 0xF, flags & 0xF, cut, tuple(asked), tuple(told))


def _records(payload: bytes, at: int, count: int, first: str, fold: bool, told: list[Record]) -> None:
    """``count`` records from ``at`` on, appended to ``told`` while they are sound.

    ``first`` is the message's first name when no pointer is in it.
    """
    size = len(payload)
    for _ in range(count):
        if first and at + 2 <= size and payload[at] << 8 | payload[at + 1] == TO_FIRST:
            name = first
            at += 2
        else:
            name, at = _name(payload, at, fold)
        if at + 10 > size:
            raise _BrokenError
        kind, _, ttl, length = _FIXED(payload, at)
        at += 10
        end = at + length
        if end > size:
            raise _BrokenError
        if ttl >= NO_TTL:
            ttl = 0
        addresses: tuple[str, ...] = ()
        try:
            if kind == A and length == 4:
                text = ipv4(payload[at:end])
                addresses = (text,)
            else:
                text, addresses = _data(payload, at, end, kind, fold)
        except _BrokenError:
            text = ""
        told.append(Record(name, kind, ttl, text, addresses))
        at = end


def _data(payload: bytes, at: int, end: int, kind: int, fold: bool) -> tuple[str, tuple[str, ...]]:
    """Text and addresses of a record's data; what is after a name inside it is not looked at."""
    if kind == AAAA and end - at == 16:
        address = ipv6(payload[at:end])
        return address, (address,)
    if kind in (CNAME, NS, PTR, 39) and end > at:
        return _name(payload, at, fold)[0], ()
    if kind == SRV and end - at > 6:
        return f"{_name(payload, at + 6, fold)[0]}:{payload[at + 4] << 8 | payload[at + 5]}", ()
    if kind in (SVCB, HTTPS) and end - at > 2:
        return _service(payload, at + 2, end)
    if kind == TXT:
        return _strings(payload, at, end), ()
    return "", ()


def _service(payload: bytes, at: int, end: int) -> tuple[str, tuple[str, ...]]:
    """Target and address hints (RFC 9460 §2.2, §7.3)."""
    target, at = _name(payload, at, True)
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


def _name(payload: bytes, at: int, fold: bool) -> tuple[str, int]:
    """The name at ``at`` without its last dot, and where what follows it begins."""
    zero = payload.find(0, at, at + MAX_NAME)
    if zero >= 0:
        name = plain_name(payload, at, zero + 1, fold)
        if name:
            return name, zero + 1
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
    return _joined(labels, fold), after if after >= 0 else at + 1


def plain_name(payload: bytes, at: int, end: int, fold: bool) -> str:
    """The name that begins at ``at``, when labels and the zero behind them, just before ``end``, are all of
    it. Empty when it is not that.

    There is no other zero before, and the name is no longer than one may be. Hosts of the internet are many
    and its domains few: what stands behind the first label is remembered; of local names, which are few
    and told again and again, all of it.
    """
    if not fold:
        return _known(payload[at:end], False)
    begin = at + 1 + payload[at]
    label = payload[at + 1 : begin]
    if begin >= end or len(label) > _MAX_LABEL or not label.translate(None, b"-_").isalnum():
        return _known(payload[at:end], True)
    text = label.lower().decode("ascii")
    if begin == end - 1:
        return text
    rest = _known(payload[begin:end], True)
    return f"{text}.{rest}" if rest else ""


@lru_cache(maxsize=_KNOWN_NAMES)
def _known(raw: bytes, fold: bool) -> str:
    """The same for a name of which ``raw`` is all."""
    text = bytearray(raw)
    at, count, last = 0, 0, len(raw) - 1
    while at < last:
        length = raw[at]
        if length > _MAX_LABEL:
            return ""
        text[at] = _DOT
        at += length + 1
        count += 1
    if at != last or not count or text.count(_DOT, 1, last) >= count:
        return ""  # also the root and labels with dots, which are rare
    return printable(bytes(text[1:last].lower() if fold else text[1:last]), NAME_TEXT)


def _joined(labels: list[bytes], fold: bool) -> str:
    if not labels:
        return ROOT
    raw = b".".join(labels)
    if raw.count(b".") >= len(labels):
        # A dot inside a label is not a separator: told apart as RFC 1035 §5.1 writes it.
        raw = b".".join(label.replace(b".", b"\\.") for label in labels)
    return printable(raw.lower() if fold else raw, NAME_TEXT)


ipv4 = inet_ntoa
"""Dotted text of four bytes."""


@lru_cache(maxsize=_KNOWN_ADDRESSES)
def ipv6(raw: bytes) -> str:
    """Canonical text of sixteen bytes (RFC 5952)."""
    return str(IPv6Address(raw))
