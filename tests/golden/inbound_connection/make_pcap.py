# SPDX-License-Identifier: Apache-2.0
"""RTSP from an outside host: DESCRIBE, PLAY, half a minute of interleaved video."""

from egresswatch.demo import payloads as p
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import End, Talk, noise, pcap


def capture():
    talk = Talk(End(s.GATEWAY.mac, "192.0.2.66", 51515), s.CLEAN.end(554), vlan=s.VLAN)
    url = f"rtsp://203.0.113.2:554{s.CLEAN.stream}"
    ok = p.text_message("RTSP/1.0 200 OK", {"CSeq": "1", "Server": s.CLEAN.rtsp_server})
    frames = [
        *talk.handshake(),
        *talk.send(0, p.text_message(f"DESCRIBE {url} RTSP/1.0", {"CSeq": "1"})), *talk.send(1, ok),
        *talk.send(0, p.text_message(f"PLAY {url} RTSP/1.0", {"CSeq": "2"})), *talk.send(1, ok),
    ]  # fmt: skip
    for k in range(120):
        frames += talk.send(1, p.interleaved(0, p.rtp(k, k * 9000, 0x66, noise(f"seen {k}", 1200))))
    return pcap((s.DAY + i * 120 * s.MS, data) for i, data in enumerate([*frames, *talk.close()]))
