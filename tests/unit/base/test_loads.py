# SPDX-License-Identifier: Apache-2.0
"""Reading numbers out of bytes against struct, the hash against plain integers."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch import loads

MASK = (1 << 64) - 1
WORDS = st.integers(0, MASK)


@pytest.mark.parametrize(
    ("read", "form"),
    [(loads.u8, "B"), (loads.be16, ">H"), (loads.le16, "<H"), (loads.be32, ">I"), (loads.le32, "<I"),
     (loads.be64, ">Q")],
    ids=["u8", "be16", "le16", "be32", "le32", "be64"],
)  # fmt: skip
@given(data=st.binary(min_size=8, max_size=16), back=st.integers(0, 8))
def test_numbers_are_those_of_struct(read, form, data, back):
    """At any place up to the last byte, never negative."""
    at = max(0, len(data) - struct.calcsize(form) - back)
    value = read(np.frombuffer(data, np.uint8), np.int64(at))
    assert int(value) == struct.unpack_from(form, data, at)[0]


def plain_mix(h, v):
    x = (h ^ v) * 0x9E3779B97F4A7C15 & MASK
    return x ^ x >> 29


@given(WORDS, WORDS)
def test_mix_is_one_multiplication_and_one_fold(h, v):
    """The same on every machine and with or without compiled kernels."""
    with np.errstate(over="ignore"):
        assert int(loads.mix(np.uint64(h), np.uint64(v))) == plain_mix(h, v)


@given(WORDS, WORDS, WORDS, WORDS, st.booleans())
def test_the_pair_hash_leaves_ports_and_tags_out(a_hi, a_lo, b_hi, b_lo, v6):
    """It decides the shard: fragments must meet their first one, tag stacks each other."""
    def ask(meta):
        with np.errstate(over="ignore"):
            return int(loads.pair_hash(*map(np.uint64, (a_hi, a_lo, b_hi, b_lo, meta | v6))))

    want = plain_mix(plain_mix(0x517CC1B727220A95, a_lo), b_lo)
    if v6:
        want = plain_mix(plain_mix(want, a_hi), b_hi)
    assert ask(0) == ask(53 << 48 | 17 << 8 | 2) == want


def test_addresses_spread_over_the_shards():
    """A camera network of one /16 and one server fills all 16 shards about equally."""
    counts = [0] * 16
    with np.errstate(over="ignore"):
        for k in range(2000):
            words = (0, 0xFFFF0A000000 + k, 0, 0xFFFFCB007109, 0)
            h = loads.pair_hash(*map(np.uint64, words))
            counts[int(h) >> 60] += 1
    assert min(counts) > 60
    assert max(counts) < 250
