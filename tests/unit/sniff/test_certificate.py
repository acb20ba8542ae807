# SPDX-License-Identifier: Apache-2.0
"""Certificates: names as `cryptography` writes them, and DER that is no certificate."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.sniff import certificate

KEY = ec.derive_private_key(7, ec.SECP256R1())
OIDS = {
    "C": NameOID.COUNTRY_NAME, "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME, "DC": NameOID.DOMAIN_COMPONENT, "emailAddress": NameOID.EMAIL_ADDRESS,
}  # fmt: skip
DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def name(*pairs: tuple[str, str]) -> x509.Name:
    """A distinguished name, first attribute first."""
    return x509.Name([x509.NameAttribute(OIDS[kind], value) for kind, value in pairs])


def der(subject: x509.Name, issuer: x509.Name | None = None, names: Sequence[x509.GeneralName] = ()) -> bytes:
    """A signed certificate."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or name(("CN", "issuer")))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(DAY)
        .not_valid_after(DAY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def message(*certificates: bytes) -> bytes:
    """A TLS 1.2 Certificate message without its handshake header."""
    chain = b"".join(len(c).to_bytes(3, "big") + c for c in certificates)
    return len(chain).to_bytes(3, "big") + chain


CAMERA = der(
    name(("C", "CN"), ("O", "Example, Ltd."), ("CN", "ipc.example")), name(("O", "Root"), ("CN", "CA 1"))
)


def test_subject_and_issuer_are_written_as_rfc_4514() -> None:
    """Last attribute first, separators escaped: as `cryptography` does."""
    found = certificate.parse(CAMERA)
    assert found is not None
    reference = x509.load_der_x509_certificate(CAMERA)
    assert found.subject == reference.subject.rfc4514_string() == "CN=ipc.example,O=Example\\, Ltd.,C=CN"
    assert found.issuer == reference.issuer.rfc4514_string() == "CN=CA 1,O=Root"
    assert found.common_name == "ipc.example"


@pytest.mark.parametrize(
    "text", ["plain", "日本語", 'quo"te', "#hash", " leading", "a+b;c<d>e\\f", "=equals", "x" * 60]
)
def test_special_characters_are_escaped(text: str) -> None:
    """Against `cryptography` for each of them."""
    found = certificate.parse(der(name(("O", text))))
    assert found is not None
    expected = name(("O", text)).rfc4514_string()
    assert found.subject in (expected, expected.replace("\\=", "="))


def test_alternative_names_are_told() -> None:
    """DNS names and addresses, in their order."""
    names = [
        x509.DNSName("a.example"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
        x509.UniformResourceIdentifier("https://b.example/"),
        x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
    ]
    found = certificate.parse(der(name(("CN", "x")), names=names))
    assert found is not None
    assert found.names == ("a.example", "192.0.2.7", "2001:db8::7")


def test_the_server_s_own_certificate_is_the_first() -> None:
    """The rest of the chain is its issuers'."""
    (item,) = certificate.items(message(CAMERA, der(name(("CN", "CA 1")))))
    assert (item.kind, item.value) == ("tls_cert_subject", "ipc.example")
    assert item.detail == "subject=CN=ipc.example,O=Example\\, Ltd.,C=CN; issuer=CN=CA 1,O=Root"
    assert item.data.common_name == "ipc.example"


def test_what_is_remembered_is_what_is_read() -> None:
    """Again and in between others, also of one that is too large to be remembered."""
    large = der(name(("CN", "large")), names=[x509.DNSName(f"host-{k}.example") for k in range(300)])
    assert len(large) > certificate._REMEMBERED
    for known in (CAMERA, large, CAMERA[:-1] + b"x", CAMERA, large):
        assert certificate.items(message(known)) == certificate._told(known) != ()


def test_without_common_name_the_whole_subject_is_the_value() -> None:
    """Recorders often have only an organisation."""
    (item,) = certificate.items(message(der(name(("O", "Maker"), ("OU", "IPC")))))
    assert item.value == "OU=IPC,O=Maker"


def test_many_alternative_names_are_summed_up() -> None:
    """The cell stays readable; the facts have them all."""
    names = [x509.DNSName(f"h{k}.example") for k in range(20)]
    (item,) = certificate.items(message(der(name(("CN", "x")), names=names)))
    assert item.detail.endswith("h7.example and 12 more")
    assert len(item.data.names) == 20


def test_an_unknown_attribute_keeps_its_number() -> None:
    """No name is invented for it."""
    odd = x509.Name([x509.NameAttribute(x509.ObjectIdentifier("1.3.6.1.4.1.39849.2"), "v")])
    found = certificate.parse(der(odd))
    assert found is not None
    assert found.subject == "1.3.6.1.4.1.39849.2=v"


@pytest.mark.parametrize(
    "data", [b"", b"\x30", b"\x30\x80\0\0", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x30\x01\x00", message()]
)
def test_what_is_no_certificate_gives_nothing(data: bytes) -> None:
    """Empty, indefinite and lying lengths."""
    assert certificate.parse(data) is None
    assert certificate.items(data) == ()


def test_a_certificate_that_is_cut_gives_nothing() -> None:
    """Half a name is no name."""
    assert certificate.items(message(CAMERA)[:-1]) == ()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_certificate_or_none(data: bytes) -> None:
    """No bytes make the walk fail."""
    certificate.items(b"\0\0\0" + len(data).to_bytes(3, "big") + data)


@given(st.integers(0, len(CAMERA) - 1), st.binary(min_size=1, max_size=4))
def test_a_damaged_certificate_is_one_or_none(place: int, damage: bytes) -> None:
    """Bytes changed within a sound one."""
    data = bytearray(CAMERA)
    data[place : place + len(damage)] = damage
    certificate.items(message(bytes(data)))


def test_what_names_one_device_or_person_is_not_told() -> None:
    """A serial number, and whose mail address it is; the address's domain is."""
    subject = x509.Name([
        x509.NameAttribute(NameOID.SERIAL_NUMBER, "SN1234567"),
        x509.NameAttribute(NameOID.EMAIL_ADDRESS, "somebody@example.net"),
        x509.NameAttribute(NameOID.COMMON_NAME, "cam"),
    ])  # fmt: skip
    (item,) = certificate.items(message(der(subject)))
    assert item.detail.startswith("subject=CN=cam,emailAddress=*@example.net,serialNumber=*;")


def test_names_are_bounded_however_they_are_spread() -> None:
    """A list of thousands, and thousands of lists (RFC 5280 knows one)."""
    one = b"\x82\x01a"
    for names in (wrapped(0x30, one * 3000), wrapped(0x30, one) * 3000):
        found = certificate.parse(by_hand(names))
        assert found is not None
        assert found.names == ("a",) * certificate._MAX_NAMES


def wrapped(tag: int, body: bytes) -> bytes:
    """A DER element."""
    return bytes([tag, 0x83]) + len(body).to_bytes(3, "big") + body


def by_hand(alternative: bytes) -> bytes:
    """A certificate with nothing in it but this subjectAltName."""
    empty = wrapped(0x30, b"")
    extension = wrapped(0x30, wrapped(6, b"\x55\x1d\x11") + wrapped(4, alternative))
    fields = wrapped(2, b"\1") + empty * 5 + wrapped(0xA3, wrapped(0x30, extension))
    return wrapped(0x30, wrapped(0x30, fields))
