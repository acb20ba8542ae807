# SPDX-License-Identifier: Apache-2.0
"""A certificate as small as DER allows: subject *.ezvizlife.com, nothing in it can be verified."""

from egresswatch.demo import acts, payloads
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import End, Talk, noise, pcap

SERVER = End(s.GATEWAY.mac, "203.0.113.44", 6500)


def der(tag: int, *parts: bytes) -> bytes:
    """X.690 §8.1, definite length."""
    body = b"".join(parts)
    size = len(body).to_bytes(2, "big")
    return bytes([tag]) + (bytes([len(body)]) if len(body) < 128 else b"\x82" + size) + body


def name(text: str) -> bytes:
    common = der(0x30, der(0x06, b"\x55\x04\x03"), der(0x0C, text.encode()))
    return der(0x30, der(0x31, common))


def certificate(subject: str) -> bytes:
    """RFC 5280 §4.1."""
    algorithm = der(0x30, der(0x06, bytes.fromhex("2a8648ce3d040302")))
    validity = der(0x30, der(0x17, b"260101000000Z"), der(0x17, b"360101000000Z"))
    key = der(0x30, algorithm, der(0x03, b"\0" + noise("key", 64)))
    signed = der(
        0x30, der(0xA0, der(0x02, b"\2")), der(0x02, b"\1"), algorithm, name("Example CA"), validity,
        name(subject), key,
    )  # fmt: skip
    return der(0x30, signed, algorithm, der(0x03, b"\0" + noise("signature", 64)))


def server_flight(subject: str) -> bytes:
    """ServerHello of TLS 1.2 and Certificate (RFC 5246 §7.4)."""
    hello = b"\3\3" + noise("random", 32) + b"\0" + b"\xc0\x2b" + b"\0"
    chain = certificate(subject)
    listed = (len(chain) + 3).to_bytes(3, "big") + len(chain).to_bytes(3, "big") + chain
    messages = b"\2" + len(hello).to_bytes(3, "big") + hello
    messages += b"\x0b" + len(listed).to_bytes(3, "big") + listed
    return payloads.tls_record(22, messages)


def capture():
    talk = Talk(s.CLOUD.end(45400), SERVER, vlan=s.VLAN)
    frames = [
        *talk.handshake(),
        *talk.send(0, payloads.client_hello(None, versions=())),
        *talk.send(1, server_flight("*.ezvizlife.com")),
        *talk.send(0, payloads.tls_data(1800, "data")),
        *talk.close(),
    ]
    return pcap(list(acts.spread(s.DAY + s.MINUTE, frames)))
