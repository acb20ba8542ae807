# SPDX-License-Identifier: Apache-2.0
"""What the decode kernels write: one PACKET row per frame, and the counters beside the rows.

Owns the meaning of every field; computes nothing. A key is canonical: end ``a`` is the lower
address (then the lower port), so both directions of a conversation give the same words, and
``side`` tells which end sent the packet (0 = a). Offsets are into the batch's ``data``.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

PACKET = np.dtype(
    [
        ("a_hi", "u8"), ("a_lo", "u8"), ("b_hi", "u8"), ("b_lo", "u8"),
        # a port << 48 | b port << 32 | protocol << 8 | key flags
        ("meta", "u8"),
        ("dup", "u8"),       # content hash for duplicate recognition (0 when not asked for)
        ("clock", "i8"),     # packet clock: highest capture time seen up to this frame, ns
        ("pay", "i8"),       # where the L4 payload begins
        ("frag_key", "u8"),  # IP identification << 8 | protocol (IPv6: 44) of a fragment
        ("hash", "u4"),      # of the key without VLAN
        ("ip_bytes", "u4"),  # as the header declares
        ("pay_len", "u4"),   # payload length as declared
        ("pay_cap", "u4"),   # payload bytes captured
        ("seq", "u4"), ("ack", "u4"),  # TCP
        ("vlan", "u4"),      # tag count << 28 | outer VID << 12 | inner VID
        ("mac", "i4"),       # destination MAC's place relative to the frame; source follows it unless
        ("mac_src", "i4"),   # told here; -1 = the link type has none
        ("frag_off", "u4"),  # byte offset of a fragment
        ("bucket", "u1"),    # Bucket
        ("side", "u1"),      # 0: end a sent it
        ("tcp_flags", "u1"),
        ("shard", "u1"),
        ("flags", "u1"),     # PF_*
        ("head", "u1"),      # length of the L4 header: the IP payload begins at pay - head
        ("icmp", "u2"),      # ICMP type << 8 | code
        ("pad", "u1", (8,)),  # two cache lines, whole words
    ]
)

QUOTE = np.dtype(
    [
        # the key that an ICMP error quotes: the flow it speaks of is marked, never created
        ("a_hi", "u8"), ("a_lo", "u8"), ("b_hi", "u8"), ("b_lo", "u8"), ("meta", "u8"),
        ("index", "u4"),     # row of the ICMP packet in the batch
        ("hash", "u4"),
        ("side", "u1"), ("shard", "u1"), ("pad", "u1", (6,)),
    ]
)

ASIDE = np.dtype(
    [
        # a frame outside all flows that says who is where: ARP, LLDP, CDP, or an IPv6 neighbour message
        ("at", "i8"),        # where its payload begins
        ("mac", "i8"),       # where the source MAC lies; -1 = the link type has none
        ("index", "u4"),     # row of the frame in the batch
        ("size", "u4"),      # bytes of payload captured
        ("vlan", "u4"),      # as in PACKET
        ("code", "u4"),      # ASIDE_*
    ]
)
ASIDE_ARP = 0x0806
ASIDE_LLDP = 0x88CC
ASIDE_CDP = 0x2000   # SNAP protocol id below OUI 00-00-0C; no ethertype has this number
ASIDE_NDP = 58       # the row's addresses are the packet's

SHARDS = 16
"""Virtual shards of every table: fixed, so that eviction does not depend on the workers."""

# key flags in the low byte of ``meta``
KEY_V6 = 1
KEY_PORTS = 2
KEY_FRAGMENT = 4

# packet flags
PF_FRAG_FIRST = 1
PF_FRAG_LATER = 2
PF_MORE = 4
PF_PAYLOAD = 8  # pay, pay_len, pay_cap are set
PF_QUOTE = 16   # a QUOTE row belongs to this packet
PF_V6 = 32


class Bucket(IntEnum):
    """Where a frame ends in the ledger: exactly one."""

    accounted = 0
    duplicate = 1
    filtered = 2
    non_ip = 3
    malformed_l2 = 4
    malformed_l3 = 5
    unsupported_linktype = 6


class Count(IntEnum):
    """Counters beside the buckets (index into the counter array)."""

    truncated_frames = 0      # captured shorter than on the wire
    malformed_l4 = 1          # IP header sound, ports or TCP header cut or broken
    ip_options = 2
    ipv6_extensions = 3
    fragments_first = 4
    fragments_later = 5
    zero_ip_length = 6        # IPv4 total length 0 (TSO capture): counted to the end of the frame
    zero_ipv6_length = 7      # IPv6 payload length 0 (jumbogram, BIG TCP): counted as 40
    ip_length_beyond_frame = 8
    super_frames = 9          # longer on the wire than 1 600 bytes below IP: TSO / GRO
    late_frames = 10          # captured earlier than a frame before them
    opened_tunnels = 11
    unopened_tunnels = 12     # a tunnel named in decode.decapsulate that could not be read
    encrypted_wifi = 13
    ip_bytes = 14             # sum over accounted frames before duplicates are taken out
    icmp_errors = 15


COUNTS = len(Count)

# decode.decapsulate as bits
TUNNEL_BITS = {
    "gre": 1, "erspan": 2, "vxlan": 4, "geneve": 8, "ipip": 16, "6in4": 32, "gtpu": 64,
    "tzsp": 128, "teredo": 256,
}
