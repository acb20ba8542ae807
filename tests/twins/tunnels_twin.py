# SPDX-License-Identifier: Apache-2.0
"""Slow twin of decode.tunnels: where the packet inside another begins; Cut when it is not all there."""

from link_twin import ETHERNET, IP, NON_IP, PPP, V6, Cut, Place, need, number

UDP_TUNNELS = {"vxlan", "geneve", "gtpu", "tzsp", "teredo"}


def is_wanted(proto: int, wanted) -> bool:
    by_proto = {17: UDP_TUNNELS, 47: {"gre", "erspan"}, 4: {"ipip"}, 41: {"6in4"}}
    return bool(by_proto.get(proto, set()) & set(wanted))


def inside(data: bytes, proto: int, l4: int, wanted) -> Place:
    """What a tunnel carries, or NON_IP."""
    nothing = Place(NON_IP, l4)
    if proto in (4, 41):
        return Place(IP, l4)
    if proto == 47:
        return _gre(data, l4, wanted)
    if len(data) - l4 < 16:
        return nothing
    sport, dport = need(data, l4, ">HH")
    at = l4 + 8
    if dport == 4789 and "vxlan" in wanted:
        return Place(ETHERNET, at + 8) if data[at] & 8 else nothing
    if dport == 6081 and "geneve" in wanted:
        code = number(data, at + 2, ">H")
        return nothing if data[at] >> 6 else Place(
            ETHERNET if code == 0x6558 else code, at + 8 + (data[at] & 63) * 4)
    if 2152 in (sport, dport) and "gtpu" in wanted:
        return _gtpu(data, at)
    if dport == 37008 and "tzsp" in wanted:
        return _tzsp(data, at)
    if 3544 in (sport, dport) and "teredo" in wanted and data[at : at + 4] != b"\0\0\0\0":
        return _teredo(data, at)
    return nothing


def _gre(data, at, wanted):
    flags, proto = need(data, at, ">HH")
    start = at + 4 + 4 * bool(flags & 0xC000) + 4 * bool(flags & 0x2000) + 4 * bool(flags & 0x1000)
    start += 4 * (flags & 7 == 1 and bool(flags & 0x80))
    if start >= len(data):
        raise Cut
    if proto == 0x88BE and "erspan" in wanted:
        return Place(ETHERNET, start + 8 * bool(flags & 0x1000))
    if proto == 0x22EB and "erspan" in wanted:
        return Place(ETHERNET, start + 12 + 8 * (need(data, start, "12B")[11] & 1))
    if "gre" not in wanted:
        return Place(NON_IP, at)
    if proto == 0x6558:
        return Place(ETHERNET, start)
    if proto == 0x880B:
        return Place(PPP, start + 2 * (len(data) - start >= 4 and data[start : start + 2] == b"\xff\x03"))
    return Place(proto, start)


def _gtpu(data, at):
    flags, kind = need(data, at, ">BB6x")
    if flags >> 5 != 1 or not flags & 0x10 or kind != 255:
        return Place(NON_IP, at)
    at += 8
    if flags & 7:
        last = need(data, at, "4B")[3]
        following = last if flags & 4 else 0
        at += 4
        for _ in range(8):
            if following:
                size = 4 * need(data, at, "B3x")[0] or len(data)
                following = need(data, at, f"{size}B")[-1]
                at += size
    return Place(IP, at)


def _tzsp(data, at):
    if need(data, at, ">BBHx") != (1, 0, 1):
        return Place(NON_IP, at)
    at += 4
    for _ in range(64):
        tag = number(data, at, "B")
        if tag == 1:
            return Place(ETHERNET, at + 1)
        at += 1 if tag == 0 else 2 + number(data, at + 1, "B")
    return Place(NON_IP, at)


def _teredo(data, at):
    if data[at : at + 2] == b"\0\1":
        at += 13 + data[at + 2] + data[at + 3]
    if len(data) - at >= 8 and data[at : at + 2] == b"\0\0":
        at += 8
    return Place(V6, at) if len(data) - at >= 40 and data[at] >> 4 == 6 else Place(NON_IP, at)
