# SPDX-License-Identifier: Apache-2.0
"""Examples for an imported indicator: one observation it must find, and the nearest one it must not.

They are made from the indicator itself, so they prove that it was written down and compiled as read,
not that it is true.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from egresswatch.exchange.claims import PROTO_NAMES, Indicator, Refused
from egresswatch.rules import payload as payloads
from egresswatch.rules.shape import SENDERS, Payload, Seen

ELSEWHERE = ("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1")
"""Documentation addresses (RFC 5737, RFC 3849): nobody's."""
SOME_PORT = 4000
Pair = tuple[Any, Any]


def pair(indicator: Indicator, beside: tuple[Indicator, ...]) -> Pair:
    """(match, no_match) as a rule file writes them. ``beside`` are all claims of the same rule."""
    if indicator.payload is not None:
        return _payload(indicator.payload)
    if indicator.seen is not None:
        return _seen(indicator.seen)
    return _MAKERS[indicator.kind](indicator.value, beside)


def _name(value: str, _: tuple[Indicator, ...]) -> Pair:
    return value.replace("*", "x"), f"{value.replace('*', 'x')}.invalid"


def _domain(value: str, _: tuple[Indicator, ...]) -> Pair:
    return f"x.{value}", f"{value}.invalid"


def _net(value: str, beside: tuple[Indicator, ...]) -> Pair:
    nets = [ipaddress.ip_network(each.value) for each in beside if each.kind == "net"]
    for text in ELSEWHERE:
        address = ipaddress.ip_address(text)
        if not any(address in net for net in nets if net.version == address.version):
            return {"address": str(ipaddress.ip_network(value)[0])}, {"address": text}
    raise Refused("every documentation address is in it")


def _port(value: str, beside: tuple[Indicator, ...]) -> Pair:
    taken = [each.value for each in beside if each.kind == "port"]
    spans = [each.split("/")[1].split("-") for each in taken]
    for port in (1, 9, 4001, 65535):
        if not any(int(span[0]) <= port <= int(span[-1]) for span in spans):
            proto, _, first = value.partition("-")[0].partition("/")
            return {"port": f"{proto}/{first}"}, {"port": f"{proto}/{port}"}
    raise Refused("it claims all ports")


_MAKERS = {"domain": _domain, "full_domain": _name, "net": _net, "port": _port}


def _seen(seen: Seen) -> Pair:
    if not seen.way:
        raise Refused("any value of a kind")
    value = seen.values[0]
    wanted = {"prefix": f"{value}x", "suffix": f"x{value}", "contains": f"x{value}x"}.get(seen.way, value)
    return {"seen": seen.kind, "value": wanted}, {"seen": seen.kind, "value": value[::-1] + "?"}


def _payload(item: Payload) -> Pair:
    data = _filled(item)
    first = min(item.bytes, key=lambda part: part.at)
    spoilt = bytearray(data)
    spoilt[first.at] ^= first.mask[0]
    port = f"{PROTO_NAMES[item.proto]}/{item.ports[0] if item.ports else SOME_PORT}"
    extra = {"sender": "responder"} if item.sender == SENDERS["responder"] else {}
    return tuple({"payload": bytes(each).hex(" "), "port": port, **extra} for each in (data, spoilt))  # type: ignore[return-value]


def _filled(item: Payload) -> bytearray:
    """The shortest payload that fits: zeros, then what the conditions say."""
    ends = [part.at + len(part.value) for part in item.bytes]
    numbers = [(part.form, part.at, part.low) for part in item.numbers]
    total = 0
    if item.length is not None:
        numbers.append((item.length.form, item.length.at, 0))
        total = max(0, item.length.add)
    ends += [at + payloads.FORMS[form][1] for form, at, _ in numbers]
    size = max([*ends, item.min_len, total])
    if item.length is not None:
        numbers[-1] = (item.length.form, item.length.at, size - item.length.add)
    if (item.max_len and size > item.max_len) or size > payloads.MAX_LEN:
        raise Refused("its conditions leave no length")
    data = bytearray(size)
    for form, at, value in numbers:
        _, width, order = payloads.FORMS[form]
        if not 0 <= value < 1 << 8 * width:
            raise Refused("its length field cannot hold its length")
        data[at : at + width] = value.to_bytes(width, order)
    for part in item.bytes:
        for offset, (value, mask) in enumerate(zip(part.value, part.mask, strict=True), part.at):
            data[offset] = data[offset] & ~mask | value & mask
    return data
