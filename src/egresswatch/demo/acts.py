# SPDX-License-Identifier: Apache-2.0
"""What the hosts of the example do: each act is a generator of timed frames.

Gets cameras and times from the scenario, gives frames in the act's own order; ``camera_day`` puts
the acts together. All traffic carries the VLAN tag of the camera network, as its mirror port shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from egresswatch.demo import payloads as p
from egresswatch.demo.frames import BROADCAST, End, Frame, Talk, arp, noise, packed, udp_frame
from egresswatch.demo.scenario import (
    GATEWAY,
    HOUR,
    MINUTE,
    MS,
    RECORDER,
    RESOLVER,
    TIME_SERVER,
    VLAN,
    Camera,
)

Frames = Iterator[Frame]

_MULTICAST = {  # group address -> its MAC (RFC 1112 §6.4)
    "224.0.0.251": "01:00:5e:00:00:fb",
    "239.255.255.250": "01:00:5e:7f:ff:fa",
}


def spread(ts: int, datas: Iterable[bytes], gap: int = MS // 2) -> Frames:
    """Frames one after the other, ``gap`` nanoseconds apart."""
    for i, data in enumerate(datas):
        yield Frame(ts + i * gap, data)


def _group(camera: Camera, addr: str, port: int, payload: bytes) -> bytes:
    ttl = 255 if port == 5353 else 1  # RFC 6762 §11
    return udp_frame(camera.end(port), End(_MULTICAST[addr], addr, port), payload, vlan=VLAN, ttl=ttl)


# --- what every camera does -------------------------------------------------------------------------
def resolve(ts: int, camera: Camera, name: str, addr: str, *, ttl: int = 300, ident: int = 0) -> Frames:
    """A question to the resolver and its answer."""
    end = camera.end(32768 + (ident * 7919 + ts // MINUTE) % 28000)
    yield Frame(ts, udp_frame(end, RESOLVER, p.dns_query(name, ident=ident), vlan=VLAN))
    answer = p.dns_answer(name, [(name, p.A, addr)], ident=ident, ttl=ttl)
    yield Frame(ts + 9 * MS, udp_frame(RESOLVER, end, answer, vlan=VLAN, ttl=63))


def lease(ts: int, camera: Camera, number: int) -> Frames:
    """DHCP: the camera asks for its address again and gets it."""
    tell = [(12, camera.name.encode()), (50, packed(camera.addr)), (55, bytes([1, 3, 6, 12, 15, 28, 42]))]
    if camera.vendor_class:
        tell.append((60, camera.vendor_class.encode()))
    ask = p.dhcp(3, camera.mac, xid=0x20000 + number, options=tell)
    give = [
        (54, packed(GATEWAY.addr)), (51, (12 * 3600).to_bytes(4, "big")), (1, packed("255.255.255.0")),
        (3, packed(GATEWAY.addr)), (6, packed(RESOLVER.addr)), (42, packed(TIME_SERVER.addr)),
    ]  # fmt: skip
    ack = p.dhcp(5, camera.mac, xid=0x20000 + number, options=give, yours=camera.addr)
    everybody = End(BROADCAST, "255.255.255.255", 67)
    yield Frame(ts, udp_frame(End(camera.mac, "0.0.0.0", 68), everybody, ask, vlan=VLAN))
    yield Frame(ts + 3 * MS, udp_frame(GATEWAY._replace(port=67), camera.end(68), ack, vlan=VLAN))


def keep_house(day: int, camera: Camera, number: int) -> Frames:
    """The small talk of a day: ARP, DHCP twice, time every hour, announcements to the own network."""
    start = day + number * 1733 * MS
    for half in range(2):
        yield from lease(start + half * 12 * HOUR + MINUTE, camera, number * 2 + half)
    for i in range(72):
        ts = start + i * 20 * MINUTE
        yield Frame(ts, arp(camera.end(), GATEWAY.addr, vlan=VLAN))
        yield Frame(ts + MS // 4, arp(GATEWAY, camera.addr, reply_to=camera.mac, vlan=VLAN))
    for i in range(24):
        ts = start + i * HOUR + 2 * MINUTE
        yield from resolve(
            ts, camera, "time.town.example", TIME_SERVER.addr, ttl=3600, ident=number * 100 + i
        )
        ts += 20 * MS
        yield Frame(ts, udp_frame(camera.end(123), TIME_SERVER, p.ntp(3, ts), vlan=VLAN))
        yield Frame(
            ts + 2 * MS, udp_frame(TIME_SERVER, camera.end(123), p.ntp(4, ts + MS), vlan=VLAN, ttl=63)
        )
    for i in range(4):
        ts = start + i * 6 * HOUR + 3 * MINUTE
        services = ("_rtsp._tcp.local", "_http._tcp.local")
        told = p.mdns_announcement(
            f"{camera.vendor} {camera.model} - {camera.mac[-8:]}", camera.addr, services
        )
        yield Frame(ts, _group(camera, "224.0.0.251", 5353, told))
        scopes = (
            "onvif://www.onvif.org/type/Network_Video_Transmitter",
            f"onvif://www.onvif.org/name/{camera.vendor}",
            f"onvif://www.onvif.org/hardware/{camera.model}",
        )
        uuid = f"00000000-0000-4000-8000-{camera.mac.replace(':', '')}"
        hello = p.wsd_hello(uuid, scopes, camera.addr)
        yield Frame(ts + MS, _group(camera, "239.255.255.250", 3702, hello))


# --- the recorder -----------------------------------------------------------------------------------
def record(day: int, camera: Camera, number: int) -> Frames:
    """The recorder's RTSP connection: video inside it whenever something moves, a keep-alive else."""
    talk = Talk(
        RECORDER._replace(port=40000 + number), camera.end(554), vlan=VLAN, isn=(77000 + number, 990000)
    )
    url = f"rtsp://{camera.addr}:554{camera.stream}"
    sequence = 0

    def ask(
        ts: int, method: str, headers: dict[str, str], answer: dict[str, str], body: bytes = b""
    ) -> Frames:
        nonlocal sequence
        sequence += 1
        asked = p.text_message(f"{method} {url} RTSP/1.0", {"CSeq": str(sequence), **headers})
        told = {"CSeq": str(sequence), "Server": camera.rtsp_server, **answer}
        yield from spread(ts, talk.send(0, asked))
        yield from spread(ts + 4 * MS, talk.send(1, p.text_message("RTSP/1.0 200 OK", told, body)))

    ts = day + 5000 * MS + number * 611 * MS
    yield from spread(ts, talk.handshake())
    sdp = b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=Media\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    agent = {"User-Agent": "nvr-main/7.2"}
    yield from ask(ts + 10 * MS, "DESCRIBE", {**agent, "Accept": "application/sdp"}, {}, sdp)
    transport = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
    yield from ask(ts + 30 * MS, "SETUP", {**agent, **transport}, {**transport, "Session": "20"})
    yield from ask(ts + 50 * MS, "PLAY", {**agent, "Session": "20"}, {"Session": "20"})
    packet = 0
    for i in range(479):  # every three minutes to the end of the day
        ts = day + (i + 1) * 3 * MINUTE + number * 611 * MS
        yield from ask(ts, "GET_PARAMETER", {**agent, "Session": "20"}, {"Session": "20"})
        if (i + number) % 10:
            continue
        for j in range(50):  # something moved: ten seconds of a thin stream
            payload = noise(f"{camera.name} {i} {j}", 420)
            media = p.rtp(packet, packet * 18000, 0x2000 + number, payload, marker=j % 2 == 1)
            packet += 1
            data = talk.segment(1, p.interleaved(0, media), 0x18)
            yield Frame(ts + 1000 * MS + j * 200 * MS, data)
            if j % 2:
                yield Frame(ts + 1001 * MS + j * 200 * MS, talk.segment(0))


# --- what leaves --------------------------------------------------------------------------------------
def cloud_session(ts: int, end: int, camera: Camera, cloud: End, name: str, sport: int) -> Frames:
    """A login over TLS, a heartbeat every minute until ``end``, a picture now and then."""
    yield from resolve(ts, camera, name, cloud.addr, ttl=60, ident=sport)
    talk = Talk(camera.end(sport), cloud, vlan=VLAN, isn=(sport * 1000, 51_000_000))
    yield from spread(ts + 30 * MS, talk.handshake(), 12 * MS)
    ts += 80 * MS
    yield from spread(
        ts, talk.send(0, p.client_hello(name, alpn=("http/1.1",), seed=f"{camera.name} {sport}"))
    )
    yield from spread(ts + 40 * MS, talk.send(1, p.server_hello(seed=f"{name} {sport}")))
    yield from spread(ts + 60 * MS, talk.send(0, p.tls_data(620, f"login {sport}")))
    yield from spread(ts + 110 * MS, talk.send(1, p.tls_data(340, f"welcome {sport}")))
    beat = 0
    ts += MINUTE
    while ts < end:
        yield from spread(ts, talk.send(0, p.tls_data(88, f"beat {sport} {beat}")), 9 * MS)
        yield from spread(ts + 35 * MS, talk.send(1, p.tls_data(72, f"echo {sport} {beat}")), 9 * MS)
        if beat % 90 == 30:  # an alarm picture of 48 kB in records of 12 kB
            for part in range(4):
                picture = p.tls_data(12_000, f"picture {sport} {beat} {part}")
                yield from spread(ts + 5000 * MS + part * 90 * MS, talk.send(0, picture), 4 * MS)
        beat += 1
        ts += MINUTE
    yield from spread(ts, talk.close())


def p2p_presence(day: int, camera: Camera, cloud: End, name: str, serial: str) -> Frames:
    """The camera tells its maker's P2P server every ten minutes that it is there."""
    end = camera.end(50017)
    for i in range(143):
        ts = day + i * 10 * MINUTE + 4 * MINUTE
        if i % 6 == 0:
            yield from resolve(ts - 500 * MS, camera, name, cloud.addr, ident=17000 + i)
            ask = p.dh_request("DHGET", "/probe/p2psrv", 2 * i + 1)
            yield Frame(ts - 400 * MS, udp_frame(end, cloud, ask, vlan=VLAN))
            where = f"<body><US>{name}:8800</US></body>".encode()
            found = p.text_message("HTTP/1.1 200 OK", {"CSeq": str(2 * i + 1)}, where)
            yield Frame(ts - 340 * MS, udp_frame(cloud, end, found, vlan=VLAN, ttl=51))
        ask = p.dh_request("DHGET", f"/online/p2psrv/{serial}", 2 * i + 2)
        yield Frame(ts, udp_frame(end, cloud, ask, vlan=VLAN))
        reply = p.text_message("HTTP/1.1 200 OK", {"CSeq": str(2 * i + 2)})
        yield Frame(ts + 60 * MS, udp_frame(cloud, end, reply, vlan=VLAN, ttl=51))


def p2p_upload(ts: int, seconds: int, camera: Camera, cloud: End, viewer: End, serial: str) -> Frames:
    """Somebody outside watches: rendezvous, hole punch, then video straight to the viewer's address."""
    end = camera.end(50017)
    wanted = f"<body><PubAddr>{viewer.addr}:{viewer.port}</PubAddr></body>".encode()
    invite = p.dh_request("DHPOST", f"/device/{serial}/p2p-channel", 900, wanted)
    yield Frame(ts, udp_frame(cloud, end, invite, vlan=VLAN, ttl=51))
    yield Frame(
        ts + 20 * MS, udp_frame(end, cloud, p.text_message("HTTP/1.1 200 OK", {"CSeq": "900"}), vlan=VLAN)
    )
    for i in range(3):
        punch = p.inverted_stun(f"punch {ts} {i}", viewer.addr, viewer.port)
        yield Frame(ts + (40 + i * 100) * MS, udp_frame(end, viewer, punch, vlan=VLAN))
    answer = p.inverted_stun(f"answer {ts}", camera.addr, end.port)
    yield Frame(ts + 290 * MS, udp_frame(viewer, end, answer, vlan=VLAN, ttl=47))
    yield Frame(
        ts + 350 * MS, udp_frame(viewer, end, p.ptcp(0, 0, 0x0002FFFF, b"\0\3\1\0"), vlan=VLAN, ttl=47)
    )
    yield Frame(ts + 360 * MS, udp_frame(end, viewer, p.ptcp(0, 4, 0x0002FFFF, b"\0\3\1\0"), vlan=VLAN))
    sent = 4
    start = ts + 400 * MS
    rate, body = 62, 1260  # 62 packets a second: about 640 kbit/s
    for i in range(seconds * rate):
        now = start + i * 1_000_000_000 // rate
        data = b"\x10" + body.to_bytes(3, "big") + b"\0\0\0\1\0\0\0\0" + noise(f"{ts} {i}", body)
        yield Frame(now, udp_frame(end, viewer, p.ptcp(sent, 4, 0x0000FFFF - i % 0xFFFF, data), vlan=VLAN))
        sent += len(data)
        if i % 12 == 11:
            heard = p.ptcp(4, sent, 0x0000FFFF - i // 12 % 0xFFFF, b"")
            yield Frame(now + 7 * MS, udp_frame(viewer, end, heard, vlan=VLAN, ttl=47))


def blocked_attempts(day: int, camera: Camera, cloud: End, name: str) -> Frames:
    """Every three minutes a connection that nobody answers: a SYN, and again after 1 and 3 seconds."""
    for i in range(479):
        ts = day + MINUTE + i * 3 * MINUTE
        if i % 10 == 0:
            yield from resolve(ts - 50 * MS, camera, name, cloud.addr, ttl=1800, ident=41000 + i)
        talk = Talk(camera.end(33000 + i), cloud, vlan=VLAN, isn=(i * 64000, 0))
        syn = talk.syn()
        for after in (0, 1000, 3000):
            yield Frame(ts + after * MS, syn)


def guard_looks(ts: int, desk: End, sport: int) -> Frames:
    """The guard's desk opens the recorder's page: traffic into the camera network from inside."""
    talk = Talk(desk._replace(port=sport), RECORDER._replace(port=443), vlan=VLAN, isn=(sport, 88_000_000))
    yield from spread(ts, talk.handshake())
    hello = p.client_hello("nvr-main.town.example", alpn=("h2", "http/1.1"), seed=f"guard {sport}")
    yield from spread(ts + 5 * MS, talk.send(0, hello))
    yield from spread(ts + 12 * MS, talk.send(1, p.server_hello(seed=f"recorder {sport}")))
    yield from spread(ts + 30 * MS, talk.send(0, p.tls_data(420, f"ask {sport}")))
    yield from spread(ts + 50 * MS, talk.send(1, p.tls_data(9000, f"page {sport}")))
    yield from spread(ts + 4000 * MS, talk.close())
