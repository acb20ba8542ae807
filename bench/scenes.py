# SPDX-License-Identifier: Apache-2.0
"""The scenes: a mixed network, a camera network, a flood of tiny flows. Each gives flows and packets.

| scene | flows | content |
|---|---|---|
| mixed | one in 40 packets | IMIX sizes, four VLANs, 65 % TCP, 10 % IPv6, TLS with names, DNS, RTP; 60 s |
| camera | 500 cameras, 4 000 others | 1 400-byte video by RTP/UDP and TCP in VLAN 120, DNS and TLS; 30 s |
| flood | one in 2 packets | 64 bytes on the wire: SYNs, short datagrams, half of them answered; 10 s |

Sizes and shares are those of the bench that peers were measured on; the number of flows and of cameras can be
chosen, so that growth with each can be measured. No flow lasts longer than an idle timeout would split it.
"""

from __future__ import annotations

import numpy as np

from bench.draw import Array, Draw, share
from bench.traffic import SYN, TCP, UDP, Flows, Kind, Packets, Script

Scene = tuple[Flows, Packets]
_PORTS = 64000


def mixed(total: int, flows: int = 0) -> Scene:
    """A network of offices and servers."""
    count = flows or max(50, total // 40)
    draw = Draw(1)
    number = np.arange(count)
    v6 = draw.unit(count) < 0.10
    tcp = draw.unit(count) < 0.65
    dns = ~tcp & (draw.unit(count) < 0.5)
    lap = number // _PORTS  # other clients when the ports have all been used
    host, server = draw.below(4000, count) + 4000 * lap, draw.below(6000, count)
    web = draw.unit(count) < 0.8
    them = Flows(
        client=_address(v6, (10, 20), host), server=_address(v6, (198, 18), server),
        cport=1025 + number % _PORTS,
        sport=np.where(tcp, np.where(web, 443, 8000), np.where(dns, 53, 5004)),
        proto=np.where(tcp, TCP, UDP), v6=v6, vlan=draw.choice([100, 110, 120, 130], count),
        name=np.where(dns, number, server) % 100_000,
    )  # fmt: skip
    weights = np.where(dns, 0.0, np.minimum(draw.pareto(count) + 0.2, 400.0))
    script = Script(them, share(weights, np.where(tcp, 8, 2), total))
    n = len(script.flow)
    frame = draw.choice([60, 594, 1518], n, [7, 4, 1])
    room = frame - 18 - them.header()[script.flow]
    script.size = np.where(script.tcp & (frame == 60), 0, np.maximum(room, 12))
    data = np.where(them.sport[script.flow] == 443, Kind.TLS_DATA, Kind.NOISE)
    script.kind = np.where(script.tcp, np.where(script.size > 0, data, Kind.NONE), Kind.RTP)
    script.back = draw.unit(n) < np.where(frame == 1518, 0.9, 0.45)
    script.back[script.place == 0] = False
    script.back[script.tcp & (script.place == 3)] = False
    script.handshake()
    script.dialogue(dns, tcp & web, 594 - 18 - them.header())
    length = np.minimum(draw.lognormal(count, 0.3), 10.0)
    return them, script.packets(draw, script.times(draw, draw.unit(count) * 49.9, length))


def camera(total: int, cameras: int = 0, others: int = 0) -> Scene:
    """Cameras that stream to their recorders, and ask for and talk to a cloud beside it."""
    cameras, others = cameras or min(500, total // 40), others or max(2, total // 500)
    count = cameras + others
    draw = Draw(2)
    number = np.arange(count)
    spare = np.maximum(number - cameras, 0)
    video = number < cameras
    cam = np.where(video, number, (spare + spare // 20_000) % cameras)
    dns = ~video & (spare < others // 2)
    tls = ~video & ~dns
    over_tcp = video & (number % 10 < 3)
    four = np.zeros(count, bool)
    recorder = _quad(10, 120, 250, 1 + cam // 64)
    cloud = _quad(203, 0, 113, 1 + draw.below(60, count))
    servers = np.where(
        video[:, None], recorder, np.where(dns[:, None], _quad(10, 120, 0, 53 + 0 * cam), cloud)
    )
    them = Flows(
        client=_quad(10, 120, 1 + cam // 250, 1 + cam % 250), server=servers,
        cport=np.where(video, 40_000 + number % 25_000, 20_000 + spare % 20_000),
        sport=np.where(
            over_tcp, 8554, np.where(video, 5004 + 2 * (number % 200), np.where(dns, 53, 443))
        ),
        proto=np.where(over_tcp | tls, TCP, UDP), v6=four, vlan=np.full(count, 120), name=cam % 100_000,
    )  # fmt: skip
    fixed = np.where(dns, 2, np.where(tls, 8 + draw.below(12, count), 0))
    weights = np.where(video, 0.6 + 0.8 * draw.unit(count), 0.0)
    script = Script(them, share(weights, np.where(video, 8, fixed), total))
    n = len(script.flow)
    streams = video[script.flow]
    script.size = np.where(streams, 1400 - 18 - them.header()[script.flow], 536)
    script.kind = np.where(streams, np.where(script.tcp, Kind.NOISE, Kind.RTP), Kind.TLS_DATA)
    chance = draw.unit(n)
    script.back = ~streams & (chance < 0.5)
    script.put(
        streams & script.tcp & (chance < 0.12), Kind.NONE, 0, back=True
    )  # what the recorder acknowledges
    script.handshake()
    script.dialogue(dns, tls)
    start = np.where(video, 0.5, 27.0) * draw.unit(count)
    length = np.where(video, 29.5 - start, 0.02 + 2.48 * draw.unit(count))
    return them, script.packets(draw, script.times(draw, start, length))


def flood(total: int, flows: int = 0) -> Scene:
    """Very many flows of very few packets; with ``flows`` the same packets over fewer of them."""
    count = flows or max(1, total // 2)
    draw = Draw(3)
    number = np.arange(count)
    spread = number * 2654435761 % (1 << 24)
    server = draw.below(1 << 17, count)
    tcp = draw.unit(count) < 0.5
    them = Flows(
        client=_quad(10, spread >> 16, spread >> 8 & 255, spread & 255),
        server=_quad(198, 18 + (server >> 16), server >> 8 & 255, server & 255),
        cport=1024 + draw.below(64_512, count), sport=draw.choice([80, 443, 554, 8000, 37777], count),
        proto=np.where(tcp, TCP, UDP), v6=np.zeros(count, bool), vlan=np.full(count, 300),
        name=np.zeros(count, np.int64),
    )  # fmt: skip
    script = Script(them, share(np.ones(count), np.ones(count, np.int64), total))
    answered = (draw.unit(count) < 0.5)[script.flow]
    script.back = answered & (script.place % 2 == 1)
    script.flags = np.where(script.tcp, np.where(script.back, SYN | 16, SYN), 0)
    script.size = np.where(script.tcp, 0, 14)  # 60 bytes captured, 64 with the check sequence
    script.kind = np.where(script.tcp, Kind.NONE, Kind.RTP)
    start = draw.unit(count) * 8
    return them, script.packets(draw, script.times(draw, start, np.full(count, 1.99)))


def _quad(*parts: Array | int) -> Array:
    """IPv4 addresses of their four parts, as 16 bytes each."""
    columns = np.broadcast_arrays(*parts)
    out = np.zeros((len(columns[0]), 16), np.uint8)
    out[:, :4] = np.stack(columns, 1)
    return out


def _address(v6: Array, net: tuple[int, int], host: Array) -> Array:
    """Addresses of numbered hosts in a /16, or below 2001:db8::/32 where ``v6`` says so."""
    out = _quad(net[0], net[1], host >> 8 & 255, host & 255)
    out[v6, :8] = [0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, net[0]]
    out[v6, 14], out[v6, 15] = host[v6] >> 8 & 255, host[v6] & 255
    return out
