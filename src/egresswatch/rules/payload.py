# SPDX-License-Identifier: Apache-2.0
"""The payload grammar's meaning, twice: as plain Python and as ``PATTERN`` rows for the kernel.

``holds`` is the obvious reading of one packet. ``rows`` is what the packet path compares: at most
two comparisons of eight bytes each, words big-endian and left-aligned (a three-byte comparison uses
the three high bytes of the word), with port, sender, packet number, lengths and length field. Rows
never miss a packet that ``holds``; where they cannot say all (``decided`` is False) they are a
prefilter, and ``recogniser`` decides with ``holds`` what the packet path lets through. A row needs
all compared bytes to have been captured; ``min_len``, ``max_len`` and the length field look at the
payload's length as declared.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import log2
from typing import Literal

import numpy as np

from egresswatch.patterns import PATTERN
from egresswatch.records import Array
from egresswatch.rules import transforms
from egresswatch.rules.shape import Bytes, Number, Payload

_Order = Literal["big", "little"]
FORMS: dict[str, tuple[int, int, _Order]] = {
    "u8": (0, 1, "big"),
    "be16": (1, 2, "big"),
    "le16": (2, 2, "little"),
    "be24": (0, 3, "big"),
    "le24": (0, 3, "little"),
    "be32": (3, 4, "big"),
    "le32": (4, 4, "little"),
}
"""Form of a number -> (PATTERN.rel or 0 when the packet path cannot read it, size, byte order)."""
WORD = 8
COMPARISONS = 2
"""Of a PATTERN row, of up to WORD bytes each."""
MAX_OFFSET = 1024
MAX_LEN = 65535

Window = tuple[int, bytes, bytes]
"""Offset, value and mask."""


def holds(
    payload: Payload, proto: int, sport: int, dport: int, data: bytes, length: int,
    sender: int = 0, packet: int = 0,
) -> bool:  # fmt: skip
    """Does this packet look like ``payload``? ``data`` may be shorter than ``length`` (cut).

    ``sender`` is one of SENDERS and ``packet`` its number; 0, not known, satisfies no rule that asks.
    """
    if proto != payload.proto or (payload.ports and not {sport, dport} & set(payload.ports)):
        return False
    if length < payload.min_len or (payload.max_len and length > payload.max_len):
        return False
    if payload.sender and sender != payload.sender:
        return False
    first, last = payload.packets
    if last and not first <= packet <= last:
        return False
    if not all(_has(data, condition) for condition in payload.wire):
        return False
    plain = transforms.apply(payload.decode, data[: _reach(payload)]) if payload.decode else data
    if not all(_has(plain, condition) for condition in payload.bytes):
        return False
    for limits in payload.numbers:
        number = _number(plain, limits.form, limits.at)
        if number is None or not limits.low <= number <= limits.high:
            return False
    if payload.length is None:
        return True
    number = _number(plain, payload.length.form, payload.length.at)
    return number is not None and number + payload.length.add == length


def told(
    payloads: Iterable[Payload], proto: int, sport: int, dport: int, data: bytes, length: int,
    sender: int = 0, packet: int = 0,
) -> str:  # fmt: skip
    """The numbers that a packet's payload tells (``reads``), in words: ``sent 1200, received 44``."""
    for payload in payloads:
        if payload.reads and holds(payload, proto, sport, dport, data, length, sender, packet):
            plain = transforms.apply(payload.decode, data[: _reach(payload)]) if payload.decode else data
            found = [(read.name, _number(plain, read.form, read.at)) for read in payload.reads]
            return ", ".join(f"{name} {number}" for name, number in found if number is not None)
    return ""


def _has(data: bytes, condition: Bytes) -> bool:
    size = len(condition.value)
    seen = data[condition.at : condition.at + size]
    if len(seen) < size:
        return False
    return any(
        all(s & m == v & m for s, v, m in zip(seen, value, condition.mask, strict=True))
        for value in (condition.value, *condition.others)
    )


def _number(data: bytes, form: str, at: int) -> int | None:
    _, size, order = FORMS[form]
    raw = data[at : at + size]
    return int.from_bytes(raw, order) if len(raw) == size else None


# --- rows -----------------------------------------------------------------------------------------
def windows(conditions: transforms.Conditions) -> list[Window]:
    """The conditions as windows of at most eight bytes, in order, as few as possible."""
    result: list[Window] = []
    left = sorted(at for at, (_, mask) in conditions.items() if mask)
    while left:
        start = left[0]
        inside = [at for at in left if at < start + WORD]
        row = [conditions.get(start + i, (0, 0)) for i in range(inside[-1] - start + 1)]
        result.append((start, bytes(v & m for v, m in row), bytes(m for _, m in row)))
        left = left[len(inside) :]
    return result


def conditions_of(payload: Payload) -> transforms.Conditions:
    """What must hold of the bytes as sent, byte by byte. ValueError: two conditions contradict."""
    plain = _merged({}, payload.bytes)
    return _merged(transforms.unfold(payload.decode, plain), payload.wire)


def _merged(known: transforms.Conditions, more: Iterable[Bytes]) -> transforms.Conditions:
    """``known`` and what all values of each of ``more`` have in common."""
    pairs = dict(known)
    for condition in more:
        for i, (value, mask) in enumerate(zip(condition.value, condition.mask, strict=True)):
            common, at = mask, condition.at + i
            for other in condition.others:
                common &= ~(other[i] ^ value)
            before, held = pairs.get(at, (0, 0))
            if (before ^ value) & held & common:
                raise ValueError(f"two conditions for the byte at {at}")
            if common:
                pairs[at] = before | value & common, held | common
    return pairs


def prefilter(payload: Payload) -> list[Window]:
    """The two windows that fix the most bits, in order of their place."""
    conditions = conditions_of(payload)
    found = windows(conditions)
    if len(found) <= COMPARISONS:
        return found
    found = [
        window
        for at in conditions
        for window in windows({k: pair for k, pair in conditions.items() if at <= k < at + WORD})[:1]
    ]
    best = max(found, key=lambda window: (_bits(window), -window[0]))
    others = [window for window in found if not _overlap(window, best)]
    return sorted([best, *sorted(others, key=lambda window: (-_bits(window), window[0]))[:1]])


def _bits(window: Window) -> int:
    return int.from_bytes(window[2], "big").bit_count()


def _overlap(one: Window, other: Window) -> bool:
    return one[0] < other[0] + len(other[1]) and other[0] < one[0] + len(one[1])


def decided(payload: Payload) -> bool:
    """Do the rows alone say all that ``payload`` does?"""
    return (
        payload.repeat == 1
        and not payload.numbers
        and not any(condition.others for condition in (*payload.wire, *payload.bytes))
        and all(step.kind in transforms.BYTEWISE for step in payload.decode)
        and (payload.length is None or (not payload.decode and FORMS[payload.length.form][0] > 0))
        and len(windows(conditions_of(payload))) <= COMPARISONS
    )


def _reach(payload: Payload) -> int:
    """Bytes that must have been sent for all conditions to hold."""
    ends = [condition.at + len(condition.value) for condition in payload.bytes]
    ends += [number.at + FORMS[number.form][1] for number in payload.numbers]
    ends += [read.at + FORMS[read.form][1] for read in payload.reads]
    if payload.length is not None:
        ends.append(payload.length.at + FORMS[payload.length.form][1])
    plain = transforms.reach(payload.decode, max(ends, default=0))
    return max([plain, *(condition.at + len(condition.value) for condition in payload.wire)])


def rows(payload: Payload, parser: int) -> Array:
    """``payload`` as PATTERN rows that ask for ``parser``: one for each port."""
    ports = payload.ports or (0,)
    result = np.zeros(len(ports), PATTERN)
    result["min_len"] = max(payload.min_len, _reach(payload))
    result["max_len"] = payload.max_len
    result["proto"] = payload.proto
    result["port"] = ports
    result["sender"] = payload.sender
    result["first"], result["last"] = payload.packets
    result["parser"] = parser
    for k, (at, value, mask) in enumerate(prefilter(payload), 1):
        result[f"off{k}"] = at
        result[f"n{k}"] = len(value)
        result[f"value{k}"] = int.from_bytes(value.ljust(WORD, b"\0"), "big")
        result[f"mask{k}"] = int.from_bytes(mask.ljust(WORD, b"\0"), "big")
    if payload.length is not None and not payload.decode:
        result["rel"] = FORMS[payload.length.form][0]
        result["rel_off"] = payload.length.at
        result["rel_add"] = payload.length.add
    return result


# --- how much chance must get right ---------------------------------------------------------------
def fixed_bits(payload: Payload) -> int:
    """How many bits chance must get right: bytes, numbers, a length field, an exact length, a port,
    all of it as often as the rule repeats."""
    bits = sum(
        sum(mask.bit_count() for mask in condition.mask) - log2(1 + len(condition.others))
        for condition in (*payload.wire, *payload.bytes)
    )
    bits += sum(_number_bits(number) for number in payload.numbers)
    if payload.length is not None:
        bits += 8 * FORMS[payload.length.form][1]
    if payload.max_len and payload.max_len == payload.min_len:
        bits += 8
    return int(bits + (8 if payload.ports else 0)) * payload.repeat


def compared_bits(payload: Payload) -> int:
    """How many of them the packet path itself looks at, in every packet."""
    bits = sum(_bits(window) for window in prefilter(payload)) + (8 if payload.ports else 0)
    if payload.length is not None and not payload.decode and FORMS[payload.length.form][0]:
        bits += 8 * FORMS[payload.length.form][1]
    return bits + (8 if payload.max_len and payload.max_len == payload.min_len else 0)


def _number_bits(number: Number) -> float:
    return 8 * FORMS[number.form][1] - log2(number.high - number.low + 1)
