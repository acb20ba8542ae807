# SPDX-License-Identifier: Apache-2.0
"""Any bytes give a row or a counted reason: the twin's, whatever lies around the frame in memory."""

import numpy as np
import pytest
from drive import START, T0, Shot, batch_of, check, decode_batch
from hypothesis import given
from hypothesis import strategies as st
from link_twin import READERS
from scale import examples
from zoo import ALL, LINKS, P4, P6, TAGGED, TUNNELS

from egresswatch.demo.frames import noise
from egresswatch.jit import DISABLED
from egresswatch.packets import PF_PAYLOAD, TUNNEL_BITS

EVERY = frozenset(TUNNEL_BITS)
LINK_TYPES = sorted({*READERS, 192, 6, 147, 65535})
WANTED = st.sets(st.sampled_from(sorted(TUNNEL_BITS))).map(frozenset) | st.just(EVERY)


def shots(data, links):
    return st.builds(
        lambda body, link, extra, late: Shot(body, T0 - late, link, len(body) + extra),
        data, links, st.sampled_from([0, 0, 1, 2000]), st.sampled_from([0, 0, 7]),
    )  # fmt: skip


@st.composite
def mutated(draw):
    """A frame of the zoo with some bytes changed, taken out or repeated, cut anywhere."""
    kind = draw(st.sampled_from(ALL))
    data = bytearray(kind.data)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        how = draw(st.integers(0, 3))
        if how == 0 and data:
            data[at] = draw(st.sampled_from([0, 1, 4, 5, 6, 17, 0x40, 0x45, 0x60, 0x80, 0xFF]))
        elif how == 1 and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif how == 2:
            del data[at : at + draw(st.integers(1, 8))]
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 40))]
    if draw(st.booleans()):
        del data[draw(st.integers(0, len(data))) :]
    return Shot(bytes(data), T0, kind.link, len(kind.data))


@examples(300)
@given(st.lists(shots(st.binary(max_size=120), st.sampled_from(LINK_TYPES)), max_size=12), WANTED)
def test_random_bytes_of_every_link_type(frames, wanted):
    """Pure noise: a reason or, seldom, a row; the twin says the same."""
    check(frames, wanted)


@examples(1000)
@given(st.lists(mutated(), min_size=1, max_size=8), WANTED)
def test_mutated_frames_of_every_kind(frames, wanted):
    """Nearly right frames reach every corner of the decoder."""
    check(frames, wanted)


@examples(300)
@given(st.lists(mutated(), min_size=1, max_size=6), WANTED, st.binary(min_size=1, max_size=40))
def test_what_lies_around_a_frame_is_never_read(frames, wanted, guard):
    """The same rows in an exact buffer and between guard bytes of any content."""
    def rows(between):
        batch = batch_of(frames, between=between)
        out = decode_batch(batch, wanted)
        table = out.rows.copy()
        table["pay"] -= np.where(table["flags"] & PF_PAYLOAD, batch.off, 0)
        return table.tobytes(), out.quotes.tobytes(), out.counts, out.buckets

    assert rows(b"") == rows(guard) == rows(b"\xff" * 64)


def every_cut():
    for kind in ALL:
        yield from (Shot(kind.data[:n], T0, kind.link, len(kind.data)) for n in range(len(kind.data)))


@pytest.mark.parametrize("between", [b"", b"\0" * 32, b"\xff" * 32, b"\x45\0\0\0" * 8])
def test_every_frame_cut_at_every_byte(between):
    """Each kind of frame, each possible snaplen; the buffer ends exactly with the last frame."""
    check(list(every_cut()), EVERY, between=between)


@pytest.mark.parametrize("kinds", [LINKS, TAGGED, TUNNELS], ids=["links", "tagged", "tunnels"])
def test_every_byte_of_every_frame_changed(kinds):
    """Zero, all ones and one more at each place."""
    frames = []
    for kind in kinds:
        for at in range(0, len(kind.data), 3 if DISABLED else 1):
            for value in (0, 0xFF, (kind.data[at] + 1) & 0xFF):
                data = kind.data[:at] + bytes([value]) + kind.data[at + 1 :]
                frames.append(Shot(data, T0, kind.link))
    check(frames, EVERY)


@pytest.mark.parametrize("proto", [0, 1, 4, 6, 17, 33, 41, 43, 44, 47, 58, 60, 132, 136])
def test_noise_behind_a_sound_ip_header(proto):
    """Every protocol with every length of noise behind it."""
    frames = []
    for size in range(0, 90, 5 if DISABLED else 1):
        body = noise(f"{proto}/{size}", size)
        frames.append(Shot(P4[:9] + bytes([proto]) + P4[10:20] + body, T0, 101))
        frames.append(Shot(P6[:4] + size.to_bytes(2, "big") + bytes([proto]) + P6[7:40] + body, T0, 101))
    assert check(frames, EVERY).buckets == {"accounted": len(frames)}


@examples(60)
@given(st.lists(mutated(), min_size=2, max_size=12), st.data())
def test_decoding_in_parts_is_decoding_at_once(frames, data):
    """A batch's cut changes no row and no counter; the packet clock is carried over."""
    cut = data.draw(st.integers(1, len(frames) - 1))
    whole = decode_batch(batch_of(frames), EVERY)
    one = decode_batch(batch_of(frames[:cut]), EVERY)
    two = decode_batch(batch_of(frames[cut:]), EVERY, clock=one.clock)
    assert two.clock == whole.clock > START
    for name in set(whole.rows.dtype.names) - {"pay", "pad"}:
        assert whole.rows[name].tolist() == one.rows[name].tolist() + two.rows[name].tolist()
    total = {k: one.counts.get(k, 0) + two.counts.get(k, 0) for k in {*one.counts, *two.counts}}
    assert total == whole.counts
