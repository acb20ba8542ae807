# SPDX-License-Identifier: Apache-2.0
"""Conduct: which ports answered inside, which were contacted outside, and of whom that speaks."""

from types import SimpleNamespace

import numpy as np
import pytest

from egresswatch.pipeline.conduct import Conduct
from egresswatch.pipeline.notes import Addresses
from egresswatch.pipeline.watched import low_word
from egresswatch.records import FLOW_RECORD

CAMERA, RECORDER, REMOTE = "10.20.0.13", "10.20.0.9", "203.0.113.9"


def part(*texts):
    return SimpleNamespace(condition=SimpleNamespace(ways=(("equals", texts),)))


@pytest.fixture
def read():
    contacted = (part("tcp/8666", "udp/32100"),)
    tables = SimpleNamespace(
        fingerprint_parts={"served_port": (part("tcp/8000"),), "contacted_port": contacted}
    )

    def of(*rows):
        said = []
        Conduct(tables, Addresses(), lambda *evidence: said.append(evidence[:4])).read(np.concatenate(rows))
        return said

    return of


def record(orig=RECORDER, resp=CAMERA, port=8000, **fields):
    out = np.zeros(1, FLOW_RECORD)
    out["orig_lo"], out["resp_lo"], out["ver"], out["orig_mac"], out["resp_mac"] = (
        low_word(orig), low_word(resp), 4, 9, 13
    )  # fmt: skip
    out["orig_class"], out["resp_class"] = int(orig.startswith("10.")), int(resp.startswith("10."))
    out["proto"], out["resp_p"], out["oriented"], out["outcome"], out["orig_pkts"] = 6, port, 1, 1, 1
    for name, value in fields.items():
        out[name] = value
    return out


def test_a_port_that_answers_inside_speaks_of_the_host_that_answers(read):
    """Not of the one that asks."""
    assert read(record()) == [(CAMERA, 13, "served_port", "tcp/8000")]


def test_a_port_that_is_contacted_outside_speaks_of_the_host_that_contacts(read):
    """Whether it is answered or not."""
    said = read(record(orig=CAMERA, resp=REMOTE, port=8666, outcome=2, orig_mac=13))
    assert said == [(CAMERA, 13, "contacted_port", "tcp/8666")]


@pytest.mark.parametrize(
    "fields",
    [{"outcome": 2}, {"outcome": 3}, {"seq": 1}, {"oriented": 0}, {"port": 8001}, {"proto": 17}],
    ids=["unanswered", "refused", "a later record", "no handshake seen", "another port", "another transport"],
)
def test_what_shows_no_service_is_left_out(read, fields):
    """A scan must not make a camera of every host it knocks at."""
    assert read(record(**fields)) == []


def test_a_transport_without_handshake_counts_with_its_first_packet(read):
    """UDP has no SYN."""
    said = read(record(orig=CAMERA, resp=REMOTE, port=32100, proto=17, oriented=0))
    assert said == [(CAMERA, 9, "contacted_port", "udp/32100")]


def test_a_visitor_from_outside_says_nothing(read):
    """What is reached from outside is a finding, not an identity."""
    assert read(record(orig=REMOTE, resp=CAMERA)) == []


def test_without_a_fingerprint_that_asks_nothing_is_read():
    """The pack decides which ports are looked at."""
    tables = SimpleNamespace(fingerprint_parts={})
    Conduct(tables, Addresses(), pytest.fail).read(record())
