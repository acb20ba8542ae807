# SPDX-License-Identifier: Apache-2.0
"""Media, relays and encrypted resolvers over every real capture: each is explained, each explanation is met.

What stands here was held against tshark (RTP by its heuristics, STUN, DTLS and NBNS by its dissectors).
Nothing of it may be seen in any other capture: not in QUIC, DNS, WireGuard, games, tunnels or what cameras
encrypt in their own way.
"""

from __future__ import annotations

from collections import defaultdict

import pytest

KINDS = (
    "rtp", "srt", "webrtc", "turn", "ice", "dot", "doq", "doh", "natpmp", "pcp", "sadp", "dhdiscover",
    "xmdiscover", "snmp_sysdescr",
)  # fmt: skip
CALL, PHONE = "a call of WebRTC", "a call of an office telephone"
EXPLAINED = {
    "ndpi__KakaoTalk_talk.pcap": ({"rtp"}, "a call of a messenger"),
    "ndpi__dns_dot.pcap": ({"dot"}, "a resolver asked over TLS on its port"),
    "ndpi__rtp.pcapng": ({"rtp"}, "calls of several programs"),
    "ndpi__skinny.pcap": ({"rtp"}, PHONE),
    "ndpi__stun.pcap": ({"ice", "rtp", "turn", "webrtc"}, CALL),
    "ndpi__stun_classic.pcap": ({"rtp"}, PHONE),
    "ndpi__stun_dtls_rtp.pcapng": ({"ice", "rtp", "turn", "webrtc"}, CALL),
    "ndpi__stun_dtls_rtp_unidir.pcapng": ({"turn"}, "a call through a relay, one direction"),
    "ndpi__stun_dtls_unidirectional_client.pcap": ({"ice", "webrtc"}, CALL),
    "ndpi__stun_dtls_unidirectional_server.pcap": ({"ice", "webrtc"}, CALL),
    "ndpi__stun_google_meet.pcapng": ({"ice", "rtp", "webrtc"}, CALL),
    "ndpi__stun_signal.pcapng": ({"ice", "turn"}, "a call of a messenger through a relay"),
    "ndpi__stun_tcp_multiple_msgs_same_pkt.pcap": ({"turn"}, "a relay asked for over TCP"),
    "ndpi__stun_wa_call.pcapng": ({"rtp", "turn"}, "a call of a messenger, relays as it writes them"),
    "ndpi__stun_zoom.pcapng": ({"ice", "webrtc"}, CALL),
}
SOURCES = {
    "ndpi__skinny.pcap": {
        "0x1e063b22", "0x7c1071e2", "0x7c1071e8", "0x7c1071f3", "0xf6bf57dc", "0xf6bf57e2",
    },
    "ndpi__stun_classic.pcap": {"0x3aa6d922", "0x47d66fde"},
    "ndpi__KakaoTalk_talk.pcap": {"0x0b865519", "0x549aa5da"},
}  # fmt: skip


@pytest.fixture(scope="module")
def told(replays) -> dict[str, list[dict[str, str]]]:
    """Capture -> sightings of these kinds."""
    return {
        name: [row for row in run.sightings if row["kind"] in KINDS]
        for name, run in replays("usual").items()
        if (run.out / "sightings.parquet").exists()
    }


def test_nothing_is_told_that_is_not_there(told: dict[str, list[dict[str, str]]]) -> None:
    """0 unexplained over all captures, and nothing known is missed."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, rows in told.items():
        for row in rows:
            found[name].add(row["kind"])
    assert len(told) > 150
    assert dict(found) == {name: kinds for name, (kinds, _) in EXPLAINED.items()}


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_of_a_call_is_told(told: dict[str, list[dict[str, str]]], name: str) -> None:
    """The same sources as tshark follows."""
    rows = [row for row in told[name] if row["kind"] == "rtp"]
    assert {row["detail"].split(",")[0].removeprefix("ssrc ") for row in rows} == SOURCES[name]
