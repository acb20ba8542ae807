# SPDX-License-Identifier: Apache-2.0
"""JA4 against the example of its specification and each of its rules."""

from __future__ import annotations

import pytest

from egresswatch.sniff import ja4
from egresswatch.sniff.hello import ClientHello

# The example of FoxIO's JA4 text, in an order of our own, with GREASE put in.
CIPHERS = (
    0x2A2A, 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C,
    0x009D, 0x002F, 0x0035,
)  # fmt: skip
EXTENSIONS = (
    0xFAFA, 0x001B, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002D, 0x000D, 0x0005, 0x0023, 0x0012, 0x002B,
    0xFF01, 0x000B, 0x000A, 0x0015, 0x4A4A,
)  # fmt: skip
SIGNATURES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)


def made(**fields: object) -> ClientHello:
    """The example with some fields changed."""
    base: dict[str, object] = {
        "version": 0x0303, "ciphers": CIPHERS, "extensions": EXTENSIONS, "alpn": (b"h2", b"http/1.1"),
        "signature_algorithms": SIGNATURES, "supported_versions": (0x6A6A, 0x0304, 0x0303),
    }  # fmt: skip
    return ClientHello(**(base | fields))  # type: ignore[arg-type]


def first(transport: str = "t", **fields: object) -> str:
    """The readable part."""
    return ja4.fingerprint(made(**fields), transport).split("_")[0]


def test_the_example_of_the_specification() -> None:
    """Order and GREASE do not matter."""
    assert ja4.fingerprint(made(), "t") == "t13d1516h2_8daaf6152771_e5627efa2ab1"


def test_the_order_of_signature_algorithms_matters() -> None:
    """They are hashed as sent."""
    turned = ja4.fingerprint(made(signature_algorithms=SIGNATURES[::-1]), "t")
    assert turned.startswith("t13d1516h2_8daaf6152771_")
    assert turned != ja4.fingerprint(made(), "t")


@pytest.mark.parametrize(
    ("alpn", "shown"),
    [
        ((), "00"), ((b"",), "00"), ((b"h2",), "h2"), ((b"http/1.1", b"h2"), "h1"), ((b"x",), "xx"),
        ((b"\xab",), "ab"), ((b"\xab\xcd",), "ad"), ((b"\x30\xab",), "3b"), ((b"\x30\x31\xab\xcd",), "3d"),
        ((b"\x30\xab\xcd\x31",), "01"), ((b"\x0a\x0a", b"h2"), "0a"), ((b"webrtc",), "wc"),
    ],
)  # fmt: skip
def test_alpn_is_the_first_and_last_character(alpn: tuple[bytes, ...], shown: str) -> None:
    """Of the first protocol; of its hexadecimal form when one of them is no letter or digit."""
    assert first(alpn=alpn)[-2:] == shown


@pytest.mark.parametrize(
    ("transport", "legacy", "supported", "shown"),
    [
        ("t", 0x0303, (0x0304,), "13"), ("t", 0x0303, (), "12"), ("t", 0x0302, (), "11"),
        ("t", 0x0301, (), "10"),
        ("t", 0x0300, (), "s3"), ("t", 0x0303, (0x7F12, 0x0303), "00"), ("t", 0x0303, (0x1A1A,), "12"),
        ("q", 0x0303, (0x0304,), "13"), ("d", 0xFEFF, (), "d1"), ("d", 0xFEFD, (), "d2"),
        ("d", 0xFEFD, (0xFEFC, 0xFEFD), "d3"),
    ],
)  # fmt: skip
def test_the_version_is_the_highest_offered(
    transport: str, legacy: int, supported: tuple[int, ...], shown: str
) -> None:
    """From supported_versions when it is there; drafts are unknown; DTLS counts downwards."""
    assert first(transport, version=legacy, supported_versions=supported)[:3] == transport + shown


def test_without_a_server_name_it_says_i() -> None:
    """The extension counts, not its content."""
    assert first(extensions=(0x0010, 0x002B)) == "t13i1502h2"


def test_counts_stop_at_99() -> None:
    """Two digits."""
    many = tuple(range(0x1000, 0x1000 + 150))
    assert first(ciphers=many, extensions=(0, *many)) == "t13d9999h2"


def test_without_ciphers_and_extensions_the_hashes_are_zero() -> None:
    """As the specification says."""
    empty = ja4.fingerprint(made(ciphers=(), extensions=(), signature_algorithms=(), alpn=()), "t")
    assert empty == "t13i000000_000000000000_000000000000"


def test_without_signature_algorithms_there_is_no_underscore() -> None:
    """The hash is that of the extensions alone."""
    with_none = ja4.fingerprint(made(signature_algorithms=()), "t")
    assert with_none.split("_")[2] == "6d807ffa2a79"  # sha256("0005,000a,...,4469,ff01")[:12]
