# SPDX-License-Identifier: Apache-2.0
"""Open addressing against a plain dictionary: rows added, found and removed in any order, any collision."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scale import examples

from egresswatch.flow.layout import ROW
from egresswatch.flow.slots import VLAN_KEY, find, find_any, insert, remove
from egresswatch.packets import PACKET, QUOTE

SIZE = 16
BASE = 32
"""The chains of one shard lie in the middle of the array of slots."""
HASHES = (0, 1, 15, 16, 31, 0xFFFFFFF0, 0xFFFFFFFF)


def packet(key, hash32, kind=PACKET):
    out = np.zeros(1, kind)
    out["a_lo"], out["hash"] = key, hash32
    return out[0]


class Slots:
    """The real thing with eight rows."""

    def __init__(self):
        self.slots, self.rows = np.zeros(SIZE * 4, np.uint64), np.zeros(8, ROW)

    def add(self, index, key, hash32):
        self.rows[index]["a_lo"], self.rows[index]["hash"] = key, hash32
        insert(self.slots, np.int64(BASE), np.int64(SIZE - 1), np.int64(hash32), np.int64(index))

    def drop(self, index):
        hash32 = np.int64(self.rows[index]["hash"])
        remove(self.slots, np.int64(BASE), np.int64(SIZE - 1), hash32, np.int64(index))

    def find(self, key, hash32):
        index, how = find(
            self.slots, np.int64(BASE), np.int64(SIZE - 1), self.rows, packet(key, hash32), np.int64(0),
            np.int64(0), np.int64(VLAN_KEY),
        )  # fmt: skip
        assert how == 0
        quote = packet(key, hash32, QUOTE)
        assert int(find_any(self.slots, np.int64(BASE), np.int64(SIZE - 1), self.rows, quote)) == int(index)
        return int(index)


@examples(400)
@given(st.lists(st.tuples(st.integers(0, 7), st.sampled_from(HASHES)), max_size=60))
def test_slots_are_a_dictionary(steps):
    """Each step adds a row or, when it is there, removes it; then everything is found or not found."""
    real, plain = Slots(), {}
    for index, hash32 in steps:
        if index in plain:
            real.drop(index)
            del plain[index]
        else:
            real.add(index, 100 + index, hash32)
            plain[index] = hash32
        for other in range(8):
            for candidate in HASHES:
                want = other if plain.get(other) == candidate else -1
                assert real.find(100 + other, candidate) == want
        assert int((real.slots != 0).sum()) == len(plain)
    assert not real.slots[:BASE].any()
    assert not real.slots[BASE + SIZE :].any()


@examples(100)
@given(st.permutations(range(6)), st.permutations(range(6)))
def test_rows_of_one_key_keep_their_order(added, removed):
    """Flows of the same endpoints on several tag stacks: the oldest is found first, whatever was removed."""
    real, left = Slots(), list(added)
    for index in added:
        real.add(index, 7, 15)
    for index in removed:
        assert real.find(7, 15) == left[0]
        real.drop(index)
        left.remove(index)
    assert real.find(7, 15) == -1
