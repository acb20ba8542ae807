# SPDX-License-Identifier: Apache-2.0
"""Whatever a file holds, a reader gives what it understood and notes, or one EgresswatchError."""

import json
import time

import hypothesis.strategies as st
import pytest
from hypothesis import given

from egresswatch.errors import EgresswatchError
from egresswatch.exchange import mud_read, sigma_read, stix_read, suricata_read

WORDS = st.sampled_from(
    [
        "a.example",
        "192.0.2.0/24",
        "ipv4",
        "ipv6",
        "tcp",
        "accept",
        "s",
        "indicator",
        "stix",
        "x",
        "",
        'a"\n',
        5,
        -1,
        True,
        None,
        "[domain-name:value = 'a.example']",
        "1 of s*",
        "query",
        "protocol",
        1e99,
    ]
)

KEYS = st.sampled_from(
    [
        "ietf-mud:mud",
        "ietf-access-control-list:acls",
        "acl",
        "aces",
        "ace",
        "matches",
        "ipv4",
        "tcp",
        "name",
        "port",
        "destination-port",
        "ietf-acldns:dst-dnsname",
        "destination-ipv4-network",
        "actions",
        "forwarding",
        "type",
        "pattern",
        "pattern_type",
        "objects",
        "external_references",
        "labels",
        "confidence",
        "detection",
        "condition",
        "s",
        "query",
        "dst_ip|cidr",
        "title",
        "references",
        "level",
        "from-device-policy",
        "access-lists",
        "access-list",
    ]
)
TREES = st.recursive(
    WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25
)
OPTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "content",
                "offset",
                "depth",
                "within",
                "distance",
                "byte_test",
                "byte_jump",
                "dsize",
                "sid",
                "dns.query",
                "bsize",
                "endswith",
                "isdataat",
                "pcre",
                "metadata",
                "flow",
                "priority",
                "msg",
            ]
        ),
        st.sampled_from(
            [
                '"a.example"',
                '"|f1 0|"',
                "1",
                "-5",
                "99999",
                "2,=,5,0",
                "1,=,0x10,0,bitmask 0x30",
                "to_server",
                "2,2,post_offset -1",
                "5<>1",
                "!2,relative",
                '"/x/i"',
                "ew_rule EW-ABC-0001",
                "",
                ";",
                '"\\"',
            ]
        ),
    ),
    max_size=9,
)


def survives(read, text):
    """Runs a reader; an EgresswatchError is an answer, anything else is a fault."""
    try:
        read(text)
    except EgresswatchError:
        return False
    return True


@pytest.mark.parametrize("read", [suricata_read.read, sigma_read.read, stix_read.read, mud_read.read])
@given(text=st.text(max_size=200))
def test_any_text_is_survived(read, text):
    """Not even nearly a file of the kind."""
    survives(read, text)


@pytest.mark.parametrize("read", [sigma_read.read, stix_read.read, mud_read.read])
@given(tree=TREES)
def test_any_tree_of_the_right_words_is_survived(read, tree):
    """JSON is YAML too: fields in the wrong places and of the wrong kinds."""
    survives(read, json.dumps(tree))


@given(tree=TREES)
def test_an_indicator_with_odd_fields_is_survived(tree):
    """A STIX object of the right type."""
    fields = tree if isinstance(tree, dict) else {"pattern": tree}
    assert survives(stix_read.read, json.dumps([fields | {"type": "indicator"}]))


@given(
    proto=st.sampled_from(["ip", "udp", "tcp-pkt", "dns", "x"]),
    port=st.sampled_from(["any", "9", "[1,2]", "!5"]),
    options=OPTIONS,
)
def test_any_options_are_survived_and_counted(proto, port, options):
    """One rule in: something taken, or one note at least."""
    body = " ".join(f"{name}:{value};" for name, value in options) or "sid:1;"
    reading = suricata_read.read(f"alert {proto} any any -> any {port} ({body})")
    assert reading.found or reading.notes


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (suricata_read.read, ("alert udp " + "[" * 16000 + " (sid:1;)\n") * 5),
        (suricata_read.read, "alert dns any any -> any any (" + "content:x; " * 1400 + ")\n"),
        (suricata_read.read, ("a" * 100 + "\\\n") * 5000),
        (sigma_read.read, "a: " + "[" * 200_000),
        (sigma_read.read, "---\n" * 50_000),
        (
            stix_read.read,
            json.dumps([{"type": "indicator", "pattern": "[a:b = 'c'] OR " * 2000 + "[a:b = 'c']"}]),
        ),
        (
            stix_read.read,
            json.dumps([{"type": "indicator", "pattern": "[" + "(" * 60 + "a:b = 'c'" + ")" * 60 + "]"}]),
        ),
        (
            mud_read.read,
            json.dumps({"ietf-mud:mud": {}, "ietf-access-control-list:acls": {"acl": [{}] * 100_000}}),
        ),
    ],
)
def test_the_worst_shapes_take_no_time(read, text):
    """Bounded work, whatever the file."""
    start = time.perf_counter()
    survives(read, text)
    assert time.perf_counter() - start < 10
