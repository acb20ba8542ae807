# SPDX-License-Identifier: Apache-2.0
"""Plain DNS messages: what is read of them at once is what is read step by step."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.demo import payloads
from egresswatch.sniff import dns, dnsplain, dnswire


def record(owner: bytes, kind: int, ttl: int, data: bytes, wrong: int) -> bytes:
    """A resource record; ``wrong``: so much longer than it says."""
    return owner + struct.pack(">HHIH", kind, 1, ttl, len(data) + wrong) + data


def same(payload: bytes) -> None:
    """The same items as without the short way."""
    packet = dnswire.read(payload)
    told = dns._unicast(payload)
    if packet is None:
        assert told is None
    elif packet.opcode:
        assert told is None or dnsplain.question(payload) is None
    elif packet.response:
        assert told == dns._answers(packet)
    else:
        assert told is not None
        assert [(item.kind, item.value) for item in told] == [("dns_query", q.name) for q in packet.questions]


OWNED = st.builds(
    record,
    st.sampled_from([b"\xc0\x0c"] * 6 + [b"\xc0\x0d", b"\3cam\0"]), st.sampled_from([1, 1, 28, 28, 5]),
    st.sampled_from([60, 61, (1 << 31) - 1, 1 << 31]),
    st.sampled_from([b"\xc0\0\2\7", b"\xc0\0\2\7", b"\xc0\0\2\x08", bytes(15) + b"\1", b"\1", b""]),
    st.sampled_from([0] * 12 + [1]),
)  # fmt: skip


@given(
    st.sampled_from([b"\3cam\7Example\0", b"\1-\0", b"\0", b"\3a.b\1c\0", b"\3cam\3a.b\0", b"\2\xc3\xa4\0"]),
    st.lists(OWNED, max_size=5), st.integers(0, 6), st.sampled_from([0x8180, 0x8380, 0x8183, 0x0100, 0x9000]),
    st.integers(-3, 0),
)  # fmt: skip
def test_addresses_of_what_was_asked_are_read_as_by_the_twin(
    name: bytes, records: list[bytes], count: int, flags: int, end: int
) -> None:
    """Most answers: records that point to the question. Some are not, some are cut."""
    head = struct.pack(">6H", 1, flags, 1, count, 0, 0)
    payload = head + name + b"\0\1\0\1" + b"".join(records)
    same(payload)
    same(payload[:end])


@pytest.mark.parametrize("count", [63, 64, 65, 300])
def test_many_addresses_are_bounded_as_by_the_twin(count: int) -> None:
    """Items are told for the first of them."""
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x05\0\4"
    records = b"".join(record + struct.pack(">I", 0xC0000200 + k) for k in range(count))
    same(struct.pack(">6H", 1, 0x8180, 1, count, 0, 0) + b"\3cam\0\0\1\0\1" + records)


def test_what_is_plain() -> None:
    """Name, type and where the question ends; then type, TTL and address of each record."""
    asked = payloads.dns_query("Dev.Cam-1.example")
    assert dnsplain.question(asked) == ("dev.cam-1.example", 1, 35)
    answer = payloads.dns_answer(
        "a.example", [("a.example", 1, "192.0.2.7"), ("a.example", 28, "2001:db8::7")]
    )
    found = dnsplain.question(answer)
    assert found is not None
    assert [text for _, _, text in dnsplain.addresses(answer, found[2], 2) or ()] == [
        "192.0.2.7",
        "2001:db8::7",
    ]
    assert dnsplain.addresses(answer, found[2], 3) is None


@pytest.mark.parametrize(
    "payload",
    [
        payloads.dns_query("a.example")[:-1],
        payloads.dns_query("a.example")[:20],
        b"\0\1\x28" + payloads.dns_query("a.example")[3:],
        b"\0\1\1\0\0\2" + payloads.dns_query("a.example")[6:],
        struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + b"\0\0\1\0\1",
        struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + b"\3a.b\0\0\1\0\1",
        struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + b"\1a\xc0\x0c\0\1\0\1\0",
        b"",
    ],
    ids=["cut", "cut in the name", "an update", "two questions", "the root", "a dot", "a pointer", "nothing"],
)
def test_what_is_not_plain(payload: bytes) -> None:
    """It is left to the other reader."""
    assert dnsplain.question(payload) is None
