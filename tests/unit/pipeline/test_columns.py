# SPDX-License-Identifier: Apache-2.0
"""Whole columns of text: the same as one value at a time would give."""

from ipaddress import ip_address

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.pipeline.columns import addresses, coded, macs, proto_name, uid_text, uids
from egresswatch.pipeline.notes import Addresses, address_text

MAPPED = 0xFFFF << 32


def texts(lines):
    """What lines of bytes say."""
    return [bytes(line).replace(b"\0", b"").decode() for line in lines]


def test_a_uid_is_f_and_thirteen_digits():
    """In Crockford's base 32, most significant first, leading zeros kept."""
    assert uid_text(0) == "F0000000000000"
    assert uid_text(31) == "F000000000000z"
    assert uid_text(2**64 - 1) == "Ffzzzzzzzzzzzz"


@given(st.lists(st.integers(0, 2**64 - 1), max_size=20))
def test_a_column_of_uids_is_each_uid(values):
    """The NumPy way is the plain way."""
    assert texts(uids(np.array(values, np.uint64))) == [uid_text(v) for v in values]


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_different_uids_have_different_texts(one, other):
    """No bit is lost on the way to text."""
    assert (uid_text(one) == uid_text(other)) == (one == other)


def test_protocols_have_names_or_numbers():
    """Those that flow tools name, and the number as text for the rest."""
    assert [proto_name(n) for n in (1, 6, 17, 58, 132)] == ["icmp", "tcp", "udp", "ipv6-icmp", "sctp"]
    assert proto_name(254) == "254"


@given(st.lists(st.integers(0, 2**48 - 1), max_size=20))
def test_mac_addresses(values):
    """Six pairs of lower-case digits; none is empty."""
    plain = [":".join(value.to_bytes(6, "big")[i : i + 1].hex() for i in range(6)) if value else ""
             for value in values]  # fmt: skip
    assert texts(macs(np.array(values, np.uint64))) == plain


@given(st.integers(0, 2**32 - 1))
def test_ipv4_text(number):
    """The mapped form gives dotted decimals."""
    assert address_text(0, MAPPED | number, 0) == str(ip_address(number))


@given(st.integers(0, 2**128 - 1))
def test_ipv6_text(number):
    """RFC 5952, mapped addresses in its mixed form (§5), whatever the version of Python."""
    assert ip_address(address_text(number >> 64, number & (1 << 64) - 1, 1)) == ip_address(
        number.to_bytes(16, "big")
    )


def test_versions_do_not_meet():
    """The same words are two addresses in IPv4 and in IPv6."""
    addresses = Addresses()
    assert addresses.text(0, MAPPED | 1, 0) == "0.0.0.1"
    assert addresses.text(0, MAPPED | 1, 1) == "::ffff:0.0.0.1"


ADDRESSES = st.lists(
    st.tuples(st.just(0), st.integers(0, 2**32 - 1).map(lambda n: MAPPED | n), st.just(False))
    | st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.just(True))
    | st.tuples(st.just(0), st.integers(0, 2).map(lambda n: MAPPED | n), st.booleans()),
    max_size=9,
)


@given(ADDRESSES)
def test_a_column_of_addresses_is_each_address(rows):
    """IPv4 and IPv6 beside each other, also where their words are the same."""
    hi, lo = (np.array([row[k] for row in rows], np.uint64) for k in range(2))
    v6 = np.array([row[2] for row in rows], bool)
    assert texts(addresses(hi, lo, v6, Addresses())) == [address_text(*row) for row in rows]


def test_the_longest_address_has_room():
    """Eight groups of four digits, and a mapped address in its mixed form."""
    ones = (1 << 64) - 1
    lines = addresses(np.array([ones, 0], np.uint64), np.array([ones, MAPPED | 0xFFFFFFFF], np.uint64),
                      np.array([True, True]), Addresses())  # fmt: skip
    assert texts(lines) == [":".join(["ffff"] * 8), "::ffff:255.255.255.255"]


def test_coded_columns():
    """Each value's text is made once."""
    asked = []
    texts, codes = coded(np.array([6, 17, 6, 6], np.uint8), lambda n: asked.append(n) or f"p{n}")
    assert [texts[k] for k in codes] == ["p6", "p17", "p6", "p6"]
    assert sorted(asked) == [6, 17]
