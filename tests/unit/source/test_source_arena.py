# SPDX-License-Identifier: Apache-2.0
"""The sliding buffer."""

from hypothesis import given
from hypothesis import strategies as st

from egresswatch.source.arena import Arena


class Pieces:
    """A stream that gives prepared pieces, one a call."""

    failed = ""

    def __init__(self, pieces):
        self.pieces = [piece for piece in pieces if piece]

    def fill(self, view):
        if not self.pieces:
            return 0
        piece = self.pieces.pop(0)
        got = min(len(piece), len(view))
        view[:got] = piece[:got]
        if got < len(piece):
            self.pieces.insert(0, piece[got:])
        return got


@given(
    st.lists(st.binary(max_size=20), max_size=10),
    st.lists(st.integers(0, 12), max_size=20),
    st.integers(1, 9),
)
def test_every_byte_comes_once_and_at_its_place(pieces, takes, size):
    """However the input is cut and taken, the bytes and their positions are those of the input."""
    whole = b"".join(pieces)
    arena = Arena(Pieces(pieces), size)
    at = 0
    for take in takes:
        assert arena.place == at
        head = arena.peek(take)
        assert head == whole[at : at + take]
        arena.pos += len(head)
        at += len(head)
    assert arena.drain() == len(whole) - at
    assert arena.place == len(whole)


def test_the_buffer_grows_only_when_it_must():
    """A record that fits after sliding does not grow the buffer; a longer one doubles it."""
    arena = Arena(Pieces([bytes(8)] * 10), 16)
    arena.peek(16)
    arena.pos += 9
    arena.peek(16)
    assert len(arena.data) == 16
    arena.peek(17)
    assert len(arena.data) == 32


def test_nobody_can_write_into_the_frames():
    """The view that frames are given from is read-only, also after growing."""
    arena = Arena(Pieces([bytes(8)]), 4)
    arena.peek(8)
    assert not arena.data.flags.writeable
