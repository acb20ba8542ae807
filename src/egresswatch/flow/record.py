# SPDX-License-Identifier: Apache-2.0
"""From a row to a FLOW_RECORD: orientation, outcome, and opening the next record.

A record carries its own counts (deltas); the row keeps the sums for whoever asks about the flow
while it lives. The outcome speaks of the whole flow so far: answered when both ends were seen,
refused when only RST or an ICMP error came back, one_sided when a TCP end acknowledges an end that
was never seen, else unanswered.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.flow.layout import (
    END_ACTIVE,
    NO_VLAN,
    OUT_ANSWERED,
    OUT_ONE_SIDED,
    OUT_REFUSED,
    OUT_UNANSWERED,
    S_FIRST_A,
    S_FIRST_B,
    S_FLIPPED,
    S_NEAR,
    S_ORIENTED,
    S_ORIG_B,
    S_SEEN_A,
    S_SEEN_B,
    S_UNREACHABLE,
)
from egresswatch.flow.tcp import ACK, FIN, PSH
from egresswatch.jit import inline, kernel
from egresswatch.records import NO_PACKET

_U8 = np.uint64(8)
_U32 = np.uint64(32)
_U48 = np.uint64(48)
_M16 = np.uint64(0xFFFF)
_M8 = np.uint64(0xFF)


@inline
def outcome(row: Any) -> Any:
    """Outcome code of the flow so far."""
    state = row["state"]
    orig_b = state & S_ORIG_B != 0
    orig_first = state & (S_FIRST_B if orig_b else S_FIRST_A) != 0
    resp_first = state & (S_FIRST_A if orig_b else S_FIRST_B) != 0
    resp_seen = state & (S_SEEN_A if orig_b else S_SEEN_B) != 0
    tcp = (row["meta"] >> _U8) & _M8 == np.uint64(6)
    if orig_first and resp_seen:
        return OUT_ANSWERED
    if resp_first and not resp_seen:
        mine = row["flags_b"] | row["ever_b"] if orig_b else row["flags_a"] | row["ever_a"]
        if tcp and mine & ACK != 0 and mine & (FIN | PSH) != 0:
            return OUT_ANSWERED  # a connection older than the capture was reset, not an attempt refused
        return OUT_REFUSED
    if tcp:
        flags = row["flags_a"] | row["ever_a"] | row["flags_b"] | row["ever_b"]
        if flags & ACK != 0:
            return OUT_ONE_SIDED
    if state & S_UNREACHABLE != 0:
        return OUT_REFUSED
    return OUT_UNANSWERED if orig_first else OUT_ONE_SIDED


@inline
def shown_vlan(row: Any) -> Any:
    """The tag stack to show: the one with more tags, else the originator's."""
    a, b = np.int64(row["vlan_a"]), np.int64(row["vlan_b"])
    if a == NO_VLAN:
        return b
    if b == NO_VLAN:
        return a
    if (a >> 28) != (b >> 28):
        return a if (a >> 28) > (b >> 28) else b
    return b if row["state"] & S_ORIG_B != 0 else a


@kernel
def export(row: Any, end: Any, tick: Any, out: Any) -> None:
    """Write the open record of ``row`` into ``out`` and open the next one."""
    orig_b = row["state"] & S_ORIG_B != 0
    final = end != END_ACTIVE
    if final and (row["meta"] >> _U8) & _M8 == np.uint64(6):  # a hole that nobody can fill any more
        row["missed_a"] += np.uint64(row["gap_a"])
        row["missed_b"] += np.uint64(row["gap_b"])
        row["gap_a"], row["gap_b"] = 0, 0
    port_a, port_b = row["meta"] >> _U48, (row["meta"] >> _U32) & _M16
    if orig_b:
        out["orig_hi"], out["orig_lo"] = row["b_hi"], row["b_lo"]
        out["resp_hi"], out["resp_lo"] = row["a_hi"], row["a_lo"]
        out["orig_p"], out["resp_p"] = port_b, port_a
        out["orig_pkts"], out["resp_pkts"] = row["pkts_b"], row["pkts_a"]
        out["orig_ip_bytes"], out["resp_ip_bytes"] = row["bytes_b"], row["bytes_a"]
        out["orig_missed"], out["resp_missed"] = row["missed_b"], row["missed_a"]
        out["orig_mac"], out["resp_mac"] = row["mac_b"], row["mac_a"]
        out["orig_flags"], out["resp_flags"] = row["flags_b"], row["flags_a"]
    else:
        out["orig_hi"], out["orig_lo"] = row["a_hi"], row["a_lo"]
        out["resp_hi"], out["resp_lo"] = row["b_hi"], row["b_lo"]
        out["orig_p"], out["resp_p"] = port_a, port_b
        out["orig_pkts"], out["resp_pkts"] = row["pkts_a"], row["pkts_b"]
        out["orig_ip_bytes"], out["resp_ip_bytes"] = row["bytes_a"], row["bytes_b"]
        out["orig_missed"], out["resp_missed"] = row["missed_a"], row["missed_b"]
        out["orig_mac"], out["resp_mac"] = row["mac_a"], row["mac_b"]
        out["orig_flags"], out["resp_flags"] = row["flags_a"], row["flags_b"]
    vlan = shown_vlan(row)
    out["vlan_tags"] = vlan >> 28
    out["vlan"], out["inner_vlan"] = (vlan >> 12) & 0xFFF, vlan & 0xFFF
    key_flags = row["meta"] & _M8
    out["ver"] = 6 if key_flags & np.uint64(1) != np.uint64(0) else 4
    out["has_ports"] = 1 if key_flags & np.uint64(2) != np.uint64(0) else 0
    out["fragment"] = 1 if key_flags & np.uint64(4) != np.uint64(0) else 0
    out["proto"] = (row["meta"] >> _U8) & _M8
    out["icmp"] = row["icmp"]
    out["flow"], out["uid"], out["seq"] = row["flow"], row["uid"], row["seq"]
    if row["pkts_a"] == 0 and row["pkts_b"] == 0:  # only tells that the flow ended, and what it missed
        row["ts"], row["ts_end"] = row["last"], row["last"]
    out["ts"], out["ts_end"], out["ts_flow"], out["tick"] = row["ts"], row["ts_end"], row["ts_flow"], tick
    out["end"], out["outcome"], out["at"] = end, outcome(row), NO_PACKET
    out["oriented"] = 1 if row["state"] & S_ORIENTED != 0 else 0
    out["near"] = 1 if row["state"] & S_NEAR != 0 else 0
    out["flipped"] = 1 if row["state"] & S_FLIPPED != 0 else 0
    row["sum_bytes_a"] += row["bytes_a"]
    row["sum_bytes_b"] += row["bytes_b"]
    row["sum_pkts_a"] += row["pkts_a"]
    row["sum_pkts_b"] += row["pkts_b"]
    row["sum_missed"] += row["missed_a"] + row["missed_b"]
    out["sum_missed"] = row["sum_missed"]
    if orig_b:
        out["orig_class"], out["resp_class"] = row["class_ab"] & 15, row["class_ab"] >> 4
        out["orig_sum_bytes"], out["resp_sum_bytes"] = row["sum_bytes_b"], row["sum_bytes_a"]
        out["orig_sum_pkts"], out["resp_sum_pkts"] = row["sum_pkts_b"], row["sum_pkts_a"]
    else:
        out["orig_class"], out["resp_class"] = row["class_ab"] >> 4, row["class_ab"] & 15
        out["orig_sum_bytes"], out["resp_sum_bytes"] = row["sum_bytes_a"], row["sum_bytes_b"]
        out["orig_sum_pkts"], out["resp_sum_pkts"] = row["sum_pkts_a"], row["sum_pkts_b"]
    row["ever_a"] |= row["flags_a"]
    row["ever_b"] |= row["flags_b"]
    row["bytes_a"], row["bytes_b"], row["pkts_a"], row["pkts_b"] = 0, 0, 0, 0
    row["missed_a"], row["missed_b"] = 0, 0
    row["flags_a"], row["flags_b"] = 0, 0
    row["seq"] += 1
