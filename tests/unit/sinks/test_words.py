# SPDX-License-Identifier: Apache-2.0
"""Numbers and times for people: short, and never saying more or less than the number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.sinks.words import GLUE, count, moment, percent, period, plural, since, size

NS = 1_000_000_000
MONDAY = 1_794_787_203 * NS  # Mon 16 Nov 2026 00:00:03 UTC
HOUR = 3600 * NS
DAY = 24 * HOUR


def plain(text):
    return text.replace(GLUE, " ")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"), (9, "9 B"), (999, "999 B"), (1000, "1 kB"), (1499, "1.5 kB"), (9949, "9.9 kB"),
        (9950, "10 kB"), (999_499, "999 kB"), (999_500, "1 MB"), (1_931_000_000, "1.9 GB"),
        (38_000_000, "38 MB"), (2**64 - 1, "18 EB"),
    ],
)  # fmt: skip
def test_sizes_have_two_digits_and_a_decimal_unit(number, text):
    """1.9 GB, 38 MB, never 1000 kB."""
    assert plain(size(number)) == text


@given(st.integers(0, 2**64 - 1))
def test_a_size_never_shows_four_digits_before_its_unit(number):
    """The unit changes in time, also where rounding carries over."""
    assert float(plain(size(number)).split()[0]) < 1000


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1204, "1 204"), (312411906, "312 411 906")]
)
def test_counts_are_grouped(number, text):
    """312 411 906."""
    assert plain(count(number)) == text


def test_plural_knows_one():
    """1 camera, 2 cameras, 0 cameras."""
    assert [plural(n, "camera") for n in (0, 1, 2)] == ["0 cameras", "1 camera", "2 cameras"]


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0, "0 %"), (0.000001, "under 0.01 %"), (0.0002, "0.02 %"), (0.015, "1.5 %"), (0.5, "50 %"),
     (0.9999, "over 99.9 %"), (1, "100 %")],
)  # fmt: skip
def test_a_share_is_never_rounded_to_none_or_all(ratio, text):
    """Some missing is never shown as nothing missing."""
    assert plain(percent(ratio)) == text


def test_moments_are_utc_and_english():
    """Mon 16 Nov 2026 00:00:03."""
    assert moment(MONDAY) == "Mon 16 Nov 2026 00:00:03"


def test_a_period_within_a_day_names_the_day_once():
    """The end has the time only."""
    assert period(MONDAY, MONDAY + HOUR) == "Mon 16 Nov 2026 00:00:03 – 01:00:03"


def test_a_period_over_days_names_both():
    """Both ends in full."""
    assert period(MONDAY, MONDAY + DAY) == "Mon 16 Nov 2026 00:00:03 – Tue 17 Nov 2026 00:00:03"


def test_a_period_without_packets_says_so():
    """No made-up 1970."""
    assert period(None, None) == "no packet with a time"


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (HOUR, "01:00:03"),
        (6 * DAY, "Mon 01:00"),
        (7 * DAY, "16 Nov 01:00"),
        (400 * DAY, "2026-11-16 01:00"),
    ],
)
def test_since_is_as_short_as_the_capture_allows(span, text):
    """A weekday alone would be ambiguous from the eighth day on."""
    assert plain(since(MONDAY + HOUR, MONDAY, MONDAY + span)) == text


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_any_time_a_capture_can_hold_is_shown(first, last):
    """A hostile timestamp does not break the screen."""
    assert period(first, last)
    assert since(first, first, last)
