# SPDX-License-Identifier: Apache-2.0
"""Who is in the example: the camera VLAN of a town hall on Monday 16 November 2026.

Owns names and addresses, the inventory and the site policy that go with the capture. All addresses
are private or reserved for documentation (RFC 5737); the makers' address blocks are real, so that
a reader of the capture recognises them; serial numbers and names are invented.
"""

from __future__ import annotations

from typing import NamedTuple

from egresswatch.demo.frames import NS, End

DAY = 1_794_787_200 * NS  # 2026-11-16 00:00:00 UTC
HOUR = 3600 * NS
MINUTE = 60 * NS
MS = 1_000_000
VLAN = 20

GATEWAY = End("00:00:5e:00:01:14", "10.20.0.1")  # a virtual router address (RFC 5798 §7.3, VRID 20)
RECORDER = End("3c:ec:ef:20:00:02", "10.20.0.2")


class Camera(NamedTuple):
    """One camera: what the inventory says, and what it says of itself on the wire."""

    name: str
    mac: str
    addr: str
    vendor: str
    model: str
    rtsp_server: str
    vendor_class: str
    stream: str
    """What the recorder asks for."""

    def end(self, port: int = 0) -> End:
        return End(self.mac, self.addr, port)


_MAKES = {  # vendor -> model, RTSP Server, DHCP vendor class, stream
    "Hikvision": ("DS-2CD2143G2-I", "Rtsp Server/3.0", "", "/Streaming/Channels/102"),
    "Dahua": ("IPC-HFW2431S", "Rtsp Server/3.0", "dhcpcd 4.0.1", "/cam/realmonitor?channel=1"),
    "Uniview": ("IPC2124LE", "UNIVIEW/UNV", "udhcp 1.24.2", "/media/video2"),
    "Axis": ("P3245-V", "GStreamer RTSP server", "AXIS,Network Camera,P3245-V", "/axis-media/media.amp"),
}


def _camera(vendor: str, name: str, mac: str, addr: str) -> Camera:
    return Camera(name, mac, addr, vendor, *_MAKES[vendor])


CLOUD = _camera("Hikvision", "cam-gate-03", "44:19:b6:0a:3f:13", "10.20.0.13")
"""Logs in to its maker's cloud and stays connected all day."""

P2P = _camera("Dahua", "cam-yard-07", "3c:ef:8c:51:70:17", "10.20.0.17")
"""Is watched from outside: peer-to-peer set-up, then video straight to a stranger's address."""

BLOCKED = _camera("Uniview", "cam-hall-11", "48:ea:63:77:02:41", "10.20.0.41")
"""Tries to reach its maker's cloud all day; the firewall lets nothing through."""

CLEAN = _camera("Axis", "cam-lobby-02", "ac:cc:8e:12:8a:22", "10.20.0.22")
"""Serves its recorder and nobody else."""

CAMERAS = (
    CLOUD,
    P2P,
    CLEAN,
    _camera("Axis", "cam-lobby-05", "ac:cc:8e:12:8a:25", "10.20.0.25"),
    _camera("Hikvision", "cam-gate-04", "44:19:b6:0a:3f:14", "10.20.0.14"),
    BLOCKED,
    _camera("Uniview", "cam-hall-12", "48:ea:63:77:02:42", "10.20.0.42"),
)


def _far(addr: str, port: int) -> End:
    """A host behind the router: its frames carry the router's address."""
    return End(GATEWAY.mac, addr, port)


RESOLVER = _far("10.10.0.53", 53)
TIME_SERVER = _far("10.10.0.123", 123)
GUARD_DESK = _far("10.10.0.5", 51022)

HIK_CLOUD_NAME = "dev.hik-connect.com"
HIK_CLOUD = _far("203.0.113.20", 443)
DAHUA_CLOUD_NAME = "www.easy4ipcloud.com"
DAHUA_CLOUD = _far("198.51.100.10", 8800)
DAHUA_SERIAL = "7D0EXAMPLE00017"
VIEWERS = (_far("192.0.2.77", 40112), _far("192.0.2.181", 51840))
UNIVIEW_CLOUD_NAME = "global.star4live.com"
UNIVIEW_CLOUD = _far("198.51.100.80", 443)


def inventory() -> str:
    """cameras.csv of the town hall."""
    rows = ["name,mac,ip,vlan,vendor,model,site,role"]
    for c in CAMERAS:
        rows.append(f"{c.name},{c.mac},{c.addr},{VLAN},{c.vendor},{c.model},town-hall,camera")
    rows.append(f"nvr-main,{RECORDER.mac},{RECORDER.addr},{VLAN},,,town-hall,recorder")
    return "\n".join(rows) + "\n"


def site() -> str:
    """site.toml of the town hall: cameras may reach the recorder, the resolver and the time server."""
    return f"""\
# The town hall's camera network: who is where, and who may reach what.
[site]
name = "town-hall"

[[zone]]
name = "gateway"
networks = ["{GATEWAY.addr}/32"]
role = "other"

[[zone]]
name = "recorders"
networks = ["{RECORDER.addr}/32"]
role = "recorder"
reach = ["cameras", "core"]

[[zone]]
name = "cameras"
networks = ["10.20.0.0/24"]
vlans = [{VLAN}]
role = "camera"
reach = [
    "recorders",
    {{ to = "{RESOLVER.addr}/32", proto = "udp", ports = [53] }},
    {{ to = "{TIME_SERVER.addr}/32", proto = "udp", ports = [123] }},
]

[[zone]]
name = "core"
networks = ["10.10.0.0/24"]
role = "core"
"""
