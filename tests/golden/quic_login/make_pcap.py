# SPDX-License-Identifier: Apache-2.0
"""Two protected Initials (RFC 9001 §5), an answer, then short headers."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from egresswatch.demo import payloads as p
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import End, noise, pcap, udp_frame

CLOUD = End(s.GATEWAY.mac, s.HIK_CLOUD.addr, 443)
SALT = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")  # RFC 9001 §5.2
DCID = bytes.fromhex("8394c8f03e515708")


def expand(secret, label, length):
    """HKDF-Expand-Label (RFC 8446 §7.1) with an empty context."""
    name = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(name)]) + name + b"\0"
    return HKDFExpand(SHA256(), length, info).derive(secret)


def initial(number, offset, data):
    """A protected Initial that carries one CRYPTO frame and padding (RFC 9001 §5.3, §5.4)."""
    extract = HMAC(SALT, SHA256())
    extract.update(DCID)
    secret = expand(extract.finalize(), b"client in", 32)
    key, iv = expand(secret, b"quic key", 16), expand(secret, b"quic iv", 12)
    header_key = expand(secret, b"quic hp", 16)
    plain = b"\6" + (offset | 0x4000).to_bytes(2, "big") + (len(data) | 0x4000).to_bytes(2, "big") + data
    plain = plain.ljust(1162, b"\0")
    head = b"\xc3\0\0\0\1" + bytes([len(DCID)]) + DCID + b"\0\0"
    head += (0x4000 | 4 + len(plain) + 16).to_bytes(2, "big")
    packet_number = number.to_bytes(4, "big")
    nonce = bytes(a ^ b for a, b in zip(iv, packet_number.rjust(12, b"\0"), strict=True))
    sealed = AESGCM(key).encrypt(nonce, plain, head + packet_number)
    mask = Cipher(algorithms.AES(header_key), modes.ECB()).encryptor().update(sealed[:16])
    hidden = bytes(a ^ b for a, b in zip(packet_number, mask[1:5], strict=True))
    return bytes([head[0] ^ mask[0] & 0x0F]) + head[1:] + hidden + sealed


def capture():
    camera = s.CLOUD.end(50443)
    hello = p.client_hello(s.HIK_CLOUD_NAME, alpn=("h3",), seed="quic", record=False)
    first, second = initial(0, 0, hello[:150]), initial(1, 150, hello[150:])
    answer = b"\xe0\0\0\0\1\0\x08servers!" + b"\x40\x60" + noise("handshake", 96)
    frames = [
        udp_frame(camera, CLOUD, second, vlan=s.VLAN),
        udp_frame(camera, CLOUD, first, vlan=s.VLAN),
        udp_frame(CLOUD, camera, answer, vlan=s.VLAN, ttl=50),
        *(udp_frame(camera, CLOUD, b"\x43servers!" + noise(f"up {k}", 800), vlan=s.VLAN) for k in range(20)),
    ]
    return pcap((s.DAY + i * 20 * s.MS, data) for i, data in enumerate(frames))
