# SPDX-License-Identifier: Apache-2.0
"""Steps that make a hidden payload plain, and what plain bytes tell of the hidden ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.rules.shape import Step
from egresswatch.rules.transforms import KINDS, apply, block, reach, unfold

PLACES = (11, 9, 8, 15, 13, 10, 12, 14, 2, 1, 5, 0, 6, 4, 7, 3)
KALAY = (
    Step("rotl32", (3, 7, 11, 15)),
    Step("permute", PLACES),
    Step("xor", tuple(b"Charlie is the d")),
    Step("rotl32", (1, 5, 9, 13)),
)
"""The published steps that undo ThroughTek's obfuscation of a header of 16 bytes."""
SHORT = st.lists(st.integers(0, 255), min_size=1, max_size=4).map(tuple)
STEP = st.one_of(
    st.builds(Step, st.sampled_from(["xor", "autokey"]), SHORT, st.integers(0, 5)),
    st.builds(Step, st.sampled_from(["invert", "nibbles"]), st.just(()), st.integers(0, 5)),
    st.builds(
        Step,
        st.just("rotl32"),
        st.lists(st.integers(0, 31), min_size=1, max_size=3).map(tuple),
        st.integers(0, 5),
    ),
    st.builds(
        Step, st.just("permute"), st.integers(1, 8).flatmap(lambda n: st.permutations(range(n))).map(tuple)
    ),
)


def hide(step: Step, plain: bytes) -> bytes:
    """The other way round, one byte or bit at a time, from the table in the module's docstring."""
    head, body = plain[: step.start], bytearray(plain[step.start :])
    key, out = step.key, bytearray(len(body))
    for i, byte in enumerate(body):
        if step.kind == "xor":
            out[i] = byte ^ key[i % len(key)]
        elif step.kind == "invert":
            out[i] = 255 - byte
        elif step.kind == "nibbles":
            out[i] = int(f"{byte:02x}"[::-1], 16)
        elif step.kind == "autokey":
            out[i] = byte ^ (key[i] if i < len(key) else out[i - len(key)])
        elif step.kind == "permute":
            out[i - i % len(key) + key[i % len(key)]] = byte
    if step.kind == "rotl32":
        for w in range(len(body) // 4):
            bits = f"{int.from_bytes(body[4 * w : 4 * w + 4], 'little'):032b}"
            turn = key[w % len(key)]
            out[4 * w : 4 * w + 4] = int(bits[32 - turn :] + bits[: 32 - turn], 2).to_bytes(4, "little")
    return head + bytes(out)


@given(st.lists(STEP, max_size=4).map(tuple), st.binary(max_size=80))
def test_apply_undoes_what_was_hidden(steps: tuple[Step, ...], plain: bytes) -> None:
    """Hidden step by step and made plain again, every whole block is what it was."""
    for step in steps:
        whole = max(0, len(plain) - step.start) // block(step) * block(step)
        plain = plain[: step.start + whole]
    hidden = plain
    for step in reversed(steps):
        whole = max(0, len(hidden) - step.start) // block(step) * block(step)
        assume = hidden[: step.start + whole]
        if assume != hidden:
            return  # another step would have to hide a part of a block
        hidden = hide(step, hidden)
    assert apply(steps, hidden) == plain


@given(
    st.lists(STEP, max_size=4).map(tuple),
    st.binary(min_size=1, max_size=64),
    st.dictionaries(st.integers(0, 40), st.sampled_from([0xFF, 0xFF, 0xF0, 0x01, 0x81]), max_size=6),
)
def test_unfold_says_only_what_plain_bytes_imply(
    steps: tuple[Step, ...], hidden: bytes, masks: dict[int, int]
) -> None:
    """Whatever was sent: when the plain bytes are as asked, the bytes as sent are as unfolded."""
    plain = apply(steps, hidden)
    asked = {at: (plain[at] & mask, mask) for at, mask in masks.items() if at < len(plain)}
    for at, (value, mask) in unfold(steps, asked).items():
        assert at < len(hidden)
        assert value == value & mask
        assert hidden[at] & mask == value


@given(st.lists(STEP.filter(lambda s: s.kind != "autokey"), max_size=4).map(tuple), st.data())
def test_unfold_keeps_every_bit_of_steps_that_move_bits(steps: tuple[Step, ...], data: st.DataObject) -> None:
    """As many bits as sent are fixed as plain ones were asked for; only autokey can lose some."""
    asked = data.draw(
        st.dictionaries(st.integers(0, 40), st.sampled_from([0xFF, 0xF0, 0x03, 0x81]), max_size=6)
    )
    told = unfold(steps, {at: (mask, mask) for at, mask in asked.items()})
    assert sum(m.bit_count() for _, m in told.values()) == sum(m.bit_count() for m in asked.values())


@given(st.lists(STEP, max_size=4).map(tuple), st.integers(1, 40))
def test_reach_says_how_many_bytes_a_plain_byte_needs(steps: tuple[Step, ...], end: int) -> None:
    """With that many bytes as sent the plain ones are there; without the last block they are not."""
    need = reach(steps, end)
    assert len(apply(steps, bytes(need))) >= end
    if need > end:
        assert len(apply(steps, bytes(end - 1))) < end


def test_kalay_header_becomes_plain() -> None:
    """The published sample and its published obfuscated form (ThroughTek)."""
    hidden = bytes.fromhex("4c6f8d0c40d040ca2d2d082dc0eecad8e06b702365cd6318")
    assert apply(KALAY, hidden)[:16].hex() == "0402120a080000002804120000000000"


def test_kalay_magic_fixes_sixteen_bits_as_sent() -> None:
    """The prefilter that others computed follows from the steps alone."""
    told = unfold(KALAY, {0: (0x04, 0xFF), 1: (0x02, 0xFF)})
    value = bytes(told.get(at, (0, 0))[0] for at in range(8, 16))
    mask = bytes(told.get(at, (0, 0))[1] for at in range(8, 16))
    assert (value.hex(), mask.hex()) == ("0d20082000000000", "0fe01fe000000100")
    assert set(told) <= set(range(8, 16))


def test_a_known_beginning_behind_an_autokey_is_known_as_sent() -> None:
    """Each hidden byte follows from the one before it: JSON behind the key ab, four bytes in."""
    plain = {4: (ord("{"), 0xFF), 5: (ord('"'), 0xFF)}
    assert unfold((Step("autokey", (0xAB,), 4),), plain) == {4: (0xD0, 0xFF), 5: (0xF2, 0xFF)}
    assert unfold((Step("autokey", (0xAB,), 4),), {5: (ord('"'), 0xFF)}) == {}


@pytest.mark.parametrize(
    ("step", "hidden", "plain"),
    [
        (Step("xor", (0x5A, 0x11)), "5b135f", "010205"),
        (Step("invert"), "fffeffe7", "00010018"),
        (Step("nibbles"), "1f20", "f102"),
        (Step("autokey", (0xAB,)), "d0f2", "7b22"),
        (Step("rotl32", (8,)), "01020304ff", "04010203"),
        (Step("permute", (2, 0, 1)), "0102030405", "030102"),
        (Step("invert", (), 2), "00ff00ff", "00ffff00"),
    ],
)
def test_each_step_by_hand(step: Step, hidden: str, plain: str) -> None:
    """One worked example a step; blocks that are not whole are dropped."""
    assert apply((step,), bytes.fromhex(hidden)).hex() == plain


def test_every_step_has_both_ways() -> None:
    """What can be undone can be unfolded."""
    assert set(KINDS) == {"xor", "invert", "nibbles", "autokey", "rotl32", "permute"}
    for kind in KINDS:
        key = (0, 1) if kind == "permute" else (1,)
        assert apply((Step(kind, key),), b"") == b""
        assert unfold((Step(kind, key),), {}) == {}
