# SPDX-License-Identifier: Apache-2.0
"""Community ids against the published vectors and a twin that uses hashlib."""

import base64
import hashlib
import struct
from ipaddress import ip_address

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egresswatch.pipeline.community import community_id, community_ids
from egresswatch.records import FLOW_RECORD

TCP, UDP, SCTP, ICMP, ICMP6, GRE = 6, 17, 132, 1, 58, 47

# Of the specification's own baseline, seed 0 (github.com/corelight/community-id-spec).
VECTORS = [
    ("128.232.110.120", "66.35.250.204", TCP, 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    ("66.35.250.204", "128.232.110.120", TCP, 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    ("192.168.1.52", "8.8.8.8", UDP, 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    ("8.8.8.8", "192.168.1.52", UDP, 53, 54585, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    ("192.168.170.8", "192.168.170.56", SCTP, 7, 80, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="),
    ("192.168.0.89", "192.168.0.1", ICMP, 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    ("192.168.0.1", "192.168.0.89", ICMP, 0, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    ("192.168.0.89", "192.168.0.1", ICMP, 20, 0, "1:3o2RFccXzUgjl7zDpqmY7yJi8rI="),
    ("192.168.0.89", "192.168.0.1", ICMP, 20, 1, "1:tz/fHIDUHs19NkixVVoOZywde+I="),
    (
        "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", ICMP6, 135, 0,
        "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=",
    ),
    (
        "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", ICMP6, 136, 0,
        "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=",
    ),
    (
        "3ffe:507:0:1:260:97ff:fe07:69ea", "3ffe:507:0:1:200:86ff:fe05:80da", ICMP6, 3, 0,
        "1:NdobDX8PQNJbAyfkWxhtL2Pqp5w=",
    ),
    (
        "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:507:0:1:260:97ff:fe07:69ea", ICMP6, 3, 0,
        "1:/OGBt9BN1ofenrmSPWYicpij2Vc=",
    ),
]  # fmt: skip

# Types that answer each other, as the specification lists them (its icmp4 and icmp6 mappings).
ANSWERS = {
    ICMP: {8: 0, 0: 8, 10: 9, 9: 10, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17},
    ICMP6: {
        128: 129, 129: 128, 130: 131, 131: 130, 133: 134, 134: 133, 135: 136, 136: 135,
        139: 140, 140: 139, 144: 145, 145: 144,
    },
}  # fmt: skip


def twin(src, dst, proto, first, second):
    """The specification, word for word; for ICMP ``first`` and ``second`` are type and code."""
    one_way = False
    if proto in ANSWERS:
        answer = ANSWERS[proto].get(first)
        one_way = answer is None
        second = second if one_way else answer
    a, b = (ip_address(src).packed, first), (ip_address(dst).packed, second)
    if b < a and not one_way:
        a, b = b, a
    data = struct.pack("!H", 0) + a[0] + b[0] + bytes([proto, 0])
    if proto in (TCP, UDP, SCTP, ICMP, ICMP6):
        data += struct.pack("!HH", a[1], b[1])
    return "1:" + base64.b64encode(hashlib.sha1(data).digest()).decode()


def words(address):
    number = int(ip_address(address))
    if ":" not in address:
        number |= 0xFFFF << 32
    return number >> 64, number & (1 << 64) - 1


def row(src, dst, proto, first, second):
    out = np.zeros(1, FLOW_RECORD)
    out["orig_hi"], out["orig_lo"] = words(src)
    out["resp_hi"], out["resp_lo"] = words(dst)
    out["ver"], out["proto"] = 6 if ":" in src else 4, proto
    if proto in ANSWERS:
        out["icmp"] = first << 8 | second
    elif proto in (TCP, UDP, SCTP):
        out["orig_p"], out["resp_p"], out["has_ports"] = first, second, 1
    return out


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v[0]}-{v[1]}-{v[2]}-{v[3]}")
def test_published_vectors(vector):
    """The kernel and its twin give what the specification's authors give."""
    *given_, wanted = vector
    assert twin(*given_) == wanted
    assert community_ids(row(*given_))[0].decode() == wanted


@pytest.mark.parametrize("vector", [v for v in VECTORS if v[2] not in ANSWERS], ids=lambda v: v[0])
def test_the_id_of_a_single_flow(vector):
    """Events have the id before there is a record: the same one, from either end."""
    src, dst, proto, sport, dport, wanted = vector
    assert community_id(src, dst, sport, dport, proto) == wanted
    assert community_id(dst, src, dport, sport, proto) == wanted


four = st.integers(0, 2**32 - 1).map(lambda n: str(ip_address(n)))
six = st.integers(2**64, 2**128 - 1).map(lambda n: str(ip_address(n)))
number = st.integers(0, 255)


@given(
    ends=st.one_of(st.tuples(four, four), st.tuples(six, six)),
    proto=st.sampled_from([TCP, UDP, SCTP, ICMP, ICMP6, GRE]), first=number, second=number,
)  # fmt: skip
@settings(max_examples=300)
def test_the_kernel_is_its_twin(ends, proto, first, second):
    """Any addresses, any protocol."""
    assert community_ids(row(*ends, proto, first, second))[0].decode() == twin(*ends, proto, first, second)


def test_both_directions_have_one_id():
    """Who began does not matter, also when only the ports tell the ends apart."""
    forth, back = row("10.0.0.1", "10.0.0.1", UDP, 9, 8), row("10.0.0.1", "10.0.0.1", UDP, 8, 9)
    assert community_ids(forth)[0] == community_ids(back)[0]


def test_many_rows_at_once():
    """Nothing of one row is left over in the next one."""
    rows = np.concatenate([row(*v[:5]) for v in VECTORS * 2])
    assert [value.decode() for value in community_ids(rows)] == [v[5] for v in VECTORS * 2]
    assert len(community_ids(rows[:0])) == 0
