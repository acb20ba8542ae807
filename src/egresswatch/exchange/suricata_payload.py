# SPDX-License-Identifier: Apache-2.0
"""A payload condition as Suricata's packet keywords.

Owns the translation to ``content``, ``byte_test``, ``byte_jump`` and ``dsize``. It is exact or it is
refused with the reason; only limits on *which* packet of a flow is looked at are left out, since
Suricata 6 cannot count them (``widened`` says so).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from egresswatch.exchange.claims import PROTO_NAMES, Refused
from egresswatch.rules import transforms
from egresswatch.rules.shape import SENDERS, Bytes, Payload

# form of a number: bytes, little-endian
FORMS = {
    "u8": (1, False), "be16": (2, False), "le16": (2, True), "be24": (3, False), "le24": (3, True),
    "be32": (4, False), "le32": (4, True),
}  # fmt: skip
HEADERS = {"tcp": "tcp-pkt", "udp": "udp"}
"""Payload conditions are about one packet: ``tcp`` would look at the reassembled stream."""
FLOW = {SENDERS["originator"]: "flow:to_server", SENDERS["responder"]: "flow:to_client"}
MAX_VARIANTS = 128
Cells = Mapping[int, tuple[int, int]]
"""Offset -> (value, mask) of a byte."""


def widened(payload: Payload) -> str:
    """What the rules do not say although they were made; nothing when they say all."""
    if payload.packets != (0, 0):
        return "the number of the packet in its flow is not compared"
    return ""


def signatures(payload: Payload) -> Iterator[tuple[str, list[str]]]:
    """(header, options) of each rule; alternatives need one each. Refused when it cannot be said."""
    if payload.repeat > 1:
        raise Refused("Suricata cannot count how many packets of a flow look so")
    if payload.decode and (payload.numbers or payload.length):
        raise Refused("a number or length inside hidden bytes cannot be compared")
    header = _header(payload)
    limits = _limits(payload)
    for cells in _variants(payload):
        yield header, [*limits, *_bytes(cells)]


def _header(payload: Payload) -> str:
    proto = HEADERS[PROTO_NAMES[payload.proto]]
    if not payload.ports:
        return f"alert {proto} any any -> any any"
    ports = ",".join(map(str, payload.ports))
    return f"alert {proto} any any <> any {f'[{ports}]' if len(payload.ports) > 1 else ports}"


def _variants(payload: Payload) -> list[Cells]:
    """Every choice among the alternatives as bytes on the wire."""
    choices, wire = _alternatives(payload.bytes), _alternatives(payload.wire)
    total = 1
    for options in (*choices, *wire):
        total *= len(options)
    if total > MAX_VARIANTS:
        raise Refused(f"would take {total} rules, one for each alternative")
    found: list[Cells] = []
    for outer in itertools.product(*wire):
        for chosen in itertools.product(*choices):
            plain = _cells(chosen)
            raw = transforms.unfold(payload.decode, plain)
            if _bits(raw) < _bits(plain):
                raise Refused("what hides the payload cannot be undone by comparing single bytes")
            need = transforms.reach(payload.decode, max(plain, default=-1) + 1)
            if need > max(raw, default=-1) + 1:
                raw = {**raw, need - 1: raw.get(need - 1, (0, 0))}
            found.append(_merged(raw, _cells(outer)))
    return found


def _alternatives(conditions: tuple[Bytes, ...]) -> list[list[Bytes]]:
    return [[Bytes(item.at, value, item.mask) for value in (item.value, *item.others)] for item in conditions]


def _cells(conditions: tuple[Bytes, ...]) -> dict[int, tuple[int, int]]:
    cells: dict[int, tuple[int, int]] = {}
    for item in conditions:
        for at, (value, mask) in enumerate(zip(item.value, item.mask, strict=True), item.at):
            if mask:
                cells[at] = (value & mask, mask)
    return cells


def _merged(one: Cells, other: Cells) -> Cells:
    both = dict(one)
    for at, (value, mask) in other.items():
        seen, known = both.get(at, (0, 0))
        if (seen ^ value) & mask & known:
            raise Refused("its conditions contradict each other")
        both[at] = seen | value, known | mask
    return both


def _bits(cells: Cells) -> int:
    return sum(mask.bit_count() for _, mask in cells.values())


def _bytes(cells: Cells) -> Iterator[str]:
    """Runs of whole bytes as ``content``, bits as ``byte_test``; a byte that must only be there as well."""
    run: list[tuple[int, int]] = []
    for at, (value, mask) in sorted(cells.items()):
        if run and (mask != 0xFF or at != run[-1][0] + 1):
            yield from _content(run)
            run = []
        if mask == 0xFF:
            run.append((at, value))
        elif mask:
            # Suricata shifts the masked value down by the zeros at the end of the mask
            shift = (mask & -mask).bit_length() - 1
            yield f"byte_test:1,=,0x{value >> shift:02x},{at},bitmask 0x{mask:02x}"
        else:
            yield f"isdataat:{at}"
    yield from _content(run)


def _content(run: list[tuple[int, int]]) -> Iterator[str]:
    if run:
        data = bytes(value for _, value in run)
        yield f'content:"|{data.hex(" ").upper()}|"'
        yield f"offset:{run[0][0]}"
        yield f"depth:{len(data)}"


def _limits(payload: Payload) -> list[str]:
    """Who sent it, its length, numbers in it."""
    options = [FLOW[payload.sender]] if payload.sender else []
    low, high = payload.min_len, payload.max_len
    if low and low == high:
        options.append(f"dsize:{low}")
    elif low and high:
        options.append(f"dsize:{low - 1}<>{high + 1}" if high < 65535 else f"dsize:>{low - 1}")
    elif low > 1:
        options.append(f"dsize:>{low - 1}")
    elif high:
        options.append(f"dsize:<{high + 1}" if high < 65535 else "dsize:>0")
    for item in payload.numbers:
        size, little = FORMS[item.form]
        order = ",little" if little else ""
        top = (1 << 8 * size) - 1
        if item.low > 0:
            options.append(f"byte_test:{size},>=,{item.low},{item.at}{order}")
        if item.high < top:
            options.append(f"byte_test:{size},<=,{item.high},{item.at}{order}")
        if item.low <= 0 and item.high >= top:
            options.append(f"isdataat:{item.at + size - 1}")
    if payload.length is not None:
        size, little = FORMS[payload.length.form]
        order = ",little" if little else ""
        # jump to the last byte that the field promises; nothing may follow it
        back = payload.length.add - payload.length.at - size - 1
        jump = f"byte_jump:{size},{payload.length.at}{order},post_offset {back}"
        options += [jump, "isdataat:!2,relative"]
    return options
