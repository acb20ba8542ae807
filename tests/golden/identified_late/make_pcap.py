# SPDX-License-Identifier: Apache-2.0
"""Forty datagrams to a stranger, silence, then an ONVIF Hello."""

from egresswatch.demo import payloads as p
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import End, noise, pcap, udp_frame

HOST = End("02:5e:11:00:00:99", "10.20.0.99")
GROUP = End("01:00:5e:7f:ff:fa", "239.255.255.250", 3702)


def capture():
    near, stranger = HOST._replace(port=40001), End(s.GATEWAY.mac, "198.51.100.201", 30303)
    out = []
    for i in range(40):
        ts = s.DAY + i * 500 * s.MS
        out.append((ts, udp_frame(near, stranger, noise(f"up {i}", 700), vlan=s.VLAN)))
        out.append((ts + 40 * s.MS, udp_frame(stranger, near, noise(f"down {i}", 60), vlan=s.VLAN)))
    scopes = ("onvif://www.onvif.org/type/Network_Video_Transmitter", "onvif://www.onvif.org/hardware/NC-100")
    hello = p.wsd_hello("00000000-0000-4000-8000-025e11000099", scopes, HOST.addr)
    out.append((s.DAY + 3 * s.MINUTE, udp_frame(HOST._replace(port=3702), GROUP, hello, vlan=s.VLAN, ttl=1)))
    return pcap(out)
