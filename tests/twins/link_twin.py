# SPDX-License-Identifier: Apache-2.0
"""Slow twin of decode.link and decode.wireless: where a frame's network header begins, byte by byte.

Plain Python over ``bytes``: every read goes through ``need``, which raises Cut behind the end. Gives
what follows as an ethertype number or one of the words IP, NON_IP, ENCRYPTED, UNSUPPORTED.
"""

import struct
from typing import NamedTuple

IP, NON_IP, ENCRYPTED, UNSUPPORTED = "ip", "non_ip", "encrypted", "unsupported"
ETHERNET, LLC, PPP = "ethernet", "llc", "ppp"
V4, V6 = 0x0800, 0x86DD
TAGS = (0x8100, 0x88A8, 0x9100)
MAX_STEPS = 24


class Cut(Exception):  # noqa: N818 - no error: what a twin says of a frame
    """The frame ends before what must be read."""


class Place(NamedTuple):
    """What follows at ``at``, with the tag stack and MAC addresses on the way there."""

    code: int | str
    at: int
    tags: tuple[int, ...] = ()
    dst: bytes | None = None
    src: bytes | None = None


def need(data: bytes, at: int, form: str) -> tuple:
    """Fields at ``at`` by struct form; Cut when the data ends before."""
    try:
        return struct.unpack_from(form, data, at)
    except struct.error:
        raise Cut from None


def number(data: bytes, at: int, form: str) -> int:
    return need(data, at, form)[0]


def first_header(frame: bytes, link: int) -> Place:
    """The link type's own header."""
    if link == 192:
        size, inner = need(frame, 2, "<HI")
        if size < 8 or size > len(frame):
            raise Cut
        if inner == 192:
            return Place(UNSUPPORTED, 0)
        place = first_header(frame[size:], inner)
        return place._replace(at=place.at + size)
    reader = READERS.get(link)
    return Place(UNSUPPORTED, 0) if reader is None else reader(frame)


def _ethernet(frame):
    return Place(ETHERNET, 0)


def _raw(frame):
    return Place(IP, 0)


FAMILIES = {2: V4, 24: V6, 28: V6, 30: V6, 10: V6}


def _null(frame):
    little, big = number(frame, 0, "<I"), number(frame, 0, ">I")
    return Place(FAMILIES.get(little if little < 65536 else big, NON_IP), 4)


def _loop(frame):
    return Place(FAMILIES.get(number(frame, 0, ">I"), NON_IP), 4)


def _cooked_code(code):
    return code if code >= 0x600 else LLC if code == 4 else NON_IP


def _sll(frame):
    _, _, length, addr, code = need(frame, 0, ">HHH8sH")
    return Place(_cooked_code(code), 16, src=addr[:6] if length == 6 else None)


def _sll2(frame):
    code, _, _, _, _, length, addr = need(frame, 0, ">HHIHBB8s")
    return Place(_cooked_code(code), 20, src=addr[:6] if length == 6 else None)


def _ppp_framing(frame, at=0, *, hdlc=False):
    first, second = need(frame, at, ">HH")
    if first == 0xFF03:
        return Place(PPP, at + 2)
    if hdlc and first >> 8 in (0x0F, 0x8F):
        return Place(second, at + 4)
    return Place(PPP, at)


def _cisco_hdlc(frame, at=0):
    return Place(need(frame, at, ">HH")[1], at + 4)


def _frame_relay(frame):
    at = 0
    while number(frame, at, "B") & 1 == 0:
        at += 1
    at += 1
    if number(frame, at, ">H") >> 8 != 3:
        return Place(number(frame, at, ">H"), at + 2)
    at += 1
    if frame[at] == 0:
        at += 1
    nlpid = number(frame, at, "B")
    if nlpid in (0xCC, 0x8E):
        return Place(IP, at + 1)
    if frame[at : at + 4] == b"\x80\0\0\0" and len(frame) >= at + 6:
        return Place(number(frame, at + 4, ">H"), at + 6)
    return Place(NON_IP, at)


def _radiotap(frame):
    size, present = need(frame, 2, "<HI")
    if size < 8 or size > len(frame):
        raise Cut
    at, word = 8, present
    while word >> 31 and at + 4 <= size:
        word, at = number(frame, at, "<I"), at + 4
    if present & 1:  # TSFT: 8 bytes on an 8-byte boundary
        at = -(-at // 8) * 8 + 8
    padded = bool(present & 2) and at < size and bool(frame[at] & 0x20)
    return _wifi(frame, size, padded=padded)


def _wifi(frame, at=0, *, padded=False):
    head = frame[at:]
    if len(head) < 24:
        if len(head) < 10:
            raise Cut
        return Place(NON_IP, 0)
    kind, subtype, flags = head[0] >> 2 & 3, head[0] >> 4, head[1]
    if kind != 2 or subtype & 4:
        return Place(NON_IP, 0)
    if flags & 0x40:
        return Place(ENCRYPTED, 0)
    addresses = [head[4:10], head[10:16], head[16:22]]
    size = 24
    if flags & 3 == 3:
        addresses.append(head[24:30])
        size = 30
    dst, src = {
        0: (addresses[0], addresses[1]), 1: (addresses[2], addresses[1]),
        2: (addresses[0], addresses[2]), 3: (addresses[2], addresses[-1]),
    }[flags & 3]  # fmt: skip
    aggregated = False
    if subtype & 8:
        aggregated = bool(number(head, size, "<H") & 0x80)
        size += 6 if flags & 0x80 else 2
    if padded:
        size = -(-size // 4) * 4
    if len(head) < size:
        raise Cut
    if aggregated:
        return Place(ETHERNET, at + size)
    return Place(LLC, at + size, dst=dst, src=src)


def _prism(frame):
    if len(frame) < 144:
        raise Cut
    return _wifi(frame, 144)


def _avs(frame):
    size = need(frame, 0, ">II")[1]
    if size > len(frame):
        raise Cut
    return _wifi(frame, size)


def _nflog(frame):
    at = 4
    need(frame, 0, "4s")
    for _ in range(64):
        if at + 4 > len(frame):
            break
        size, kind = need(frame, at, "<HH")
        if size < 4:
            break
        if kind & 0x7FFF == 9:
            return Place(IP, at + 4)
        at += -(-size // 4) * 4
    return Place(NON_IP, 0)


def _skip(code, size):
    def read(frame):
        need(frame, 0, f"{size}s")
        return Place(code, size)

    return read


READERS = {
    0: _null, 1: _ethernet, 9: _ppp_framing, 12: _raw, 14: _raw, 50: lambda f: _ppp_framing(f, hdlc=True),
    51: lambda f: Place(0x8864, 0), 101: _raw, 104: _cisco_hdlc, 105: _wifi, 107: _frame_relay, 108: _loop,
    113: _sll, 119: _prism, 127: _radiotap, 163: _avs, 204: lambda f: _ppp_framing(f, 1),
    205: lambda f: _cisco_hdlc(f, 1), 226: _skip(IP, 24), 228: _raw, 229: _raw, 239: _nflog,
    274: _skip(ETHERNET, 8), 276: _sll2,
}  # fmt: skip


def to_network(data: bytes, place: Place) -> Place:
    """Walk tags, LLC, PPP, PPPoE, MPLS and inner Ethernet headers to IP or the reason there is none."""
    code, at, tags, dst, src = place
    for _ in range(MAX_STEPS):
        if code in (V4, V6, IP, NON_IP, ENCRYPTED, UNSUPPORTED):
            return Place(code, at, tags, dst, src)
        if code == ETHERNET:
            dst, src, code = need(data, at, ">6s6sH")
            at += 14
            code = LLC if code < 0x600 else code
        elif code in TAGS:
            tci, code = need(data, at, ">HH")
            at += 4
            tags += (tci & 0xFFF,)
            code = LLC if code < 0x600 else code
        elif code == LLC:
            code, at = _llc(data, at)
        elif code == PPP:
            first = need(data, at, ">BB")[0]
            protocol, size = (first, 1) if first & 1 else (number(data, at, ">H"), 2)
            code, at = {0x21: V4, 0x57: V6}.get(protocol, NON_IP), at + size
        elif code == 0x8864:
            need(data, at, "8s")
            code, at = PPP, at + 6
        elif code in (0x8847, 0x8848):
            code, at = _mpls(data, at)
        elif code == 0x8903:
            code, at = ETHERNET, at + 2
        elif code == 0x8909:
            code, at = number(data, at + 6, ">H"), at + 8
        elif code == 0x88E5 and len(data) - at >= 16 and not data[at] & 0x0C:
            at += 14 if data[at] & 0x20 else 6
            code, at = number(data, at, ">H"), at + 2
        else:
            return Place(NON_IP, at, tags, dst, src)
    raise Cut


def _llc(data, at):
    dsap_ssap, control = need(data, at, ">HB")
    if (dsap_ssap, control) == (0xAAAA, 3):
        oui, code = need(data, at + 3, ">3sH")
        return (code, at + 8) if oui in (b"\0\0\0", b"\0\0\xf8") else (NON_IP, at)
    return (IP, at + 3) if (dsap_ssap, control) == (0x0606, 3) else (NON_IP, at)


def _mpls(data, at):
    while not need(data, at, ">BBBB")[2] & 1:
        at += 4
    at += 4
    nibble = number(data, at, "B") >> 4
    if nibble in (4, 6):
        return IP, at
    return ETHERNET, at + 4 if nibble == 0 and len(data) - at >= 18 else at
