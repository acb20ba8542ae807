# SPDX-License-Identifier: Apache-2.0
"""The shape that most frames have, straight into a PACKET row: Ethernet with at most one tag, IPv4 without
options and not in fragments, a whole TCP or UDP header, no port of a tunnel.

``write_common`` gives the same row and the same counts as the general way (``to_network_slow``,
``network.check_ip`` and ``write_ip``), or says that the frame is none of its kind and has written nothing
that counts. It is compiled into the decode loop, because handing arrays to a function costs as much as
reading a header.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.decode.link import is_tag
from egresswatch.decode.network import C_BEYOND, C_SUPER, MAPPED, SUPER_FRAME, content_hash
from egresswatch.decode.tunnels import is_tunnel_port
from egresswatch.jit import inline
from egresswatch.loads import be16, be32, mix, pair_hash, u8
from egresswatch.packets import KEY_PORTS, PF_PAYLOAD

_LEAST = 14 + 20 + 8
_U0 = np.uint64(0)
_ONE = np.uint64(1)
_U8 = np.uint64(8)
_U32 = np.uint64(32)
_U48 = np.uint64(48)
_U60 = np.uint64(60)
_PORTS = np.uint64(KEY_PORTS)


@inline
def write_common(
    d: Any, p: Any, e: Any, wire_end: Any, wanted: Any, want_dup: Any, row: Any, counts: Any
) -> Any:
    """Write the Ethernet frame d[p:e] if it is of the common shape; was it?"""
    if e - p < _LEAST:
        return False
    at, vlan, kind = p + 14, np.int64(0), be16(d, p + 12)
    if kind != 0x0800:
        if not is_tag(kind) or be16(d, p + 16) != 0x0800 or e - p < _LEAST + 4:
            return False
        at, vlan = p + 18, np.int64(1) << 28 | (be16(d, p + 14) & 0xFFF) << 12
    proto, total = u8(d, at + 9), be16(d, at + 2)
    if u8(d, at) != 0x45 or be16(d, at + 6) & 0x3FFF != 0 or total < 28 or (proto != 17 and proto != 6):
        return False
    l4 = at + 20
    ip_end = at + total
    pe = min(e, ip_end)
    size = np.int64(8)
    if pe - l4 < 8:
        return False
    sport, dport = be16(d, l4), be16(d, l4 + 2)
    if proto == 6:
        if l4 + 14 > pe:
            return False
        size = (u8(d, l4 + 12) >> 4) * 4
        if size < 20:
            return False
        row["seq"], row["ack"], row["tcp_flags"] = be32(d, l4 + 4), be32(d, l4 + 8), u8(d, l4 + 13)
    else:
        if wanted != 0 and (is_tunnel_port(sport) or is_tunnel_port(dport)):
            return False
        row["seq"], row["ack"], row["tcp_flags"] = 0, 0, 0
    if ip_end > wire_end:
        counts[C_BEYOND] += _ONE
    if total > SUPER_FRAME:
        counts[C_SUPER] += _ONE
    pay = l4 + size
    if ip_end > pay:
        row["pay"], row["head"], row["pay_len"] = pay, size, ip_end - pay
        row["pay_cap"], row["flags"] = max(np.int64(0), pe - pay), PF_PAYLOAD
    else:
        row["pay"], row["head"], row["pay_len"], row["pay_cap"], row["flags"] = -1, 0, 0, 0, 0
    src, dst = MAPPED | np.uint64(be32(d, at + 12)), MAPPED | np.uint64(be32(d, at + 16))
    meta = np.uint64(proto) << _U8 | _PORTS
    swap = src > dst or (src == dst and sport > dport)
    low, high = (dst, src) if swap else (src, dst)
    first, second = (dport, sport) if swap else (sport, dport)
    meta |= np.uint64(first) << _U48 | np.uint64(second) << _U32
    h = pair_hash(_U0, low, _U0, high, meta)
    row["a_hi"], row["a_lo"], row["b_hi"], row["b_lo"], row["meta"] = _U0, low, _U0, high, meta
    row["side"] = 1 if swap else 0
    row["shard"], row["hash"] = h >> _U60, mix(h, meta) >> _U32
    row["ip_bytes"], row["icmp"], row["frag_off"], row["vlan"] = total, 0, 0, vlan
    row["frag_key"] = np.uint64(be16(d, at + 4)) << _U8 | np.uint64(proto)
    row["mac"], row["mac_src"] = 0, 6
    if want_dup:
        seed = mix(h, _ONE if swap else _U0)
        row["dup"] = content_hash(d, at, l4, pe, seed, np.bool_(False))
    return True
