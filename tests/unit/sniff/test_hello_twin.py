# SPDX-License-Identifier: Apache-2.0
"""ClientHello and JA4 against their slow twins: a cursor that reads field by field, and no memory."""

from __future__ import annotations

import ssl

from hypothesis import example, given
from hypothesis import strategies as st

from egresswatch.demo import payloads
from egresswatch.sniff import hello, ja4


# --- the twins -------------------------------------------------------------------------------------
class Reader:
    """A cursor over one message: a read past the end gives what there is, and is remembered."""

    __slots__ = ("_short", "data", "pos")

    def __init__(self, data: bytes):
        self.data, self.pos, self._short = data, 0, False

    def short(self) -> bool:
        """Was anything read past the end?"""
        return self._short

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> bytes:
        piece = self.data[self.pos : self.pos + size]
        self.pos += size
        self._short = self._short or len(piece) < size
        return piece

    def vector(self, size: int) -> bytes:
        """A field behind its own length of ``size`` bytes."""
        return self.take(self.number(size))


def slow_parse(body: bytes, *, datagram: bool = False, cut: bool = False) -> hello.ClientHello | None:
    """The message without its handshake header; ``datagram``: DTLS, with a cookie.

    ``cut`` says that ``body`` is only the beginning. Without it a message that is too short is refused.
    """
    reader = Reader(body)
    version = reader.number(2)
    if version >> 8 not in (0x03, 0xFE) or reader.short():
        return None
    reader.take(32)
    reader.vector(1)
    if datagram:
        reader.vector(1)
    ciphers = numbers(reader.vector(2))
    reader.vector(1)
    if reader.short():
        return hello.ClientHello(version) if cut else None
    if reader.pos == len(body) and not cut:
        return hello.ClientHello(version, ciphers, complete=True)  # SSL 3.0 has no extensions
    wanted = reader.number(2)
    block = reader.take(wanted)
    if reader.short() and not cut:
        return None
    return with_extensions(version, ciphers, block, complete=not reader.short())


def with_extensions(
    version: int, ciphers: tuple[int, ...], block: bytes, *, complete: bool
) -> hello.ClientHello | None:
    types: list[int] = []
    found: dict[int, bytes] = {}
    reader = Reader(block)
    while reader.pos < len(block) and len(types) < 512:
        kind, value = reader.number(2), reader.vector(2)
        if reader.short():
            if complete:
                return None
            break
        types.append(kind)
        found.setdefault(kind, value)
    versions = found.get(43, b"")
    return hello.ClientHello(
        version,
        ciphers,
        tuple(types),
        server_name_of(found.get(0)),
        names_of(found.get(16, b"")),
        numbers(Reader(found.get(13, b"")).vector(2)),
        numbers(Reader(versions).vector(1)),
        complete,
    )


def numbers(block: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(block[i : i + 2], "big") for i in range(0, len(block) - 1, 2))


def names_of(extension: bytes) -> tuple[bytes, ...]:
    """ProtocolNameList (RFC 7301 §3.1)."""
    reader = Reader(Reader(extension).vector(2))
    names: list[bytes] = []
    while reader.pos < len(reader.data) and len(names) < 512:
        names.append(reader.vector(1))
    return tuple(names)


def server_name_of(extension: bytes | None) -> bytes | None:
    """The first host_name of a ServerNameList (RFC 6066 §3)."""
    if extension is None:
        return None
    reader = Reader(Reader(extension).vector(2))
    while reader.pos < len(reader.data):
        kind, name = reader.number(1), reader.vector(2)
        if kind == 0 and name and not reader.short():
            return name
    return None


def slow_fingerprint(offer: hello.ClientHello, transport: str) -> str:
    """JA4 of a whole ClientHello; ``transport``: ``t`` (TCP), ``q`` (QUIC) or ``d`` (DTLS)."""
    ciphers = ja4._real(offer.ciphers)
    extensions = ja4._real(offer.extensions)
    name = "d" if ja4._SERVER_NAME in extensions else "i"
    first = (
        f"{transport}{version(offer, transport)}{name}"
        f"{min(len(ciphers), 99):02d}{min(len(extensions), 99):02d}{ja4._alpn(offer.alpn)}"
    )
    second = ja4._hash(ja4._hex(sorted(ciphers)))
    return f"{first}_{second}_{ja4._hash(third(extensions, offer.signature_algorithms))}"


def third(extensions: list[int], signature_algorithms: tuple[int, ...]) -> str:
    kept = ja4._hex(sorted(kind for kind in extensions if kind not in (ja4._SERVER_NAME, ja4._ALPN)))
    signatures = ja4._hex(ja4._real(signature_algorithms))
    return f"{kept}_{signatures}" if signatures else kept


def version(offer: hello.ClientHello, transport: str) -> str:
    """The highest version offered; DTLS counts downwards (RFC 9147 §5.3)."""
    offered = ja4._real(offer.supported_versions) or [offer.version]
    return ja4._VERSIONS.get(min(offered) if transport == "d" else max(offered), "00")


# --- the comparison --------------------------------------------------------------------------------
def of_openssl() -> bytes:
    """The body of a ClientHello that we did not write."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname="dev.example.com").do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()[9:]
    raise AssertionError


PLAIN = payloads.client_hello("camera.example", alpn=["h2"], record=False)[4:]
AT = 2 + 32 + 1 + PLAIN[34]
SOUND = (PLAIN, of_openssl(), b"\xfe\xfd" + PLAIN[2:AT] + b"\x04abcd" + PLAIN[AT:])
EXTENSION = st.builds(
    lambda kind, value, wrong: kind.to_bytes(2, "big") + (len(value) + wrong).to_bytes(2, "big") + value,
    st.sampled_from([0, 10, 13, 16, 43, 0x0A0A, 0xFE0D]),
    st.one_of(
        st.binary(max_size=12),
        st.binary(max_size=12).map(lambda v: len(v).to_bytes(2, "big") + v),
        st.binary(max_size=8).map(lambda v: bytes([0, len(v) + 3, 0, 0, len(v)]) + v),
    ),
    st.sampled_from([0, 0, 0, 0, 0, 1]),
)


def same(body: bytes) -> None:
    """Every way to call it gives what the twin gives, and so does JA4 of it."""
    for datagram in (False, True):
        for cut in (False, True):
            found = hello.parse(body, datagram=datagram, cut=cut)
            assert found == slow_parse(body, datagram=datagram, cut=cut)
            if found is not None:
                for transport in "tqd":
                    assert ja4.fingerprint(found, transport) == slow_fingerprint(found, transport)


@given(st.binary(max_size=200))
@example(b"\x03")
@example(b"\x03\x03" + bytes(32))
def test_any_bytes_are_read_as_by_the_twin(data: bytes) -> None:
    """Nonsense, also behind a sound beginning."""
    same(data)
    same(b"\x03\x03" + bytes(32) + data)


@given(st.sampled_from(SOUND), st.integers(0, 600), st.binary(max_size=4), st.integers(0, 700))
def test_damaged_hellos_are_read_as_by_the_twin(body: bytes, place: int, damage: bytes, end: int) -> None:
    """Changed anywhere and cut anywhere."""
    data = bytearray(body)
    data[place : place + len(damage)] = damage
    same(bytes(data))
    same(bytes(data[:end]))


@given(st.lists(EXTENSION, max_size=12), st.integers(-2, 2))
def test_any_extensions_are_read_as_by_the_twin(extensions: list[bytes], wrong: int) -> None:
    """Repeated, empty, with lists that are longer or shorter than they say."""
    block = b"".join(extensions)
    size = max(0, len(block) + wrong).to_bytes(2, "big")
    same(b"\x03\x03" + bytes(32) + b"\0" + b"\0\4\x13\1\x0a\x0a" + b"\1\0" + size + block)


def test_more_extensions_than_are_read() -> None:
    """The bound is the same."""
    block = b"".join(kind.to_bytes(2, "big") + b"\0\0" for kind in range(600))
    same(b"\x03\x03" + bytes(32) + b"\0\0\2\x13\1\1\0" + len(block).to_bytes(2, "big") + block + b"x")


NUMBERS = st.lists(st.one_of(st.integers(0, 0xFFFF), st.sampled_from([0, 16, 0x0A0A, 0x0304])), max_size=12)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.permutations(range(12)), st.sampled_from([1, 20]))
def test_what_is_remembered_of_one_offer_does_not_change_another(
    ciphers: list[int], kinds: list[int], signatures: list[int], versions: list[int], order: list[int],
    often: int,
) -> None:  # fmt: skip
    """The same lists in another order and of lengths beyond what is remembered."""
    turned = [kinds[place] for place in order if place < len(kinds)]
    for extensions in (kinds, turned):
        offer = hello.ClientHello(
            0x0303, tuple(ciphers * often), tuple(extensions * often), b"a", (b"h2",),
            tuple(signatures * often), tuple(versions * often), complete=True,
        )  # fmt: skip
        for transport in "tqd":
            assert ja4.fingerprint(offer, transport) == slow_fingerprint(offer, transport)
