# SPDX-License-Identifier: Apache-2.0
"""The biflow table's memory: one 256-byte row per live flow, and what the kernel writes beside it.

Row fields are grouped by cache line: the first 128 bytes are all that a packet of a known flow
touches. ``_a`` / ``_b`` are the canonical ends of the key (PACKET.side 0 / 1), not originator and
responder: orientation is a bit, applied when a record is exported.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

ROW = np.dtype(
    [
        # line 0: the key, and when it was last seen
        ("a_hi", "u8"), ("a_lo", "u8"), ("b_hi", "u8"), ("b_lo", "u8"), ("meta", "u8"),
        ("vlan_a", "u4"), ("vlan_b", "u4"),  # tag stack each end sent with; NO_VLAN = not seen yet
        ("last", "i8"),      # packet clock of the last packet: timeouts run on it
        ("ts_end", "i8"),    # latest capture time in this record
        # line 1: counters of the record that is open, TCP sequence state, sniff state
        ("bytes_a", "u8"), ("bytes_b", "u8"),
        ("pkts_a", "u4"), ("pkts_b", "u4"),
        ("next_a", "u4"), ("next_b", "u4"),      # next sequence number expected of each end
        ("hole_a", "u4"), ("hole_b", "u4"),      # where the youngest hole begins ...
        ("gap_a", "u4"), ("gap_b", "u4"),        # ... and how many of its bytes are still missing
        ("flags_a", "u1"), ("flags_b", "u1"),
        ("state", "u2"),     # S_* bits
        ("parser", "u2"),    # what the payload was recognised as (patterns.Parser or recogniser)
        ("probes_a", "u1"), ("probes_b", "u1"),  # payload packets tried so far
        ("budget_a", "u4"), ("budget_b", "u4"),  # payload bytes that may still be handed up
        # line 2: the rest of the record and the flow's identity
        ("ts", "i8"),        # earliest capture time in this record
        ("ts_flow", "i8"),
        ("opened", "i8"),    # packet clock when this record was opened
        ("missed_a", "u8"), ("missed_b", "u8"),
        ("flow", "u8"), ("uid", "u8"),
        ("after", "u4"), ("before", "u4"),       # wheel list, row number + 1
        # line 3: totals of earlier records, places in the table
        ("sum_bytes_a", "u8"), ("sum_bytes_b", "u8"),
        ("sum_pkts_a", "u4"), ("sum_pkts_b", "u4"),
        ("mac_a", "u8"), ("mac_b", "u8"),
        ("hash", "u4"),
        ("second", "i2"),    # bucket of the wheel, modulo WHEEL; -1 = in none
        ("icmp", "u2"),      # type << 8 | code of the first packet
        ("seq", "u4"),
        ("ever_a", "u1"), ("ever_b", "u1"),      # TCP flags of earlier records
        ("every", "u1"), ("class_ab", "u1"),     # address class of a << 4 | of b
        ("sum_missed", "u8"),
    ]
)

NO_VLAN = 0xFFFFFFFF

# state bits
S_ORIG_B = 1          # end b is the originator
S_ORIENTED = 2        # a SYN or SYN-ACK said so
S_FLIPPED = 4
S_SEEN_A = 8          # a packet other than a RST came from a / b
S_SEEN_B = 16
S_FIN_A = 32
S_FIN_B = 64
S_RST = 128
S_UNREACHABLE = 256   # an ICMP error said so
S_JOINED = 512        # two tag stacks in one flow
S_SEQ_A = 1024        # next_a is known
S_SEQ_B = 2048
S_NEAR = 4096         # an end lies in a network that a rule names
S_FIRST_A = 8192      # any packet came from a / b
S_FIRST_B = 16384

SHARD = np.dtype(
    [
        ("live", "i8"), ("used", "i8"), ("free", "i8"), ("second", "i8"), ("hint", "i8"),
        ("created", "i8"), ("clock", "i8"), ("same", "i8"),  # flows created at the packet clock ``clock``
    ]
)

WHEEL = 1024
"""Seconds the timing wheel spans; longer deadlines are looked at again when they come round."""

NOTE = np.dtype(
    [
        # a packet that Python is told of: a payload to read, a host or a crossing shown for the first
        # time, or several of these at once; with the totals of its flow at that packet. Field by
        # field what pipeline.notes.Note has.
        ("flow", "u8"), ("uid", "u8"), ("ts_flow", "i8"), ("ts", "i8"), ("clock", "i8"),
        ("a_hi", "u8"), ("a_lo", "u8"), ("b_hi", "u8"), ("b_lo", "u8"), ("meta", "u8"),
        ("bytes_a", "u8"), ("bytes_b", "u8"), ("missed", "u8"), ("src_mac", "u8"), ("dst_mac", "u8"),
        ("pay", "i8"),         # where the payload (of a fragment: the IP payload) begins in the batch
        ("pkts_a", "u4"), ("pkts_b", "u4"),
        ("index", "u4"),
        ("pay_len", "u4"), ("pay_cap", "u4"), ("seq", "u4"), ("vlan", "u4"),
        ("frag_id", "u4"), ("frag_off", "u4"),
        ("parser", "u2"), ("recogniser", "u2"),
        ("kind", "u1"),        # N_* bits
        ("start", "u1"), ("side", "u1"), ("orig", "u1"), ("oriented", "u1"), ("class_ab", "u1"),
        ("outcome", "u1"), ("tcp_flags", "u1"), ("flags", "u1"),
        ("number", "u1"),      # payloads of the packet's side that were tried so far, this one included
        ("pad", "u1", (6,)),
    ]
)
N_CROSSING = 1
N_HOST = 2
N_REPLY = 4
"""First packet of an end of a flow: it crosses the perimeter, shows a host, is the second end's."""
N_NEAR = 8
"""Of any note: an end of its flow lies in a network that a rule names."""

CLOSED = 0xFFFFFFFF
"""A budget of a side of which nothing more is wanted (its application data has begun)."""

DUP = np.dtype([("key", "u8"), ("clock", "i8")])
DUP_SETS = 1024  # 4 MB in all would not stay in the cache; 65 536 frames in 5 ms are 13 M packets/s
DUP_WAYS = 4
FRAG = np.dtype([("key", "u8"), ("clock", "i8"), ("meta", "u8")])
FRAG_SETS = 512
FRAG_WAYS = 4
FRAG_LIFE = 30_000_000_000
HOST = np.dtype([("mac", "u8"), ("hi", "u8"), ("lo", "u8"), ("vlan", "u4"), ("kind", "u4")])
HOSTS = 4096


class Tally(IntEnum):
    """Counters of the flow stage (index into a uint64 array, one array per worker)."""

    created = 0
    evicted = 1             # exported early because the table was full
    duplicates = 2
    duplicate_bytes = 3     # IP bytes of duplicates
    dup_forgotten = 4       # a fingerprint still in its window was pushed out
    frag_joined = 5
    frag_orphans = 6
    frag_forgotten = 7
    vlan_joined = 8
    vlan_contradicted = 9
    budget_shed = 10        # payload packets not handed up because the flow's budget was spent
    handed_up = 11
    icmp_marked = 12
    pending_up = 13         # TCP payloads handed up although their stream had not begun


TALLIES = len(Tally)


END_IDLE, END_ACTIVE, END_END, END_EOF, END_LACK = map(np.int64, (1, 2, 3, 4, 5))
"""Of one type, and no literals: numba would compile the functions that they are given to once for each."""
OUT_ANSWERED, OUT_UNANSWERED, OUT_REFUSED, OUT_ONE_SIDED = 1, 2, 3, 4
