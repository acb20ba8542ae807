# SPDX-License-Identifier: Apache-2.0
"""A flow's packets as facts a person reads: layers, timeline, what the packets say.

Owns the display filter of a flow and the shape of the answer; prints nothing. Every text in a
``Reading`` has passed ``redact``.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from egresswatch.dissect.cut import Cut
from egresswatch.dissect.lookup import Flow
from egresswatch.dissect.redact import SHOWN, path_only, redacted, summary
from egresswatch.dissect.tshark import Row, Tshark

_WITH_PORTS = {"tcp": "tcp", "udp": "udp", "sctp": "sctp", "dccp": "dccp", "udplite": "udp"}
_BY_NAME = {"icmp": "icmp", "ipv6-icmp": "icmpv6", "gre": "gre", "esp": "esp"}
DETAILED = 200
"""Packets whose layers and fields are read: names stand at the beginning of a flow."""
_MAX_VALUES = 4
"""Values of one field of one packet that are told."""


@dataclass(frozen=True, slots=True)
class Step:
    """One packet in the timeline."""

    frame: int
    """Number in the whole input, from 1."""
    after: int
    """Nanoseconds since the flow's first packet."""
    from_orig: bool
    length: int
    protocol: str
    text: str


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a packet says: ``server name``, ``eu.hik-connect.com``."""

    frame: int
    layer: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Layer:
    """A protocol layer and in how many of the packets read it stands."""

    name: str
    packets: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What tshark made of the flow's first packets."""

    display_filter: str
    steps: tuple[Step, ...]
    layers: tuple[Layer, ...]
    facts: tuple[Fact, ...]
    detailed: int
    """From how many of the packets layers and facts are."""
    complete: bool
    """False when the flow has more packets than were read."""
    tshark: str


def display_filter(flow: Flow, *, ports: bool = True) -> str:
    """Wireshark's display filter for this flow; its time is already in the cut."""
    ip = "ipv6" if ipaddress.ip_address(flow.orig_h).version == 6 else "ip"
    parts = [f"{ip}.addr == {flow.orig_h}", f"{ip}.addr == {flow.resp_h}"]
    name = _WITH_PORTS.get(flow.proto)
    if ports and name and flow.orig_p is not None and flow.resp_p is not None:
        parts += [f"{name}.port == {flow.orig_p}", f"{name}.port == {flow.resp_p}"]
    elif flow.proto in _BY_NAME:
        parts.append(_BY_NAME[flow.proto])
    if flow.vlan is not None:
        # a mirror may tag one direction only: frames without a tag belong to the flow as well
        parts.append(f"(!vlan || vlan.id == {flow.vlan})")
    return " && ".join(parts)


def read(flow: Flow, frames: Cut, tshark: Tshark, details: int = DETAILED) -> Reading:
    """What tshark says about the frames that were cut out; layers and facts of the first ``details``."""
    wanted = display_filter(flow)
    rows = tshark.rows(frames.path, wanted)
    if not rows:
        # tshark may not see the ports that the flow has (a jumbogram, a length that lies)
        wanted = display_filter(flow, ports=False)
        rows = tshark.rows(frames.path, wanted)
    packets = tshark.packets(frames.path, wanted, details)
    layers = Counter(name for packet in packets for name in dict.fromkeys(_layer_names(packet)))
    return Reading(
        display_filter=wanted,
        steps=tuple(_step(row, flow, frames.frames) for row in rows),
        layers=tuple(Layer(name, number) for name, number in layers.items()),
        facts=_facts(packets, frames.frames),
        detailed=len(packets),
        complete=frames.complete,
        tshark=".".join(map(str, tshark.version)),
    )


def _step(row: Row, flow: Flow, frames: Sequence[int]) -> Step:
    same_port = row.port is None or flow.orig_p is None or row.port == flow.orig_p
    return Step(
        frame=frames[row.number - 1],
        after=row.ts - flow.ts,
        from_orig=row.source == flow.orig_h and same_port,
        length=row.length,
        protocol=redacted(row.protocol),
        text=summary(row.protocol, row.info),
    )


def _layer_names(packet: Any) -> list[str]:
    return [str(layer.layer_name) for layer in packet.layers]


def _facts(packets: Sequence[Any], frames: Sequence[int]) -> tuple[Fact, ...]:
    """Fields on the list, each value told once (at the first packet that has it)."""
    seen: dict[tuple[str, str, str], Fact] = {}
    for packet in packets:
        frame = frames[int(packet.number) - 1]
        for layer in packet.layers:
            for field, name in SHOWN.get(layer.layer_name, ()):
                held = layer._all_fields.get(field)  # get_field() guesses at names; this is exact
                for value in [] if held is None else held.all_fields[:_MAX_VALUES]:
                    raw = str(value.show or "")
                    text = redacted(path_only(raw) if name == "path" else raw)
                    key = (layer.layer_name, name, text)
                    if text and key not in seen:
                        seen[key] = Fact(frame, layer.layer_name, name, text)
    return tuple(seen.values())
