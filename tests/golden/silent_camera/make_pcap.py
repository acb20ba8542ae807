# SPDX-License-Identifier: Apache-2.0
"""ARP twice and LLDP three times: what is said again is not told again."""

import struct

from egresswatch.demo import scenario as s
from egresswatch.demo.frames import Frame, arp, ethernet, mac, pcap

LLDP = 0x88CC
NEAREST_BRIDGE = "01:80:c2:00:00:0e"


def tlv(kind: int, value: bytes) -> bytes:
    """IEEE 802.1AB-2016 §8.4."""
    return struct.pack("!H", kind << 9 | len(value)) + value


def lldp() -> bytes:
    body = tlv(1, b"\4" + mac(s.CLOUD.mac)) + tlv(2, b"\5eth0") + tlv(3, struct.pack("!H", 120))
    body += tlv(5, b"cam-gate-03") + tlv(6, b"Network camera") + tlv(0, b"")
    return ethernet(s.CLOUD.mac, NEAREST_BRIDGE, body, LLDP, vlan=s.VLAN, pad=True)


def capture():
    ask = arp(s.CLOUD.end(0), s.GATEWAY.addr, vlan=s.VLAN)
    said = [ask, lldp(), ask, lldp(), lldp()]
    return pcap([Frame(s.DAY + k * s.MINUTE, data) for k, data in enumerate(said)])
