# SPDX-License-Identifier: Apache-2.0
"""QUIC Initials, sealed here and opened there: versions, splits, order, Retry, bounds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.demo import payloads
from egresswatch.records import Item, Message
from egresswatch.sniff import quic, quic_keys

Build = Callable[..., Message]

DCID = bytes.fromhex("8394c8f03e515708")
HELLO = payloads.client_hello("p2p.example", alpn=["h3"], record=False)
V1, V2, DRAFT_29 = quic_keys.V1, quic_keys.V2, 0xFF00001D


def vint(number: int) -> bytes:
    """A variable-length integer of two or four bytes."""
    return (
        (number | 0x4000).to_bytes(2, "big") if number < 1 << 14 else (number | 0x80000000).to_bytes(4, "big")
    )


def crypto(offset: int, data: bytes) -> bytes:
    """A CRYPTO frame."""
    return b"\x06" + vint(offset) + vint(len(data)) + data


def initial(
    frames: bytes, *, version: int = V1, dcid: bytes = DCID, keyed: bytes | None = None, number: int = 0,
    token: bytes = b"", size: int = 1162,
) -> bytes:  # fmt: skip
    """A protected Initial (RFC 9001 §5.3, §5.4), the slow way round; ``keyed``: the DCID behind the keys."""
    keys = quic_keys.client_keys(version, dcid if keyed is None else keyed)
    first = 0xD3 if version == V2 else 0xC3
    plain = frames.ljust(size, b"\0")
    head = bytes([first]) + version.to_bytes(4, "big") + bytes([len(dcid)]) + dcid + b"\0"
    head += vint(len(token)) + token + vint(4 + len(plain) + 16)
    packet_number = number.to_bytes(4, "big")
    nonce = bytes(a ^ b for a, b in zip(keys.iv, packet_number.rjust(12, b"\0"), strict=True))
    sealed = AESGCM(keys.key).encrypt(nonce, plain, head + packet_number)
    mask = Cipher(algorithms.AES(keys.header), modes.ECB()).encryptor().update(sealed[:16])
    hidden = bytes(a ^ b for a, b in zip(packet_number, mask[1:5], strict=True))
    return bytes([head[0] ^ (mask[0] & 0x0F)]) + head[1:] + hidden + sealed


def handshake(scid: bytes = b"server!!") -> bytes:
    """A server's Handshake packet: long header, nothing that we can open."""
    return b"\xe0\x00\x00\x00\x01\x00" + bytes([len(scid)]) + scid + vint(40) + bytes(40)


def retry(scid: bytes) -> bytes:
    """A Retry that names the server's connection id."""
    return b"\xf0\x00\x00\x00\x01\x00" + bytes([len(scid)]) + scid + b"token" + bytes(16)


def names(items: tuple[Item, ...] | None) -> list[str]:
    """Values of SNI items."""
    return [item.value for item in items or () if item.kind == "quic_sni"]


def test_keys_are_those_of_the_standards() -> None:
    """RFC 9001 §A.1 and RFC 9369 §A.1."""
    keys = quic_keys.client_keys(V1, DCID)
    assert keys.key.hex() == "1f369613dd76d5467730efcbe3b1a22d"
    assert keys.iv.hex() == "fa044b2f42a3fd3b46fb255c"
    assert keys.header.hex() == "9f50449e04a0e810283a1e9933adedd2"
    keys = quic_keys.client_keys(V2, DCID)
    assert keys.key.hex() == "8b1a0bc121284290a29e0971b5cd045d"
    assert keys.iv.hex() == "91f73e2351d8fa91660e909f"
    assert keys.header.hex() == "45b95e15235d6f45a6b19cbcb0294ba9"


@pytest.mark.parametrize("version", [V1, V2, DRAFT_29])
def test_a_hello_in_one_packet(datagram: Build, version: int) -> None:
    """Name and fingerprint, with JA4's q."""
    items = quic.Connection().feed(datagram(initial(crypto(0, HELLO), version=version)))
    assert items is not None
    assert [item.kind for item in items] == ["quic_sni", "ja4"]
    assert items[0].value == "p2p.example"
    assert items[1].value.startswith("q13d1107h3_")


def test_a_hello_over_several_datagrams_in_any_order(datagram: Build) -> None:
    """CRYPTO frames carry their offset."""
    connection = quic.Connection()
    pieces = [(0, HELLO[:100]), (100, HELLO[100:150]), (150, HELLO[150:])]
    found = [connection.feed(datagram(initial(crypto(*pieces[k]), number=k))) for k in (2, 0, 1)]
    assert [names(items) for items in found] == [[], [], ["p2p.example"]]


def test_frames_overlap_and_mix_with_others(datagram: Build) -> None:
    """PING, PADDING, ACK and repeated data between the pieces (RFC 9000 §19)."""
    ack = b"\x02\x05\x00\x01\x00\x01\x02"
    frames = (
        crypto(80, HELLO[80:])
        + b"\x01\0\0"
        + ack
        + crypto(0, HELLO[:90])
        + b"\x03\x05\x00\x00\x00\x01\x01\x01"
    )
    assert names(quic.Connection().feed(datagram(initial(frames + crypto(0, HELLO[:10]))))) == ["p2p.example"]


def test_packets_may_share_a_datagram(datagram: Build) -> None:
    """Two Initials and a 0-RTT packet (RFC 9000 §12.2)."""
    zero_rtt = b"\xd0\x00\x00\x00\x01\x08" + DCID + b"\x00" + vint(30) + bytes(30)
    two = (
        initial(crypto(0, HELLO[:90]), size=300)
        + zero_rtt
        + initial(crypto(90, HELLO[90:]), number=1, size=300)
    )
    assert names(quic.Connection().feed(datagram(two))) == ["p2p.example"]


def test_later_initials_use_the_keys_of_the_first(datagram: Build) -> None:
    """The Destination Connection ID changes to the server's, the keys do not (RFC 9001 §5.2)."""
    connection = quic.Connection()
    connection.feed(datagram(initial(crypto(0, HELLO[:90]))))
    later = initial(crypto(90, HELLO[90:]), dcid=b"server!!", keyed=DCID, number=1)
    assert names(connection.feed(datagram(later))) == ["p2p.example"]


def test_a_repeated_initial_is_told_once(datagram: Build) -> None:
    """Retransmissions carry the same offsets."""
    connection = quic.Connection()
    assert names(connection.feed(datagram(initial(crypto(0, HELLO))))) == ["p2p.example"]
    assert names(connection.feed(datagram(initial(crypto(0, HELLO), number=1)))) == []


def test_a_hello_after_a_retry_is_told_once(datagram: Build) -> None:
    """The client repeats it under new keys, with the token."""
    connection = quic.Connection()
    connection.feed(datagram(initial(crypto(0, HELLO))))
    connection.feed(datagram(retry(b"server!!"), side=1))
    assert not connection.done
    again = initial(crypto(0, HELLO), dcid=b"server!!", token=b"token", number=1)
    assert names(connection.feed(datagram(again))) == []
    connection.feed(datagram(handshake(), side=1))
    assert connection.done


def test_when_only_the_hello_after_the_retry_was_captured_it_is_told(datagram: Build) -> None:
    """A token alone is no reason to be silent."""
    again = initial(crypto(0, HELLO), dcid=b"server!!", token=b"token")
    assert names(quic.Connection().feed(datagram(again))) == ["p2p.example"]


def test_a_second_hello_follows_a_hello_retry_request(datagram: Build) -> None:
    """In the same CRYPTO stream, behind the first."""
    connection = quic.Connection()
    connection.feed(datagram(initial(crypto(0, HELLO))))
    second = payloads.client_hello("p2p.example", record=False, seed="second")
    assert names(connection.feed(datagram(initial(crypto(len(HELLO), second), number=1)))) == ["p2p.example"]


def test_a_new_connection_on_the_same_ports_is_read(datagram: Build) -> None:
    """Another connection id, another name."""
    connection = quic.Connection()
    connection.feed(datagram(initial(crypto(0, HELLO))))
    other = payloads.client_hello("other.example", record=False)
    assert names(connection.feed(datagram(initial(crypto(0, other), dcid=b"another1")))) == ["other.example"]


def test_the_server_is_not_tried(datagram: Build) -> None:
    """Its Initials are under other keys; they are no failures."""
    connection = quic.Connection()
    connection.feed(datagram(initial(crypto(0, HELLO[:90]))))
    for _ in range(50):
        assert connection.feed(datagram(initial(b"\x01", keyed=b"different", dcid=b"c"), side=1)) == ()
    assert names(connection.feed(datagram(initial(crypto(90, HELLO[90:]), number=1)))) == ["p2p.example"]


def test_what_does_not_open_is_given_up(datagram: Build) -> None:
    """A flood of forged Initials costs a bounded amount of work."""
    connection = quic.Connection()
    for k in range(20):
        assert connection.feed(datagram(initial(crypto(0, HELLO), dcid=bytes([k]), keyed=b"other"))) is None
    assert connection.done
    assert connection.feed(datagram(initial(crypto(0, HELLO)))) is None


def test_state_is_bounded(datagram: Build) -> None:
    """Pieces far away or without end are not kept."""
    connection = quic.Connection()
    for k in range(600):
        connection.feed(datagram(initial(crypto(1 + 700 * k, bytes(600)), number=k, size=700)))
    assert connection.held <= 256 * 600
    assert connection.held <= (64 << 10)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xc0", b"\xc0\0\0\0\1", b"\xc0\0\0\0\1\xff" + bytes(300), b"\xc0\0\0\0\1\0\xff" + bytes(300),
        b"\xc0\0\0\0\1\0\0\xff\xff\xff\xff\xff\xff\xff\xff" + bytes(300), b"\xc0\0\0\0\0\0\0" + bytes(300),
        b"\xc0\xfa\xce\xb0\x02\0\0" + bytes(300), b"\x40" + bytes(300),
    ],
)  # fmt: skip
def test_broken_headers_are_not_mine(datagram: Build, data: bytes) -> None:
    """Lengths beyond the datagram, unknown versions, version negotiation."""
    assert quic.Connection().feed(datagram(data)) is None


def test_a_cut_datagram_does_not_open(datagram: Build) -> None:
    """What is authenticated cannot be read in part."""
    whole = initial(crypto(0, HELLO))
    assert quic.Connection().feed(datagram(whole[:-1], length=len(whole))) is None


def slow_frames(frames: bytes) -> list[tuple[int, bytes]]:
    """The twin of ``crypto_frames``: padding is a frame of one byte, and so is stepped over."""
    found: list[tuple[int, bytes]] = []
    pos = 0
    while 0 <= pos < len(frames) and len(found) < quic._MAX_PIECES:
        kind = frames[pos]
        pos += 1
        if kind == quic._CRYPTO:
            offset, pos = quic.varint(frames, pos)
            length, pos = quic.varint(frames, pos)
            if pos < 0 or pos + length > len(frames):
                break
            found.append((offset, frames[pos : pos + length]))
            pos += length
        elif kind in (quic._ACK, quic._ACK_ECN):
            pos = quic._after_ack(frames, pos, 3 if kind == quic._ACK_ECN else 0)
        elif kind not in (quic._PADDING, quic._PING):
            break
    return found


FRAME = st.one_of(
    st.integers(0, 40).map(bytes),
    st.just(b"\1"),
    st.builds(
        lambda at, data: b"\6" + bytes([at, len(data)]) + data, st.integers(0, 63), st.binary(max_size=9)
    ),
    st.just(b"\2\5\0\0\1"),
    st.binary(max_size=3),
)


@given(st.lists(FRAME, max_size=12))
def test_frames_are_found_as_by_the_twin(parts: list[bytes]) -> None:
    """With padding of any length anywhere."""
    frames = b"".join(parts)
    assert quic.crypto_frames(frames) == slow_frames(frames)


@given(st.binary(max_size=120))
def test_any_frames_are_read_or_left(datagram: Build, frames: bytes) -> None:
    """A sealed packet with nonsense inside."""
    connection = quic.Connection()
    assert connection.feed(datagram(initial(frames))) is not None


@given(st.binary(max_size=120))
def test_any_datagram_is_read_or_left(datagram: Build, data: bytes) -> None:
    """Nonsense behind a plausible header."""
    quic.Connection().feed(datagram(b"\xc3\x00\x00\x00\x01" + data))
    quic.Connection().feed(datagram(data))


@given(st.integers(0, (1 << 62) - 1))
def test_variable_length_integers(number: int) -> None:
    """All four sizes (RFC 9000 §16), and one byte too few."""
    size = next(n for n in (1, 2, 4, 8) if number < 1 << (8 * n - 2))
    data = (number | (size.bit_length() - 1) << (8 * size - 2)).to_bytes(size, "big")
    assert quic.varint(b"x" + data, 1) == (number, 1 + size)
    assert quic.varint(data[:-1], 0) == (0, -1)
