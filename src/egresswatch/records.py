# SPDX-License-Identifier: Apache-2.0
"""The shapes that pass between stages: array dtypes where the rate is per packet, tuples and frozen
dataclasses where it is per message, flow or rarer.

Owns every field's meaning and unit; computes nothing. Times are integer nanoseconds since 1970 UTC
as the capture gave them. An address is two unsigned 64-bit words ``hi, lo``; IPv4 is mapped
(``hi = 0, lo = 0x0000ffff_aabbccdd``) and ``ver`` tells 4 from 6. In Python (per message, per flow)
an address is its canonical text. Lengths are bytes; IP bytes are what the IP header declares.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
Array = npt.NDArray[Any]


# --- source -> decode ---------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Some consecutive frames of the input. Arrays are valid until the next batch is asked for."""

    data: U8
    """The buffer that holds the frames (a mapped file or an arena), read-only."""
    off: Array  # int64[n]: where each frame begins in ``data``
    cap: Array  # uint32[n]: bytes captured
    wire: Array  # uint32[n]: bytes the frame had on the wire (never less than ``cap``)
    ts: Array  # int64[n]: capture time, nanoseconds
    link: Array  # uint16[n]: link type (DLT / LINKTYPE number) of each frame
    iface: Array  # uint16[n]: index into ``SourceFacts.interfaces``
    first: int
    """Number of the batch's first frame, counted from 0 over the whole input."""

    def __len__(self) -> int:
        return len(self.off)


@dataclass(slots=True)
class InterfaceFacts:
    """One capture interface: counters are ``None`` when the capture does not tell (never 0)."""

    name: str
    link: int
    snaplen: int | None
    packets: int = 0
    received: int | None = None
    dropped: int | None = None


@dataclass(slots=True)
class FileFacts:
    """One input file and how reading it ended."""

    path: str
    size: int
    format: str = ""
    frames: int = 0
    damaged_tail_bytes: int = 0
    damage: str = ""
    """One line for a person: what is wrong, from which byte, how much was not read."""
    sha256: str | None = None


@dataclass(slots=True)
class SourceFacts:
    """What a source knows about its input; complete once the source is exhausted."""

    files: list[FileFacts] = field(default_factory=list)
    interfaces: list[InterfaceFacts] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """One line per input that could not be read at all (exit status 1)."""


class Source(Protocol):
    """Where frames come from: a replay of captures, or (later) a live ring."""

    facts: SourceFacts
    total_bytes: int | None
    """Size of the whole input for a progress bar; None when unknown."""
    bytes_read: int

    def batches(self) -> Iterator[FrameBatch]: ...

    def close(self) -> None: ...


# --- flow -> everything after -------------------------------------------------------------------
FLOW_RECORD = np.dtype(
    [
        # one exported record of a biflow, oriented: orig = originator, resp = responder
        ("orig_hi", "u8"), ("orig_lo", "u8"), ("resp_hi", "u8"), ("resp_lo", "u8"),
        ("flow", "u8"),                  # identity of the flow within the run (not written out)
        ("uid", "u8"),                   # hash of first timestamp and key; written as text
        ("ts", "i8"), ("ts_end", "i8"),  # first and last packet of this record, as captured
        ("ts_flow", "i8"),               # first packet of the flow
        ("tick", "i8"),                  # packet-clock time at which the record was exported
        ("orig_pkts", "u8"), ("resp_pkts", "u8"),
        ("orig_ip_bytes", "u8"), ("resp_ip_bytes", "u8"),
        ("orig_missed", "u8"), ("resp_missed", "u8"),
        ("orig_mac", "u8"), ("resp_mac", "u8"),  # 48 bits; 0 = the link type has none
        # the whole flow so far, this record included
        ("orig_sum_bytes", "u8"), ("resp_sum_bytes", "u8"), ("sum_missed", "u8"),
        ("orig_sum_pkts", "u4"), ("resp_sum_pkts", "u4"),
        ("seq", "u4"),                   # record number within the flow, from 0
        ("orig_p", "u2"), ("resp_p", "u2"),
        ("vlan", "u2"), ("inner_vlan", "u2"),  # valid by vlan_tags
        ("vlan_tags", "u1"),             # 0, 1 or 2
        ("ver", "u1"),                   # 4 or 6
        ("proto", "u1"),                 # IP protocol number
        ("has_ports", "u1"),
        ("fragment", "u1"),              # 1: later fragments whose first was not seen
        ("orig_flags", "u1"), ("resp_flags", "u1"),  # OR of TCP flags in this record
        ("end", "u1"),                   # EndReason
        ("outcome", "u1"),               # Outcome
        ("flipped", "u1"),               # 1: originator corrected by SYN / SYN-ACK
        ("orig_class", "u1"), ("resp_class", "u1"),  # AddressClass of the two ends
        ("icmp", "u2"),                  # ICMP type << 8 | code of the flow's first packet
        ("oriented", "u1"),              # 1: a SYN or SYN-ACK told who the originator is
        ("near", "u1"),                  # 1: an end lies in a network that a rule names
        ("at", "u4"),                    # place of the packet that ended it; NO_PACKET: time did
    ]
)
NO_PACKET = 0xFFFFFFFF


class AddressClass(IntEnum):
    """Where an address lies as the packet path sees it."""

    outside = 0
    inside = 1
    multicast = 2
    broadcast = 3


class EndReason(IntEnum):
    """Why a record was exported (numbers as IPFIX flowEndReason, RFC 5102 §5.11.3)."""

    idle = 1
    active = 2
    end = 3
    eof = 4
    lack_of_resources = 5


class Outcome(IntEnum):
    """Did the responder take it: from packets of both directions, RST and ICMP errors."""

    answered = 1
    unanswered = 2
    refused = 3
    one_sided = 4


class Direction(IntEnum):
    """Of a flow by the site's perimeter, seen from its originator."""

    outbound = 1
    inbound = 2
    internal = 3
    external = 4
    multicast = 5


VERDICTS = ("not_monitored", "allowed", "violation", "p2p", "vendor_cloud", "unknown")
DEST_CLASSES = ("vendor_cloud", "p2p", "infrastructure", "other", "none")
SEVERITIES = ("informational", "low", "medium", "high", "critical")
ROLES = ("camera", "recorder", "vms", "client", "other")


# --- sniff --------------------------------------------------------------------------------------
class Message(NamedTuple):
    """One packet that the packet path hands up because a pattern asked for it."""

    ts: int
    frame: int                # number of the frame in the input, from 0
    flow: int                 # FLOW_RECORD.flow
    side: int                 # 0 / 1: which end of the flow sent it (not yet originator/responder)
    proto: int                # IP protocol
    src: str
    dst: str
    sport: int
    dport: int
    parser: int               # Parser or recogniser that asked for it
    start: bool               # this packet itself matched the pattern
    seq: int                  # TCP sequence number of payload[0] (0 otherwise)
    tcp_flags: int
    payload: bytes            # as captured; may be shorter than ``length``
    length: int               # payload length as declared
    src_mac: int
    dst_mac: int
    vlan: int | None
    frag_id: int = 0          # IP identification of a fragment
    frag_off: int = 0         # byte offset of a fragment
    frag_more: bool = False
    sender: int = 0           # 1 the flow's originator, 2 its responder, 0 not known
    number: int = 0           # of the payload among its side's, from 1, while they are tried; 0 not known


class Item(NamedTuple):
    """One thing a parser read. ``data`` carries structured facts for other stages, not written."""

    kind: str                 # a sightings.parquet kind
    value: str
    detail: str = ""
    data: Any = None


class Verdict(IntEnum):
    """A stream parser's answer."""

    MATCH = 1
    NEED_MORE = 2
    NOT_MINE = 3


@dataclass(slots=True)
class FlowInfo:
    """What was read on one flow so far. ``outer_name``: ECH was offered, so the name may be the outer one;
    ``cert_names``: claimed by the certificate of the end with the address ``cert_from``."""

    service: str = ""
    server_name: str = ""
    server_name_source: str = "none"
    ja4: str = ""
    outer_name: bool = False
    cert_names: tuple[str, ...] = ()
    cert_from: str = ""
    protocols: tuple[str, ...] = ()
    """Numbers of the rule pack's recognisers (payload or things read) that fired, in order."""
