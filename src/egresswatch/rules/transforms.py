# SPDX-License-Identifier: Apache-2.0
"""How a hidden payload is made plain, and what plain bytes tell of the hidden ones.

Owns the steps of ``decode``. ``apply`` undoes them on bytes. ``unfold`` goes the other way with
conditions: a bit that must have some value in the plain bytes fixes bits of the payload as sent, so
the packet path can compare those and nothing has to be decoded there. Steps work from byte ``start``
on; what lies before stays as it is. Steps over blocks need whole blocks: what is left over is dropped.

| step | plain from hidden |
|---|---|
| xor k | byte i xor k[i mod len k] |
| invert | all bits turned |
| nibbles | the two halves of each byte swapped |
| autokey k | byte i xor the hidden byte len k places before (k itself at the beginning) |
| rotl32 n | 32-bit little-endian word w rotated left by n[w mod len n] bits |
| permute p | byte i of each block is hidden byte p[i] of the block |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from egresswatch.rules.shape import Step

Conditions = Mapping[int, tuple[int, int]]
"""Offset -> (value, mask) of a byte."""
BYTEWISE = ("xor", "invert", "nibbles")
"""Steps that change each byte by itself: conditions of any kind of bytes survive them."""
_WORD = 4
_FULL = 0xFFFFFFFF


def apply(steps: tuple[Step, ...], data: bytes) -> bytes:
    """``data`` made plain."""
    for step in steps:
        head, body = data[: step.start], data[step.start :]
        data = head + _APPLY[step.kind](body, step.key)
    return data


def unfold(steps: tuple[Step, ...], conditions: Conditions) -> Conditions:
    """What ``conditions`` on the plain bytes say about the bytes as sent: never more than they imply."""
    for step in reversed(steps):
        before = {at: pair for at, pair in conditions.items() if at < step.start}
        behind = {at - step.start: pair for at, pair in conditions.items() if at >= step.start}
        told = _UNFOLD[step.kind](behind, step.key)
        conditions = before | {at + step.start: pair for at, pair in told.items()}
    return conditions


def reach(steps: tuple[Step, ...], end: int) -> int:
    """How many bytes as sent are needed to know the first ``end`` plain bytes."""
    for step in reversed(steps):
        size = block(step)
        end = max(end, step.start + -(-(end - step.start) // size) * size)
    return end


def block(step: Step) -> int:
    """Bytes that a step works on at a time."""
    return {"rotl32": _WORD * len(step.key), "permute": len(step.key)}.get(step.kind, 1)


# --- apply ----------------------------------------------------------------------------------------
def _xor(data: bytes, key: tuple[int, ...]) -> bytes:
    stream = (bytes(key) * (len(data) // len(key) + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")


def _invert(data: bytes, _: tuple[int, ...]) -> bytes:
    return _xor(data, (0xFF,))


def _nibbles(data: bytes, _: tuple[int, ...]) -> bytes:
    return bytes(_swapped(byte) for byte in data)


def _autokey(data: bytes, key: tuple[int, ...]) -> bytes:
    before = bytes(key) + data
    return bytes(a ^ b for a, b in zip(data, before, strict=False))


def _rotl32(data: bytes, turns: tuple[int, ...]) -> bytes:
    out = []
    for number in range(len(data) // (_WORD * len(turns)) * len(turns)):
        word = int.from_bytes(data[_WORD * number : _WORD * (number + 1)], "little")
        out.append(_rotated(word, turns[number % len(turns)]).to_bytes(_WORD, "little"))
    return b"".join(out)


def _permute(data: bytes, places: tuple[int, ...]) -> bytes:
    size = len(places)
    whole = len(data) // size * size
    return bytes(data[at + place] for at in range(0, whole, size) for place in places)


def _swapped(byte: int) -> int:
    return byte << 4 & 0xF0 | byte >> 4


def _rotated(word: int, turn: int) -> int:
    turn %= 32
    return (word << turn | word >> (32 - turn)) & _FULL


# --- unfold ---------------------------------------------------------------------------------------
def _unfold_xor(conditions: Conditions, key: tuple[int, ...]) -> Conditions:
    return {at: ((value ^ key[at % len(key)]) & mask, mask) for at, (value, mask) in conditions.items()}


def _unfold_invert(conditions: Conditions, _: tuple[int, ...]) -> Conditions:
    return _unfold_xor(conditions, (0xFF,))


def _unfold_nibbles(conditions: Conditions, _: tuple[int, ...]) -> Conditions:
    return {at: (_swapped(value), _swapped(mask)) for at, (value, mask) in conditions.items()}


def _unfold_autokey(conditions: Conditions, key: tuple[int, ...]) -> Conditions:
    """A hidden byte is known as far as the plain byte and the hidden byte before it are."""
    size = len(key)
    told: dict[int, tuple[int, int]] = {}
    for at in sorted(conditions):
        value, mask = conditions[at]
        before, known = (key[at], 0xFF) if at < size else told.get(at - size, (0, 0))
        if mask & known:
            told[at] = ((value ^ before) & mask & known, mask & known)
    return told


def _unfold_rotl32(conditions: Conditions, turns: tuple[int, ...]) -> Conditions:
    words: dict[int, tuple[int, int]] = {}
    for at, (value, mask) in conditions.items():
        number, shift = at // _WORD, 8 * (at % _WORD)
        values, masks = words.get(number, (0, 0))
        words[number] = values | value << shift, masks | mask << shift
    told: dict[int, tuple[int, int]] = {}
    for number, (values, masks) in words.items():
        back = -turns[number % len(turns)]
        values, masks = _rotated(values, back), _rotated(masks, back)
        for k in range(_WORD):
            if masks >> 8 * k & 0xFF:
                told[_WORD * number + k] = values >> 8 * k & 0xFF, masks >> 8 * k & 0xFF
    return told


def _unfold_permute(conditions: Conditions, places: tuple[int, ...]) -> Conditions:
    size = len(places)
    return {at - at % size + places[at % size]: pair for at, pair in conditions.items()}


_APPLY: Mapping[str, Callable[[bytes, tuple[int, ...]], bytes]] = {
    "xor": _xor,
    "invert": _invert,
    "nibbles": _nibbles,
    "autokey": _autokey,
    "rotl32": _rotl32,
    "permute": _permute,
}
_UNFOLD: Mapping[str, Callable[[Conditions, tuple[int, ...]], Conditions]] = {
    "xor": _unfold_xor,
    "invert": _unfold_invert,
    "nibbles": _unfold_nibbles,
    "autokey": _unfold_autokey,
    "rotl32": _unfold_rotl32,
    "permute": _unfold_permute,
}
KINDS = tuple(_APPLY)
