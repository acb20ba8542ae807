# SPDX-License-Identifier: Apache-2.0
"""The payload conditions of a rule file, read into ``model.Payload``.

Owns the fields below ``match.payload`` (documented in rules/README.md under "Payload"); what they
mean on a packet is ``payload``.
"""

from __future__ import annotations

from egresswatch.rules import payload as payloads
from egresswatch.rules.model import PROTOS, Bytes, Length, Payload
from egresswatch.rules.nodes import Fields, Node

PAYLOAD_FIELDS = ("proto", "ports", "bytes", "length", "min_len", "max_len", "every")
BYTES_FIELDS = ("at", "hex", "mask", "text")
LENGTH_FIELDS = ("form", "at", "add")
HEX = r"([0-9a-f]{2} ?)+"
HEX_FORM = "hex digits such as f1 00"


def read_payload(rule: Fields, node: Node) -> Payload | None:
    """One item of ``match.payload``."""
    before = len(rule.notes.errors)
    fields = Fields(node, rule.path, rule.notes, rule.subject, PAYLOAD_FIELDS)
    result = Payload(
        proto=PROTOS[fields.choice("proto", tuple(PROTOS))],
        ports=fields.each("ports", lambda item: _port(fields, item)),
        bytes=fields.each("bytes", lambda item: _bytes(fields, item), required=True),
        length=_length(fields),
        min_len=fields.number("min_len", 1, payloads.MAX_LEN, required=False),
        max_len=fields.number("max_len", 1, payloads.MAX_LEN, required=False),
        every=fields.flag("every"),
    )
    if result.max_len and result.max_len < result.min_len:
        fields.error(fields.line, '"max_len" is below "min_len"')
    try:
        payloads.windows(result.bytes)
    except ValueError as error:
        fields.error(fields.line, f'"bytes": {error}')
    return result if len(rule.notes.errors) == before else None


def _port(fields: Fields, node: Node) -> int | None:
    if isinstance(node.value, int) and not isinstance(node.value, bool) and 0 < node.value < 65536:
        return node.value
    fields.error(node.line, '"ports": a port of a payload is a whole number from 1 to 65535')
    return None


def _bytes(rule: Fields, node: Node) -> Bytes | None:
    fields = Fields(node, rule.path, rule.notes, rule.subject, BYTES_FIELDS)
    at = fields.number("at", 0, payloads.MAX_OFFSET)
    if ("hex" in fields.table) == ("text" in fields.table):
        fields.error(fields.line, 'give the bytes as either "hex" or "text"')
        return None
    if "text" in fields.table:
        text = fields.text("text", pattern="[ -~]+", form="printable ASCII")
        value = text.encode("ascii")
    else:
        value = bytes.fromhex(fields.text("hex", pattern=HEX, form=HEX_FORM))
    mask = bytes.fromhex(fields.text("mask", required=False, pattern=HEX, form=HEX_FORM)) or b"\xff" * len(
        value
    )
    if len(mask) != len(value):
        fields.error(fields.line, f'"mask" has {len(mask)} bytes, the value {len(value)}')
        return None
    if value and not (mask[0] and mask[-1]):
        fields.error(fields.line, '"mask" must not begin or end with 00: leave those bytes out')
        return None
    return Bytes(at, value, mask) if value else None


def _length(rule: Fields) -> Length | None:
    node = rule.node("length", required=False)
    if node is None:
        return None
    fields = Fields(node, rule.path, rule.notes, rule.subject, LENGTH_FIELDS)
    return Length(
        form=fields.choice("form", tuple(payloads.LENGTH_FORMS)),
        at=fields.number("at", 0, payloads.MAX_OFFSET),
        add=fields.number("add", -payloads.MAX_LEN, payloads.MAX_LEN, required=False),
    )
