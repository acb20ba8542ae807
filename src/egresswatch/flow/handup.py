# SPDX-License-Identifier: Apache-2.0
"""Which packets Python gets to read: the first payloads that a pattern asks for, within a budget.

UDP: each of the first ``max_probes`` payloads of a side is tried; a flow whose pattern says ``every``
hands up all its datagrams from then on. TCP: the first payload that matches starts a stream; its
side's packets go up until the budget is spent, and so do the other side's; a later packet that
matches again (a second request, a second ClientHello) starts anew with a fresh budget; a TLS side
ends with its first application data. A payload that came before the start of its stream goes up as PENDING. Fragments go up as FRAGMENT.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.flow.layout import CLOSED, S_ORIENTED, S_ORIG_B, Tally
from egresswatch.flow.probe import probe
from egresswatch.flow.record import outcome
from egresswatch.jit import inline, kernel
from egresswatch.loads import u8
from egresswatch.packets import PF_FRAG_FIRST, PF_FRAG_LATER
from egresswatch.records import Parser

P_PENDING = int(Parser.PENDING)
P_FRAGMENT = int(Parser.FRAGMENT)
C_SHED = int(Tally.budget_shed)
C_UP = int(Tally.handed_up)
C_PENDING = int(Tally.pending_up)
P_TLS = int(Parser.TLS)
_U8 = np.uint64(8)
_U32 = np.uint64(32)
_U48 = np.uint64(48)
_M16 = np.uint64(0xFFFF)


@inline
def _tell(
    msg: Any, row: Any, index: Any, packet: Any, side: Any, parser: Any, recogniser: Any, start: Any
) -> None:
    msg["flow"], msg["uid"], msg["row"], msg["index"] = row["flow"], row["uid"], index, packet
    msg["parser"], msg["recogniser"], msg["start"], msg["side"] = parser, recogniser, start, side
    msg["orig"] = 1 if row["state"] & S_ORIG_B != 0 else 0
    msg["class_ab"] = row["class_ab"]
    msg["ts_flow"] = row["ts_flow"]
    msg["bytes_a"], msg["bytes_b"] = row["bytes_a"] + row["sum_bytes_a"], row["bytes_b"] + row["sum_bytes_b"]
    msg["pkts_a"], msg["pkts_b"] = row["pkts_a"] + row["sum_pkts_a"], row["pkts_b"] + row["sum_pkts_b"]
    msg["missed"] = row["missed_a"] + row["missed_b"] + row["sum_missed"]
    msg["outcome"] = outcome(row)
    msg["oriented"] = 1 if row["state"] & S_ORIENTED != 0 else 0


@inline
def _is_application_data(d: Any, pkt: Any) -> Any:
    """Does the payload begin with a TLS application data record (RFC 8446 §5.1)? Then the handshake
    of its side is over and nothing after it can be read."""
    if pkt["pay_cap"] < 3:
        return False
    at = np.int64(pkt["pay"])
    return u8(d, at) == 23 and u8(d, at + 1) == 3 and u8(d, at + 2) <= 4


@kernel
def hand_up(
    d: Any, i: Any, pkt: Any, row: Any, index: Any, side: Any, budget: Any, max_probes: Any,
    patterns: Any, starts: Any, order: Any, msgs: Any, nm: Any, tally: Any,
) -> Any:
    """Write a MSG for this packet if somebody wants it; gives the messages written so far."""
    proto = np.int64(pkt["meta"] >> _U8) & 0xFF
    if pkt["flags"] & (PF_FRAG_FIRST | PF_FRAG_LATER) != 0:
        if proto == 17 or proto == 6:
            _tell(msgs[nm], row, index, i, side, P_FRAGMENT, 0, 0)
            tally[C_UP] += np.uint64(1)
            nm += 1
        return nm
    if proto != 6 and proto != 17:
        return nm
    parser, every = np.int64(row["parser"]), np.int64(row["every"])
    tried = np.int64(row["probes_a"] if side == 0 else row["probes_b"])
    start, recogniser = 0, np.int64(0)
    if tried < max_probes or (proto == 6 and every != 0):
        if tried < max_probes:
            if side == 0:
                row["probes_a"] = tried + 1
            else:
                row["probes_b"] = tried + 1
        port_a = np.int64((pkt["meta"] >> _U48) & _M16)
        port_b = np.int64((pkt["meta"] >> _U32) & _M16)
        found, recogniser, again = probe(
            d, np.int64(pkt["pay"]), np.int64(pkt["pay_cap"]), np.int64(pkt["pay_len"]), proto,
            port_a, port_b, patterns, starts, order,
        )
        if found != 0:
            start = 1
            if parser == 0 or proto == 17:
                parser = np.int64(found)
                row["parser"] = found
                if again != 0:
                    row["every"], every = 1, np.int64(1)
            elif parser != found:
                start = 0
            if start != 0 and proto == 6:
                if side == 0:
                    row["budget_a"] = budget
                else:
                    row["budget_b"] = budget
    if proto == 17:
        if start == 0 and every != 0:
            start = 1
        if start == 0:
            parser = np.int64(0)
        if parser != 0 or recogniser != 0:
            _tell(msgs[nm], row, index, i, side, parser, recogniser, start)
            tally[C_UP] += np.uint64(1)
            nm += 1
        return nm
    if parser == 0:
        gap = np.int64(row["gap_a"] if side == 0 else row["gap_b"])
        if gap > 0 and tried < max_probes and recogniser == 0:
            _tell(msgs[nm], row, index, i, side, P_PENDING, 0, 0)
            tally[C_PENDING] += np.uint64(1)
            nm += 1
        elif recogniser != 0:
            _tell(msgs[nm], row, index, i, side, 0, recogniser, 0)
            nm += 1
        return nm
    left = np.int64(row["budget_a"] if side == 0 else row["budget_b"])
    if start == 0 and recogniser == 0:
        if left == CLOSED:
            return nm
        if parser == P_TLS and _is_application_data(d, pkt):
            if side == 0:
                row["budget_a"] = CLOSED
            else:
                row["budget_b"] = CLOSED
            return nm
    if left <= 0 and recogniser == 0:
        tally[C_SHED] += np.uint64(1)
        return nm
    left = max(np.int64(0), left - np.int64(pkt["pay_len"]))
    if side == 0:
        row["budget_a"] = left
    else:
        row["budget_b"] = left
    _tell(msgs[nm], row, index, i, side, parser, recogniser, start)
    tally[C_UP] += np.uint64(1)
    return nm + 1
