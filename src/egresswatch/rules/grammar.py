# SPDX-License-Identifier: Apache-2.0
"""The payload and sighting conditions of a rule file, read into ``shape.Payload`` and ``shape.Seen``.

Owns the fields below ``match.payload`` and ``match.seen`` (documented in rules/README.md); what they
mean on a packet is ``payload``, ``transforms`` and ``recogniser``.
"""

from __future__ import annotations

import re

from egresswatch.rules import payload as payloads
from egresswatch.rules.model import PROTOS
from egresswatch.rules.nodes import Fields, Node, hint
from egresswatch.rules.shape import SEEN_KINDS, SENDERS, Bytes, Counter, Length, Number, Payload, Seen, Step

PAYLOAD_FIELDS = (
    "proto", "ports", "sender", "packets", "wire", "decode", "bytes", "numbers", "length", "min_len",
    "max_len", "repeat", "reads",
)  # fmt: skip
BYTES_FIELDS = ("at", "hex", "any", "mask", "text")
NUMBER_FIELDS = ("form", "at", "min", "max")
COUNTER_FIELDS = ("name", "form", "at")
LENGTH_FIELDS = ("form", "at", "add")
WAYS = ("equals", "prefix", "suffix", "contains")
HEX = r"([0-9a-f]{2} ?)+"
HEX_FORM = "hex digits such as f1 00"
MAX_PACKET = 64
MAX_REPEAT = 16
MAX_BLOCK = 64
MAX_KEY = 64
_PACKETS = re.compile(r"(\d{1,3})-(\d{1,3})")


def read_payload(rule: Fields, node: Node) -> Payload | None:
    """One item of ``match.payload``."""
    before = len(rule.notes.errors)
    fields = Fields(node, rule.path, rule.notes, rule.subject, PAYLOAD_FIELDS)
    result = Payload(
        proto=PROTOS[fields.choice("proto", tuple(PROTOS))],
        ports=fields.each("ports", lambda item: _port(fields, item)),
        bytes=fields.each(
            "bytes", lambda item: _bytes(fields, item), required="wire" not in fields.table
        ),
        length=_length(fields),
        min_len=fields.number("min_len", 1, payloads.MAX_LEN, required=False),
        max_len=fields.number("max_len", 1, payloads.MAX_LEN, required=False),
        sender=SENDERS.get(fields.choice("sender", tuple(SENDERS), required=False), 0),
        packets=_packets(fields),
        wire=fields.each("wire", lambda item: _bytes(fields, item)),
        decode=fields.each("decode", lambda item: _step(fields, item)),
        numbers=fields.each("numbers", lambda item: _limits(fields, item)),
        repeat=fields.number("repeat", 1, MAX_REPEAT, required=False, default=1),
        reads=fields.each("reads", lambda item: _counter(fields, item)),
    )
    if result.max_len and result.max_len < result.min_len:
        fields.error(fields.line, '"max_len" is below "min_len"')
    if result.wire and not result.decode:
        fields.error(fields.line, '"wire" is for payloads with "decode": put the conditions into "bytes"')
    try:
        payloads.conditions_of(result)
    except ValueError as error:
        fields.error(fields.line, f'"bytes": {error}')
    return result if len(rule.notes.errors) == before else None


def _port(fields: Fields, node: Node) -> int | None:
    if isinstance(node.value, int) and not isinstance(node.value, bool) and 0 < node.value < 65536:
        return node.value
    fields.error(node.line, '"ports": a port of a payload is a whole number from 1 to 65535')
    return None


def _packets(fields: Fields) -> tuple[int, int]:
    node = fields.table.get("packets")
    if node is None:
        return 0, 0
    text = str(node.value) if isinstance(node.value, str | int) else ""
    found = _PACKETS.fullmatch(text if "-" in text else f"{text}-{text}")
    if found and 0 < int(found[1]) <= int(found[2]) <= MAX_PACKET:
        return int(found[1]), int(found[2])
    fields.error(node.line, f'"packets" is a number from 1 to {MAX_PACKET}, or two such as 1-4')
    return 0, 0


def _bytes(rule: Fields, node: Node) -> Bytes | None:
    fields = Fields(node, rule.path, rule.notes, rule.subject, BYTES_FIELDS)
    at = fields.number("at", 0, payloads.MAX_OFFSET)
    if sum(name in fields.table for name in ("hex", "text", "any")) != 1:
        both = "hex" in fields.table and "text" in fields.table
        how = 'either "hex" or "text"' if both else 'one of "hex", "text" and "any"'
        fields.error(fields.line, f"give the bytes as {how}")
        return None
    if "text" in fields.table:
        text = fields.text("text", pattern="[ -~]+", form="printable ASCII")
        values = [text.encode("ascii")]
    elif "any" in fields.table:
        texts = [fields.as_text(item, "any", HEX, HEX_FORM) for item in fields.items("any")]
        values = [bytes.fromhex(text) for text in texts]
    else:
        values = [bytes.fromhex(fields.text("hex", pattern=HEX, form=HEX_FORM))]
    if not values or not all(values):
        return None
    value = values[0]
    mask = bytes.fromhex(fields.text("mask", required=False, pattern=HEX, form=HEX_FORM))
    mask = mask or b"\xff" * len(value)
    if any(len(other) != len(value) for other in values):
        fields.error(fields.line, '"any": all values must have the same length')
        return None
    if len(mask) != len(value):
        fields.error(fields.line, f'"mask" has {len(mask)} bytes, the value {len(value)}')
        return None
    if not (mask[0] and mask[-1]):
        fields.error(fields.line, '"mask" must not begin or end with 00: leave those bytes out')
        return None
    return Bytes(at, value, mask, tuple(values[1:]))


def _step(rule: Fields, node: Node) -> Step | None:
    """One item of ``decode``: the name of a step with its key, and perhaps ``from``."""
    fields = Fields(node, rule.path, rule.notes, rule.subject, ("from", *_KEYS))
    names = [name for name in _KEYS if name in fields.table]
    if len(names) != 1:
        fields.error(fields.line, f"a step of decode is exactly one of {', '.join(_KEYS)}")
        return None
    start = fields.number("from", 0, payloads.MAX_OFFSET, required=False)
    key = _KEYS[names[0]](fields, names[0])
    return None if key is None else Step(names[0], key, start)


def _hex_key(fields: Fields, name: str) -> tuple[int, ...] | None:
    key = tuple(bytes.fromhex(fields.text(name, pattern=HEX, form=HEX_FORM)))
    if len(key) > MAX_KEY:
        fields.error(fields.line, f'"{name}" has more than {MAX_KEY} bytes')
        return None
    return key or None


def _inverted(fields: Fields, name: str) -> tuple[int, ...] | None:
    if fields.flag(name):
        return ()
    fields.error(fields.line, '"invert" must be true: leave the step out otherwise')
    return None


def _swapped(fields: Fields, name: str) -> tuple[int, ...] | None:
    return () if fields.choice(name, ("swap",)) else None


def _turns(fields: Fields, name: str) -> tuple[int, ...] | None:
    found = _numbers(fields, name, 31)
    if not found or len(found) > MAX_BLOCK // 4:
        fields.error(fields.line, f'"{name}" is a list of turns from 0 to 31 bits, one a word')
        return None
    return found


def _places(fields: Fields, name: str) -> tuple[int, ...] | None:
    found = _numbers(fields, name, MAX_BLOCK - 1)
    if not found or sorted(found) != list(range(len(found))):
        fields.error(fields.line, f'"{name}" must have each place of a block once: 0 to its size - 1')
        return None
    return found


def _numbers(fields: Fields, name: str, high: int) -> tuple[int, ...]:
    values = [item.value for item in fields.items(name)]
    sound = all(isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= high for v in values)
    return tuple(values) if sound else ()  # type: ignore[arg-type]


_KEYS = {
    "xor": _hex_key,
    "invert": _inverted,
    "nibbles": _swapped,
    "autokey": _hex_key,
    "rotl32": _turns,
    "permute": _places,
}


def _limits(rule: Fields, node: Node) -> Number | None:
    fields = Fields(node, rule.path, rule.notes, rule.subject, NUMBER_FIELDS)
    form = fields.choice("form", tuple(payloads.FORMS)) or "u8"
    most = (1 << 8 * payloads.FORMS[form][1]) - 1
    at = fields.number("at", 0, payloads.MAX_OFFSET)
    low = fields.number("min", 0, most, required=False)
    high = fields.number("max", 0, most, required=False, default=most)
    if low > high or (low, high) == (0, most):
        fields.error(fields.line, '"min" and "max" must leave out some numbers, not all')
        return None
    return Number(form, at, low, high)


def _counter(rule: Fields, node: Node) -> Counter:
    fields = Fields(node, rule.path, rule.notes, rule.subject, COUNTER_FIELDS)
    return Counter(
        name=fields.text("name", pattern="[a-z][a-z ]{0,31}", form="small letters"),
        form=fields.choice("form", tuple(payloads.FORMS)) or "u8",
        at=fields.number("at", 0, payloads.MAX_OFFSET),
    )


def _length(rule: Fields) -> Length | None:
    node = rule.node("length", required=False)
    if node is None:
        return None
    fields = Fields(node, rule.path, rule.notes, rule.subject, LENGTH_FIELDS)
    return Length(
        form=fields.choice("form", tuple(payloads.FORMS)) or "u8",
        at=fields.number("at", 0, payloads.MAX_OFFSET),
        add=fields.number("add", -payloads.MAX_LEN, payloads.MAX_LEN, required=False),
    )


def read_kind(fields: Fields, name: str) -> str:
    """A kind of sighting."""
    text = fields.text(name)
    if text and text not in SEEN_KINDS:
        line = fields.table[name].line
        fields.error(line, f'"{name}": "{text}" is no kind of sighting{hint(text, SEEN_KINDS)}')
    return text


def read_seen(rule: Fields, node: Node) -> Seen | None:
    """One item of ``match.seen``: a kind of sighting, and how its value compares."""
    before = len(rule.notes.errors)
    fields = Fields(node, rule.path, rule.notes, rule.subject, ("kind", *WAYS))
    kind = read_kind(fields, "kind")
    ways = [way for way in WAYS if way in fields.table]
    if len(ways) > 1:
        fields.error(fields.line, f"a sighting is compared in one way: {', '.join(WAYS)}")
    if not ways or len(rule.notes.errors) > before:
        return Seen(kind) if len(rule.notes.errors) == before else None
    one = fields.table[ways[0]]
    texts = (fields.as_text(one, ways[0]),) if not isinstance(one.value, list) else fields.texts(ways[0])
    values = tuple(text.lower() for text in texts if text)
    return Seen(kind, ways[0], values) if values and len(rule.notes.errors) == before else None
