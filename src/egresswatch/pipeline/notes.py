# SPDX-License-Identifier: Apache-2.0
"""From the kernel's notes to values Python can use: the frontier between per packet and per flow.

Notes stay in columns; only those that carry a payload become a ``Sent``, and only those that give rise to
an event become a ``Note``, which has the fields of a NOTE row, in its order. Payloads are copied out while
the batch still holds them.
"""

from __future__ import annotations

from functools import partial
from socket import AF_INET6, inet_ntop
from typing import NamedTuple

import numpy as np

from egresswatch.flow.layout import NOTE
from egresswatch.packets import KEY_V6, PF_FRAG_FIRST, PF_FRAG_LATER, PF_MORE
from egresswatch.records import AddressClass, Array, FrameBatch, Message, Outcome

NS = 1_000_000_000
_CACHE = 262_144
_FIELDS = [name for name in NOTE.names or () if name != "pad"]
_INSIDE = int(AddressClass.inside)


class Note(NamedTuple):
    """One packet worth Python's time, with the totals of its flow at that packet.

    ``a`` and ``b`` are the ends of the flow's key; ``side`` (0 = a) sent this packet, ``orig`` is the
    originator as known by then. Times are ns, MACs 48-bit numbers.
    """

    flow: int
    uid: int
    ts_flow: int
    ts: int
    clock: int
    a_hi: int
    a_lo: int
    b_hi: int
    b_lo: int
    meta: int
    bytes_a: int
    bytes_b: int
    missed: int
    src_mac: int
    dst_mac: int
    pay: int
    pkts_a: int
    pkts_b: int
    place: int
    pay_len: int
    pay_cap: int
    seq: int
    vlan_word: int
    frag_id: int
    frag_off: int
    parser: int
    recogniser: int
    kind: int
    start: int
    side: int
    orig: int
    oriented: int
    class_ab: int
    outcome: int
    tcp_flags: int
    flags: int
    number: int

    @classmethod
    def at(cls, noted: Array, place: int) -> Note:
        """One of the rows that ``as_noted`` gave."""
        return cls._make(noted[place].item())

    @property
    def proto(self) -> int:
        return self.meta >> 8 & 0xFF

    @property
    def vlan(self) -> int | None:
        """Outermost VLAN id; None without a tag."""
        return self.vlan_word >> 12 & 0xFFF if self.vlan_word >> 28 else None


def as_noted(rows: Array) -> Array:
    """NOTE rows without what only fills them up: each gives the tuple of a ``Note``."""
    return rows[_FIELDS]


class Addresses:
    """Canonical text of addresses, remembered for the run (bounded; full, it starts anew)."""

    def __init__(self) -> None:
        self._four: dict[int, str] = {}
        self._six: dict[tuple[int, int], str] = {}

    def text(self, hi: int, lo: int, v6: int) -> str:
        """``203.0.113.9`` or RFC 5952 text."""
        if v6:
            six = self._six.get((hi, lo))
            if six is None:
                if len(self._six) >= _CACHE:
                    self._six.clear()
                six = self._six[hi, lo] = address_text(hi, lo, v6)
            return six
        four = self._four.get(lo)
        if four is None:
            if len(self._four) >= _CACHE:
                self._four.clear()
            four = self._four[lo] = address_text(hi, lo, v6)
        return four

    def texts(self, hi: Array, lo: Array, v6: Array) -> list[str]:
        """``text`` of whole columns."""
        low = lo.tolist()
        if v6.any():
            return [self.text(*words) for words in zip(hi.tolist(), low, v6.tolist(), strict=True)]
        found = list(map(self._four.get, low))
        return [text or self.text(0, lo, 0) for text, lo in zip(found, low, strict=True)]

    def of(self, note: Note, side: int) -> str:
        """Address of one end of a note's flow."""
        if side == 0:
            return self.text(note.a_hi, note.a_lo, note.meta & KEY_V6)
        return self.text(note.b_hi, note.b_lo, note.meta & KEY_V6)


def address_text(hi: int, lo: int, v6: int) -> str:
    """Text of one address."""
    if not v6:
        return f"{lo >> 24 & 255}.{lo >> 16 & 255}.{lo >> 8 & 255}.{lo & 255}"
    return inet_ntop(AF_INET6, (hi << 64 | lo).to_bytes(16, "big"))


def payloads(batch: FrameBatch, rows: Array) -> list[bytes | None]:
    """The payload of each NOTE row that somebody wants to read; None for the others."""
    out: list[bytes | None] = [None] * len(rows)
    wanted = np.flatnonzero((rows["parser"] != 0) | (rows["recogniser"] != 0))
    memory = memoryview(batch.data)  # type: ignore[arg-type]
    places, sizes = rows["pay"][wanted].tolist(), rows["pay_cap"][wanted].tolist()
    for k, at, size in zip(wanted.tolist(), places, sizes, strict=True):
        out[k] = memory[at : at + size].tobytes()
    return out


class Sent(NamedTuple):
    """A message, and what else its note says of it."""

    message: Message
    recogniser: int
    """Also asked for by this one; 0: by none."""
    uid: int
    src_inside: bool
    dst_inside: bool
    answered: bool
    a_lo: int
    b_lo: int


_MESSAGE, _SENT = partial(tuple.__new__, Message), partial(tuple.__new__, Sent)


def sent(rows: Array, first: Array, payloads: list[bytes], addresses: Addresses) -> list[Sent]:
    """NOTE rows that have a payload to read. ``first``: number of the first frame of each one's batch."""
    side, meta, flags, tag = rows["side"] != 0, rows["meta"], rows["flags"], rows["vlan"]
    v6, port_a, port_b = meta & _u(KEY_V6) != 0, meta >> _u(48), meta >> _u(32) & _u(0xFFFF)
    a_hi, a_lo, b_hi, b_lo = (rows[name] for name in ("a_hi", "a_lo", "b_hi", "b_lo"))
    fragment = flags & (PF_FRAG_FIRST | PF_FRAG_LATER) != 0
    vlans: list[int | None] = [None] * len(rows)
    for place in np.flatnonzero(tag >> 28).tolist():
        vlans[place] = int(tag[place]) >> 12 & 0xFFF
    messages = map(
        _MESSAGE,
        zip(
            rows["ts"].tolist(), (first + rows["index"]).tolist(), rows["flow"].tolist(),
            rows["side"].tolist(), (meta >> _u(8) & _u(0xFF)).tolist(),
            addresses.texts(np.where(side, b_hi, a_hi), np.where(side, b_lo, a_lo), v6),
            addresses.texts(np.where(side, a_hi, b_hi), np.where(side, a_lo, b_lo), v6),
            np.where(side, port_b, port_a).tolist(), np.where(side, port_a, port_b).tolist(),
            np.where(rows["parser"] != 0, rows["parser"], rows["recogniser"]).tolist(),
            (rows["start"] != 0).tolist(), rows["seq"].tolist(), rows["tcp_flags"].tolist(), payloads,
            rows["pay_len"].tolist(), rows["src_mac"].tolist(), rows["dst_mac"].tolist(), vlans,
            np.where(fragment, rows["frag_id"], 0).tolist(), rows["frag_off"].tolist(),
            (flags & PF_MORE != 0).tolist(), np.where(rows["side"] == rows["orig"], 1, 2).tolist(),
            np.where(fragment, 0, rows["number"]).tolist(),
            strict=True,
        ),
    )  # fmt: skip
    a, b = rows["class_ab"] >> 4 == _INSIDE, rows["class_ab"] & 15 == _INSIDE
    about = zip(
        messages, rows["recogniser"].tolist(), rows["uid"].tolist(),
        np.where(side, b, a).tolist(), np.where(side, a, b).tolist(),
        (rows["outcome"] == Outcome.answered).tolist(), a_lo.tolist(), b_lo.tolist(),
        strict=True,
    )  # fmt: skip
    return list(map(_SENT, about))


def _u(number: int) -> np.uint64:
    return np.uint64(number)
