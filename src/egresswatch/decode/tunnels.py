# SPDX-License-Identifier: Apache-2.0
"""Tunnels and mirrors: where the packet inside another packet begins.

``inner`` is asked only for the tunnels that decode.decapsulate names; it gives an ethertype-like
code and a place, or K_NON_IP when what follows is not to be read. Sources: RFC 2784, 2890, 2637
(GRE), Cisco ERSPAN (draft-foschiano-erspan), RFC 7348 (VXLAN), 8926 (Geneve), 2003 (IP in IP),
4213 (6in4), 3GPP TS 29.281 (GTP-U), TZSP (Wireshark wiki), RFC 4380 (Teredo).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.decode.codes import K_ETHERNET, K_IP, K_NON_IP, K_PPP
from egresswatch.jit import inline, kernel
from egresswatch.loads import be16, be32, u8
from egresswatch.packets import TUNNEL_BITS

T_GRE = TUNNEL_BITS["gre"]
T_ERSPAN = TUNNEL_BITS["erspan"]
T_VXLAN = TUNNEL_BITS["vxlan"]
T_GENEVE = TUNNEL_BITS["geneve"]
T_IPIP = TUNNEL_BITS["ipip"]
T_6IN4 = TUNNEL_BITS["6in4"]
T_GTPU = TUNNEL_BITS["gtpu"]
T_TZSP = TUNNEL_BITS["tzsp"]
T_TEREDO = TUNNEL_BITS["teredo"]


@kernel
def _gre(d: Any, p: Any, e: Any, wanted: Any) -> Any:
    if e - p < 4:
        return K_NON_IP, p
    flags, proto = be16(d, p), be16(d, p + 2)
    at = p + 4
    if flags & 0x8000 != 0 or flags & 0x4000 != 0:  # checksum or routing: 4 bytes
        at += 4
    if flags & 0x2000 != 0:
        at += 4
    sequenced = flags & 0x1000 != 0
    if sequenced:
        at += 4
    if flags & 7 == 1 and flags & 0x0080 != 0:  # PPTP's acknowledgement (RFC 2637)
        at += 4
    if at >= e:
        return K_NON_IP, p
    if proto == 0x88BE and wanted & T_ERSPAN != 0:  # type I has no header, type II 8 bytes
        return K_ETHERNET, at + 8 if sequenced else at
    if proto == 0x22EB and wanted & T_ERSPAN != 0:  # type III: 12 bytes, 8 more when O is set
        if e - at < 12:
            return K_NON_IP, p
        return K_ETHERNET, at + (20 if u8(d, at + 11) & 1 != 0 else 12)
    if wanted & T_GRE == 0:
        return K_NON_IP, p
    if proto == 0x6558:
        return K_ETHERNET, at
    if proto == 0x880B:  # PPP inside PPTP
        if e - at >= 4 and be16(d, at) == 0xFF03:
            at += 2
        return K_PPP, at
    return proto, at


@kernel
def _gtpu(d: Any, p: Any, e: Any) -> Any:
    """GTP-U version 1 G-PDU."""
    if e - p < 8 or u8(d, p) >> 5 != 1 or u8(d, p) & 0x10 == 0 or u8(d, p + 1) != 255:
        return K_NON_IP, p
    at = p + 8
    if u8(d, p) & 7 != 0:
        if e - at < 4:
            return K_NON_IP, p
        following = u8(d, at + 3) if u8(d, p) & 4 != 0 else np.int64(0)
        at += 4
        for _ in range(8):
            if following == 0:
                break
            if e - at < 4 or u8(d, at) == 0 or e - at < u8(d, at) * 4:
                return K_NON_IP, p
            size = u8(d, at) * 4
            following = u8(d, at + size - 1)
            at += size
    return K_IP, at


@kernel
def _tzsp(d: Any, p: Any, e: Any) -> Any:
    """TZSP: version 1, received packet (type 0), then tags up to the end tag."""
    if e - p < 5 or u8(d, p) != 1 or u8(d, p + 1) != 0 or be16(d, p + 2) != 1:
        return K_NON_IP, p
    at = p + 4
    for _ in range(64):
        if at >= e:
            break
        tag = u8(d, at)
        if tag == 1:
            return K_ETHERNET, at + 1
        if tag == 0:
            at += 1
        elif at + 1 < e:
            at += 2 + u8(d, at + 1)
        else:
            break
    return K_NON_IP, p


@kernel
def _teredo(d: Any, p: Any, e: Any) -> Any:
    """Teredo: optional authentication and origin indications before IPv6."""
    at = p
    if e - at >= 4 and be16(d, at) == 1:
        at += 13 + u8(d, at + 2) + u8(d, at + 3)
    if e - at >= 8 and be16(d, at) == 0:
        at += 8
    if at < e and e - at >= 40 and u8(d, at) >> 4 == 6:
        return 0x86DD, at
    return K_NON_IP, p


@inline
def is_tunnel(proto: Any, wanted: Any) -> Any:
    """Could a packet of this protocol carry another that is wanted? Cheap, asked for every packet."""
    if wanted == 0:
        return False
    if proto == 17:
        return wanted & (T_VXLAN | T_GENEVE | T_GTPU | T_TZSP | T_TEREDO) != 0
    if proto == 47:
        return wanted & (T_GRE | T_ERSPAN) != 0
    if proto == 4:
        return wanted & T_IPIP != 0
    return proto == 41 and wanted & T_6IN4 != 0


@inline
def is_tunnel_port(port: Any) -> Any:
    """Does UDP to or from this port carry a tunnel that ``inner`` knows?"""
    return port == 4789 or port == 6081 or port == 2152 or port == 37008 or port == 3544


@kernel
def inner(d: Any, proto: Any, l4: Any, pe: Any, wanted: Any) -> Any:
    """(code, place) of the packet inside; K_NON_IP when there is none to read."""
    if proto == 47:
        return _gre(d, l4, pe, wanted)
    if proto == 4 or proto == 41:
        return K_IP, l4
    if proto != 17 or pe - l4 < 16:
        return K_NON_IP, l4
    sport, dport, p = be16(d, l4), be16(d, l4 + 2), l4 + 8
    if dport == 4789 and wanted & T_VXLAN != 0:
        return (K_ETHERNET, p + 8) if u8(d, p) & 8 != 0 else (K_NON_IP, p)
    if dport == 6081 and wanted & T_GENEVE != 0:
        if u8(d, p) >> 6 != 0:
            return K_NON_IP, p
        at, code = p + 8 + (u8(d, p) & 63) * 4, be16(d, p + 2)
        return (K_ETHERNET, at) if code == 0x6558 else (code, at)
    if (dport == 2152 or sport == 2152) and wanted & T_GTPU != 0:
        return _gtpu(d, p, pe)
    if dport == 37008 and wanted & T_TZSP != 0:
        return _tzsp(d, p, pe)
    if (dport == 3544 or sport == 3544) and wanted & T_TEREDO != 0 and be32(d, p) != 0:
        return _teredo(d, p, pe)
    return K_NON_IP, l4
