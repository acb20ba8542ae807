# SPDX-License-Identifier: Apache-2.0
"""From the kernel's notes to values Python can use: the frontier between per packet and per flow.

Gets MSG and NEW rows with the batch they index into; gives one ``Note`` each, with everything copied
out, because the batch's memory is used again.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import NamedTuple

from egresswatch.packets import KEY_V6, PF_FRAG_FIRST, PF_FRAG_LATER, PF_MORE
from egresswatch.records import Array, FrameBatch, Message

NS = 1_000_000_000
_CACHE = 262_144


class Note(NamedTuple):
    """One packet worth Python's time, with the totals of its flow at that packet.

    ``a`` and ``b`` are the ends of the flow's key; ``side`` (0 = a) sent this packet, ``orig`` is the
    originator as known by then.
    """

    second: int
    frame: int
    ts: int
    flow: int
    uid: int
    ts_flow: int
    a: str
    b: str
    port_a: int
    port_b: int
    proto: int
    side: int
    orig: int
    oriented: bool
    class_a: int
    class_b: int
    outcome: int
    bytes_a: int
    bytes_b: int
    pkts_a: int
    pkts_b: int
    missed: int
    src_mac: int
    dst_mac: int
    vlan: int | None
    kind: int
    """N_* bits of a NEW row; 0 for a message."""
    row: int
    """Row of the flow table, for messages."""
    recogniser: int
    message: Message | None


class Addresses:
    """Canonical text of addresses, remembered for the run (bounded; full, it starts anew)."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int], str] = {}

    def text(self, hi: int, lo: int, v6: int) -> str:
        """``203.0.113.9`` or RFC 5952 text."""
        key = (hi, lo, v6)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _CACHE:
                self._known.clear()
            known = self._known[key] = address_text(hi, lo, v6)
        return known


def address_text(hi: int, lo: int, v6: int) -> str:
    """Text of one address."""
    if not v6:
        return f"{lo >> 24 & 255}.{lo >> 16 & 255}.{lo >> 8 & 255}.{lo & 255}"
    return str(IPv6Address(hi << 64 | lo))


def read_notes(batch: FrameBatch, packets: Array, rows: Array, addresses: Addresses) -> list[Note]:
    """Notes of MSG or NEW ``rows`` in frame order."""
    if not len(rows):
        return []
    messages = "row" in rows.dtype.names  # type: ignore[operator]
    index = rows["index"]
    hit = packets[index]
    memory = memoryview(batch.data)  # type: ignore[arg-type]
    places = index.tolist()
    columns = {name: rows[name].tolist() for name in rows.dtype.names or () if name != "pad"}
    fields = ("a_hi", "a_lo", "b_hi", "b_lo", "meta", "clock", "vlan", "mac", "mac_src", "flags")
    packet = {name: hit[name].tolist() for name in fields}
    off, ts = batch.off[index].tolist(), batch.ts[index].tolist()
    payload = {
        name: hit[name].tolist()
        for name in ("pay", "pay_cap", "pay_len", "seq", "tcp_flags", "frag_key", "frag_off", "head")
    } if messages else {}
    notes = []
    for k, place in enumerate(places):
        meta = packet["meta"][k]
        v6 = meta & KEY_V6
        a = addresses.text(packet["a_hi"][k], packet["a_lo"][k], v6)
        b = addresses.text(packet["b_hi"][k], packet["b_lo"][k], v6)
        port_a, port_b, proto = meta >> 48, meta >> 32 & 0xFFFF, meta >> 8 & 0xFF
        side, flags = columns["side"][k], packet["flags"][k]
        vlan = packet["vlan"][k] >> 12 & 0xFFF if packet["vlan"][k] >> 28 else None
        dst_mac = _mac(memory, off[k], packet["mac"][k])
        src_mac = _mac(memory, off[k], packet["mac_src"][k])
        flow, frame, when = columns["flow"][k], batch.first + place, ts[k]
        message = None
        if messages and (columns["parser"][k] or columns["recogniser"][k]):
            at = payload["pay"][k]
            fragment = flags & (PF_FRAG_FIRST | PF_FRAG_LATER)
            if flags & PF_FRAG_FIRST:  # a fragment is told with all of its IP payload
                at -= payload["head"][k]
            extra = payload["pay"][k] - at
            message = Message(
                when, frame, flow, side, proto,
                b if side else a, a if side else b,
                port_b if side else port_a, port_a if side else port_b,
                columns["parser"][k] or columns["recogniser"][k], bool(columns["start"][k]),
                (payload["seq"][k] + _syn(payload["tcp_flags"][k])) & 0xFFFFFFFF, payload["tcp_flags"][k],
                memory[at : at + payload["pay_cap"][k] + extra].tobytes(), payload["pay_len"][k] + extra,
                src_mac, dst_mac, vlan,
                payload["frag_key"][k] >> 8 if fragment else 0, payload["frag_off"][k], bool(flags & PF_MORE),
            )  # fmt: skip
        both = columns["class_ab"][k]
        notes.append(Note(
            packet["clock"][k] // NS, frame, when, flow, columns["uid"][k], columns["ts_flow"][k],
            a, b, port_a, port_b, proto, side, columns["orig"][k],
            bool(columns["oriented"][k]), both >> 4, both & 15,
            columns["outcome"][k], columns["bytes_a"][k], columns["bytes_b"][k],
            columns["pkts_a"][k], columns["pkts_b"][k], columns["missed"][k],
            src_mac, dst_mac, vlan, 0 if messages else columns["kind"][k],
            columns["row"][k] if messages else 0, columns["recogniser"][k] if messages else 0, message,
        ))  # fmt: skip
    return notes


def _mac(memory: memoryview, frame: int, place: int) -> int:
    return int.from_bytes(memory[frame + place : frame + place + 6], "big") if place >= 0 else 0


def _syn(tcp_flags: int) -> int:
    """A SYN takes one sequence number before the payload (RFC 9293 §3.4; TCP Fast Open, RFC 7413)."""
    return 1 if tcp_flags & 2 else 0
