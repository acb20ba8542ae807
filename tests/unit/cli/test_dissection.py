# SPDX-License-Identifier: Apache-2.0
"""The activity strip: where the bytes were, never nothing where there was something."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from egresswatch.cli.dissection import MAX_RELATED, activity, render, strip
from egresswatch.dissect.lookup import Flow, Record, Subject
from egresswatch.dissect.timeline import Fact, Layer, Reading, Step

FLOW = Flow(
    uid="C1", proto="tcp", orig_h="2001:db8::13", orig_p=40000, resp_h="2001:db8::9", resp_p=443, vlan=20,
    orig_pkts=900, resp_pkts=600, orig_asset="cam-1", resp_asset="", service="tls", server_name="a.example",
    platform="", verdict="unknown", outcome="answered", end_reason="eof",
    records=tuple(Record(n * 60 * 10**9, (n + 1) * 60 * 10**9, 1000, 10) for n in range(4)),
)  # fmt: skip
READING = Reading(
    display_filter="ipv6.addr == 2001:db8::13",
    steps=tuple(
        Step(n, n * 10**6, n % 2 == 0, 1514, "TLSv1.2", "Application Data " * 20) for n in range(300)
    ),
    layers=(Layer("eth", 200), Layer("ipv6", 200)),
    facts=(Fact(4, "tls", "server name", "a.example"),),
    detailed=200,
    complete=False,
    tshark="4.0.17",
)


def screen(subject, reading=READING, packets=5, width=80):
    out = io.StringIO()
    render(subject, reading, packets, Console(file=out, width=width))
    return out.getvalue()


def test_a_long_flow_says_how_much_of_it_was_read():
    """Figures are of all packets, layers and timeline of the first ones."""
    text = screen(Subject(FLOW))
    assert "→ 900 packets, 4 kB of IP" in text
    assert "the first 300 packets" in text
    assert "LAYERS OF THE FIRST 200 PACKETS\n eth in 200 · ipv6 in 200" in text
    assert "… 1 495 more packets" in text


def test_ipv6_ends_are_bracketed():
    """An address and a port can be told apart."""
    assert "cam-1 ([2001:db8::13]:40000) → [2001:db8::9]:443" in screen(Subject(FLOW))


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_screen(width):
    """A summary is cut at the edge, with a mark."""
    lines = screen(Subject(FLOW), width=width).splitlines()
    assert all(len(line) <= width for line in lines)
    assert any(line.endswith("…") for line in lines)


def test_very_many_related_flows_end_in_a_number():
    """The screen stays a screen."""
    related = tuple(f"C{n:07}" for n in range(MAX_RELATED + 9))
    assert "and 9 more in flows.parquet" in " ".join(screen(Subject(FLOW, related=related)).split())


def test_nothing_is_a_dot_and_something_is_a_bar():
    """Also one byte beside a gigabyte."""
    assert strip([0, 1, 10**9]) == "·▁█"


def test_an_empty_strip_is_empty_dots():
    """A flow without bytes from its originator."""
    assert strip([0, 0]) == "··"


def test_bytes_stand_where_their_record_stood():
    """The first and the last minute of an hour."""
    records = (Record(0, 60, 100, 0), Record(3540, 3600, 50, 0))
    flow = SimpleNamespace(ts=0, ts_end=3600, records=records)
    assert activity(flow) == "██" + "·" * 57 + "█"
