# SPDX-License-Identifier: Apache-2.0
"""Header blocks: lenient to sloppy devices, strict on size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.sniff import headers


def test_a_block_is_read_up_to_its_empty_line() -> None:
    """Names are folded, values trimmed, the length covers the empty line."""
    head = headers.read(b"A B C\r\nHost:  x \r\nX-Y:z\r\n\r\nbody", final=False)
    assert head is not None
    assert (head.start, head.get(b"host"), head.get(b"x-y"), head.get(b"none")) == (b"A B C", b"x", b"z", b"")
    assert head.length == len(b"A B C\r\nHost:  x \r\nX-Y:z\r\n\r\n")
    assert head.complete


def test_an_open_block_asks_for_more() -> None:
    """Nothing is told from half a block while more may come."""
    assert headers.read(b"A B C\r\nHost: x\r\n", final=False) is None


def test_a_cut_block_gives_its_whole_lines() -> None:
    """When nothing more can come, the last half line is left out."""
    head = headers.read(b"A B C\r\nHost: x\r\nServer: hal", final=True)
    assert head is not None
    assert (head.get(b"host"), head.get(b"server"), head.complete) == (b"x", b"", False)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_bare_line_feeds_end_lines_too(end: bytes) -> None:
    """Small devices send LF alone."""
    head = headers.read(end.join([b"A B C", b"Host: x", b"", b"rest"]), final=False)
    assert head is not None
    assert (head.start, head.get(b"host"), head.complete) == (b"A B C", b"x", True)


def test_folded_lines_and_repeated_fields() -> None:
    """A folded value is one value; of a repeated field the first counts."""
    head = headers.read(b"A\r\nX: 1\r\n  2\r\nHost: a\r\nHost: b\r\n c\r\n\r\n", final=False)
    assert head is not None
    assert (head.get(b"x"), head.get(b"host")) == (b"1 2", b"a")


def test_an_endless_block_is_read_as_far_as_allowed() -> None:
    """A head that never ends does not make anyone wait for ever."""
    block = b"A B C\r\nHost: x\r\n" + b"Y: " + b"y" * headers.MAX_HEAD
    head = headers.read(block, final=False)
    assert head is not None
    assert head.get(b"host") == b"x"
    assert head.length <= headers.MAX_HEAD


@pytest.mark.parametrize(
    ("value", "length"), [(b"12", 12), (b"", 0), (b"-1", 0), (b"1e3", 0), (b"9" * 40, 0), ("²".encode(), 0)]
)
def test_an_absurd_body_length_counts_as_none(value: bytes, length: int) -> None:
    """Only plain digits of a sane size are believed."""
    head = headers.read(b"A\r\nContent-Length: " + value + b"\r\n\r\n", final=False)
    assert head is not None
    assert headers.content_length(head) == length


@pytest.mark.parametrize(
    ("challenge", "realm"),
    [
        (b'Digest realm="IP Camera(C1234)", nonce="abc"', b"IP Camera(C1234)"),
        (b"Basic Realm=cam, charset=utf-8", b"cam"),
        (b'Basic realm="open', b"open"),
        (b"Negotiate", b""),
    ],
)
def test_the_realm_of_a_challenge(challenge: bytes, realm: bytes) -> None:
    """Quoted or not, in any case."""
    head = headers.read(b"A\r\nWWW-Authenticate: " + challenge + b"\r\n\r\n", final=False)
    assert head is not None
    assert headers.realm(head) == realm


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_a_block_or_ask_for_more(buf: bytes, final: bool) -> None:
    """No input raises; what is consumed lies inside the buffer."""
    head = headers.read(buf, final=final)
    assert head is not None or not final
    if head is not None:
        assert 0 <= head.length <= len(buf)
        headers.content_length(head)
        headers.realm(head)
    headers.start_line(buf)
