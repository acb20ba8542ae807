# SPDX-License-Identifier: Apache-2.0
"""Every difference from tshark that we know, each with its reason; docs/limits.md tells the same.

A difference that is not listed fails the tests, and so does a listed one that has vanished.
"""

from __future__ import annotations

from typing import NamedTuple

FLOWS = {
    "tcpdump__bigtcp-ipv6-geneve-ipv4.pcap":
        "BIG TCP: an IPv6 payload length of 0 without a jumbo option; tshark stops there, we read on to the "
        "end of the frame and so know the UDP ports",
    "tcpdump__bigtcp-ipv6-geneve-ipv6.pcap": "the same",
}  # fmt: skip
"""Capture -> why its flows differ."""

UNREAD = {
    "libpcap__brcm-tag-stp.pcap": "link type 281 (Broadcom switch tags)",
    "tcpdump__brcm-tag-prepend.pcap": "link type 282 (Broadcom switch tags)",
    "tcpdump__dsa-high-vid.pcap": "link type 284 (Marvell switch tags)",
    "tcpdump__frf16_magic_ie-oobr.pcap": "link type 182 (multi-link frame relay)",
}
"""Captures of which tshark 4.4 refuses the link type; we count their frames as unsupported_linktype."""


class Names(NamedTuple):
    """Names of one kind in one capture that only one side has."""

    missed: tuple[str, ...]
    extra: tuple[str, ...]
    reason: str


NAMES = {
    ("dns", "zeek__dns-dns-invalid-names.pcap"): Names(
        ("<name contains a pointer that loops>",), (),
        "tshark's remark on a broken name is not a name; a looping name gives no sighting",
    ),
}  # fmt: skip
"""(kind, capture) -> the difference."""


class Hellos(NamedTuple):
    """ClientHellos that only one side counts."""

    missed: dict[str, int]
    extra: dict[str, int]
    reason: str


JA4 = {
    "ndpi__KakaoTalk_chat.pcap": Hellos(
        {"t10i350200_1f24bcc5f17d_33a13ba74d1c": 1}, {},
        "the connection began before the capture and its ClientHello was sent twice (frames 44 and 72, same "
        "sequence number): one hello, retransmitted",
    ),
    "ndpi__KakaoTalk_talk.pcap": Hellos(
        {}, {"t10i120300_b275ccc1cd51_a875e5012fde": 1},
        "TLS on port 8080, which tshark takes for HTTP by its number",
    ),
    "ipfixprobe__tls.pcap": Hellos(
        {}, {"t12d1612h1_94fc43e2fc61_c9eaec7dbab4": 6},
        "the file holds six connections twice, the second time after years of other packets (frames 1 and 84 "
        "on): twelve flows for us, six streams with retransmissions for tshark",
    ),
}  # fmt: skip
"""Capture -> the difference."""
