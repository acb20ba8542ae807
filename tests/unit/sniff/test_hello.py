# SPDX-License-Identifier: Apache-2.0
"""ClientHello fields: real ones from OpenSSL, made ones, cut ones and nonsense."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.demo import payloads
from egresswatch.sniff import hello


def body(*args: str | None, **options: object) -> bytes:
    """A made ClientHello without its handshake header."""
    return payloads.client_hello(*args, record=False, **options)[4:]  # type: ignore[arg-type]


def parsed(data: bytes, **options: bool) -> hello.ClientHello:
    """Must be taken."""
    found = hello.parse(data, **options)
    assert found is not None
    return found


def test_a_hello_of_openssl_is_read() -> None:
    """A client that we did not write."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing, server_hostname="dev.example.com")
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    found = parsed(outgoing.read()[9:])
    assert found.complete
    assert (found.server_name, found.alpn) == (b"dev.example.com", (b"h2", b"http/1.1"))
    assert 0x0304 in found.supported_versions
    assert len(found.ciphers) > 10
    assert len(found.signature_algorithms) > 5


def test_fields_come_in_the_order_of_the_wire() -> None:
    """JA4 depends on it."""
    found = parsed(body("a.example", alpn=["h3"], ciphers=(0x1302, 0x1301)))
    assert found.ciphers == (0x1302, 0x1301)
    assert found.extensions == (0, 10, 11, 16, 13, 43, 51)
    assert found.signature_algorithms == (0x0403, 0x0804, 0x0401, 0x0503, 0x0501)


def test_a_hello_may_have_no_extensions() -> None:
    """SSL 3.0 and old embedded clients."""
    data = b"\x03\x00" + bytes(32) + b"\0" + b"\x00\x02\x00\x05" + b"\x01\x00"
    assert parsed(data) == hello.ClientHello(0x0300, (5,), complete=True)


def test_a_dtls_hello_has_a_cookie() -> None:
    """Between session id and ciphers."""
    plain = body("a.example")
    at = 2 + 32 + 1 + plain[34]
    data = b"\xfe\xfd" + plain[2:at] + b"\x04abcd" + plain[at:]
    assert parsed(data, datagram=True).server_name == b"a.example"
    assert hello.parse(data) is None


@pytest.mark.parametrize("missing", [1, 10, 40, 120])
def test_a_hello_that_is_too_short_is_refused(missing: int) -> None:
    """Its lengths contradict each other."""
    assert hello.parse(body("a.example")[:-missing]) is None


def test_a_cut_hello_gives_what_stands_before_the_cut() -> None:
    """A capture with a short snaplen still shows the name."""
    data = body("camera.example", alpn=["h2"])
    end = data.index(b"camera.example") + len(b"camera.example")
    found = parsed(data[: end + 3], cut=True)
    assert (found.server_name, found.complete, found.alpn) == (b"camera.example", False, ())
    assert parsed(data[: end - 3], cut=True).server_name is None
    assert parsed(data[:40], cut=True).ciphers == ()


def test_a_name_list_may_begin_with_another_type() -> None:
    """Only host_name is a name."""
    names = b"\x01\x00\x03xyz" + b"\x00\x00\x09b.example"
    extension = len(names).to_bytes(2, "big") + names
    extra = b"\x00\x00" + len(extension).to_bytes(2, "big") + extension
    assert parsed(body(None, extra=extra)).server_name == b"b.example"


def test_items_of_a_whole_hello() -> None:
    """Name in lower case, JA4 with what was offered."""
    name, print_ = hello.items(parsed(body("Dev.Example", alpn=["h2", "http/1.1"])), "t")
    assert (name.kind, name.value, name.detail) == ("tls_sni", "dev.example", "")
    assert (print_.kind, print_.detail) == ("ja4", "alpn=h2,http/1.1")
    assert print_.value.startswith("t13d1107h2_")


def test_items_of_a_cut_hello_have_no_fingerprint() -> None:
    """It would be another client's."""
    (item,) = hello.items(hello.ClientHello(0x0303, server_name=b"a.example"), "t")
    assert item == ("tls_sni", "a.example", "hello cut short", None)


def test_an_outer_name_is_marked() -> None:
    """Encrypted ClientHello: the name in the clear is not the one meant."""
    items = hello.items(parsed(body("front.example", extra=b"\xfe\x0d\x00\x01\x00")), "q")
    assert (items[0].kind, items[0].detail) == ("quic_sni", "outer name, ECH offered")
    assert items[0].data == hello.Outer(ech=True)


def test_hostile_names_are_made_printable() -> None:
    """What goes to a terminal is text."""
    offer = hello.ClientHello(0x0303, server_name=b"a\x1b[31m\n.example", complete=True)
    assert hello.items(offer, "t")[0].value == "a\\x1b[31m\\n.example"


@given(st.binary(max_size=400), st.booleans(), st.booleans())
def test_any_bytes_are_a_hello_or_none(data: bytes, datagram: bool, cut: bool) -> None:
    """No bytes make the parser fail."""
    found = hello.parse(data, datagram=datagram, cut=cut)
    assert found is None or hello.items(found, "t") is not None


@given(st.integers(0, 250), st.binary(min_size=1, max_size=3))
def test_a_damaged_hello_is_a_hello_or_none(place: int, damage: bytes) -> None:
    """Bytes changed within a sound message."""
    data = bytearray(body("camera.example", alpn=["h2"]))
    data[place : place + len(damage)] = damage
    found = hello.parse(bytes(data))
    assert found is None or hello.items(found, "t") is not None
