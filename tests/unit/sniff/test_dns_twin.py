# SPDX-License-Identifier: Apache-2.0
"""DNS against its slow twin: every name walked label by label, every record a step of its own."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from egresswatch.demo import payloads
from egresswatch.records import Item, Message
from egresswatch.sniff import dns, dnswire
from egresswatch.sniff.text import printable

Build = Callable[..., Message]


# --- the twins -------------------------------------------------------------------------------------
def slow_read(payload: bytes, *, local: bool = False) -> dnswire.Packet | None:
    """The message in ``payload``; None when not even its first question or record is sound.

    ``local`` (mDNS, LLMNR): names are what people called their devices, so their case is kept, and
    authority and additional records are told among the answers. Else names are lower-case.
    """
    if len(payload) < dnswire.HEADER:
        return None
    _, flags, questions, answers, authority, additional = struct.unpack_from(">6H", payload)
    if local:
        answers += authority + additional
    asked: list[dnswire.Question] = []
    told: list[dnswire.Record] = []
    cut = bool(flags & 0x0200)
    at = dnswire.HEADER
    try:
        for _ in range(min(questions, dnswire.MAX_QUESTIONS)):
            question, at = question_at(payload, at, fold=not local)
            asked.append(question)
        if questions > dnswire.MAX_QUESTIONS:
            raise dnswire._BrokenError
        for _ in range(min(answers, dnswire.MAX_RECORDS)):
            record, at = record_at(payload, at, fold=not local)
            told.append(record)
    except dnswire._BrokenError:
        if not asked and not told:
            return None
        cut = True
    return dnswire.Packet(flags >= 0x8000, flags >> 11 & 0xF, flags & 0xF, cut, tuple(asked), tuple(told))


def question_at(payload: bytes, at: int, *, fold: bool) -> tuple[dnswire.Question, int]:
    name, at = name_at(payload, at, fold=fold)
    if at + 4 > len(payload):
        raise dnswire._BrokenError
    return dnswire.Question(name, payload[at] << 8 | payload[at + 1]), at + 4


def record_at(payload: bytes, at: int, *, fold: bool) -> tuple[dnswire.Record, int]:
    name, at = name_at(payload, at, fold=fold)
    if at + 10 > len(payload):
        raise dnswire._BrokenError
    kind, _, ttl, length = struct.unpack_from(">HHIH", payload, at)
    at += 10
    end = at + length
    if end > len(payload):
        raise dnswire._BrokenError
    if ttl >= 1 << 31:  # RFC 2181 §8
        ttl = 0
    try:
        text, addresses = data_of(payload, at, end, kind, fold=fold)
    except dnswire._BrokenError:
        text, addresses = "", ()
    return dnswire.Record(name, kind, ttl, text, addresses), end


def data_of(payload: bytes, at: int, end: int, kind: int, *, fold: bool) -> tuple[str, tuple[str, ...]]:
    """Text and addresses of a record's data; what is after a name inside it is not looked at."""
    if kind == dnswire.A and end - at == 4:
        address = dnswire.ipv4(payload[at:end])
        return address, (address,)
    if kind == dnswire.AAAA and end - at == 16:
        address = dnswire.ipv6(payload[at:end])
        return address, (address,)
    if kind in (dnswire.CNAME, dnswire.NS, dnswire.PTR, 39) and end > at:
        return name_at(payload, at, fold=fold)[0], ()
    if kind == dnswire.SRV and end - at > 6:
        return f"{name_at(payload, at + 6, fold=fold)[0]}:{payload[at + 4] << 8 | payload[at + 5]}", ()
    if kind in (dnswire.SVCB, dnswire.HTTPS) and end - at > 2:
        return service_of(payload, at + 2, end)
    if kind == dnswire.TXT:
        return dnswire._strings(payload, at, end), ()
    return "", ()


def service_of(payload: bytes, at: int, end: int) -> tuple[str, tuple[str, ...]]:
    """Target and address hints (RFC 9460 §2.2, §7.3)."""
    target, at = name_at(payload, at, fold=True)
    addresses: list[str] = []
    while at + 4 <= end:
        key, length = payload[at] << 8 | payload[at + 1], payload[at + 2] << 8 | payload[at + 3]
        value = payload[at + 4 : min(at + 4 + length, end)]
        if key == dnswire._IPV4_HINT:
            addresses += [dnswire.ipv4(value[i : i + 4]) for i in range(0, len(value) - 3, 4)]
        elif key == dnswire._IPV6_HINT:
            addresses += [dnswire.ipv6(value[i : i + 16]) for i in range(0, len(value) - 15, 16)]
        at += 4 + length
    own = "." if target == dnswire.ROOT else target
    return " ".join([own, *addresses])[:dnswire.NAME_TEXT], tuple(addresses)


def name_at(payload: bytes, at: int, *, fold: bool) -> tuple[str, int]:
    """The name at ``at`` without its last dot, and where what follows it begins."""
    labels: list[bytes] = []
    size = 1
    jumps = 0
    after = -1
    barrier = at
    end = len(payload)
    while True:
        if at >= end:
            raise dnswire._BrokenError
        length = payload[at]
        if length == 0:
            break
        if length < 0x40:
            size += length + 1
            stop = at + 1 + length
            if stop > end or size > dnswire.MAX_NAME:
                raise dnswire._BrokenError
            labels.append(payload[at + 1 : stop])
            at = stop
        elif length >= 0xC0 and at + 1 < end:
            if after < 0:
                after = at + 2
            at = (length & 0x3F) << 8 | payload[at + 1]
            jumps += 1
            if at >= barrier or jumps > dnswire.MAX_JUMPS:
                raise dnswire._BrokenError
            barrier = at
        else:
            raise dnswire._BrokenError
    if after < 0:
        after = at + 1
    if not labels:
        return dnswire.ROOT, after
    raw = b".".join(labels)
    if raw.count(b".") >= len(labels):
        # A dot inside a label is not a separator: told apart as RFC 1035 §5.1 writes it.
        raw = b".".join(label.replace(b".", b"\\.") for label in labels)
    return printable(raw.lower() if fold else raw, dnswire.NAME_TEXT), after


def slow_unicast(payload: bytes) -> tuple[Item, ...] | None:
    packet = slow_read(payload)
    if packet is None:
        return None
    if packet.opcode not in dns._OPCODES:
        return ()
    if packet.response:
        return slow_answers(packet)
    return tuple(
        Item("dns_query", question.name, f"type={dnswire.type_name(question.type)}")
        for question in packet.questions
    )


def slow_answers(packet: dnswire.Packet) -> tuple[Item, ...]:
    """One item per address or alias of the answer; one that says why when there is none."""
    items: list[Item] = []
    told = [record for record in packet.answers if record.type in dns._STATED and record.text]
    for question in packet.questions:
        if not told:
            items.append(Item("dns_answer", question.name, dns._nothing(packet, question.type)))
            continue
        facts: dns.DnsAnswer | None = slow_facts(question.name, packet.answers)
        for record in told[: dns.MAX_ITEMS - len(items)]:
            detail = f"{dnswire.type_name(record.type)} {record.text} ttl={record.ttl}"
            items.append(Item("dns_answer", question.name, detail, facts))
            facts = None
    return tuple(items)


def slow_facts(name: str, answers: tuple[dnswire.Record, ...]) -> dns.DnsAnswer | None:
    """The aliases of ``name`` and their addresses; None without an address.

    Only records whose owner lies on the chain count: anything else was not asked.
    """
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
    return dns.DnsAnswer(name, tuple(dict.fromkeys(names)), tuple(dict.fromkeys(addresses)), min(ttls))


# --- the comparison --------------------------------------------------------------------------------
QUERY = payloads.dns_query("Dev.Cam.example")
ANSWER = payloads.dns_answer(
    "dev.cam.example",
    [("dev.cam.example", 5, "lb.example"), ("lb.example", 1, "192.0.2.7"), ("lb.example", 1, "192.0.2.8")],
)
SHORT = payloads.dns_answer("dev.cam.example", [("dev.cam.example", 1, "192.0.2.7")])
LABEL = st.one_of(
    st.sampled_from([b"cam", b"CAM", b"a.b", b"x\0y", b"\xc3\x84", b"e" * 63, b"\x2e"]),
    st.binary(min_size=1, max_size=5),
).map(lambda label: bytes([len(label)]) + label)
NAME = st.builds(
    lambda labels, end: b"".join(labels) + end,
    st.lists(LABEL, max_size=6),
    st.sampled_from([b"\0", b"\0", b"\0", b"\xc0\x0c", b"\xc0\x0d", b"\xc0\x00", b"\xc0", b"\x40", b""]),
)
RECORD = st.builds(
    lambda name, kind, ttl, data, wrong: name + struct.pack(">HHIH", kind, 1, ttl, len(data) + wrong) + data,
    NAME, st.sampled_from([1, 1, 2, 5, 16, 28, 33, 39, 64, 65, 99]), st.sampled_from([0, 60, 1 << 31]),
    st.one_of(
        st.just(b"\xc0\0\2\7"), NAME, st.binary(max_size=20), st.just(bytes(15) + b"\1"),
        st.builds(lambda name, key: b"\0\1" + name + b"\0" + key + b"\0\4\xc0\0\2\7", NAME,
                  st.sampled_from([b"\4", b"\6"])),
    ),
    st.sampled_from([0, 0, 0, 1]),
)  # fmt: skip


def same(payload: bytes) -> None:
    """The same message and the same items."""
    for local in (False, True):
        assert dnswire.read(payload, local=local) == slow_read(payload, local=local)
    items = dns._unicast(payload)
    assert items == slow_unicast(payload)
    assert items is None or all(type(item) is Item for item in items)


@given(st.binary(max_size=80))
@example(bytes(12))
def test_any_bytes_are_read_as_by_the_twin(data: bytes) -> None:
    """Nonsense, also as the body of one question or one answer."""
    same(data)
    same(b"\0\1\1\0\0\1" + bytes(6) + data)
    same(b"\0\1\x81\0\0\1\0\1" + bytes(4) + data)


@given(st.sampled_from([QUERY, ANSWER, SHORT]), st.integers(0, 99), st.binary(max_size=3), st.integers(0, 99))
def test_damaged_messages_are_read_as_by_the_twin(wire: bytes, place: int, damage: bytes, end: int) -> None:
    """Changed anywhere and cut anywhere."""
    data = bytearray(wire)
    data[place : place + len(damage)] = damage
    same(bytes(data))
    same(bytes(data[:end]))


@given(
    st.sampled_from([0x0100, 0x8180, 0x8380, 0x8183, 0x2800, 0x2000]), st.integers(0, 3), st.integers(0, 3),
    st.integers(0, 1), st.lists(NAME, max_size=3), st.lists(RECORD, max_size=4),
)  # fmt: skip
def test_any_message_is_read_as_by_the_twin(
    flags: int, asked: int, told: int, more: int, names: list[bytes], records: list[bytes]
) -> None:
    """Names with pointers, dots, zeros and nonsense; counts that are wrong; every kind of record."""
    questions = b"".join(name + b"\0\1\0\1" for name in names)
    same(struct.pack(">6H", 1, flags, asked, told, more, 0) + questions + b"".join(records))


@pytest.mark.parametrize("size", [61, 62])
def test_the_longest_name_is_the_same(size: int) -> None:
    """The bound holds for a name that is remembered, too."""
    name = (b"\x3f" + b"a" * 63) * 3 + bytes([size]) + b"b" * size + b"\0"
    same(struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + name + b"\0\1\0\1")


def test_a_name_is_remembered_as_it_was_meant() -> None:
    """Folded for the resolver, as written for local names, in whichever order they come."""
    for local, name in ((False, "dev.cam.example"), (True, "Dev.Cam.example")) * 2:
        packet = dnswire.read(QUERY, local=local)
        assert packet is not None
        assert packet.questions[0].name == name
