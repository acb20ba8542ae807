# SPDX-License-Identifier: Apache-2.0
"""RTP and RTCP by their own shape, without the signalling that set them up (RFC 3550 §5.1, §6.4).

Nothing in a single RTP packet is sure: the packet path follows the packets of a source and hands up the one
that makes it sure (flow.media), which is told here. A sender report is sure by its length; it counts what its
sender has sent since the beginning, also what was never captured, and is told again when that has doubled.
State per flow is bounded.
"""

from __future__ import annotations

import struct
from typing import Final

from egresswatch.records import Item, Message

_HEADER: Final = struct.Struct(">BBHII")
_REPORT: Final = struct.Struct(">BBHI8xIII")
_header: Final = _HEADER.unpack_from
_VERSION = 0x80
_RTCP: Final = range(192, 224)
"""Second bytes that are packet types of RTCP where both share a port (RFC 5761 §4)."""
_SENDER, _RECEIVER = 200, 201
_SENDER_INFO, _BLOCK = 28, 24
_DYNAMIC = 96
# RFC 3551 §6
_MEDIA: Final = {
    0: "PCMU", 3: "GSM", 4: "G723", 5: "DVI4", 6: "DVI4", 7: "LPC", 8: "PCMA", 9: "G722", 10: "L16",
    11: "L16", 12: "QCELP", 13: "CN", 14: "MPA", 15: "G728", 16: "DVI4", 17: "DVI4", 18: "G729", 25: "CelB",
    26: "JPEG", 28: "nv", 31: "H261", 32: "MPV", 33: "MP2T", 34: "H263",
}  # fmt: skip
_MAX_SOURCES = 8
_NAMES: Final = [
    _MEDIA.get(kind) or f"{'dynamic' if kind >= _DYNAMIC else 'type'} {kind}" for kind in range(_DYNAMIC + 32)
]


class Connection:
    """The sources of one flow."""

    __slots__ = ("_reports", "_sources")

    def __init__(self, *sources: tuple[int, int, int]) -> None:
        """``sources``: told already (side, source, kind)."""
        self._sources = sources
        self._reports: dict[tuple[int, int, str], int] | None = None

    @property
    def done(self) -> bool:
        """Never: media may change in a call."""
        return False

    @property
    def held(self) -> int:
        """Bytes of payload kept: none."""
        return 0

    def feed(self, m: Message) -> tuple[Item, ...] | None:
        """One datagram; None while it is not sure that this is media."""
        if len(m.payload) < 2 or m.payload[0] & 0xC0 != _VERSION:
            return None
        return self._control(m) if m.payload[1] in _RTCP else self._media(m)

    def _media(self, m: Message) -> tuple[Item, ...] | None:
        """A packet that the packet path followed until it was sure of its source."""
        if len(m.payload) < _HEADER.size:
            return None
        _, kind, seq, _, ssrc = _header(m.payload)
        kind &= 0x7F
        key = (m.side, ssrc, kind)
        if key in self._sources or len(self._sources) >= _MAX_SOURCES:
            return ()
        self._sources += (key,)
        return (_told(ssrc, kind, seq),)

    def _control(self, m: Message) -> tuple[Item, ...] | None:
        found = _report(m)
        if found is None:
            return None
        name, ssrc, packets, octets = found
        key = (m.side, ssrc, name)
        reports = self._reports
        if reports is None:
            reports = self._reports = {}
        told = reports.get(key)
        if told is not None and (octets < 2 * told or not octets):
            return ()
        if told is None and len(reports) >= _MAX_SOURCES:
            return ()
        reports[key] = octets
        sent = f", {packets} packets and {octets} octets sent" if name == "sender report" else ""
        return (Item("rtcp", name, f"ssrc 0x{ssrc:08x}{sent}", (ssrc, packets, octets)),)


def begun(m: Message) -> tuple[Item, int] | None:
    """What ``feed`` tells of a flow's first packet, if that is media, and what it leaves (see ``resumed``);
    None: it has to look."""
    payload = m.payload
    if len(payload) < _HEADER.size or payload[0] & 0xC0 != _VERSION or payload[1] in _RTCP:
        return None
    _, kind, seq, _, ssrc = _header(payload)
    kind &= 0x7F
    return _told(ssrc, kind, seq), m.side << 39 | ssrc << 7 | kind


def resumed(media: int) -> Connection:
    """The connection of which ``begun`` left this."""
    return Connection((media >> 39, media >> 7 & 0xFFFFFFFF, media & 0x7F))


def _told(ssrc: int, kind: int, seq: int) -> Item:
    detail = f"ssrc 0x{ssrc:08x}, packets in sequence up to {seq}"
    return tuple.__new__(Item, ("rtp", _NAMES[kind], detail, (ssrc, kind)))


def _report(m: Message) -> tuple[str, int, int, int] | None:
    """(name, source, packets, octets) of a compound packet that begins with a report (RFC 3550 §6.1).

    Encrypted ones keep the first header and the source readable, no more (RFC 3711 §3.4).
    """
    if len(m.payload) < 8:
        return None
    flags, kind, words, ssrc = struct.unpack_from(">BBHI", m.payload)
    size, blocks = 4 * (words + 1), flags & 0x1F
    least = {_SENDER: _SENDER_INFO, _RECEIVER: 8}.get(kind)
    if least is None or size != least + _BLOCK * blocks or size > m.length or flags & 0x20 or ssrc == 0:
        return None
    name = "sender report" if kind == _SENDER else "receiver report"
    if not _whole(m.payload, m.length):
        # an index and a tag of 4 or 10 bytes follow the encrypted part
        return (f"encrypted {name}", ssrc, 0, 0) if size + 8 <= m.length else None
    if kind == _RECEIVER:
        return name, ssrc, 0, 0
    if len(m.payload) < _SENDER_INFO:
        return None
    packets, octets = _REPORT.unpack_from(m.payload)[5:]
    return name, ssrc, packets, octets


def _whole(payload: bytes, length: int) -> bool:
    """Do packets of RTCP fill the datagram to its last byte, as far as it was captured?"""
    at = 0
    while at + 4 <= len(payload):
        if payload[at] & 0xC0 != _VERSION or payload[at + 1] not in _RTCP:
            return False
        at += 4 * (int.from_bytes(payload[at + 2 : at + 4], "big") + 1)
    return at == length or (len(payload) < length and at > len(payload))
