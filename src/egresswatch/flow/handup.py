# SPDX-License-Identifier: Apache-2.0
"""Which packets Python gets to read: the first payloads that a pattern asks for, within a budget.

UDP: each of the first ``max_probes`` payloads of a side is tried; a flow whose pattern says ``every``
hands up all its datagrams from then on. TCP: the first payload that matches starts a stream; its
side's packets go up until the budget is spent, and so do the other side's; a later packet that
matches again (a second request, a second ClientHello) starts anew with a fresh budget; a TLS side
ends with its first application data. RTP goes up once it is sure (``media``). A payload that came before
the start of its stream goes up as PENDING, fragments go up as FRAGMENT.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.flow.layout import CLOSED, S_ORIG_B, Tally
from egresswatch.flow.media import is_media, is_report
from egresswatch.flow.probe import probe
from egresswatch.jit import inline, kernel
from egresswatch.loads import be16, be32, u8
from egresswatch.packets import PF_FRAG_FIRST, PF_FRAG_LATER
from egresswatch.patterns import Parser

P_PENDING = int(Parser.PENDING)
P_FRAGMENT = int(Parser.FRAGMENT)
C_SHED = int(Tally.budget_shed)
C_UP = int(Tally.handed_up)
C_PENDING = int(Tally.pending_up)
P_TLS = int(Parser.TLS)
P_RTP = int(Parser.RTP)
_U8 = np.uint64(8)
_U32 = np.uint64(32)
_U48 = np.uint64(48)
_M16 = np.uint64(0xFFFF)


@inline
def _is_application_data(d: Any, pkt: Any) -> Any:
    """Does the payload begin with a TLS application data record (RFC 8446 §5.1)? Then the handshake
    of its side is over and nothing after it can be read."""
    if pkt["pay_cap"] < 3:
        return False
    at = np.int64(pkt["pay"])
    return u8(d, at) == 23 and u8(d, at + 1) == 3 and u8(d, at + 2) <= 4


@kernel
def _is_tls13_server_hello(d: Any, pkt: Any) -> Any:
    """Does the payload begin with a ServerHello that chooses TLS 1.3 (RFC 8446 §4.1.3, §4.2.1) and is
    no HelloRetryRequest? All that its side sends after it is encrypted, the certificate included."""
    at, end = np.int64(pkt["pay"]), np.int64(pkt["pay"]) + np.int64(pkt["pay_cap"])
    if end - at < 46 or u8(d, at) != 22 or u8(d, at + 5) != 2:
        return False
    if be32(d, at + 11) == 0xCF21AD74:  # the random that marks a HelloRetryRequest
        return False
    at += 44 + u8(d, at + 43) + 3
    if at + 2 > end:
        return False
    at += 2
    for _ in range(8):
        if at + 6 > end:
            return False
        if be16(d, at) == 43:
            return be16(d, at + 4) == 0x0304
        at += 4 + be16(d, at + 2)
    return False


@inline
def is_over(pkt: Any, row: Any, side: Any, max_probes: Any) -> Any:
    """Is it plain that nobody wants this payload: its side has been tried, and what was found is read?"""
    if (row["probes_a"] if side == 0 else row["probes_b"]) < max_probes or row["every"] != 0:
        return False
    if pkt["flags"] & (PF_FRAG_FIRST | PF_FRAG_LATER) != 0:
        return False
    if (pkt["meta"] >> _U8) & np.uint64(0xFF) == np.uint64(17):
        return True
    if row["parser"] == 0:
        return True  # a gap makes nothing pending beyond the probes
    return (row["budget_a"] if side == 0 else row["budget_b"]) == CLOSED


@kernel
def hand_up(
    d: Any, pkt: Any, row: Any, side: Any, budget: Any, max_probes: Any, patterns: Any, starts: Any,
    order: Any, tally: Any,
) -> Any:
    """Who wants this packet's payload: (parser or 0, recogniser or 0, does it start something)."""
    nobody = (np.int64(0), np.int64(0), np.int64(0))
    proto = np.int64(pkt["meta"] >> _U8) & 0xFF
    if proto != 6 and proto != 17:
        return nobody
    if pkt["flags"] & (PF_FRAG_FIRST | PF_FRAG_LATER) != 0:
        tally[C_UP] += np.uint64(1)
        return np.int64(P_FRAGMENT), np.int64(0), np.int64(0)
    parser, every = np.int64(row["parser"]), np.int64(row["every"])
    tried = np.int64(row["probes_a"] if side == 0 else row["probes_b"])
    start, recogniser = np.int64(0), np.int64(0)
    if tried < max_probes or (proto == 6 and every != 0):
        number = np.int64(0)  # of the payload among its side's; not counted beyond the probes
        if tried < max_probes:
            number = tried + 1
            if side == 0:
                row["probes_a"] = number
            else:
                row["probes_b"] = number
        sender = np.int64(2 if (row["state"] & S_ORIG_B != 0) != (side != 0) else 1)
        port_a = np.int64((pkt["meta"] >> _U48) & _M16)
        port_b = np.int64((pkt["meta"] >> _U32) & _M16)
        found, again = np.int64(0), np.int64(0)
        found, recogniser, again = probe(
            d, np.int64(pkt["pay"]), np.int64(pkt["pay_cap"]), np.int64(pkt["pay_len"]), proto,
            port_a, port_b, sender, number, patterns, starts, order,
        )
        if found == P_RTP:
            at = np.int64(pkt["pay"])
            cap, size = np.int64(pkt["pay_cap"]), np.int64(pkt["pay_len"])
            if not (is_report(d, at) or is_media(d, at, cap, size, row, side)):
                found = np.int64(0)
        if found != 0:
            start = np.int64(1)
            if parser == 0 or proto == 17:
                parser = found
                row["parser"] = found
                if again != 0:
                    row["every"], every = 1, np.int64(1)
            elif parser != found:
                start = np.int64(0)
            if start != 0 and proto == 6:
                if side == 0:
                    row["budget_a"] = budget
                else:
                    row["budget_b"] = budget
    if proto == 17:
        if every != 0:
            start = np.int64(1)
        if start == 0:
            parser = np.int64(0)
        if parser == 0 and recogniser == 0:
            return nobody
    elif parser == 0:
        gap = np.int64(row["gap_a"] if side == 0 else row["gap_b"])
        if recogniser == 0:
            if gap == 0 or tried >= max_probes:
                return nobody
            tally[C_PENDING] += np.uint64(1)
            return np.int64(P_PENDING), np.int64(0), np.int64(0)
    else:
        left = np.int64(row["budget_a"] if side == 0 else row["budget_b"])
        if start != 0 and recogniser == 0 and parser == P_TLS and _is_tls13_server_hello(d, pkt):
            if side == 0:
                row["budget_a"] = CLOSED
            else:
                row["budget_b"] = CLOSED
            return nobody
        if start == 0 and recogniser == 0:
            if left == CLOSED:
                return nobody
            if parser == P_TLS and _is_application_data(d, pkt):
                if side == 0:
                    row["budget_a"] = CLOSED
                else:
                    row["budget_b"] = CLOSED
                return nobody
            if left <= 0:
                tally[C_SHED] += np.uint64(1)
                return nobody
        if left != CLOSED:
            left = max(np.int64(0), left - np.int64(pkt["pay_len"]))
            if side == 0:
                row["budget_a"] = left
            else:
                row["budget_b"] = left
    tally[C_UP] += np.uint64(1)
    return parser, recogniser, start
