# SPDX-License-Identifier: Apache-2.0
"""The verdict screen: the answer first, everything said in words, the same text with and without colour."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from egresswatch.result import AssetLine, ReplayResult
from egresswatch.sinks.terminal import MAX_LINES, render

NS = 1_000_000_000
START = 1_794_787_203 * NS  # Mon 16 Nov 2026 00:00:03 UTC

GATE = AssetLine(
    "cam-gate-03", "10.20.0.13", "Hikvision (CN)", "egress", 1_931_000_000, "video-like",
    "P2P peer 203.0.113.9 AS45102 Alibaba", 2, 0, START + 94_440 * NS, "high", "EW-HIK-0031", "A7KX2ABCDEFG3",
)  # fmt: skip
HALL = AssetLine(
    "cam-hall-11", "10.20.0.41", "Uniview (CN)", "blocked", to="star4live.com", attempts=1204,
    since=START + 60 * NS, confidence="high", rule_id="EW-UNV-0002",
)  # fmt: skip
DOUBT = AssetLine(
    "host-12fe44", "2001:db8:20:0:aabb:ccff:fedd:1234", state="undecided", what="one direction missing"
)
QUIET = tuple(AssetLine(f"cam-{number}", f"10.20.1.{number}", "Axis (SE)") for number in range(93))

RESULT = ReplayResult(
    version="0.1.0", rules_version="2026.11", rules_digest="5e0f1a2b3c4d5e6f", rules_count=412,
    site="site.toml (policy: cameras isolated)",
    policy=True, first_ts=START, last_ts=START + 604_790 * NS, packets=312_411_906, balanced=True,
    assets=(*QUIET, HALL, GATE, DOUBT), inside_hosts=120, missed_bytes=4_100_000, missed_ratio=0.0002,
    mirror="both directions, no duplicates", out="case-0412", alerts_by_severity={"high": 2, "medium": 1},
)  # fmt: skip

WIDE = """\
egresswatch 0.1.0 · rules 2026.11 (412, 5e0f1a2b3c4d) · site.toml (policy: cameras isolated) · clock: packet time, UTC
Mon 16 Nov 2026 00:00:03 – Sun 22 Nov 2026 23:59:53 · 312 411 906 packets · every frame accounted

 1 of 95 cameras sent data outside. 1 was blocked while trying. 93 stayed inside. 0 undecided.

   CAMERA                   MAKER           WHAT LEFT          TO                          SINCE      HOW SURE
 ● cam-gate-03  10.20.0.13  Hikvision (CN)  1.9 GB video-like  P2P peer 203.0.113.9        Tue 02:14  high   EW-HIK-0031
                                                               AS45102 Alibaba,
                                                               and 2 more
 ○ cam-hall-11  10.20.0.41  Uniview (CN)    nothing (blocked)  star4live.com,              Mon 00:01  high   EW-UNV-0002
                                                               1 204 attempts

 Not seen: 0.02 % of bytes (≤ 4.1 MB over all cameras). Mirror: both directions, no duplicates.
 Alerts: 2 high, 1 medium.
 Outputs: case-0412/ (flows, sightings, cameras, 3 alerts, ledger)
 One alert explained: egresswatch dissect A7KX2ABCDEFG3 case-0412
"""  # noqa: E501 - a screen of 120 columns
NARROW = """\
egresswatch 0.1.0 · rules 2026.11 (412, 5e0f1a2b3c4d) ·
site.toml (policy: cameras isolated) · clock: packet time, UTC
Mon 16 Nov 2026 00:00:03 – Sun 22 Nov 2026 23:59:53 · 312 411 906 packets ·
every frame accounted

 1 of 96 cameras sent data outside. 1 was blocked while trying. 93 stayed
 inside. 1 undecided.

 ● cam-gate-03  10.20.0.13  Hikvision (CN)
   1.9 GB video-like → P2P peer 203.0.113.9 AS45102 Alibaba, and 2 more
   since Tue 02:14 · sure: high · EW-HIK-0031
 ○ cam-hall-11  10.20.0.41  Uniview (CN)
   nothing (blocked) → star4live.com, 1 204 attempts
   since Mon 00:01 · sure: high · EW-UNV-0002
 ? host-12fe44  2001:db8:20:0:aabb:ccff:fedd:1234  maker unknown
   undecided: one direction missing

 Not seen: 0.02 % of bytes (≤ 4.1 MB over all cameras). Mirror: both directions,
   no duplicates.
 Alerts: 2 high, 1 medium.
 Outputs: case-0412/ (flows, sightings, cameras, 3 alerts, ledger)
 One alert explained: egresswatch dissect A7KX2ABCDEFG3 case-0412
"""


def screen(result, width=120, colour=False):
    out = io.StringIO()
    system = "truecolor" if colour else None
    render(result, Console(file=out, width=width, force_terminal=colour, color_system=system))
    return out.getvalue()


def test_the_narrow_screen():
    """80 columns: a block a camera, nothing cut."""
    assert screen(RESULT, 80) == NARROW


def test_the_wide_screen():
    """A table when every address of the findings leaves room for one."""
    assert screen(replace(RESULT, assets=(*QUIET, HALL, GATE))) == WIDE


def test_findings_come_in_the_order_egress_blocked_undecided():
    """What left comes first, whatever the order of the assets."""
    text = screen(RESULT, 140)
    marks = [line[1] for line in text.splitlines() if line[1:2] in "●○?" and len(line) > 2 and line[1] != " "]
    assert marks == ["●", "○", "?"]
    assert "CAMERA" in text and "HOW SURE" in text


def test_crossing_zones_against_the_policy_is_not_sending_outside():
    """The answer does not claim that data left."""
    line = AssetLine(
        "cam-7", "10.20.0.7", state="denied", bytes_out=1200, to="10.10.0.53:53", rule_id="EW-POL-0001"
    )
    text = screen(replace(RESULT, assets=(*QUIET, line)))
    assert "None of 94 cameras sent data outside. 1 stayed inside, but against the policy. 93 stayed" in text
    assert "1.2 kB inside" in text
    alone = screen(replace(RESULT, assets=(replace(line, bytes_out=0),)))
    assert "The 1 camera seen stayed inside, but against the policy." in alone
    assert "nothing (blocked" in alone and "inside)" in alone


@pytest.mark.parametrize("width", [80, 119, 120, 200])
def test_every_line_fits_and_ends_without_space(width):
    """Copies into a ticket are clean at every width."""
    lines = screen(RESULT, width).splitlines()
    assert all(line == line.rstrip() for line in lines)
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize("width", [80, 120])
def test_colour_adds_nothing_but_colour(width):
    """Without the escape codes the coloured text is the plain text."""
    from rich.text import Text

    assert Text.from_ansi(screen(RESULT, width, colour=True).rstrip("\n")).plain == screen(
        RESULT, width
    ).rstrip("\n")


def test_the_whole_destination_is_on_the_wide_screen():
    """A destination wraps in its column; no word of it is lost."""
    words = screen(RESULT, 120).split()
    assert {"P2P", "203.0.113.9", "AS45102", "Alibaba,", "star4live.com,"} <= set(words)


def test_nobody_sent_anything():
    """The good answer is an answer too, without a table."""
    text = screen(replace(RESULT, assets=QUIET, alerts_by_severity={}, missed_bytes=0))
    assert "\n None of 93 cameras sent data outside. 93 stayed inside. 0 undecided.\n" in text
    assert "CAMERA" not in text
    assert "Not seen: no gap was found in what the cameras sent." in text


@pytest.mark.parametrize(
    ("asset", "sentence"),
    [
        (GATE, "The 1 camera seen sent data outside."),
        (HALL, "The 1 camera seen was blocked while trying to send data outside."),
        (QUIET[0], "The 1 camera seen stayed inside."),
        (DOUBT, "The 1 camera seen cannot be judged: too much was unseen."),
    ],
)
def test_one_camera_gets_a_sentence_of_its_own(asset, sentence):
    """No "1 of 1 cameras"."""
    assert f" {sentence}\n" in screen(replace(RESULT, assets=(asset,)))


def test_no_camera_among_the_hosts():
    """Says what would help."""
    text = screen(replace(RESULT, assets=(), policy=False), 200)
    assert " No camera was recognised among 120 inside hosts in this capture. A site file (--site)" in text
    assert "\n Mirror: both directions, no duplicates.\n" in text
    assert "Not seen" not in text


def test_hosts_that_may_be_cameras_are_mentioned():
    """They are not counted and not judged, but nobody should have to guess that they are there."""
    rows = ({"monitored": False, "role": "other"}, {"monitored": False, "role": "client"})
    text = screen(replace(RESULT, assets=(), register=rows), 200)
    assert "in this capture; 1 may be one (`egresswatch cameras` tells why)." in text


def test_no_packet_at_all():
    """An empty capture claims nothing."""
    empty = replace(RESULT, assets=(), packets=0, first_ts=None, last_ts=None, alerts_by_severity={})
    text = screen(empty)
    assert "No packet was read: nothing can be said about any camera." in text
    assert "Not seen" not in text


def test_an_unbalanced_ledger_is_shouted():
    """It would be our mistake, and the reader must know."""
    assert "THE LEDGER DOES NOT BALANCE" in screen(replace(RESULT, balanced=False))


def test_inputs_that_were_not_read_qualify_the_answer():
    """The answer is without them, and the screen says so."""
    text = screen(replace(RESULT, errors=("a.pcap: x", "b.pcap: y"), warnings=("c.pcap: z",)))
    assert "Not read: 2 inputs (told above); the answer is without them." in text
    assert "Damaged: 1 input (told above), read up to the damage." in text


def test_without_out_the_screen_says_nothing_was_written():
    """Nobody looks for files that are not there."""
    assert "Nothing was written (--out DIR" in screen(replace(RESULT, out=None))


def test_very_many_findings_end_in_a_number():
    """A botched network of hundreds of cameras stays readable."""
    many = tuple(replace(GATE, asset_id=f"cam-{number}") for number in range(MAX_LINES + 60))
    assert " … and 60 more: see case-0412/alerts.jsonl" in screen(replace(RESULT, assets=many))


def test_text_from_the_wire_cannot_style_or_steer_the_terminal():
    """Markup and escape sequences in a name are shown, not obeyed."""
    evil = replace(GATE, to="[bold red]x[/] \x1b[2J\x07\u202etxt")
    text = screen(replace(RESULT, assets=(evil,)), 200)
    assert "[bold red]x[/]" in text
    assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text
