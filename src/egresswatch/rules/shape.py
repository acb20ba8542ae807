# SPDX-License-Identifier: Apache-2.0
"""What a rule says a packet's payload or a sighting looks like, as immutable values.

Owns the words of ``match.payload`` and ``match.seen``; what they mean on bytes is ``payload``,
``transforms`` and ``recogniser``.
"""

from __future__ import annotations

from dataclasses import dataclass

from egresswatch.rules.makers import ASKED_KINDS, SERVED_KINDS, SHOWN_KINDS

SEEN_KINDS = (
    *SHOWN_KINDS, *SERVED_KINDS, *ASKED_KINDS, "dns_answer", "tls_sni", "quic_sni", "ja4", "dtls_srtp",
    "doq", "http_connect", "soap_action", "rtsp_push", "rtsp_tunnel", "rtsp_transport",
    "rtsp_user_agent", "rtmp", "rtp", "rtcp", "srt", "webrtc", "stun_mapped_address", "stun_relayed_address",
    "turn", "ice", "dot", "doh", "sip_register", "sip_realm", "gb28181", "mqtt_topic", "smtp_attachment",
    "ftp_command", "smtp_mail", "smb_share", "nfs", "natpmp", "pcp", "wsd_types", "arp", "ndp",
)  # fmt: skip
"""Kinds of sightings that ``match.seen`` may ask for."""
SENDERS = {"originator": 1, "responder": 2}
"""Who sent a payload: the end that began the flow, or the one it was begun to; 0 = either, or not known."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes that a payload must have at an offset, under a mask of the same length."""

    at: int
    value: bytes
    mask: bytes
    others: tuple[bytes, ...] = ()
    """More values of the same length: any of them will do."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step that undoes how a payload is hidden (see ``transforms``), from byte ``start`` on."""

    kind: str
    key: tuple[int, ...] = ()
    start: int = 0


@dataclass(frozen=True, slots=True)
class Number:
    """A number in the payload that lies between two limits."""

    form: str
    at: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Counter:
    """A number of the payload that is told with what was recognised, under this name."""

    name: str
    form: str
    at: int


@dataclass(frozen=True, slots=True)
class Length:
    """A length field of the payload: its value plus ``add`` is the payload's length."""

    form: str
    at: int
    add: int


@dataclass(frozen=True, slots=True)
class Payload:
    """One way a payload can look; all its conditions must hold. See rules/README.md."""

    proto: int
    ports: tuple[int, ...]
    bytes: tuple[Bytes, ...]
    length: Length | None = None
    min_len: int = 0
    max_len: int = 0
    sender: int = 0
    """One of ``SENDERS``; 0 = either end."""
    packets: tuple[int, int] = (0, 0)
    """First and last number of the payload among its side's, counted from 1; (0, 0) = any that is tried."""
    wire: tuple[Bytes, ...] = ()
    """Bytes as sent; ``bytes``, ``numbers`` and ``length`` look at what ``decode`` makes of them."""
    decode: tuple[Step, ...] = ()
    numbers: tuple[Number, ...] = ()
    repeat: int = 1
    """So many packets of the flow must look so."""
    reads: tuple[Counter, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """A sighting: its kind, and what its value is compared with in lower case (``way`` "": any value)."""

    kind: str
    way: str = ""
    values: tuple[str, ...] = ()
