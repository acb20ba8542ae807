# SPDX-License-Identifier: Apache-2.0
"""Link layers: from a frame's first byte to the network header, or to the reason there is none.

Two device functions. ``link_header`` reads what the link type says and answers an ethertype-like
code and where its payload begins; ``to_network`` walks tags, LLC, PPPoE and MPLS from there.
Codes below 0x10000 are ethertypes; the others are the K_ constants. Sources: IEEE 802.3, 802.1Q,
802.11; RFC 2516 (PPPoE), 3032 (MPLS), 1662 (PPP), 2427 (Frame Relay); tcpdump.org/linktypes.html.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.decode.codes import K_BAD, K_ETHERNET, K_IP, K_LLC, K_NON_IP, K_PPP, K_UNSUPPORTED
from egresswatch.decode.wireless import radiotap, wifi
from egresswatch.jit import inline, kernel
from egresswatch.loads import be16, be32, le16, le32, u8
from egresswatch.packets import ASIDE_CDP

_V4 = 0x0800
_V6 = 0x86DD


@inline
def is_tag(ethertype: Any) -> Any:
    """Tag protocol identifiers: 802.1Q, 802.1ad and the older 0x9100."""
    return ethertype == 0x8100 or ethertype == 0x88A8 or ethertype == 0x9100


@inline
def _family(value: Any) -> Any:
    """BSD and Linux address families in a null/loop header (tcpdump.org LINKTYPE_NULL)."""
    if value == 2:
        return _V4
    if value == 24 or value == 28 or value == 30 or value == 10:
        return _V6
    return K_NON_IP


@kernel
def _frame_relay(d: Any, p: Any, e: Any) -> Any:
    """Q.922 address, then RFC 2427 (NLPID) or the Cisco form (an ethertype)."""
    at = p
    while at < e and u8(d, at) & 1 == 0:
        at += 1
    at += 1
    if at + 2 > e:
        return K_BAD, at
    if u8(d, at) != 3:
        return be16(d, at), at + 2
    at += 1
    if u8(d, at) == 0:
        at += 1
    if at >= e:
        return K_BAD, at
    nlpid = u8(d, at)
    if nlpid == 0xCC or nlpid == 0x8E:
        return K_IP, at + 1
    if nlpid == 0x80 and at + 6 <= e and be16(d, at + 1) == 0 and u8(d, at + 3) == 0:
        return be16(d, at + 4), at + 6
    return K_NON_IP, at


@kernel
def _nflog(d: Any, p: Any, e: Any) -> Any:
    """NFLOG: a family byte, then attributes of which number 9 is the packet."""
    if e - p < 4:
        return K_BAD, p
    at = p + 4
    for _ in range(64):
        if at + 4 > e:
            break
        size = le16(d, at)
        if size < 4:
            break
        if le16(d, at + 2) & 0x7FFF == 9:
            return K_IP, at + 4
        at += (size + 3) & ~3
    return K_NON_IP, p


@inline
def _ppp(d: Any, p: Any, e: Any) -> Any:
    """PPP protocol field (may be compressed to one byte): (code, payload)."""
    if e - p < 2:
        return K_BAD, p
    first = u8(d, p)
    number, at = (first, p + 1) if first & 1 != 0 else (be16(d, p), p + 2)
    if number == 0x21:
        return _V4, at
    if number == 0x57:
        return _V6, at
    return K_NON_IP, at


@kernel
def _rare(d: Any, p: Any, e: Any, link: Any) -> Any:
    """Every link type but Ethernet: (code, payload, destination MAC, source MAC)."""
    none = np.int64(-1)
    if link == 12 or link == 14 or link == 101 or link == 228 or link == 229:  # raw IP
        return K_IP, p, none, none
    if link == 0:  # null: host byte order of the capturing machine, either
        if e - p < 4:
            return K_BAD, p, none, none
        value = le32(d, p)
        return _family(value if value < 0x10000 else be32(d, p)), p + 4, none, none
    if link == 108:  # loop: network byte order
        if e - p < 4:
            return K_BAD, p, none, none
        return _family(be32(d, p)), p + 4, none, none
    if link == 113:  # Linux cooked v1
        if e - p < 16:
            return K_BAD, p, none, none
        src = p + 6 if be16(d, p + 4) == 6 else none
        code = be16(d, p + 14)
        if code < 0x0600:
            code = K_LLC if code == 4 else K_NON_IP
        return code, p + 16, none, np.int64(src)
    if link == 276:  # Linux cooked v2
        if e - p < 20:
            return K_BAD, p, none, none
        src = p + 12 if u8(d, p + 11) == 6 else none
        code = be16(d, p)
        if code < 0x0600:
            code = K_LLC if code == 4 else K_NON_IP
        return code, p + 20, none, np.int64(src)
    if link == 9 or link == 50 or link == 204:  # PPP, in HDLC-like framing, with direction
        if link == 204:
            p += 1
        if e - p < 4:
            return K_BAD, p, none, none
        if be16(d, p) == 0xFF03:
            return K_PPP, p + 2, none, none
        if link == 50 and (u8(d, p) == 0x0F or u8(d, p) == 0x8F):
            return be16(d, p + 2), p + 4, none, none
        return K_PPP, p, none, none
    if link == 51:  # PPPoE session
        return 0x8864, p, none, none
    if link == 104 or link == 205:  # Cisco HDLC
        if link == 205:
            p += 1
        if e - p < 4:
            return K_BAD, p, none, none
        return be16(d, p + 2), p + 4, none, none
    if link == 107:
        code, at = _frame_relay(d, p, e)
        return code, at, none, none
    if link == 105 or link == 127 or link == 119 or link == 163:
        at, padded = np.int64(p), False
        if link == 127:
            at, padded = radiotap(d, p, e)
        elif link == 119:  # Prism: message length at 4, either order
            at = p + 144 if e - p >= 144 else none
        elif link == 163:  # AVS: header length at 4
            at = p + be32(d, p + 4) if e - p >= 8 else none
        if at < 0 or at > e:
            return K_BAD, p, none, none
        return wifi(d, at, e, padded)
    if link == 239:
        code, at = _nflog(d, p, e)
        return code, at, none, none
    if link == 226:  # Solaris ipnet: 24 bytes, family at 1
        if e - p < 24:
            return K_BAD, p, none, none
        return K_IP, p + 24, none, none
    if link == 274:  # 802.3br mPacket: 8 bytes of preamble and delimiter
        if e - p < 8:
            return K_BAD, p, none, none
        return K_ETHERNET, p + 8, none, none
    return K_UNSUPPORTED, p, none, none


@inline
def link_header(d: Any, p: Any, e: Any, link: Any) -> Any:
    """What follows the link header at p: (code, payload, destination MAC, source MAC)."""
    if link == 1:
        return np.int64(K_ETHERNET), np.int64(p), np.int64(-1), np.int64(-1)
    if link == 192:  # PPI: a length, then a link type of its own
        if e - p < 8 or le16(d, p + 2) < 8 or e - p < le16(d, p + 2):
            return np.int64(K_BAD), np.int64(p), np.int64(-1), np.int64(-1)
        inner = le32(d, p + 4)
        p += le16(d, p + 2)
        if inner == 1:
            return np.int64(K_ETHERNET), np.int64(p), np.int64(-1), np.int64(-1)
        code, at, dst, src = _rare(d, p, e, inner)
        return np.int64(code), np.int64(at), dst, src
    code, at, dst, src = _rare(d, p, e, link)
    return np.int64(code), np.int64(at), dst, src


@kernel
def _mpls(d: Any, p: Any, e: Any) -> Any:
    """Label stack at p: (code, payload). A zero nibble is a pseudowire control word (RFC 4385)."""
    while p + 4 <= e:
        last = u8(d, p + 2) & 1
        p += 4
        if last != 0:
            if p >= e:
                return K_BAD, p
            nibble = u8(d, p) >> 4
            if nibble == 4 or nibble == 6:
                return K_IP, p
            if nibble == 0 and e - p >= 18:
                return K_ETHERNET, p + 4
            return K_ETHERNET, p
    return K_BAD, p


@kernel
def _llc(d: Any, p: Any, e: Any) -> Any:
    """802.2 header at p: SNAP leads to an ethertype, SAP 6 to IP."""
    if e - p < 3:
        return K_BAD, p
    sap, control = be16(d, p), u8(d, p + 2)
    if sap == 0xAAAA and control == 3:
        if e - p < 8:
            return K_BAD, p
        oui = be16(d, p + 3) << 8 | u8(d, p + 5)
        if oui == 0 or oui == 0xF8:
            return be16(d, p + 6), p + 8
        if oui == 0x0C and be16(d, p + 6) == ASIDE_CDP:
            return ASIDE_CDP, p + 8
        return K_NON_IP, p
    if sap == 0x0606 and control == 3:
        return K_IP, p + 3
    return K_NON_IP, p


@kernel
def to_network_slow(d: Any, p: Any, e: Any, code: Any, vlan: Any, dst: Any, src: Any) -> Any:
    """Walk tags, LLC, PPPoE, MPLS and inner Ethernet headers until IP or the reason there is none.

    Gives (K_IP or K_BAD ..., or the ethertype that is not IP; place, VLAN word, destination MAC, source MAC).
    """
    for _ in range(24):
        if code == _V4 or code == _V6 or code == K_IP:
            return np.int64(code), p, vlan, dst, src
        if code == K_ETHERNET:
            if e - p < 14:
                return np.int64(K_BAD), p, vlan, dst, src
            dst, src = np.int64(p), np.int64(p + 6)
            code = be16(d, p + 12)
            p += 14
            if code < 0x0600:
                code = K_LLC
        elif is_tag(code):
            if e - p < 4:
                return np.int64(K_BAD), p, vlan, dst, src
            vid = be16(d, p) & 0xFFF
            tags = vlan >> 28
            if tags == 0:
                vlan = np.int64(1) << 28 | vid << 12
            elif tags == 1:
                vlan = np.int64(2) << 28 | (vlan & 0xFFF000) | vid
            code = be16(d, p + 2)
            p += 4
            if code < 0x0600:
                code = K_LLC
        elif code == K_LLC:
            code, p = _llc(d, p, e)
        elif code == K_PPP:
            code, p = _ppp(d, p, e)
        elif code == 0x8864:  # PPPoE session: 6 bytes, then PPP
            if e - p < 8:
                return np.int64(K_BAD), p, vlan, dst, src
            code = K_PPP
            p += 6
        elif code == 0x8847 or code == 0x8848:
            code, p = _mpls(d, p, e)
        elif code == 0x8903:  # Cisco FabricPath: a tag, then the frame it carries
            code = K_ETHERNET
            p += 2
        elif code == 0x8909:  # Cisco MetaData: 6 bytes, then an ethertype
            if e - p < 8:
                return np.int64(K_BAD), p, vlan, dst, src
            code = be16(d, p + 6)
            p += 8
        elif code == 0x88E5:  # MACsec that only protects integrity (IEEE 802.1AE §9.3): E and C clear
            if e - p < 16 or u8(d, p) & 0x0C != 0:
                return np.int64(K_NON_IP), p, vlan, dst, src
            p += 14 if u8(d, p) & 0x20 != 0 else 6
            code = be16(d, p)
            p += 2
        else:
            return np.int64(code), p, vlan, dst, src
    return np.int64(K_BAD), p, vlan, dst, src
