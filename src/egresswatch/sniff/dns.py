# SPDX-License-Identifier: Apache-2.0
"""DNS, multicast DNS and LLMNR: who asked for which name, and which addresses came back
(RFC 1035, RFC 6762, RFC 4795, RFC 9460).

Gives dns_query, dns_answer, mdns and llmnr. A message that is cut or broken gives what stands sound
before the break; a message whose first question is broken is not DNS. The wire format itself is
read by ``dnswire``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import dnsplain, dnswire
from egresswatch.sniff.dnswire import Packet, Record, type_name

MAX_ITEMS = 64
"""Items given for one message."""
MAX_TCP_WAIT = 16 << 10
"""A longer message over TCP is read as far as this."""
LLMNR_PORT = 5355

_RCODES = {
    1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED",
    6: "YXDOMAIN", 7: "YXRRSET", 8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE",
}
# Updates (5) and stateful operations (6) carry no question in their first section.
_OPCODES = (0, 1, 2, 4)
_STATED = frozenset((dnswire.A, dnswire.AAAA, dnswire.CNAME, dnswire.HTTPS, dnswire.SVCB))
_RESPONSE = 0x80
_ADDRESS = {dnswire.A: "A", dnswire.AAAA: "AAAA"}
_ASKED = {kind: f"type={type_name(kind)}" for kind in _STATED}

# as a named tuple makes itself, at half the cost
_made = tuple.__new__


class DnsAnswer(NamedTuple):
    """What an answer says about the name that was asked: enough for a passive-name table."""

    name: str
    """The question."""
    names: tuple[str, ...]
    """The question and the aliases it led to, in order."""
    addresses: tuple[str, ...]
    ttl: int
    """Seconds: the shortest of the records used."""


def parse(m: Message) -> tuple[Item, ...] | None:
    """A DNS message in a datagram."""
    return _unicast(m.payload)


def parse_tcp(buf: bytes, m: Message) -> tuple[Verdict, tuple[Item, ...], int]:
    """One DNS message behind its two length bytes (RFC 1035 §4.2.2)."""
    if len(buf) < 2:
        return Verdict.NEED_MORE, (), 0
    length = int.from_bytes(buf[:2], "big")
    if length < dnswire.HEADER:
        return Verdict.NOT_MINE, (), 0
    final = len(m.payload) < m.length
    if len(buf) < min(2 + length, MAX_TCP_WAIT) and not final:
        return Verdict.NEED_MORE, (), 0
    items = _unicast(buf[2 : 2 + length])
    if items is None:
        return Verdict.NOT_MINE, (), 0
    return Verdict.MATCH, items, min(len(buf), 2 + length)


def parse_mdns(m: Message) -> tuple[Item, ...] | None:
    """A multicast DNS or LLMNR message: local names and services, told record by record."""
    # Services put address, port and description into the additional section (RFC 6763 §12).
    packet = dnswire.read(m.payload, local=True)
    if packet is None or packet.opcode != 0:
        return None
    kind = "llmnr" if LLMNR_PORT in (m.sport, m.dport) else "mdns"
    items: list[Item] = []
    # An mDNS response repeats no question; what a query knows already is not news (RFC 6762 §7.1).
    for question in () if packet.response else packet.questions:
        items.append(Item(kind, question.name, f"query type={type_name(question.type)}"))
    for record in packet.answers if packet.response else ():
        if record.text and len(items) < MAX_ITEMS:
            items.append(Item(kind, record.name, f"{type_name(record.type)} {record.text}"))
    return tuple(items)


def _unicast(payload: bytes) -> tuple[Item, ...] | None:
    asked = dnsplain.question(payload)
    if asked is not None:
        name, kind, at = asked
        count = payload[6] << 8 | payload[7]
        if payload[2] < _RESPONSE:
            if not count:
                detail = _ASKED.get(kind) or f"type={type_name(kind)}"
                return (_made(Item, ("dns_query", name, detail, None)),)
        elif 0 < count <= MAX_ITEMS:
            told = dnsplain.addresses(payload, at, count)
            if told:
                return _addresses(name, told)
    packet = dnswire.read(payload)
    if packet is None:
        return None
    if packet.opcode not in _OPCODES:
        return ()
    if packet.response:
        return _answers(packet)
    return tuple(Item("dns_query", name, f"type={type_name(kind)}") for name, kind in packet.questions)


def _addresses(name: str, told: list[tuple[int, int, str]]) -> tuple[Item, ...]:
    """What ``_answers`` tells of records that are all addresses of the name that was asked."""
    texts = tuple(dict.fromkeys([text for _, _, text in told])) if len(told) > 1 else (told[0][2],)
    least = min([ttl for _, ttl, _ in told]) if len(told) > 1 else told[0][1]
    facts: DnsAnswer | None = _made(DnsAnswer, (name, (name,), texts, least))
    items: list[Item] = []
    for kind, ttl, text in told:
        items.append(_made(Item, ("dns_answer", name, f"{_ADDRESS[kind]} {text} ttl={ttl}", facts)))
        facts = None
    return tuple(items)


def _answers(packet: Packet) -> tuple[Item, ...]:
    """One item per address or alias of the answer; one that says why when there is none."""
    items: list[Item] = []
    told = [record for record in packet.answers if record.type in _STATED and record.text]
    for name, kind in packet.questions:
        if not told:
            items.append(Item("dns_answer", name, _nothing(packet, kind)))
            continue
        facts: DnsAnswer | None = _facts(name, packet.answers)
        for record in told[: MAX_ITEMS - len(items)]:
            detail = f"{type_name(record.type)} {record.text} ttl={record.ttl}"
            items.append(Item("dns_answer", name, detail, facts))
            facts = None
    return tuple(items)


def _nothing(packet: Packet, asked: int) -> str:
    if packet.rcode:
        return _RCODES.get(packet.rcode, f"RCODE{packet.rcode}")
    if packet.cut:
        return f"truncated type={type_name(asked)}"
    kinds = ",".join(dict.fromkeys(type_name(record.type) for record in packet.answers[:MAX_ITEMS]))
    return f"{kinds or 'no'} answer type={type_name(asked)}"


def _facts(name: str, answers: tuple[Record, ...]) -> DnsAnswer | None:
    """The aliases of ``name`` and their addresses; None without an address.

    Only records whose owner lies on the chain count: anything else was not asked.
    """
    if len(answers) == 1:
        only = answers[0]
        if only.addresses and only.name == name:
            return DnsAnswer(name, (name,), _once(only.addresses), only.ttl)
        return None
    aliases = {record.name: record for record in answers if record.type == dnswire.CNAME and record.text}
    names = [name]
    ttls: list[int] = []
    while names[-1] in aliases and len(names) <= len(aliases):
        record = aliases[names[-1]]
        names.append(record.text)
        ttls.append(record.ttl)
    addresses: list[str] = []
    for record in answers:
        if record.addresses and record.name in names:
            addresses += record.addresses
            ttls.append(record.ttl)
    if not addresses:
        return None
    return DnsAnswer(name, _once(names), _once(addresses), min(ttls))


def _once(texts: Sequence[str]) -> tuple[str, ...]:
    """Without repetitions, in order."""
    return tuple(texts if len(texts) == 1 else dict.fromkeys(texts))
