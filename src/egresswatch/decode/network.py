# SPDX-License-Identifier: Apache-2.0
"""IP and transport headers: a PACKET row from a network header, or the reason there is none.

``write_ip`` checks the header once at the door (whole, right version, lengths that fit one another)
and only then writes the row; a row is never half written. Lengths follow the contract: IPv4 total
length or IPv6 payload length + 40 as declared, also when the frame was cut; an IPv4 total length of
0 counts to the end of the frame on the wire. Sources: RFC 791, 8200, 9293, 768, 3828, 9260, 4340.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.jit import inline, kernel
from egresswatch.loads import be16, be32, be64, mix, pair_hash, u8
from egresswatch.packets import (
    KEY_FRAGMENT,
    KEY_PORTS,
    KEY_V6,
    PF_FRAG_FIRST,
    PF_FRAG_LATER,
    PF_MORE,
    PF_PAYLOAD,
    PF_V6,
    Count,
)

C_MALFORMED_L4 = int(Count.malformed_l4)
C_OPTIONS = int(Count.ip_options)
C_EXTENSIONS = int(Count.ipv6_extensions)
C_FIRST = int(Count.fragments_first)
C_LATER = int(Count.fragments_later)
C_ZERO4 = int(Count.zero_ip_length)
C_ZERO6 = int(Count.zero_ipv6_length)
C_BEYOND = int(Count.ip_length_beyond_frame)
C_SUPER = int(Count.super_frames)

MAPPED = np.uint64(0x0000_FFFF_0000_0000)
SUPER_FRAME = 1600   # IP bytes above which a frame was glued together by an offload
DUP_PREFIX = 64      # bytes from the L4 header on that two copies of a frame must share
_U0 = np.uint64(0)
_ONE = np.uint64(1)
_U8 = np.uint64(8)
_U16 = np.uint64(16)
_U32 = np.uint64(32)
_U48 = np.uint64(48)
_U60 = np.uint64(60)


@inline
def has_ports(proto: Any) -> Any:
    """TCP, UDP, UDP-Lite, SCTP and DCCP begin with two 16-bit ports."""
    return proto == 6 or proto == 17 or proto == 136 or proto == 132 or proto == 33


@kernel
def walk_extensions(d: Any, p: Any, e: Any, proto: Any) -> Any:
    """IPv6 extension headers from p: (protocol, place, fragment offset or -1, more, id, steps)."""
    frag, more, ident, steps = np.int64(-1), np.int64(0), np.int64(0), 0
    for _ in range(16):
        if proto == 0 or proto == 43 or proto == 60:
            if e - p < 8:
                return proto, np.int64(-1), frag, more, ident, steps
            size = (u8(d, p + 1) + 1) * 8
            proto = u8(d, p)
            steps += 1
            if e - p < size:
                return proto, np.int64(-1), frag, more, ident, steps
            p += size
        elif proto == 44:
            if e - p < 8:
                return proto, np.int64(-1), frag, more, ident, steps
            word = be16(d, p + 2)
            proto = u8(d, p)
            frag, more, ident = word & 0xFFF8, word & 1, be32(d, p + 4)
            p += 8
            steps += 1
            if frag > 0:
                return proto, p, frag, more, ident, steps
        else:
            return proto, p, frag, more, ident, steps
    return proto, np.int64(-1), frag, more, ident, steps


@kernel
def content_hash(d: Any, p: Any, l4: Any, pe: Any, seed: Any, v6: Any) -> Any:
    """What two copies of a frame share: IP header but TTL and checksum, then DUP_PREFIX bytes. Two chains,
    because each step waits for the one before it in its chain."""
    if v6:  # the hop limit is the last byte of the first word
        h = mix(seed, be64(d, p) >> _U8)
        other = seed
    else:
        h = mix(seed, be64(d, p))
        other = mix(seed, np.uint64(u8(d, p + 9)))
    at = l4
    end = min(pe, l4 + DUP_PREFIX)
    while at + 16 <= end:
        h, other = mix(h, be64(d, at)), mix(other, be64(d, at + 8))
        at += 16
    h = mix(h, other)
    if at + 8 <= end:
        h = mix(h, be64(d, at))
        at += 8
    tail = _U0
    while at < end:
        tail = tail << _U8 | np.uint64(d[np.uint64(at)])
        at += 1
    h = mix(h, tail)
    return h | np.uint64(1)


@inline
def check_ip(d: Any, p: Any, e: Any, code: Any) -> Any:
    """Version of a sound IP header at p (4 or 6), else 0."""
    if p >= e:
        return 0
    version = u8(d, p) >> 4
    if version == 4 and code != 0x86DD:
        if e - p < 20:
            return 0
        header = (u8(d, p) & 15) * 4
        total = be16(d, p + 2)
        if header < 20 or (total != 0 and total < header):
            return 0
        return 4
    if version == 6 and code != 0x0800 and e - p >= 40:
        return 6
    return 0


@kernel
def write_ip(
    d: Any, p: Any, e: Any, wire_end: Any, version: Any, want_dup: Any, row: Any, counts: Any
) -> Any:
    """Fill ``row`` from the IP header at p, already checked; gives (protocol, L4 place, L4 end).

    The L4 place is -1 when there is nothing to read above IP (a later fragment, a cut header).
    """
    flags, frag_off = 0, np.int64(0)
    ident = np.int64(0)
    if version == 4:
        header = (u8(d, p) & 15) * 4
        total = be16(d, p + 2)
        if total == 0:
            counts[C_ZERO4] += _ONE
            total = wire_end - p
        proto = u8(d, p + 9)
        s_hi, d_hi = _U0, _U0
        s_lo, d_lo = MAPPED | np.uint64(be32(d, p + 12)), MAPPED | np.uint64(be32(d, p + 16))
        word = be16(d, p + 6)
        frag_off, ident = (word & 0x1FFF) * 8, be16(d, p + 4)
        if word & 0x2000 != 0:
            flags |= PF_MORE
        if header > 20:
            counts[C_OPTIONS] += _ONE
        l4 = p + header
        ip_end = p + total
    else:
        flags |= PF_V6
        total = be16(d, p + 4) + 40
        proto = u8(d, p + 6)
        s_hi, s_lo, d_hi, d_lo = be64(d, p + 8), be64(d, p + 16), be64(d, p + 24), be64(d, p + 32)
        l4 = p + 40
        ip_end = p + total
        if total == 40:
            counts[C_ZERO6] += _ONE
            if proto == 0 or proto == 6 or proto == 17:
                ip_end = wire_end
        if proto == 0 or proto == 43 or proto == 60 or proto == 44:
            proto, l4, frag, more, ident, steps = walk_extensions(d, l4, min(e, ip_end), proto)
            if steps > 0:
                counts[C_EXTENSIONS] += _ONE
            if frag > 0:
                frag_off = frag
            if more != 0:
                flags |= PF_MORE
    if ip_end > wire_end:
        counts[C_BEYOND] += _ONE
    if total > SUPER_FRAME:
        counts[C_SUPER] += _ONE
    pe = min(e, ip_end)
    meta = np.uint64(proto) << _U8
    if version == 6:
        meta |= np.uint64(KEY_V6)
    sport, dport = np.int64(0), np.int64(0)
    if frag_off > 0:
        flags |= PF_FRAG_LATER
        meta |= np.uint64(KEY_FRAGMENT)
        counts[C_LATER] += _ONE
    elif flags & PF_MORE != 0:
        flags |= PF_FRAG_FIRST
        counts[C_FIRST] += _ONE
    row["tcp_flags"], row["icmp"], row["seq"], row["ack"] = 0, 0, 0, 0
    pay, pay_len = np.int64(-1), np.int64(0)
    if frag_off > 0:
        if l4 >= 0 and l4 <= pe:
            pay, pay_len = l4, ip_end - l4
    elif has_ports(proto):
        if l4 >= 0 and l4 + 4 <= pe:
            sport, dport = be16(d, l4), be16(d, l4 + 2)
            meta |= np.uint64(KEY_PORTS)
            if proto == 6:
                if l4 + 14 <= pe:
                    row["seq"], row["ack"] = be32(d, l4 + 4), be32(d, l4 + 8)
                    row["tcp_flags"] = u8(d, l4 + 13)
                    size = (u8(d, l4 + 12) >> 4) * 4
                    if size >= 20:
                        pay = l4 + size
                    else:
                        counts[C_MALFORMED_L4] += _ONE
                else:
                    counts[C_MALFORMED_L4] += _ONE
            elif l4 + 8 <= pe:
                pay = l4 + 8
            else:
                counts[C_MALFORMED_L4] += _ONE
            if pay >= 0:
                pay_len = ip_end - pay
        else:
            counts[C_MALFORMED_L4] += _ONE
    elif (proto == 1 or proto == 58) and l4 >= 0 and l4 + 2 <= pe:
        row["icmp"] = be16(d, l4)
    if pay >= 0 and pay_len > 0:
        flags |= PF_PAYLOAD
        row["pay"] = pay
        row["head"] = pay - l4
        row["pay_len"] = pay_len
        row["pay_cap"] = max(np.int64(0), pe - pay)
    else:
        row["pay"], row["head"], row["pay_len"], row["pay_cap"] = -1, 0, 0, 0
    # canonical order: the lower address, then the lower port, is end a
    swap = s_hi > d_hi or (s_hi == d_hi and (s_lo > d_lo or (s_lo == d_lo and sport > dport)))
    if swap:
        row["a_hi"], row["a_lo"], row["b_hi"], row["b_lo"] = d_hi, d_lo, s_hi, s_lo
        meta |= np.uint64(dport) << _U48 | np.uint64(sport) << _U32
        row["side"] = 1
        h = pair_hash(d_hi, d_lo, s_hi, s_lo, meta)
    else:
        row["a_hi"], row["a_lo"], row["b_hi"], row["b_lo"] = s_hi, s_lo, d_hi, d_lo
        meta |= np.uint64(sport) << _U48 | np.uint64(dport) << _U32
        row["side"] = 0
        h = pair_hash(s_hi, s_lo, d_hi, d_lo, meta)
    row["meta"] = meta
    row["shard"] = h >> _U60
    row["hash"] = mix(h, meta) >> _U32
    row["ip_bytes"] = total
    row["flags"] = flags
    row["frag_off"] = frag_off
    # IPv6: fragments after the first tell another next header than the one the first one leads to
    row["frag_key"] = np.uint64(ident) << _U8 | np.uint64(44 if version == 6 else proto)
    if want_dup:
        start = l4 if l4 >= 0 else p + (20 if version == 4 else 40)
        seed = mix(h, np.uint64(row["side"]))
        row["dup"] = content_hash(d, p, start, pe, seed, version == 6)
    return np.int64(proto), l4 if frag_off == 0 else np.int64(-1), pe
