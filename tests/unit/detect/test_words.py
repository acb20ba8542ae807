# SPDX-License-Identifier: Apache-2.0
"""Numbers and times as text."""

import pytest

from egresswatch.config import NS
from egresswatch.detect import words


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (9_940, "9.9 kB"),
        (9_960, "10 kB"),
        (38_400_000, "38 MB"),
        (999_499, "999 kB"),
        (999_600, "1.0 MB"),
        (1_900_000_000, "1.9 GB"),
        (5_000_000_000_000_000, "5000 TB"),
    ],
)
def test_volumes_have_two_digits_and_decimal_units(number, text):
    """Never 1000 of a unit where one of the next will do."""
    assert words.volume(number) == text


def test_rates_are_bits():
    """Network people count bits per second."""
    assert [words.rate(n) for n in (64, 300_000, 2_100_000)] == ["64 bit/s", "300 kbit/s", "2.1 Mbit/s"]


def test_counts_have_plurals_and_groups():
    """An address is not two addresss."""
    assert words.count(1, "connection") == "1 connection"
    assert words.count(1204, "attempt") == "1 204 attempts"
    assert words.count(2, "other address") == "2 other addresses"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (7200, "2 h"),
        (7500, "2 h 5 min"),
        (86400, "1 day"),
        (277_200, "3 days 5 h"),
    ],
)
def test_spans_have_two_units_at_most(seconds, text):
    """Nobody reads seconds of a week."""
    assert words.span(seconds * NS) == text


def test_moments_are_utc_with_weekday_and_year():
    """The same text whatever the machine's zone."""
    assert words.moment(1_795_000_000 * NS) == "Wed 18 Nov 2026 11:06 UTC"
    assert words.clock(1_795_000_000 * NS + 1) == "2026-11-18 11:06:40Z"


def test_times_before_1970_do_not_fail():
    """Captures hold any time."""
    assert words.moment(-NS) == "Wed 31 Dec 1969 23:59 UTC"
    assert words.clock(-(1 << 63)).startswith("1677-")
    assert words.clock((1 << 63) - 1).startswith("2262-")


def test_ends_are_written_as_urls_write_them():
    """IPv6 in brackets when a port follows."""
    assert words.end("203.0.113.9", 443) == "203.0.113.9:443"
    assert words.end("2001:db8::9", 443) == "[2001:db8::9]:443"
    assert words.end("2001:db8::9", 0) == "2001:db8::9"


def test_transports_without_a_name_are_told_by_number():
    """OSPF to the outside would be odd, but must print."""
    assert words.transport(17) == "UDP"
    assert words.transport(89) == "IP protocol 89"


def test_long_names_are_cut():
    """A name of 255 characters would bury the sentence."""
    assert words.name("a" * 80) == "a" * 80
    assert words.name("a" * 81) == "a" * 77 + "..."
