# SPDX-License-Identifier: Apache-2.0
"""How the packet path knows which payloads to hand up: parser numbers and the shape of a pattern.

Owns the meaning of every field; computes nothing. Patterns come from the sniff stage (protocols) and from
the rule pack (recognisers); the flow kernel compares them (``flow.probe``).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Parser(IntEnum):
    """Which parser a handed-up packet is for; from ``RECOGNISER_BASE`` on a recogniser of the rule pack
    (index = value - base). PENDING: TCP payload seen before the start of its stream, kept for the parser.
    FRAGMENT: the IP payload of one fragment."""

    NONE = 0
    PENDING = 1
    FRAGMENT = 2
    DNS = 3
    DNS_TCP = 4
    MDNS = 5
    TLS = 6
    QUIC = 7
    HTTP = 8
    RTSP = 9
    DHCP = 10
    SSDP = 11
    WSD = 12
    SIP = 13
    STUN = 14
    MQTT = 15
    DTLS = 16
    RTMP = 17
    FTP = 18
    SMTP = 19
    SMB = 20
    NFS = 21
    TELNET = 22
    SNMP = 23
    NATPMP = 24
    SRT = 25
    RTP = 26
    SADP = 27
    DHDISCOVER = 28
    XMDISCOVER = 29
    NBNS = 30


RECOGNISER_BASE = 64

PATTERN = np.dtype(
    [
        # a payload matches when proto and port fit, it has at least min_len bytes, and for k = 1, 2
        # (payload[off_k : off_k + 8] as big-endian word, short reads not tried) & mask_k == value_k
        ("mask1", "u8"), ("value1", "u8"), ("mask2", "u8"), ("value2", "u8"),
        ("off1", "u2"), ("off2", "u2"),
        ("n1", "u1"), ("n2", "u1"),      # bytes compared by each (0 = that comparison is unused)
        ("min_len", "u2"), ("max_len", "u2"),  # of the declared payload; max_len 0 = no limit
        ("port", "u2"),                  # 0 = any; else one of the two ports
        ("proto", "u1"),                 # 6 or 17
        ("every", "u1"),                 # 1: every datagram of the flow is handed up afterwards
        # length relation: 0 none; 1 be16, 2 le16, 3 be32, 4 le32 at rel_off, plus rel_add,
        # must equal the declared payload length
        ("rel", "u1"),
        ("sender", "u1"),                # 0 = any; 1 originator, 2 responder of the flow
        ("rel_off", "u2"), ("rel_add", "i4"),
        ("parser", "u2"),                # Parser value, or RECOGNISER_BASE + index
        ("first", "u1"), ("last", "u1"),  # numbers (from 1) of a side's payloads; last 0 = any
        ("pad", "u1", (6,)),
    ]
)
