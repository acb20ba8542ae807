# SPDX-License-Identifier: Apache-2.0
"""A ClientHello that is all of a segment: told as the slow way tells it, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from egresswatch.demo import payloads
from egresswatch.patterns import Parser
from egresswatch.records import FlowInfo, Item, Message, Verdict
from egresswatch.sniff import facts, greeting, kernels, probes, tls
from egresswatch.sniff.engine import Engine
from egresswatch.sniff.greeting import Greetings

Build = Callable[..., Message]

HELLO = payloads.client_hello("Camera.Example", alpn=["h2", "http/1.1"])
KNOWN = Greetings()
"""All examples are read with one memory: what it keeps of one must not change what is told of another."""


def wrapped(body: bytes) -> bytes:
    """One record with one ClientHello."""
    message = b"\1" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message


def built(
    block: bytes, ciphers: bytes = b"\x13\1\x0a\x0a", session: bytes = b"", random: bytes = bytes(32)
) -> bytes:
    """A ClientHello with these extensions."""
    lists = len(session).to_bytes(1, "big") + session + len(ciphers).to_bytes(2, "big") + ciphers + b"\1\0"
    return wrapped(b"\x03\x03" + random + lists + len(block).to_bytes(2, "big") + block)


def extension(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value


def named(name: bytes) -> bytes:
    """The server_name extension with one name."""
    inner = b"\0" + len(name).to_bytes(2, "big") + name
    return extension(0, len(inner).to_bytes(2, "big") + inner)


def slowly(m: Message) -> tuple[tuple[Item, ...], FlowInfo]:
    """What the reader of TLS and the keeper of facts make of it."""
    verdict, items, used = tls.parse(m.payload, m)
    assert verdict is Verdict.MATCH
    assert used == len(m.payload)
    info = FlowInfo()
    return facts.add(info, m, Parser.TLS, items), info


def same(build: Build, payload: bytes, *, taken: bool | None = None) -> None:
    """Told as slowly, the first and every other time; ``taken``: whether it is told."""
    for _ in range(2):
        found = KNOWN.read(payload)
        assert taken is None or (found is not None) is taken
        if found is not None:
            items, info = found
            assert (tuple(items), info) == slowly(build(payload))
            assert {type(item) for item in items} == {Item}


# --- the same as the slow way ----------------------------------------------------------------------
KIND = st.sampled_from([0, 10, 13, 16, 21, 43, 51, 0x0A0A, 0x1A1A, 0xFE0D])
LIST = st.lists(st.sampled_from([0x0403, 0x0804, 0x0A0A, 0x0303, 0x0304, 0x7F17]), max_size=5).map(
    lambda numbers: b"".join(number.to_bytes(2, "big") for number in numbers)
)
NAME = st.one_of(
    st.sampled_from([b"a.example", b"A.EXAMPLE", b"", b"a b", b"\xc3\xa4", b"x" * 255, b"x" * 256]),
    st.binary(max_size=6),
)
EXTENSION = st.one_of(
    NAME.map(named),
    LIST.map(lambda v: extension(13, len(v).to_bytes(2, "big") + v)),
    LIST.map(lambda v: extension(43, len(v).to_bytes(1, "big") + v)),
    st.lists(st.sampled_from([b"h2", b"http/1.1", b"dot", b"x,dot", b"", b"\xff"]), max_size=3).map(
        lambda names: b"".join(len(name).to_bytes(1, "big") + name for name in names)
    ).map(lambda v: extension(16, len(v).to_bytes(2, "big") + v)),
    st.builds(extension, KIND, st.binary(max_size=6)),
)  # fmt: skip


@given(
    st.lists(EXTENSION, max_size=8), LIST, st.binary(max_size=32), st.binary(min_size=32, max_size=32),
    st.sampled_from([0, 0, 0, 0, 1, -1]),
)  # fmt: skip
def test_any_hello_is_told_as_slowly(
    segment: Build, extensions: list[bytes], ciphers: bytes, session: bytes, random: bytes, wrong: int
) -> None:
    """Extensions in any order, repeated and broken, lists of any length, names of any bytes."""
    payload = built(b"".join(extensions), ciphers, session, random)
    same(segment, payload)
    same(segment, payload + b"\0" * wrong if wrong >= 0 else payload[:wrong])


@given(st.integers(0, 700), st.binary(max_size=4), st.integers(0, 700))
@example(1, b"\x02", 700)
@example(9, b"\xfe", 700)
def test_damaged_hellos_are_told_as_slowly(segment: Build, place: int, damage: bytes, end: int) -> None:
    """Changed anywhere and cut anywhere."""
    data = bytearray(HELLO)
    data[place : place + len(damage)] = damage
    same(segment, bytes(data))
    same(segment, bytes(data[:end]))


@given(st.binary(max_size=120))
def test_nonsense_is_told_as_slowly(segment: Build, data: bytes) -> None:
    """Also behind a sound beginning."""
    same(segment, data)
    same(segment, HELLO[:44] + data)
    same(segment, wrapped(b"\x03\x03" + data))


@given(st.permutations(range(8)), st.integers(0, 15), st.integers(0, 15))
def test_what_browsers_shuffle_is_one_kind(order: list[int], one: int, other: int) -> None:
    """The order of the extensions and the values of GREASE are chance (RFC 8701): remembered once."""
    grease = [(0x0A0A + 0x1010 * k).to_bytes(2, "big") for k in (one, other)]
    parts = [
        named(b"a.example"), extension(13, b"\0\2\4\3"), extension(16, b"\0\3\2h2"), extension(51, b"key"),
        extension(43, b"\4" + grease[0] + b"\3\4"), extension(int.from_bytes(grease[1], "big"), b""),
        extension(10, b"\0\2\0\x1d"), extension(21, bytes(one)),
    ]  # fmt: skip
    shuffled = b"".join(parts[k] for k in order)
    greetings = Greetings()
    ja4 = set()
    for block in (b"".join(parts), shuffled):
        found = greetings.read(built(block, grease[0] + b"\x13\1", random=bytes([one] * 32)))
        assert found is not None
        ja4.add(found[0][-1].value)
    assert len(ja4) == 1
    assert len(greetings._kinds) <= 6, "three lists stand in the order in which they came"


# --- what is taken, what is left --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("payload", "taken"),
    [
        (HELLO, True),
        (built(extension(10, b"")), True),
        (payloads.client_hello(""), False),
        (payloads.client_hello("a.example", alpn=["dot"]), False),
        (HELLO + b"\x14\x03\x03\0\1\1", False),
        (HELLO[:-1], False),
        (payloads.server_hello(), False),
        (built(named(b"x" * 255)), True),
        (built(named(b"x" * 256)), False),
        (built(named(b"a") * 2), False),
        (built(b"".join(extension(kind, b"") for kind in range(100, 139))), True),
        (built(b"".join(extension(kind, b"") for kind in range(100, 140))), False),
        (built(extension(0x0A0A, b"") * 600), False),
        (built(b"", b"\x13\1" * 100), True),
        (built(b"", b"\x13\1" * 101), False),
        (built(b"", b"\x13\1\0"), False),
        (built(extension(16, b"\0\0" + bytes(198))), True),
        (built(extension(16, b"\0\0" + bytes(199))), False),
        (built(extension(21, bytes(16000))), True),
        (built(extension(21, bytes(16400))), False),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else str(value),
)
def test_the_plain_ones_are_taken(segment: Build, payload: bytes, taken: bool) -> None:
    """One whole hello and nothing else, within the bounds; the others go the slow way."""
    same(segment, payload, taken=taken)


def test_the_longest_lists_fit(segment: Build) -> None:
    """All of them at once stay within what the kernel is given to write to."""
    signatures, versions = b"\0\xc6" + b"\4\3" * 99, b"\xc6" + b"\3\4" * 99
    lists = extension(13, signatures) + extension(16, b"\0\0" + bytes(198)) + extension(43, versions)
    payload = built(lists, b"\x13\1" * 100)
    same(segment, payload, taken=True)
    assert kernels.hello(payload, KNOWN._out) >> 32 < kernels.ROOM


def test_kinds_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full, the memory starts anew."""
    monkeypatch.setattr(greeting, "_KEPT", 3)
    greetings = Greetings()
    for kind in range(100, 120):
        assert greetings.read(built(extension(kind, b""))) is not None
        assert len(greetings._kinds) <= 3


# --- in the engine ----------------------------------------------------------------------------------
def test_a_flow_that_begins_so_is_known_like_any_other(segment: Build) -> None:
    """Name and JA4 are told, and the next packet finds what was read."""
    made = Engine(10, 4096, probes.BUILTIN)
    items = made.feed(segment(HELLO, parser=Parser.TLS))
    assert [item.kind for item in items] == ["tls_sni", "ja4"]
    assert made.info(1) == FlowInfo("tls", "camera.example", "sni", items[1].value)
    assert made.feed(segment(HELLO, parser=Parser.TLS)) == [], "a repetition is nothing new"
    assert made.feed(segment(HELLO, parser=Parser.TLS, seq=len(HELLO))) == items, "another hello is"
    assert made.held == 0


def test_a_resolver_is_told_by_its_port(segment: Build) -> None:
    """What follows from port or protocol goes the slow way."""
    items = Engine(10, 4096, probes.BUILTIN).feed(segment(HELLO, parser=Parser.TLS, dport=853))
    assert [item.kind for item in items] == ["tls_sni", "ja4", "dot"]


def test_flows_that_begin_so_are_bounded_like_others(segment: Build) -> None:
    """The oldest gives way; what is known of it stays; what finds no room in that is counted."""
    made = Engine(2, 4096, probes.BUILTIN)
    for flow in range(40):
        assert made.feed(segment(HELLO, parser=Parser.TLS, flow=flow))
    assert len(made._readings.now) == 2
    assert made.info(0) is not None
    assert made.info(39) is None
    assert made.shed["infos"] == 8
    for flow in range(40):
        made.end(flow)
    assert not made._readings.now
    assert not made._infos
