# SPDX-License-Identifier: Apache-2.0
"""The decode kernel: one pass over a batch of frames, one PACKET row and one bucket each.

Theory of operation: the link layer says where the network header is; the outermost IP header that
is sound makes the row. When decode.decapsulate names the tunnel it carries, the packet inside is
tried, and takes the row over only if its own IP header is sound: a broken inside never loses the
outside. An ICMP error also leaves a QUOTE row: the key it speaks of; a frame that says who is where
(ARP, LLDP, CDP, IPv6 neighbours) leaves an ASIDE row, whatever its bucket.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.decode.codes import K_BAD, K_ENCRYPTED, K_ETHERNET, K_IP, K_UNSUPPORTED
from egresswatch.decode.common import write_common
from egresswatch.decode.link import link_header, to_network_slow
from egresswatch.decode.network import check_ip, write_ip
from egresswatch.decode.tunnels import inner, is_tunnel
from egresswatch.jit import inline, kernel, prefetch
from egresswatch.loads import u8
from egresswatch.packets import (
    ASIDE_ARP,
    ASIDE_CDP,
    ASIDE_LLDP,
    ASIDE_NDP,
    PF_FRAG_FIRST,
    PF_FRAG_LATER,
    PF_QUOTE,
    Bucket,
    Count,
)

B_ACCOUNTED = int(Bucket.accounted)
B_NON_IP = int(Bucket.non_ip)
B_L2 = int(Bucket.malformed_l2)
B_L3 = int(Bucket.malformed_l3)
B_UNSUPPORTED = int(Bucket.unsupported_linktype)
C_TRUNCATED = int(Count.truncated_frames)
C_LATE = int(Count.late_frames)
C_OPENED = int(Count.opened_tunnels)
C_UNOPENED = int(Count.unopened_tunnels)
C_WIFI = int(Count.encrypted_wifi)
C_BYTES = int(Count.ip_bytes)
C_ICMP = int(Count.icmp_errors)
MAX_DEPTH = 8
_ONE = np.uint64(1)
AHEAD = 12  # frames whose first bytes are asked for before they are read


@inline
def _place_l2(row: Any, frame: Any, dst: Any, src: Any) -> None:
    """MAC places as offsets from the frame (frames are far shorter than 2 GB)."""
    row["mac"] = dst - frame if dst >= 0 else -1
    row["mac_src"] = src - frame if src >= 0 else -1


@kernel
def _open_tunnels(
    d: Any, frame: Any, proto: Any, l4: Any, pe: Any, wire_end: Any, wanted: Any, want_dup: Any,
    row: Any, counts: Any,
) -> Any:
    """Follow wanted tunnels inwards while what is inside is sound; (protocol, L4, L4 end)."""
    for _ in range(MAX_DEPTH):
        if l4 < 0 or not is_tunnel(proto, wanted):
            break
        code, at = inner(d, proto, l4, pe, wanted)
        if code == K_ETHERNET or code < 0x10000 or code != K_IP:
            code, at, vlan, dst, src = to_network_slow(
                d, np.int64(at), pe, np.int64(code), np.int64(0), np.int64(-1), np.int64(-1)
            )
        else:
            code, at, vlan, dst, src = (
                np.int64(code), np.int64(at), np.int64(0), np.int64(-1), np.int64(-1)
            )
        version = 0
        if code == 0x0800 or code == 0x86DD or code == K_IP:
            version = check_ip(d, at, pe, code)
        if version == 0:
            if proto != 17:
                counts[C_UNOPENED] += _ONE
            break
        proto, l4, pe = write_ip(d, at, pe, wire_end, version, want_dup, row, counts)
        row["vlan"] = vlan
        if dst >= 0:
            _place_l2(row, frame, dst, src)
        counts[C_OPENED] += _ONE
    return proto, l4, pe


@inline
def _is_icmp_error(d: Any, proto: Any, l4: Any, pe: Any) -> Any:
    if l4 < 0 or pe - l4 < 28:
        return False
    kind = u8(d, l4)
    if proto == 1:
        return kind == 3 or kind == 11 or kind == 12 or kind == 4 or kind == 5
    return proto == 58 and kind >= 1 and kind <= 4


@kernel
def _quote(d: Any, at: Any, pe: Any, scratch: Any, counts: Any, quote: Any) -> Any:
    """Fill ``quote`` from the packet quoted at ``at``; False when it cannot be read."""
    version = check_ip(d, at, pe, np.int64(K_IP))
    if version == 0:
        return False
    write_ip(d, at, pe, pe, version, np.bool_(False), scratch, counts)
    quote["a_hi"], quote["a_lo"] = scratch["a_hi"], scratch["a_lo"]
    quote["b_hi"], quote["b_lo"] = scratch["b_hi"], scratch["b_lo"]
    quote["meta"], quote["hash"] = scratch["meta"], scratch["hash"]
    quote["side"], quote["shard"] = scratch["side"], scratch["shard"]
    return True


@inline
def _is_neighbour(d: Any, row: Any, at: Any, l4: Any, pe: Any) -> Any:
    """A router or neighbour solicitation or advertisement (RFC 4861 §4), whole, that no router passed on."""
    if l4 < 0 or pe - l4 < 8 or u8(d, at + 7) != 255 or row["flags"] & (PF_FRAG_FIRST | PF_FRAG_LATER) != 0:
        return False
    kind = u8(d, l4)
    return kind >= 133 and kind <= 136


@inline
def _set_aside(aside: Any, code: Any, at: Any, end: Any, index: Any, vlan: Any, mac: Any) -> None:
    aside["code"], aside["at"], aside["size"] = code, at, end - at
    aside["index"], aside["vlan"], aside["mac"] = index, vlan, mac


@kernel
def decode(
    d: Any, off: Any, cap: Any, wire: Any, ts: Any, link: Any, clock: Any, wanted: Any,
    want_dup: Any, rows: Any, quotes: Any, asides: Any, scratch: Any, buckets: Any, counts: Any,
    scratch_counts: Any, unsupported: Any,
) -> Any:
    """Decode ``len(off)`` frames into ``rows``; gives (packet clock after the last, quotes, asides used).

    ``d`` uint8 bytes; ``off, cap, wire, ts, link`` as in FrameBatch; ``clock`` int64 ns before the
    batch; ``wanted`` tunnel bits; ``buckets, counts`` uint64 counters; ``unsupported`` uint64[65536]
    frames by link type number that has no decoder.
    """
    nq, na = 0, 0
    for i in range(len(off)):
        if i + AHEAD < len(off):
            prefetch(d, np.int64(off[i + AHEAD]))
        row = rows[np.uint64(i)]
        p = np.int64(off[i])
        e = p + np.int64(cap[i])
        wire_end = p + np.int64(wire[i])
        if wire_end > e:
            counts[C_TRUNCATED] += _ONE
        else:
            wire_end = e
        when = np.int64(ts[i])
        if when < clock:
            counts[C_LATE] += _ONE
        else:
            clock = when
        row["clock"] = clock
        if link[i] == 1 and write_common(d, p, e, wire_end, wanted, want_dup, row, counts):
            counts[C_BYTES] += np.uint64(row["ip_bytes"])
            row["bucket"] = B_ACCOUNTED
            buckets[B_ACCOUNTED] += _ONE
            continue
        code, at, dst, src = link_header(d, p, e, np.int64(link[i]))
        code, at, vlan, dst, src = to_network_slow(d, at, e, code, np.int64(0), dst, src)
        bucket = B_NON_IP
        if code == 0x0800 or code == 0x86DD or code == K_IP:
            version = check_ip(d, at, e, code)
            if version == 0:
                bucket = B_L3
            else:
                bucket = B_ACCOUNTED
                proto, l4, pe = write_ip(d, at, e, wire_end, version, want_dup, row, counts)
                row["vlan"] = vlan
                _place_l2(row, p, dst, src)
                if proto == 58 and na < len(asides) and _is_neighbour(d, row, at, l4, pe):
                    _set_aside(asides[na], np.int64(ASIDE_NDP), l4, pe, i, vlan, src)
                    na += 1
                if is_tunnel(proto, wanted):
                    proto, l4, pe = _open_tunnels(
                        d, p, proto, l4, pe, wire_end, wanted, want_dup, row, counts
                    )
                counts[C_BYTES] += np.uint64(row["ip_bytes"])
                if (proto == 1 or proto == 58) and _is_icmp_error(d, proto, l4, pe):
                    counts[C_ICMP] += _ONE
                    kind = u8(d, l4)
                    unreachable = kind == 3 if proto == 1 else kind == 1
                    if unreachable and nq < len(quotes) and _quote(
                        d, l4 + 8, pe, scratch[0], scratch_counts, quotes[nq]
                    ):
                        quotes[nq]["index"] = i
                        nq += 1
                        row["flags"] |= PF_QUOTE
        elif code == ASIDE_ARP or code == ASIDE_LLDP or code == ASIDE_CDP:
            if na < len(asides):
                _set_aside(asides[na], code, at, e, i, vlan, src)
                na += 1
        elif code == K_BAD:
            bucket = B_L2
        elif code == K_UNSUPPORTED:
            bucket = B_UNSUPPORTED
            unsupported[np.int64(link[i])] += _ONE
        elif code == K_ENCRYPTED:
            counts[C_WIFI] += _ONE
        row["bucket"] = bucket
        buckets[bucket] += _ONE
    return clock, nq, na
